/*
 * Retention where a segment begins: the log never has more than it may, nor for
 * a moment. rt_log_retain is for all that time brings.
 */
#ifndef STORAGE_LOG_RETAIN_H
#define STORAGE_LOG_RETAIN_H

#include <stdint.h>

#include "storage/log/state.h"

/*
 * Removes the oldest segments, and never the tail, until so many bytes more are
 * not too much. 0, also if a name cannot be removed, which rt_log_retain tells;
 * or what the disk said when the log has failed by that.
 */
RT_MUST_USE int rt_log_make_way(struct rt_log *log, uint64_t bytes);

/* How many bytes that would remove. */
uint64_t rt_log_way(const struct rt_log *log, uint64_t bytes);

#endif
