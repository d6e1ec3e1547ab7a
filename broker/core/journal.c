#include "broker/core/journal.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/history.h"
#include "broker/core/topic.h"

const struct rt_retention rt_journal_all = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

static struct rt_heap *heap_of(const struct rt_journal *journal)
{
    return journal->core->heap;
}

void rt_journal_init(struct rt_journal *journal, struct rt_core *core)
{
    *journal = (struct rt_journal){.core = core, .next_id = 1};
    journal->collecting = &journal->batches[0];
    journal->collecting->number = 1;
    rt_list_init(&journal->unwritten);
    rt_list_init(&journal->changed);
    rt_list_init(&journal->written);
}

static void clear(struct rt_list *list)
{
    while (!rt_list_is_empty(list)) {
        rt_list_remove(list->next);
    }
}

static void forget_topics(struct rt_journal *journal)
{
    clear(&journal->unwritten);
    clear(&journal->changed);
    clear(&journal->written);
}

void rt_journal_finish(struct rt_journal *journal)
{
    if (journal == NULL || journal->core == NULL) {
        return;
    }
    forget_topics(journal);
    for (uint32_t i = 0; i < RT_JOURNAL_BATCHES; i++) {
        rt_journal_batch_finish(journal, &journal->batches[i]);
    }
    *journal = (struct rt_journal){0};
}

/* --- topics --- */

int rt_journal_add(struct rt_journal *journal, struct rt_topic *topic)
{
    struct rt_durable *durable =
        rt_heap_alloc(heap_of(journal), sizeof(struct rt_durable));
    if (durable == NULL) {
        return RT_ENOMEM;
    }
    *durable = (struct rt_durable){.topic = topic,
                                   .kept = rt_journal_all,
                                   .begin = topic->ring.next_offset,
                                   .old_end = topic->ring.next_offset,
                                   .collected = topic->ring.next_offset,
                                   .next = topic->ring.next_offset};
    rt_list_init(&durable->unwritten);
    rt_list_init(&durable->changed);
    rt_list_init(&durable->written);
    rt_list_init(&durable->waiting);
    rt_list_init(&durable->wanting);
    rt_list_init(&durable->blocks);
    rt_list_init(&durable->ahead);
    topic->durable = durable;
    return 0;
}

void rt_journal_remove(struct rt_topic *topic)
{
    struct rt_durable *durable = topic->durable;
    if (durable != NULL) {
        RT_CHECK(rt_journal_has_all(topic));
        RT_CHECK(rt_list_is_empty(&durable->waiting));
        rt_history_forget(topic);
        rt_list_remove(&durable->changed);
        rt_list_remove(&durable->written);
        rt_list_remove(&durable->wanting);
        rt_list_remove(&durable->ahead);
        rt_heap_free(topic->core->heap, durable, sizeof(*durable));
        topic->durable = NULL;
    }
}

void rt_journal_keep(struct rt_topic *topic, const struct rt_retention *kept)
{
    struct rt_retention *now = &topic->durable->kept;
    if (now->bytes != kept->bytes || now->events != kept->events ||
        now->age_ms != kept->age_ms) {
        *now = *kept;
        rt_journal_change(topic);
    }
}

bool rt_journal_keeps_all(const struct rt_topic *topic)
{
    const struct rt_durable *durable = topic->durable;
    return durable == NULL || (durable->kept.bytes == UINT64_MAX &&
                               durable->kept.events == UINT64_MAX &&
                               durable->kept.age_ms == UINT64_MAX);
}

void rt_journal_change(struct rt_topic *topic)
{
    struct rt_journal *journal = topic->core->journal;
    struct rt_durable *durable = topic->durable;
    if (durable == NULL) {
        return;
    }
    if (durable->id == 0) {
        durable->id = journal->next_id++;
    }
    /* New ones are noted in the order of their numbers. */
    if (rt_list_is_empty(&durable->changed)) {
        rt_list_append(&journal->changed, &durable->changed);
    }
}

bool rt_journal_has_all(const struct rt_topic *topic)
{
    const struct rt_durable *durable = topic->durable;
    return durable == NULL || (durable->extents_held == 0 &&
                               rt_list_is_empty(&durable->unwritten));
}

