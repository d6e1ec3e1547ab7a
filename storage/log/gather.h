/*
 * Gathers events for whoever reads: out of the part that a walk is at, into a
 * segment in memory.
 */
#ifndef STORAGE_LOG_GATHER_H
#define STORAGE_LOG_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/log/events.h"
#include "storage/log/walk.h"
#include "storage/segment.h"

struct rt_log_gather {
    struct rt_log_walk *walk;
    struct rt_store *store;      /* of the segment, and of this thread alone */
    struct rt_log_events events; /* of the part */
    bool is_large; /* it is one event, of which the frame was not read */
};

/* Looks at the part that the walk is at, which has events and is checked here,
 * until the walk goes on: 0, RT_EDAMAGED, RT_ENOMEM, or what the disk said. */
RT_MUST_USE int rt_log_gather_begin(struct rt_log_gather *gather);

/* Event number `index` < events.count, but for its frame if that is large: 0 or
 * RT_EDAMAGED. */
RT_MUST_USE int rt_log_gather_get(const struct rt_log_gather *gather,
                                  uint32_t index,
                                  struct rt_log_event *event);

/*
 * Adds that event to the segment. RT_ERANGE: there is no room for it, and
 * `needed` is the capacity of a segment that has; what is there stays as it
 * was then, and so after any other error.
 */
RT_MUST_USE int rt_log_gather_put(struct rt_log_gather *gather,
                                  uint32_t index,
                                  struct rt_segment *segment,
                                  size_t *needed);

/*
 * Adds all events of the part that the walk is at, which need not have been
 * looked at: their frames are read to where the segment has them, and checked
 * there. RT_ERANGE: it has no room for all of them; `needed` is the capacity of
 * one that has room for the first, where that is the only one. Or RT_EDAMAGED,
 * RT_ENOMEM, or what the disk said. After an error the segment has none of
 * them, or those that come before the first one whose type has no room, or that
 * makes no sense.
 */
RT_MUST_USE int rt_log_gather_whole(struct rt_log_gather *gather,
                                    struct rt_segment *segment,
                                    size_t *needed);

/* Adds all of them from number `first` < events.count on, of which there are
 * several, up to the first for which that would be an error, and returns the
 * same. */
RT_MUST_USE int rt_log_gather_put_all(struct rt_log_gather *gather,
                                      uint32_t first,
                                      struct rt_segment *segment,
                                      size_t *needed);

#endif
