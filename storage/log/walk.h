/*
 * A walk through a segment's batches, and through the parts of each: what a
 * start, a reader and a check have in common. Nothing is believed that has not
 * been checked.
 */
#ifndef STORAGE_LOG_WALK_H
#define STORAGE_LOG_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/window.h"

/* Heads in a segment do not lie in one another, so a search sums about as many
 * bytes of them as it passes. It gives up a file in which it would be more than
 * so many times its length: nobody's crash leaves that, and a search could
 * take days. */
#define RT_LOG_WALK_SUMS_MAX 4

struct rt_log_walk {
    struct rt_log_window *window; /* looks at the segment's file */
    uint64_t log;                 /* 0: any */
    uint64_t segment;
    uint64_t position; /* of the batch */
    uint64_t summed;   /* bytes of heads, in a search */
    struct rt_log_batch_head batch;
    uint32_t index; /* of the part; part_count before the first */
    uint64_t body;  /* where the part's begins */
    struct rt_log_part_head part;
};

/* Goes to no batch yet. */
void rt_log_walk_init(struct rt_log_walk *walk,
                      struct rt_log_window *window,
                      uint64_t log,
                      uint64_t segment);

/*
 * For whoever goes to and fro between segments, with a window of its own, and
 * begins in none, 0: opens that segment, unless it is there, in place of the
 * one where it is; of that so much may be read by now. 0, or what the disk
 * said: then it is in none. It is at no batch if it was elsewhere.
 */
RT_MUST_USE int
rt_log_walk_enter(struct rt_log_walk *walk, uint64_t segment, uint64_t end);

/* Closes the segment, if it is in one. */
void rt_log_walk_leave(struct rt_log_walk *walk);

/*
 * Goes to the batch at a position, before its first part. 0; RT_EDAMAGED if no
 * batch of this segment checks there, its parts' bodies aside; or what the
 * window said. The walk is nowhere then.
 */
RT_MUST_USE int rt_log_walk_to(struct rt_log_walk *walk, uint64_t position);

/* Where the batch ends, and the next one begins. */
uint64_t rt_log_walk_end(const struct rt_log_walk *walk);

/* Goes to the next part: 1, or 0 behind the last one; RT_EDAMAGED if its head
 * makes no sense; or what the window said. */
RT_MUST_USE int rt_log_walk_next(struct rt_log_walk *walk);

/* Whether the part's body checks: 0, RT_EDAMAGED, or what the window said. */
RT_MUST_USE int rt_log_walk_check(struct rt_log_walk *walk);

/* Whether all bodies of the batch check, of a walk before its first part, which
 * goes nowhere: 1 or 0; RT_EDAMAGED if a part's head makes no sense; or what
 * the window said. */
RT_MUST_USE int rt_log_walk_is_whole(const struct rt_log_walk *walk);

/* The part's body, whole and checked, valid until the window moves: 0,
 * RT_EDAMAGED, RT_ENOMEM, or what the disk said. */
RT_MUST_USE int rt_log_walk_body(struct rt_log_walk *walk,
                                 struct rt_bytes *body);

/* What the body of an RT_LOG_EVENTS has. */
struct rt_log_events rt_log_walk_events(const struct rt_log_walk *walk,
                                        struct rt_bytes body);

/* What the body of an RT_LOG_TOPIC says: 0 or RT_EDAMAGED. */
RT_MUST_USE int rt_log_walk_topic(const struct rt_log_walk *walk,
                                  struct rt_bytes body,
                                  struct rt_log_topic *topic,
                                  struct rt_log_topic_head *head);

/* What was seen where no batch began. */
struct rt_log_debris {
    uint64_t position; /* of the next batch that checks; 0: there is none */
    uint64_t end;      /* after the last byte that is not zero */
};

/*
 * Looks for the next batch with a number of `number` or higher, from a position
 * on. Goes nowhere. 0, RT_EDAMAGED if it gives up, or what the window said.
 */
RT_MUST_USE int rt_log_walk_search(struct rt_log_walk *walk,
                                   uint64_t position,
                                   uint64_t number,
                                   struct rt_log_debris *debris);

/* Goes to the batch at a position or, if none checks there, to the next one
 * that does: 1, or 0 if there is none; or what the window said. */
RT_MUST_USE int rt_log_walk_seek(struct rt_log_walk *walk, uint64_t position);

#endif
