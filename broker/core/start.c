#include "broker/core/start.h"

#include "broker/core/topic.h"

static struct rt_start_found start_at(uint64_t offset)
{
    return (struct rt_start_found){.offset = offset};
}

static struct rt_start_found gap_until(const struct rt_ring *ring,
                                       enum rt_close_reason reason,
                                       uint64_t missed)
{
    return (struct rt_start_found){.offset = rt_ring_earliest(ring),
                                   .reason = reason,
                                   .missed = missed,
                                   .is_gap = true};
}

static struct rt_start_found find_cursor(const struct rt_topic *topic,
                                         struct rt_cursor cursor)
{
    const struct rt_ring *ring = &topic->ring;
    /* A position in the future was never handed out by this log. */
    if (cursor.epoch != topic->epoch ||
        cursor.offset > rt_ring_latest(ring) - topic->base) {
        return gap_until(ring, RT_CLOSE_EPOCH_CHANGED, 0);
    }
    uint64_t next = rt_topic_offset(topic, cursor) + 1;
    uint64_t earliest = rt_ring_earliest(ring);
    if (next < earliest) {
        return gap_until(ring, RT_CLOSE_CURSOR_EVICTED, earliest - next);
    }
    return start_at(next);
}

/* Events that are gone may have been stamped then or later: how many is not
 * known, only that some were. */
static struct rt_start_found find_time(const struct rt_ring *ring,
                                       uint64_t wall_ms)
{
    if (ring->dropped_ms > 0 && ring->dropped_ms >= wall_ms) {
        return gap_until(ring, RT_CLOSE_CURSOR_EVICTED, 0);
    }
    return start_at(rt_ring_offset_since(ring, wall_ms));
}

struct rt_start_found rt_start_find(const struct rt_topic *topic,
                                    const struct rt_since *since)
{
    const struct rt_ring *ring = &topic->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    switch (since->kind) {
    case RT_SINCE_EARLIEST:
        return start_at(earliest);
    case RT_SINCE_CURSOR:
        return find_cursor(topic, since->cursor);
    case RT_SINCE_TIME:
        return find_time(ring, since->wall_ms);
    case RT_SINCE_LAST:
        return start_at(since->count < ring->next_offset - earliest
                            ? ring->next_offset - since->count
                            : earliest);
    case RT_SINCE_NOW:
        break;
    }
    return start_at(ring->next_offset);
}
