#include "broker/core/history.h"

#include "broker/core/journal.h"
#include "broker/core/topic.h"

void rt_history_init(struct rt_history *history, struct rt_core *core)
{
    *history = (struct rt_history){.core = core};
    rt_list_init(&history->wanting);
    rt_list_init(&history->ahead);
    rt_history_cache_init(&history->cache, core);
}

void rt_history_finish(struct rt_history *history)
{
    if (history == NULL || history->core == NULL) {
        return;
    }
    rt_history_cache_give(&history->cache, history->segment);
    rt_history_cache_finish(&history->cache);
    *history = (struct rt_history){0};
}

void rt_history_trim(struct rt_history *history)
{
    rt_history_cache_trim(&history->cache);
}

void rt_history_forget(struct rt_topic *topic)
{
    struct rt_history *history = &topic->core->history;
    struct rt_durable *durable = topic->durable;
    if (durable == NULL) {
        return;
    }
    rt_history_cache_forget(&history->cache, durable);
    rt_list_remove(&durable->ahead);
    durable->leading = 0;
    if (history->fetching == durable) {
        history->state = RT_HISTORY_STALE;
    }
}

struct rt_segment *rt_history_find(const struct rt_topic *topic,
                                   uint64_t offset)
{
    struct rt_history *history = &topic->core->history;
    struct rt_durable *durable = topic->durable;
    if (durable == NULL) {
        return NULL;
    }
    struct rt_segment *segment =
        rt_history_cache_find(&history->cache, durable, offset);
    if (segment != NULL) {
        durable->reached = segment->first_offset + segment->event_count;
        rt_history_keep_ahead(history, durable);
    }
    return segment;
}

/* --- places --- */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the log has that was not purged: from *earliest to before *end. */
static bool
find_extent(const struct rt_topic *topic, uint64_t *earliest, uint64_t *end)
{
    const struct rt_history *history = &topic->core->history;
    if (history->ops == NULL || topic->durable == NULL ||
        topic->durable->id == 0 ||
        !history->ops->extent(history->context, topic->durable->id, earliest,
                              end)) {
        return false;
    }
    *earliest = *earliest <= topic->base ? topic->base + 1 : *earliest;
    return *earliest < *end;
}

bool rt_history_counts(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_durable *durable = topic->durable;
    return offset < topic->ring.next_offset &&
           (offset < durable->old_end || offset >= durable->begin);
}

/* For what is not in the ring, nor in a block. */
static enum rt_place place_beyond(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_durable *durable = topic->durable;
    uint64_t earliest;
    uint64_t end;
    if (offset >= durable->next) {
        return topic->core->journal->state == RT_JOURNAL_FAILED ? RT_PLACE_GONE
                                                                : RT_PLACE_WAY;
    }
    if (!rt_history_counts(topic, offset) ||
        !find_extent(topic, &earliest, &end) || offset < earliest) {
        return RT_PLACE_GONE;
    }
    return RT_PLACE_DISK;
}

enum rt_place rt_history_place(const struct rt_topic *topic, uint64_t offset)
{
    if (offset >= rt_ring_earliest(&topic->ring)) {
        return RT_PLACE_RING;
    }
    if (topic->durable == NULL || rt_topic_is_purged(topic, offset)) {
        return RT_PLACE_GONE;
    }
    return rt_history_find(topic, offset) != NULL ? RT_PLACE_BLOCK
                                                  : place_beyond(topic, offset);
}

bool rt_history_has(const struct rt_topic *topic, uint64_t offset)
{
    return place_beyond(topic, offset) == RT_PLACE_DISK;
}

bool rt_history_is_away(const struct rt_topic *topic, uint64_t offset)
{
    if (topic->durable == NULL || offset >= topic->ring.next_offset) {
        return false;
    }
    enum rt_place place = rt_history_place(topic, offset);
    return place == RT_PLACE_DISK || place == RT_PLACE_WAY;
}

/* Whether an offset behind another one is before the ring, and not gone: a
 * block that is left of what retention removed does not count. */
static bool
is_left(const struct rt_topic *topic, uint64_t offset, uint64_t candidate)
{
    return offset < candidate && candidate < rt_ring_earliest(&topic->ring) &&
           !rt_topic_is_purged(topic, candidate) &&
           place_beyond(topic, candidate) != RT_PLACE_GONE;
}

/* What can be had first is on disk, then what the node began with, then on the
 * way to the disk, then in the ring. */
uint64_t rt_history_next(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_durable *durable = topic->durable;
    uint64_t earliest;
    uint64_t end;
    if (find_extent(topic, &earliest, &end) && offset < earliest) {
        return lesser(earliest, rt_ring_earliest(&topic->ring));
    }
    if (durable != NULL && is_left(topic, offset, durable->begin)) {
        return durable->begin;
    }
    if (durable != NULL && is_left(topic, offset, durable->next)) {
        return durable->next;
    }
    return rt_ring_earliest(&topic->ring);
}

