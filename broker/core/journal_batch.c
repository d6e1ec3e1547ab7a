/* The journal's batches: what is handed over to be written, and comes back. */
#include "base/check.h"
#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/saved.h"
#include "broker/core/topic.h"

static struct rt_heap *heap_of(const struct rt_journal *journal)
{
    return journal->core->heap;
}

/* Lets go of the segment, and of the topic it is from. */
static void drop_extent(struct rt_journal *journal, struct rt_extent *extent)
{
    rt_segment_unref(&journal->core->store, extent->segment);
    extent->topic->durable->extents_held--;
}

static void drop_extents(struct rt_journal *journal,
                         struct rt_journal_batch *batch)
{
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        drop_extent(journal, &batch->extents[i]);
    }
    batch->extent_count = 0;
}

void rt_journal_batch_finish(struct rt_journal *journal,
                             struct rt_journal_batch *batch)
{
    struct rt_heap *heap = heap_of(journal);
    drop_extents(journal, batch);
    rt_heap_free(heap, batch->extents,
                 batch->extent_capacity * sizeof(struct rt_extent));
    rt_buffer_finish(&batch->notes, heap);
    rt_buffer_finish(&batch->text, heap);
}

/* --- notes --- */

static int add_note(struct rt_journal *journal,
                    struct rt_note note,
                    struct rt_bytes name,
                    struct rt_bytes state)
{
    struct rt_heap *heap = heap_of(journal);
    struct rt_journal_batch *batch = journal->collecting;
    note.at = batch->text.len;
    note.name_len = (uint32_t)name.len;
    note.state_len = (uint32_t)state.len;
    struct rt_bytes bytes = {(const char *)&note, sizeof(note)};
    if (rt_buffer_append(&batch->text, heap, name) < 0 ||
        rt_buffer_append(&batch->text, heap, state) < 0 ||
        rt_buffer_append(&batch->notes, heap, bytes) < 0) {
        batch->text.len = note.at;
        return RT_ENOMEM;
    }
    return 0;
}

static int note_topic(struct rt_journal *journal, const struct rt_topic *topic)
{
    struct rt_saved_topic state = rt_save_topic(topic);
    struct rt_note note = {.kind = RT_NOTE_TOPIC,
                           .id = topic->durable->id,
                           .floor = topic->base + 1,
                           .kept = topic->durable->kept,
                           .next_offset = topic->durable->next};
    return add_note(journal, note, topic->leaf.key,
                    (struct rt_bytes){(const char *)&state, sizeof(state)});
}

int rt_journal_note_node(struct rt_journal *journal)
{
    struct rt_saved_node state = rt_save_node(journal);
    struct rt_note note = {.kind = RT_NOTE_NODE};
    int err = add_note(journal, note, (struct rt_bytes){NULL, 0},
                       (struct rt_bytes){(const char *)&state, sizeof(state)});
    if (err == 0) {
        journal->noted_id = journal->next_id;
    }
    return err;
}

static int note_changed(struct rt_journal *journal)
{
    int err = 0;
    while (err == 0 && !rt_list_is_empty(&journal->changed)) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&journal->changed, struct rt_durable, changed);
        err = note_topic(journal, durable->topic);
        if (err == 0) {
            rt_list_remove(&durable->changed);
        }
    }
    return err;
}

/* Numbers of topics that are gone must not be given again. And the end is told
 * with what the node was then, for a batch is never empty. */
static int note_all(struct rt_journal *journal)
{
    int err = note_changed(journal);
    bool has_node =
        journal->noted_id != journal->next_id || journal->collecting->is_end;
    return err == 0 && has_node ? rt_journal_note_node(journal) : err;
}

int rt_journal_reserve_key(struct rt_journal *journal, size_t len)
{
    struct rt_heap *heap = heap_of(journal);
    struct rt_journal_batch *batch = journal->collecting;
    bool is_there =
        rt_buffer_reserve(&batch->text, heap, len) != NULL &&
        rt_buffer_reserve(&batch->notes, heap, sizeof(struct rt_note)) != NULL;
    return is_there ? 0 : RT_ENOMEM;
}

int rt_journal_note_key(struct rt_journal *journal, struct rt_bytes key)
{
    struct rt_note note = {.kind = RT_NOTE_KEY};
    return add_note(journal, note, (struct rt_bytes){NULL, 0}, key);
}

