#include "broker/core/history.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

struct block {
    struct rt_list used;     /* in history->blocks */
    struct rt_list of_topic; /* in durable->blocks */
    struct rt_segment *segment;
};

void rt_history_init(struct rt_history *history, struct rt_core *core)
{
    *history = (struct rt_history){.core = core};
    rt_list_init(&history->wanting);
    rt_list_init(&history->blocks);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- blocks --- */

static uint64_t end_of(const struct rt_segment *segment)
{
    return segment->first_offset + segment->event_count;
}

static void drop(struct rt_history *history, struct block *block)
{
    rt_list_remove(&block->used);
    rt_list_remove(&block->of_topic);
    history->bytes -= rt_segment_size(block->segment->capacity);
    rt_segment_retire(&history->core->store, block->segment);
    rt_heap_free(history->core->heap, block, sizeof(*block));
}

void rt_history_finish(struct rt_history *history)
{
    if (history == NULL || history->core == NULL) {
        return;
    }
    while (!rt_list_is_empty(&history->blocks)) {
        drop(history, RT_LIST_FIRST(&history->blocks, struct block, used));
    }
    rt_segment_unref(&history->core->store, history->segment);
    *history = (struct rt_history){0};
}

void rt_history_trim(struct rt_history *history)
{
    while (!rt_list_is_empty(&history->blocks)) {
        struct block *block =
            RT_LIST_FIRST(&history->blocks, struct block, used);
        if (history->core->now_ms - block->segment->touched_ms <=
            RT_HISTORY_IDLE_MS) {
            return;
        }
        drop(history, block);
    }
}

void rt_history_forget(struct rt_topic *topic)
{
    struct rt_history *history = &topic->core->history;
    struct rt_durable *durable = topic->durable;
    while (durable != NULL && !rt_list_is_empty(&durable->blocks)) {
        drop(history, RT_LIST_FIRST(&durable->blocks, struct block, of_topic));
    }
    if (durable != NULL && history->fetching == durable) {
        history->is_stale = true;
    }
}

struct rt_segment *rt_history_find(const struct rt_topic *topic,
                                   uint64_t offset)
{
    struct rt_history *history = &topic->core->history;
    if (topic->durable == NULL) {
        return NULL;
    }
    RT_LIST_EACH (link, &topic->durable->blocks) {
        struct block *block = RT_CONTAINER(link, struct block, of_topic);
        struct rt_segment *segment = block->segment;
        if (offset >= segment->first_offset && offset < end_of(segment)) {
            segment->touched_ms = history->core->now_ms;
            rt_list_remove(&block->used);
            rt_list_append(&history->blocks, &block->used);
            return segment;
        }
    }
    return NULL;
}

/* --- places --- */

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
    if ((offset >= durable->old_end && offset < durable->begin) ||
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

uint64_t rt_history_since(const struct rt_topic *topic, uint64_t wall_ms)
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

/* Before the offsets that the last end of the node cost come others. */
uint64_t rt_history_last(const struct rt_topic *topic, uint64_t count)
{
    const struct rt_durable *durable = topic->durable;
    uint64_t head = topic->ring.next_offset;
    uint64_t earliest = rt_history_earliest(topic);
    if (earliest >= durable->begin || count <= head - durable->begin) {
        return count < head - earliest ? head - count : earliest;
    }
    count -= head - durable->begin;
    return earliest < durable->old_end && count < durable->old_end - earliest
               ? durable->old_end - count
               : earliest;
}

/* --- fetching --- */

static struct rt_history_waiter *first_waiting(const struct rt_durable *durable)
{
    return RT_LIST_FIRST(&durable->waiting, struct rt_history_waiter, link);
}

static void wake(struct rt_history_waiter *waiter, int err, uint64_t next)
{
    rt_list_remove(&waiter->link);
    waiter->wake(waiter, err, next);
}

static void wake_all(struct rt_durable *durable, int err)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &durable->waiting);
    rt_list_remove(&durable->wanting);
    while (!rt_list_is_empty(&waiting)) {
        wake(RT_LIST_FIRST(&waiting, struct rt_history_waiter, link), err, 0);
    }
}

static size_t bytes_max(const struct rt_history *history)
{
    size_t part = history->core->heap->limit / RT_HISTORY_PART;
    return lesser(part, RT_HISTORY_BYTES_MAX);
}

static struct rt_segment *take_segment(struct rt_history *history, size_t size)
{
    struct rt_store *store = &history->core->store;
    while (history->bytes + size > bytes_max(history) &&
           !rt_list_is_empty(&history->blocks)) {
        drop(history, RT_LIST_FIRST(&history->blocks, struct block, used));
    }
    struct rt_segment *segment = rt_segment_create(store, size);
    if (segment != NULL && rt_segment_reserve_types(store, segment) < 0) {
        rt_segment_unref(store, segment);
        return NULL;
    }
    return segment;
}

