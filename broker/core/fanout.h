/*
 * Fan-out: moving events from the logs to the subscribers, in slices, so that
 * a topic with very many subscribers does not hold up the others.
 */
#ifndef BROKER_CORE_FANOUT_H
#define BROKER_CORE_FANOUT_H

#include <stdbool.h>

#include "broker/core/core.h"

struct rt_stream;

/* A stream with at most this many active subscribers is fanned out first. */
#define RT_FANOUT_SMALL 8

/*
 * Work is counted in units, not in time, so that a run can be repeated: a write
 * is one, and so is every RT_UNIT_BYTES of it, and to look at RT_UNIT_TOPICS of
 * a selection. A slice is about 2 ms.
 */
#define RT_UNIT_BYTES    ((size_t)8 * 1024)
#define RT_UNIT_TOPICS   64
#define RT_SLICE_UNITS   512 /* in one flush */
#define RT_QUANTUM_UNITS 128 /* for one stream before the next has a turn */

/* One write takes no more ranges when it has this many bytes. */
#define RT_WRITE_BYTES_MAX ((size_t)256 * 1024)

/* Fans out the dirty streams with few subscribers, wholly. */
void rt_core_flush_small(struct rt_core *core);

/*
 * Does a slice of what else there is. Returns whether work remains: then call
 * again in the next turn, without waiting. Also closes stalled subscribers if
 * what they keep from the system is more than RT_RETIRED_PART allows.
 */
bool rt_core_flush(struct rt_core *core);

/* Brings every active subscriber of the stream to its head, now. */
void rt_stream_finish_pass(struct rt_stream *stream);

#endif