int rt_journal_note_removed(struct rt_journal *journal, uint64_t id)
{
    struct rt_note note = {.kind = RT_NOTE_REMOVED, .id = id};
    struct rt_bytes nothing = {NULL, 0};
    return add_note(journal, note, nothing, nothing);
}

/* --- to be written, and back --- */

uint64_t rt_journal_ticket(const struct rt_journal *journal)
{
    return journal->collecting->number;
}

/* It is to be noted, or may have been just now; else it was before. */
uint64_t rt_journal_change_ticket(const struct rt_topic *topic)
{
    const struct rt_journal *journal = topic->core->journal;
    bool is_new = !rt_list_is_empty(&topic->durable->changed) ||
                  journal->collecting->notes.len > 0;
    uint64_t ticket = rt_journal_ticket(journal);
    return is_new ? ticket : ticket - 1;
}

static bool has_something(const struct rt_journal *journal)
{
    const struct rt_journal_batch *batch = journal->collecting;
    return batch->extent_count > 0 || batch->notes.len > 0 || batch->is_end ||
           !rt_list_is_empty(&journal->unwritten) ||
           !rt_list_is_empty(&journal->changed);
}

bool rt_journal_is_idle(const struct rt_journal *journal)
{
    return journal->writing == NULL && !has_something(journal);
}

static void collect_all(struct rt_journal *journal)
{
    while (!rt_list_is_empty(&journal->unwritten)) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&journal->unwritten, struct rt_durable, unwritten);
        rt_journal_collect(durable->topic);
    }
}

/* What was purged before it was written does not count: the log goes on behind
 * it. */
static void drop_purged(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->collecting;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        struct rt_extent *extent = &batch->extents[i];
        if (extent->offset < extent->topic->durable->next) {
            drop_extent(journal, extent);
        } else {
            batch->extents[kept++] = *extent;
        }
    }
    batch->extent_count = kept;
}

/* What is collected from now on goes into the other one. */
static void swap(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->collecting;
    journal->writing = batch;
    journal->collecting = batch == &journal->batches[0] ? &journal->batches[1]
                                                        : &journal->batches[0];
    journal->collecting->number = batch->number + 1;
}

bool rt_journal_has_batch(const struct rt_journal *journal)
{
    if (journal->is_refused) {
        return journal->state == RT_JOURNAL_WORKING;
    }
    return journal->state != RT_JOURNAL_FAILED && journal->writing == NULL &&
           has_something(journal);
}

struct rt_journal_batch *rt_journal_take(struct rt_journal *journal)
{
    if (!rt_journal_has_batch(journal)) {
        return NULL;
    }
    if (journal->is_refused) {
        journal->is_refused = false;
        return journal->writing;
    }
    if (note_all(journal) < 0) {
        return NULL;
    }
    collect_all(journal);
    drop_purged(journal);
    journal->collecting->sequence = journal->core->sequence;
    journal->collecting->wall_ms = journal->core->wall_ms;
    swap(journal);
    return journal->writing;
}

/* Those who see only what is on disk get what is now. */
static void advance(struct rt_journal_batch *batch)
{
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        const struct rt_extent *extent = &batch->extents[i];
        struct rt_durable *durable = extent->topic->durable;
        uint64_t end = extent->offset + extent->count;
        durable->next = end > durable->next ? end : durable->next;
        rt_topic_mark_durable(extent->topic);
    }
}

static void release(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->writing;
    drop_extents(journal, batch);
    journal->bytes -= batch->bytes;
    batch->bytes = 0;
    batch->notes.len = 0;
    batch->text.len = 0;
    batch->is_end = false;
    journal->writing = NULL;
}

void rt_journal_done(struct rt_journal *journal, int err)
{
    RT_CHECK(journal->writing != NULL && !journal->is_refused);
    if (err == RT_ENOSPC) {
        journal->state = RT_JOURNAL_FULL;
        journal->is_refused = true;
        return;
    }
    if (err < 0) {
        journal->state = RT_JOURNAL_FAILED;
    } else {
        journal->done = journal->writing->number;
        advance(journal->writing);
    }
    release(journal);
}

void rt_journal_set_full(struct rt_journal *journal, bool is_full)
{
    if (journal->state != RT_JOURNAL_FAILED) {
        journal->state = is_full ? RT_JOURNAL_FULL : RT_JOURNAL_WORKING;
    }
}

void rt_journal_end(struct rt_journal *journal)
{
    journal->collecting->is_end = true;
}