static void
fetch(struct rt_history *history, struct rt_durable *durable, size_t size)
{
    struct rt_segment *segment = take_segment(history, size);
    if (segment == NULL) {
        wake_all(durable, RT_ENOMEM);
        return;
    }
    history->fetching = durable;
    history->segment = segment;
    history->is_stale = false;
    history->ops->fetch(history->context, durable->id, history->offset,
                        segment);
}

/* Wakes those who need not wait, up to the first who has something to fetch;
 * returns whether there is one. */
static bool find_work(struct rt_history *history, struct rt_durable *durable)
{
    while (!rt_list_is_empty(&durable->waiting)) {
        struct rt_history_waiter *waiter = first_waiting(durable);
        history->offset = waiter->offset;
        enum rt_place place = rt_history_place(durable->topic, waiter->offset);
        if (place == RT_PLACE_DISK) {
            return true;
        }
        if (place == RT_PLACE_WAY) {
            return false; /* those behind it are asked when it is there */
        }
        wake(waiter, 0, 0);
    }
    rt_list_remove(&durable->wanting);
    return false;
}

void rt_history_continue(struct rt_history *history)
{
    struct rt_list topics;
    rt_list_init(&topics);
    rt_list_move(&topics, &history->wanting);
    while (!rt_list_is_empty(&topics)) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&topics, struct rt_durable, wanting);
        rt_list_remove(&durable->wanting);
        rt_list_append(&history->wanting, &durable->wanting);
        if (history->fetching == NULL && find_work(history, durable)) {
            fetch(history, durable, RT_HISTORY_BLOCK_BYTES);
        }
    }
}

bool rt_history_is_away(const struct rt_topic *topic, uint64_t offset)
{
    if (topic->durable == NULL || offset >= topic->ring.next_offset) {
        return false;
    }
    enum rt_place place = rt_history_place(topic, offset);
    return place == RT_PLACE_DISK || place == RT_PLACE_WAY;
}

void rt_history_wait(struct rt_topic *topic, struct rt_history_waiter *waiter)
{
    struct rt_history *history = &topic->core->history;
    rt_list_init(&waiter->link);
    rt_list_append(&topic->durable->waiting, &waiter->link);
    rt_list_remove(&topic->durable->wanting);
    rt_list_append(&history->wanting, &topic->durable->wanting);
    rt_history_continue(history);
}

/* --- what was fetched --- */

static int keep(struct rt_history *history, struct rt_durable *durable)
{
    struct rt_segment *segment = history->segment;
    struct block *block =
        rt_heap_alloc(history->core->heap, sizeof(struct block));
    if (block == NULL) {
        return RT_ENOMEM;
    }
    block->segment = segment;
    segment->touched_ms = history->core->now_ms;
    rt_list_init(&block->used);
    rt_list_init(&block->of_topic);
    rt_list_append(&history->blocks, &block->used);
    rt_list_append(&durable->blocks, &block->of_topic);
    history->bytes += rt_segment_size(segment->capacity);
    history->segment = NULL;
    return 0;
}

/* To those who wait for events of before `end` they are lost, with all before
 * `next`; the others may look again. */
static void wake_losers(struct rt_history *history,
                        struct rt_durable *durable,
                        uint64_t end,
                        uint64_t next)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &durable->waiting);
    rt_list_remove(&durable->wanting);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_history_waiter *waiter =
            RT_LIST_FIRST(&waiting, struct rt_history_waiter, link);
        bool is_lost =
            waiter->offset >= history->offset && waiter->offset < end;
        wake(waiter, is_lost ? RT_EDAMAGED : 0, next);
    }
}

static void take(struct rt_history *history, struct rt_durable *durable)
{
    const struct rt_segment *segment = history->segment;
    uint64_t first = segment->first_offset;
    RT_CHECK(segment->event_count > 0 && first >= history->offset);
    if (keep(history, durable) < 0) {
        wake_all(durable, RT_ENOMEM);
        return;
    }
    wake_losers(history, durable, first, first);
}

/* What was there before the start is lost, or what was written since. */
static void give_up(struct rt_history *history, struct rt_durable *durable)
{
    const struct rt_ring *ring = &durable->topic->ring;
    uint64_t next = history->offset < durable->begin
                        ? durable->begin
                        : lesser(durable->next, rt_ring_earliest(ring));
    wake_losers(history, durable, history->offset + 1, next);
}

void rt_history_fetched(struct rt_history *history, int err, size_t needed)
{
    struct rt_durable *durable = history->fetching;
    RT_CHECK(durable != NULL);
    history->fetching = NULL;
    bool is_past = history->is_stale || err == RT_ENOENT;
    if (is_past || rt_list_is_empty(&durable->waiting)) {
        wake_all(durable, 0);
    } else if (err == 0) {
        take(history, durable);
    } else if (err != RT_ERANGE) {
        give_up(history, durable);
    }
    rt_segment_unref(&history->core->store, history->segment);
    history->segment = NULL;
    if (err == RT_ERANGE && !rt_list_is_empty(&durable->waiting)) {
        fetch(history, durable, needed);
    } else {
        rt_history_continue(history);
    }
}