/* Whether offsets that were never given, or that the disk has lost, are among
 * those from one up to another. */
static bool
spans_loss(const struct rt_topic *topic, uint64_t offset, uint64_t next)
{
    const struct rt_durable *durable = topic->durable;
    return durable != NULL && durable->old_end < durable->begin &&
           offset < durable->begin && next > durable->old_end;
}

/* Ends before the last one may have cost offsets, too, where the epoch has come
 * that far: then it is not known. */
static uint64_t
count_missed(const struct rt_topic *topic, uint64_t offset, uint64_t next)
{
    const struct rt_durable *durable = topic->durable;
    bool is_known = durable == NULL || offset >= durable->begin ||
                    next - topic->base <= RT_JOURNAL_JUMP;
    return is_known ? next - offset : 0;
}

struct rt_loss
rt_history_loss(const struct rt_topic *topic, uint64_t offset, uint64_t next)
{
    if (rt_topic_is_purged(topic, offset)) {
        return (struct rt_loss){.reason = RT_CLOSE_EPOCH_CHANGED};
    }
    if (spans_loss(topic, offset, next)) {
        return (struct rt_loss){.reason = RT_CLOSE_EVENTS_LOST};
    }
    return (struct rt_loss){.reason = RT_CLOSE_CURSOR_EVICTED,
                            .missed = count_missed(topic, offset, next)};
}

/* A block that is left of what retention removed does not count. */
uint64_t rt_history_earliest(const struct rt_topic *topic)
{
    return rt_history_next(topic, topic->base);
}

bool rt_history_exists(const struct rt_topic *topic)
{
    return topic->durable != NULL &&
           rt_history_earliest(topic) < rt_ring_earliest(&topic->ring);
}

/* At or before the first event, of those that there are. */
static uint64_t find_since(const struct rt_topic *topic, uint64_t wall_ms)
{
    const struct rt_history *history = &topic->core->history;
    uint64_t offset = rt_ring_offset_since(&topic->ring, wall_ms);
    uint64_t earliest;
    uint64_t end;
    if (offset > rt_ring_earliest(&topic->ring)) {
        return offset;
    }
    if (find_extent(topic, &earliest, &end)) {
        uint64_t found = history->ops->offset_since(
            history->context, topic->durable->id, wall_ms);
        found = found < earliest ? earliest : found;
        if (found < end) {
            return found;
        }
    }
    return lesser(offset, topic->durable->next); /* those on their way, too */
}

/* Behind the last event on disk before an offset; if there is none, that. */
static uint64_t behind_last(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_history *history = &topic->core->history;
    uint64_t last = history->ops->offset_before(history->context,
                                                topic->durable->id, offset, 1);
    return last < offset && !rt_topic_is_purged(topic, last) ? last + 1
                                                             : offset;
}

uint64_t rt_history_unsure_ms(const struct rt_topic *topic)
{
    const struct rt_journal *journal = topic->core->journal;
    return journal == NULL ? 0 : journal->lost.wall_ms;
}

uint64_t rt_history_unnamed_ms(const struct rt_topic *topic)
{
    const struct rt_journal *journal = topic->core->journal;
    bool is_new =
        journal != NULL && (topic->durable->id == 0 ||
                            topic->durable->id >= journal->unnamed.next_id);
    return is_new ? journal->unnamed.wall_ms : 0;
}

uint64_t rt_history_since(const struct rt_topic *topic, uint64_t wall_ms)
{
    uint64_t offset = find_since(topic, wall_ms);
    return rt_history_unsure_ms(topic) >= wall_ms ? behind_last(topic, offset)
                                                  : offset;
}

uint64_t rt_history_lost_ms(const struct rt_topic *topic)
{
    const struct rt_history *history = &topic->core->history;
    return history->ops == NULL || topic->durable->id == 0
               ? UINT64_MAX /* not known */
               : history->ops->lost_ms(history->context, topic->durable->id);
}

/* Among the offsets since the start all have events; of those before it the log
 * knows. */
uint64_t rt_history_last(const struct rt_topic *topic, uint64_t count)
{
    const struct rt_history *history = &topic->core->history;
    const struct rt_durable *durable = topic->durable;
    uint64_t offset = topic->ring.next_offset;
    uint64_t given = offset - durable->begin;
    uint64_t earliest = rt_history_earliest(topic);
    if (count <= given) {
        offset -= count;
    } else if (earliest >= durable->begin) {
        return earliest;
    } else {
        offset = history->ops->offset_before(history->context, durable->id,
                                             durable->begin, count - given);
    }
    return offset < earliest ? earliest : offset;
}
