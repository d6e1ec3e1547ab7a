/*
 * What a survey found of each topic: which events there are, and how many are
 * lost, as far as what is there tells.
 */
#ifndef STORAGE_LOG_TALLY_H
#define STORAGE_LOG_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "storage/log/walk.h"

struct rt_log_topic_report {
    uint64_t topic;
    struct rt_bytes name;  /* empty: not even that is known */
    uint64_t first_offset; /* of the oldest event there is */
    uint64_t next_offset;
    uint64_t event_count; /* that are there */
    uint64_t lost_count;  /* that are not, as far as is known */
    bool is_damaged;
};

/* A topic; in doubt while nothing behind a hole has told whether events of it
 * were lost there. */
struct rt_log_tally_topic {
    struct rt_log_topic_report report;
    char *name;   /* the report's, to be freed */
    uint64_t end; /* behind its last event; more than that may be skipped */
    bool is_in_doubt;
    bool is_removed;
};

struct rt_log_tally {
    struct rt_heap *heap;
    struct rt_log_tally_topic *topics; /* by number */
    size_t count;
    size_t capacity;
};

void rt_log_tally_init(struct rt_log_tally *tally, struct rt_heap *heap);
void rt_log_tally_finish(struct rt_log_tally *tally);

/* Counts a part of a batch; its body is NULL if that does not check. 0 or
 * RT_ENOMEM. */
RT_MUST_USE int rt_log_tally_part(struct rt_log_tally *tally,
                                  const struct rt_log_walk *walk,
                                  const struct rt_bytes *body);

/* Batches are missing here. */
void rt_log_tally_hole(struct rt_log_tally *tally);

/* All was counted: what is in doubt now is damaged, and what was removed is
 * not there. */
void rt_log_tally_settle(struct rt_log_tally *tally);

#endif
