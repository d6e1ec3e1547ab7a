/*
 * A view: a topic's events in one format, encoded once for everybody who gets
 * them in it, and only while somebody does. It is a cache of the ring: blocks
 * of encoded events, back to back, each with its index, in the order of their
 * offsets and not overlapping.
 *
 *     ring    | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
 *     view        | 2 | 3 |       | 6 | 7 | 8 | 9 |  the last block grows
 *
 * What is not there is encoded when a subscriber comes to it. A block may go at
 * any time: a write in flight holds a reference, and who comes later has it
 * made anew.
 */
#ifndef BROKER_CORE_VIEW_H
#define BROKER_CORE_VIEW_H

#include <stdint.h>

#include "broker/core/stream.h"
#include "protocol/format.h"
#include "storage/segment.h"

/* Blocks begin with this size and double up to the largest; an event that is
 * larger still has a block of its own. */
#define RT_VIEW_BLOCK_FIRST ((size_t)4 * 1024)
#define RT_VIEW_BLOCK_MAX   ((size_t)64 * 1024)

/* A block that nobody has looked at for so long goes. */
#define RT_VIEW_IDLE_MS 2000

struct rt_view {
    struct rt_stream stream; /* whoever gets this format */
    struct rt_view *next;    /* of the same topic */
    enum rt_format format;
    struct rt_segment **blocks;
    uint32_t block_count;
    uint32_t block_capacity;
    size_t bytes; /* of all blocks */
};

/* The topic's view in a format other than raw, made if there is none; NULL
 * without memory. */
RT_MUST_USE struct rt_view *rt_view_obtain(struct rt_topic *topic,
                                           enum rt_format format);

/*
 * The block with the event of an offset that the ring retains, encoded if need
 * be, together with some of what follows. NULL without memory. Valid until the
 * next call, or as long as it is referred to.
 */
RT_MUST_USE struct rt_segment *rt_view_find(struct rt_view *view,
                                            uint64_t offset);

/* Frees the topic's views that nobody subscribes to; and of the others, the
 * blocks that were not looked at for a while, and those whose events the ring
 * has dropped. Not to be called during a pass. */
void rt_views_trim(struct rt_topic *topic);

/* Checks every invariant; for tests. */
void rt_view_validate(const struct rt_view *view);

#endif