bool rt_journal_knows(const struct rt_topic *topic)
{
    return topic->durable != NULL && topic->durable->id > 0;
}

bool rt_journal_has_nothing(const struct rt_topic *topic)
{
    const struct rt_durable *durable = topic->durable;
    const struct rt_history *history = &topic->core->history;
    return rt_journal_knows(topic) && rt_journal_has_all(topic) &&
           rt_list_is_empty(&durable->changed) && !durable->is_damaged &&
           history->ops != NULL && history->fetching != durable &&
           topic->ring.segment_count == 0 && !rt_history_exists(topic);
}

int rt_journal_forget(struct rt_topic *topic)
{
    return rt_journal_knows(topic)
               ? rt_journal_note_removed(topic->core->journal,
                                         topic->durable->id)
               : 0;
}

/* --- collecting --- */

static bool is_too_much(const struct rt_journal *journal, uint32_t extents)
{
    const struct rt_journal_batch *batch = journal->collecting;
    uint64_t needed =
        (uint64_t)batch->extent_count + journal->extents_owed + extents;
    return journal->bytes >= RT_JOURNAL_BYTES_MAX ||
           needed > RT_JOURNAL_EXTENTS_MAX ||
           batch->notes.len / sizeof(struct rt_note) >= RT_JOURNAL_EXTENTS_MAX;
}

int rt_journal_admit(const struct rt_topic *topic, uint32_t extents)
{
    struct rt_journal *journal = topic->core->journal;
    if (journal == NULL) {
        return 0;
    }
    if (journal->state == RT_JOURNAL_FULL) {
        return RT_ENOSPC;
    }
    if (journal->state == RT_JOURNAL_FAILED) {
        return RT_EFAILED;
    }
    if (topic->durable->is_damaged) {
        return RT_EDAMAGED;
    }
    if (is_too_much(journal, extents)) {
        return RT_EAGAIN;
    }
    struct rt_journal_batch *batch = journal->collecting;
    return rt_journal_batch_reserve(
        journal, batch, batch->extent_count + journal->extents_owed + extents);
}

/* How many segments have events from an offset on. */
static uint32_t segments_from(const struct rt_ring *ring, uint64_t offset)
{
    uint32_t count = 0;
    while (count < ring->segment_count) {
        const struct rt_segment *segment =
            ring->segments[ring->segment_count - 1 - count];
        count++;
        if (segment->first_offset <= offset) {
            break;
        }
    }
    return count;
}

static uint64_t bytes_from(const struct rt_ring *ring, uint64_t offset)
{
    return rt_ring_bytes_from(ring, offset) +
           (ring->next_offset - offset) * sizeof(struct rt_entry);
}

void rt_journal_mark(struct rt_topic *topic, uint64_t first)
{
    struct rt_journal *journal = topic->core->journal;
    struct rt_durable *durable = topic->durable;
    if (durable == NULL || first == topic->ring.next_offset) {
        return;
    }
    if (durable->id == 0) {
        rt_journal_change(topic);
    }
    if (rt_list_is_empty(&durable->unwritten)) {
        rt_list_append(&journal->unwritten, &durable->unwritten);
    }
    uint32_t owed = segments_from(&topic->ring, durable->collected);
    journal->extents_owed += owed - durable->extents_owed;
    durable->extents_owed = owed;
    journal->bytes += bytes_from(&topic->ring, first);
    journal->is_awaited =
        journal->is_awaited || rt_topic_is_seen_on_disk(topic);
}

/* From the first one that has a type; those before `index` have none. */
static void find_types(const struct rt_segment *segment,
                       struct rt_extent *extent,
                       uint32_t index)
{
    while (extent->types_end == 0 && index < segment->event_count) {
        uint16_t type = rt_segment_entry(segment, index)->type;
        if (type > 0) {
            extent->types_start = (type - 1U) * RT_TYPE_GRAIN;
            extent->types_end = segment->types_len;
        }
        index++;
    }
}

/* The events that the segment has got since. */
static void extend(struct rt_extent *extent)
{
    const struct rt_segment *segment = extent->segment;
    uint32_t index = extent->index + extent->count;
    extent->count = segment->event_count - extent->index;
    extent->end = segment->used;
    if (extent->types_end > 0) {
        extent->types_end = segment->types_len;
    } else if (segment->types_len > 0) {
        find_types(segment, extent, index);
    }
}

