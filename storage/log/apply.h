/*
 * What a batch changes in what the log knows: when it has been written, and
 * when it is found again. So a log that was opened anew knows what it knew.
 */
#ifndef STORAGE_LOG_APPLY_H
#define STORAGE_LOG_APPLY_H

#include <stdint.h>

#include "storage/log/state.h"

/*
 * Makes sure that there is memory for what a part changes: 0 or RT_ENOMEM. A
 * topic that it begins is new until it is applied.
 */
RT_MUST_USE int rt_log_admit(struct rt_log *log,
                             const struct rt_log_part *part);

/* The batch of a part that was admitted has not been written. */
void rt_log_withdraw(struct rt_log *log, const struct rt_log_part *part);

/* A batch, as far as its parts need to know. */
struct rt_log_origin {
    uint64_t segment;
    uint64_t position;
    uint64_t wall_ms;
};

/* Applies a part that was admitted. Its body is `length` bytes; of events it
 * needs the entries alone. Under the index's lock. */
void rt_log_apply(struct rt_log *log,
                  const struct rt_log_part *part,
                  const struct rt_log_origin *origin,
                  uint64_t length);

/* What is known of events from their part, whose body has that length, when
 * there are some right before them. */
struct rt_log_span rt_log_span_of(const struct rt_log_events *events,
                                  uint64_t position,
                                  uint64_t length);

#endif
