/* Events on their way between a segment in memory and a part of a batch. */
#ifndef STORAGE_LOG_EVENTS_H
#define STORAGE_LOG_EVENTS_H

#include <stdint.h>

#include "storage/log/log.h"
#include "storage/segment.h"

/* `count` > 0 events of a segment, from number `first` on, where they are. */
struct rt_log_events rt_log_events_of(const struct rt_segment *segment,
                                      uint32_t first,
                                      uint32_t count);

/* One event. Start and type of its entry are places where it was written. */
struct rt_log_event {
    struct rt_entry entry;
    struct rt_bytes frame;
    struct rt_bytes type; /* empty: none */
};

/*
 * Event number `index` < count, where it is. 0, or RT_EDAMAGED if what is said
 * of it is not so: a checksum that was right does not mean that all is.
 */
RT_MUST_USE int rt_log_events_get(const struct rt_log_events *events,
                                  uint32_t index,
                                  struct rt_log_event *event);

#endif