/* The events of a segment from the next one to collect on. */
static void add_extent(struct rt_topic *topic, struct rt_segment *segment)
{
    struct rt_durable *durable = topic->durable;
    struct rt_journal_batch *batch = topic->core->journal->collecting;
    uint32_t index = (uint32_t)(durable->collected - segment->first_offset);
    RT_CHECK(batch->extent_count < batch->extent_capacity);
    durable->extent = batch->extent_count++;
    batch->extents[durable->extent] =
        (struct rt_extent){.topic = topic,
                           .segment = segment,
                           .id = durable->id,
                           .offset = durable->collected,
                           .index = index,
                           .start = rt_segment_start(segment, index)};
    rt_segment_ref(segment);
    durable->extents_held++;
    extend(&batch->extents[durable->extent]);
}

/* The extent behind which the next event to collect is, if the batch has that.
 */
static struct rt_extent *extent_before(const struct rt_journal_batch *batch,
                                       const struct rt_durable *durable,
                                       const struct rt_segment *segment)
{
    if (durable->extent >= batch->extent_count) {
        return NULL;
    }
    struct rt_extent *extent = &batch->extents[durable->extent];
    bool is_before = extent->segment == segment &&
                     extent->offset + extent->count == durable->collected;
    return is_before ? extent : NULL;
}

static void note_first(struct rt_durable *durable,
                       const struct rt_journal_batch *batch)
{
    if (durable->batch != batch->number) {
        durable->batch = batch->number;
        durable->first = durable->collected;
    }
}

void rt_journal_collect(struct rt_topic *topic)
{
    struct rt_journal *journal = topic->core->journal;
    struct rt_durable *durable = topic->durable;
    struct rt_journal_batch *batch = journal->collecting;
    const struct rt_ring *ring = &topic->ring;
    note_first(durable, batch);
    batch->bytes += bytes_from(ring, durable->collected);
    while (durable->collected < ring->next_offset) {
        struct rt_segment *segment = rt_ring_find(ring, durable->collected);
        struct rt_extent *extent = extent_before(batch, durable, segment);
        if (extent != NULL) {
            extend(extent);
        } else {
            add_extent(topic, segment);
        }
        durable->collected = segment->first_offset + segment->event_count;
    }
    journal->extents_owed -= durable->extents_owed;
    durable->extents_owed = 0;
    rt_list_remove(&durable->unwritten);
}

void rt_journal_protect(struct rt_topic *topic, size_t len)
{
    const struct rt_durable *durable = topic->durable;
    if (durable != NULL && !rt_list_is_empty(&durable->unwritten) &&
        rt_ring_endangers(&topic->ring, durable->collected, topic->core->now_ms,
                          len)) {
        rt_journal_collect(topic);
    }
}

uint64_t rt_journal_floor(const struct rt_topic *topic)
{
    const struct rt_durable *durable = topic->durable;
    return durable == NULL || rt_list_is_empty(&durable->unwritten)
               ? topic->ring.next_offset
               : durable->collected;
}

void rt_journal_settle(struct rt_topic *topic)
{
    const struct rt_durable *durable = topic->durable;
    if (durable != NULL && !rt_list_is_empty(&durable->unwritten)) {
        rt_journal_collect(topic);
    }
}

void rt_journal_skip(struct rt_topic *topic)
{
    struct rt_durable *durable = topic->durable;
    if (durable != NULL) {
        RT_CHECK(rt_list_is_empty(&durable->unwritten));
        durable->collected = topic->ring.next_offset;
        durable->batch = 0; /* no number: nothing of it is collected */
        durable->next = topic->ring.next_offset;
        topic->core->journal->has_purged = true;
        rt_history_forget(topic);
        rt_journal_change(topic);
    }
}

bool rt_journal_is_behind(const struct rt_journal *journal)
{
    return journal != NULL && journal->state == RT_JOURNAL_WORKING &&
           (journal->bytes >= RT_JOURNAL_BYTES_HIGH ||
            journal->bytes >= heap_of(journal)->limit / RT_JOURNAL_PART ||
            journal->collecting->extent_count + journal->extents_owed >=
                RT_JOURNAL_EXTENTS_MAX / 2);
}
