/*
 * A survey of a whole log: all segments are read from end to end, whatever is
 * wrong with them, and what checks is told. It changes nothing.
 */
#ifndef STORAGE_LOG_SURVEY_H
#define STORAGE_LOG_SURVEY_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"
#include "storage/log/walk.h"

enum rt_log_finding {
    RT_LOG_SOUND,
    RT_LOG_TORN,    /* ends with what a crash left of a batch: no damage */
    RT_LOG_DAMAGED, /* something does not check, or is missing */
    RT_LOG_MISSING  /* there is no such file, or no such files */
};

/* What was found of a segment, or of the lack of some. */
struct rt_log_segment_report {
    enum rt_log_finding finding;
    uint64_t number; /* of the first one, if they are missing */
    uint64_t count;  /* 1, or how many are missing */
    uint64_t bytes;  /* of the file */
    uint64_t batch_count;
    uint64_t event_count;
    uint64_t damage_count; /* places */
    uint64_t damage;       /* the first one's position in the file */
    uint64_t torn_bytes;
};

/*
 * What is told, in the order of the log; bytes are valid during the call. What
 * does not return 0 ends the survey with that.
 */
struct rt_log_survey_visitor {
    void *context;
    /* A part of a batch that checks; its body is NULL if that does not. */
    int (*part)(void *context,
                const struct rt_log_walk *walk,
                const struct rt_bytes *body);
    /* Batches are missing here: any topic may have had events in them. */
    int (*hole)(void *context);
    /* All parts of a batch were told. This and the next ones may be NULL. */
    int (*batch)(void *context, const struct rt_log_walk *walk);
    /* All batches of a segment were. */
    int (*segment)(void *context, const struct rt_log_segment_report *report);
    /* Bytes of all; about every RT_LOG_PROGRESS_BYTES. */
    void (*progress)(void *context, uint64_t done, uint64_t all);
};

/* Surveys the segments from number `first` on. 0, RT_ENOMEM, RT_EUNENDED if a
 * repair has not been ended, or what the disk or the visitor said. */
RT_MUST_USE int rt_log_survey(struct rt_disk *disk,
                              struct rt_heap *heap,
                              uint64_t first,
                              const struct rt_log_survey_visitor *visitor);

#endif
