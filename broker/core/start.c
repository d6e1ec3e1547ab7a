#include "broker/core/start.h"

#include "base/check.h"
#include "broker/core/excerpt.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"

static struct rt_start_found start_at(uint64_t offset)
{
    return (struct rt_start_found){.offset = offset};
}

static struct rt_start_found
gap_until(uint64_t offset, enum rt_close_reason reason, uint64_t missed)
{
    return (struct rt_start_found){
        .offset = offset, .reason = reason, .missed = missed, .is_gap = true};
}

/* A position in the future was never handed out by this log. */
static bool is_of_log(const struct rt_topic *topic, struct rt_cursor cursor)
{
    return cursor.epoch == topic->epoch &&
           cursor.offset <= rt_ring_latest(&topic->ring) - topic->base;
}

/* The earliest event that is left, where those before it may have been stamped
 * then or later: some were dropped, the last of them at `dropped_ms`, or an end
 * without a word has cost some, or damage all. How many is not known. */
static struct rt_start_found find_cut(const struct rt_topic *topic,
                                      uint64_t earliest,
                                      uint64_t dropped_ms,
                                      uint64_t wall_ms)
{
    bool is_first = earliest == rt_topic_first(topic);
    if (!is_first && dropped_ms >= wall_ms) {
        return gap_until(earliest, RT_CLOSE_CURSOR_EVICTED, 0);
    }
    uint64_t unsure_ms =
        is_first ? rt_history_unnamed_ms(topic) : rt_history_unsure_ms(topic);
    return unsure_ms > 0 && unsure_ms >= wall_ms
               ? gap_until(earliest, RT_CLOSE_EVENTS_LOST, 0)
               : start_at(earliest);
}

/* --- in the ring --- */

static struct rt_start_found find_time(const struct rt_topic *topic,
                                       uint64_t wall_ms)
{
    const struct rt_ring *ring = &topic->ring;
    uint64_t offset = rt_ring_offset_since(ring, wall_ms);
    return offset > rt_ring_earliest(ring)
               ? start_at(offset)
               : find_cut(topic, offset, ring->dropped_ms, wall_ms);
}

static struct rt_start_found find_cursor(const struct rt_topic *topic,
                                         struct rt_cursor cursor)
{
    uint64_t earliest = rt_ring_earliest(&topic->ring);
    if (!is_of_log(topic, cursor)) {
        return gap_until(earliest, RT_CLOSE_EPOCH_CHANGED, 0);
    }
    uint64_t offset = rt_topic_offset(topic, cursor) + 1;
    if (offset < earliest) {
        struct rt_loss loss = rt_history_loss(topic, offset, earliest);
        return gap_until(earliest, loss.reason, loss.missed);
    }
    return start_at(offset);
}

static struct rt_start_found find_in_ring(const struct rt_topic *topic,
                                          const struct rt_since *since)
{
    const struct rt_ring *ring = &topic->ring;
    uint64_t earliest = rt_ring_earliest(ring);
    switch (since->kind) {
    case RT_SINCE_EARLIEST:
        return start_at(earliest);
    case RT_SINCE_CURSOR:
        return find_cursor(topic, since->cursor);
    case RT_SINCE_NODE: /* of what this log is only a part of */
        return gap_until(earliest, RT_CLOSE_EPOCH_CHANGED, 0);
    case RT_SINCE_TIME:
        return find_time(topic, since->wall_ms);
    case RT_SINCE_LAST:
        return start_at(since->count < ring->next_offset - earliest
                            ? ring->next_offset - since->count
                            : earliest);
    case RT_SINCE_NOW:
        break;
    }
    return start_at(ring->next_offset);
}

/* --- on disk, too --- */

static struct rt_start_found start_or_gap(const struct rt_topic *topic,
                                          uint64_t offset)
{
    if (rt_history_place(topic, offset) != RT_PLACE_GONE) {
        return start_at(offset);
    }
    uint64_t next = rt_history_next(topic, offset);
    struct rt_loss loss = rt_history_loss(topic, offset, next);
    return gap_until(next, loss.reason, loss.missed);
}

static struct rt_start_found find_cursor_on_disk(const struct rt_topic *topic,
                                                 struct rt_cursor cursor)
{
    return is_of_log(topic, cursor)
               ? start_or_gap(topic, rt_topic_offset(topic, cursor) + 1)
               : gap_until(rt_history_earliest(topic), RT_CLOSE_EPOCH_CHANGED,
                           0);
}

static struct rt_start_found find_time_on_disk(const struct rt_topic *topic,
                                               uint64_t wall_ms)
{
    uint64_t offset = rt_history_since(topic, wall_ms);
    return offset > rt_history_earliest(topic)
               ? start_or_gap(topic, offset)
               : find_cut(topic, offset, rt_history_lost_ms(topic), wall_ms);
}

