/*
 * A view: a topic's events in one format, encoded once for everybody who gets
 * them in it, and only while somebody does. It is a cache of the ring: blocks
 * of encoded events, by their offsets.
 *
 *     ring    | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
 *     view        | 2 | 3 |       | 6 | 7 | 8 | 9 |  the last block grows
 *
 * What is not there is encoded when a subscriber comes to it.
 */
#ifndef BROKER_CORE_VIEW_H
#define BROKER_CORE_VIEW_H

#include <stdint.h>

#include "broker/core/blocks.h"
#include "broker/core/stream.h"
#include "protocol/format.h"

struct rt_view {
    struct rt_stream stream; /* whoever gets this format */
    struct rt_view *next;    /* of the same topic */
    struct rt_blocks blocks;
};

/* The topic's view in a format other than raw, made if there is none; NULL
 * without memory. With `is_durable` it is one of the events that are on disk,
 * in any format: in raw its bytes are the ring's. */
RT_MUST_USE struct rt_view *
rt_view_obtain(struct rt_topic *topic, enum rt_format format, bool is_durable);

/*
 * Finds the event of an offset that the ring retains, encoded if need be, and
 * some of what follows: 0 or RT_ENOMEM. Valid until the next call, or as long
 * as the segment is referred to.
 */
RT_MUST_USE int
rt_view_find(struct rt_view *view, uint64_t offset, struct rt_run *run);

/* Frees the topic's views that nobody subscribes to, and of the others the
 * blocks that were not looked at for a while. Not to be called during a pass.
 */
void rt_views_trim(struct rt_topic *topic);

/* Checks every invariant; for tests. */
void rt_view_validate(const struct rt_view *view);

#endif