struct rt_start_found rt_start_find(const struct rt_topic *topic,
                                    const struct rt_since *since)
{
    if (!rt_history_exists(topic)) {
        return find_in_ring(topic, since);
    }
    switch (since->kind) {
    case RT_SINCE_EARLIEST:
        return start_at(rt_history_earliest(topic));
    case RT_SINCE_CURSOR:
        return find_cursor_on_disk(topic, since->cursor);
    case RT_SINCE_NODE:
        return gap_until(rt_history_earliest(topic), RT_CLOSE_EPOCH_CHANGED, 0);
    case RT_SINCE_TIME:
        return find_time_on_disk(topic, since->wall_ms);
    case RT_SINCE_LAST:
        return start_at(rt_history_last(topic, since->count));
    case RT_SINCE_NOW:
        break;
    }
    return start_at(topic->ring.next_offset);
}

/* --- several topics --- */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The sequence of the ring's first event that was stamped then or later. */
static uint64_t sequence_in_ring(const struct rt_ring *ring, uint64_t wall_ms)
{
    uint64_t offset = rt_ring_offset_since(ring, wall_ms);
    return offset < ring->next_offset ? rt_ring_entry(ring, offset)->sequence
                                      : UINT64_MAX;
}

uint64_t rt_select_in_rings(const struct rt_selection *selection,
                            uint64_t wall_ms)
{
    uint64_t sequence = UINT64_MAX;
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        sequence =
            lesser(sequence, sequence_in_ring(&follower->topic->ring, wall_ms));
    }
    return sequence;
}

/* The same and, if the topic lost any that was stamped at that time or later,
 * before it. */
static uint64_t sequence_since(const struct rt_ring *ring, uint64_t wall_ms)
{
    return ring->dropped_ms > 0 && ring->dropped_ms >= wall_ms
               ? ring->dropped_sequence
               : sequence_in_ring(ring, wall_ms);
}

/* The least of all topics; what the node has next if none has anything. */
static uint64_t select_since(const struct rt_selection *selection,
                             uint64_t wall_ms)
{
    const struct rt_core *core = selection->stream.core;
    uint64_t sequence = core->sequence + 1;
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        sequence =
            lesser(sequence, sequence_since(&follower->topic->ring, wall_ms));
    }
    return core->removed.sequence > 0 && core->removed.wall_ms >= wall_ms
               ? lesser(sequence, core->removed.sequence)
               : sequence;
}

static uint64_t select_earliest(const struct rt_selection *selection)
{
    uint64_t sequence = selection->stream.core->sequence + 1;
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_ring *ring =
            &RT_CONTAINER(link, struct rt_follower, in_selection)->topic->ring;
        if (ring->segment_count > 0) {
            uint64_t offset = rt_ring_earliest(ring);
            sequence = lesser(sequence, rt_ring_entry(ring, offset)->sequence);
        }
    }
    return sequence;
}

/* Where to begin is looked for on disk, if rings have dropped anything that is
 * meant. */
static struct rt_select_found look_on_disk(uint64_t wall_ms)
{
    return (struct rt_select_found){.sequence = 1,
                                    .drops = UINT64_MAX,
                                    .is_on_disk = true,
                                    .wall_ms = wall_ms};
}

static struct rt_select_found
find_earliest(const struct rt_selection *selection)
{
    if (rt_excerpt_is_needed(selection, 1)) {
        return look_on_disk(0);
    }
    return (struct rt_select_found){.sequence = select_earliest(selection),
                                    .drops = selection->stream.core->drops};
}

static bool is_dropped_since(const struct rt_selection *selection,
                             uint64_t wall_ms)
{
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_ring *ring =
            &RT_CONTAINER(link, struct rt_follower, in_selection)->topic->ring;
        if (ring->dropped_ms > 0 && ring->dropped_ms >= wall_ms) {
            return true;
        }
    }
    return false;
}

static struct rt_select_found
find_select_time(const struct rt_selection *selection, uint64_t wall_ms)
{
    if (rt_excerpt_is_needed(selection, 1) &&
        is_dropped_since(selection, wall_ms)) {
        return look_on_disk(wall_ms);
    }
    return (struct rt_select_found){.sequence =
                                        select_since(selection, wall_ms)};
}

static struct rt_select_found
find_position(const struct rt_selection *selection, struct rt_cursor cursor)
{
    const struct rt_core *core = selection->stream.core;
    if (cursor.epoch == core->epoch && cursor.offset <= core->sequence) {
        return (struct rt_select_found){.sequence = cursor.offset + 1};
    }
    struct rt_select_found found = find_earliest(selection);
    found.is_gap = true;
    return found;
}

struct rt_select_found rt_select_find(const struct rt_selection *selection,
                                      const struct rt_since *since)
{
    const struct rt_core *core = selection->stream.core;
    switch (since->kind) {
    case RT_SINCE_NODE:
        return find_position(selection, since->cursor);
    case RT_SINCE_TIME:
        return find_select_time(selection, since->wall_ms);
    case RT_SINCE_EARLIEST:
        return find_earliest(selection);
    default:
        RT_CHECK(since->kind == RT_SINCE_NOW);
    }
    return (struct rt_select_found){.sequence = core->sequence + 1,
                                    .drops = core->drops};
}
