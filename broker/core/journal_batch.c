/* The journal's batches: what is handed over to be written, and comes back. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/follower.h"
#include "broker/core/journal.h"
#include "broker/core/saved.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"

#define EXTENTS_FIRST 64

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

int rt_journal_batch_reserve(struct rt_journal *journal,
                             struct rt_journal_batch *batch,
                             uint32_t count)
{
    uint32_t capacity = batch->extent_capacity;
    if (count <= capacity) {
        return 0;
    }
    capacity = capacity == 0 ? EXTENTS_FIRST : capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    struct rt_extent *extents =
        rt_heap_resize(heap_of(journal), batch->extents,
                       batch->extent_capacity * sizeof(struct rt_extent),
                       capacity * sizeof(struct rt_extent));
    if (extents == NULL) {
        return RT_ENOMEM;
    }
    batch->extents = extents;
    batch->extent_capacity = capacity;
    return 0;
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
    batch->has_topics = batch->has_topics || note.kind != RT_NOTE_KEY;
    return 0;
}

/* Of a topic's events those of the batch come behind the note; those of the
 * batches before it have been, whether they are on disk by now or not. */
static uint64_t next_behind_note(const struct rt_journal *journal,
                                 const struct rt_durable *durable)
{
    return durable->batch == journal->collecting->number ? durable->first
                                                         : durable->collected;
}

static int note_topic(struct rt_journal *journal, const struct rt_topic *topic)
{
    struct rt_saved_topic state = rt_save_topic(topic);
    struct rt_note note = {.kind = RT_NOTE_TOPIC,
                           .id = topic->durable->id,
                           .floor = topic->base + 1,
                           .kept = topic->durable->kept,
                           .next_offset =
                               next_behind_note(journal, topic->durable)};
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
        journal->noted_drop = journal->core->removed.drop;
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

/* Numbers of topics that are gone must not be given again, and whoever lacks
 * what these had is told after a start, too. And the end is told with what the
 * node was then, for a batch is never empty. */
static bool has_node(const struct rt_journal *journal)
{
    return journal->noted_id != journal->next_id ||
           journal->noted_drop != journal->core->removed.drop ||
           journal->collecting->is_end;
}

static int note_all(struct rt_journal *journal)
{
    int err = note_changed(journal);
    return err == 0 && has_node(journal) ? rt_journal_note_node(journal) : err;
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
    int err = add_note(journal, note, (struct rt_bytes){NULL, 0}, key);
    if (err == 0) {
        journal->collecting->bytes += sizeof(note) + key.len;
        journal->bytes += sizeof(note) + key.len;
    }
    return err;
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
    if (!journal->has_purged) {
        return;
    }
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        struct rt_extent *extent = &batch->extents[i];
        if (extent->offset < extent->topic->durable->next) {
            drop_extent(journal, extent);
        } else {
            batch->extents[kept++] = *extent;
        }
    }
    batch->extent_count = kept;
    journal->has_purged = false;
}

/* What is collected from now on goes into another one. */
static void swap(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->collecting;
    struct rt_journal_batch *next = journal->batches;
    if (journal->writing == NULL) {
        journal->writing = batch;
    } else {
        journal->offered = batch;
    }
    while (next == journal->writing || next == journal->offered) {
        next++;
    }
    next->number = batch->number + 1;
    journal->collecting = next;
}

static void hand_out(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->collecting;
    collect_all(journal);
    drop_purged(journal);
    batch->sequence = journal->core->sequence;
    batch->wall_ms = journal->core->wall_ms;
    journal->is_awaited = false;
    swap(journal);
}

bool rt_journal_has_batch(const struct rt_journal *journal)
{
    if (journal->is_refused) {
        return journal->state == RT_JOURNAL_WORKING;
    }
    return journal->state != RT_JOURNAL_FAILED && has_something(journal);
}

struct rt_journal_batch *rt_journal_take(struct rt_journal *journal)
{
    struct rt_journal_batch *batch = journal->collecting;
    if (!rt_journal_has_batch(journal)) {
        return NULL;
    }
    if (journal->is_refused) {
        journal->is_refused = false;
        return journal->writing;
    }
    if (journal->offered != NULL || note_all(journal) < 0) {
        return NULL;
    }
    hand_out(journal);
    return batch;
}

/* Those who see only what is on disk get what is now. */
static void advance(struct rt_journal *journal, struct rt_journal_batch *batch)
{
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        const struct rt_extent *extent = &batch->extents[i];
        struct rt_durable *durable = extent->topic->durable;
        uint64_t end = extent->offset + extent->count;
        durable->next = end > durable->next ? end : durable->next;
        rt_list_remove(&durable->written);
        rt_list_append(&journal->written, &durable->written);
        rt_topic_mark_durable(extent->topic);
    }
    rt_selections_show(journal->core);
}

static void clear(struct rt_journal_batch *batch)
{
    batch->extent_count = 0;
    batch->bytes = 0;
    batch->notes.len = 0;
    batch->text.len = 0;
    batch->has_topics = false;
    batch->is_end = false;
}

static void release(struct rt_journal *journal, struct rt_journal_batch *batch)
{
    drop_extents(journal, batch);
    journal->bytes -= batch->bytes;
    clear(batch);
}

void rt_journal_fail(struct rt_journal *journal)
{
    journal->state = RT_JOURNAL_FAILED;
    if (journal->writing != NULL) {
        release(journal, journal->writing);
        journal->writing = NULL;
    }
    rt_followers_fail(journal->core);
}

void rt_journal_done(struct rt_journal *journal, int err)
{
    struct rt_journal_batch *batch = journal->writing;
    RT_CHECK(batch != NULL && !journal->is_refused);
    if (err == RT_ENOSPC) {
        journal->state = RT_JOURNAL_FULL;
        journal->is_refused = true;
        return;
    }
    journal->writing = journal->offered;
    journal->offered = NULL;
    if (err < 0) {
        rt_journal_fail(journal);
    } else {
        journal->done = batch->number;
        journal->sequence = batch->sequence;
        advance(journal, batch);
    }
    release(journal, batch);
}

/* --- more of it, before it is written --- */

/* What is noted of topics comes before all events of a batch, those of the
 * taken one, too: it goes into one of its own. */
static bool may_join(const struct rt_journal *journal)
{
    return !journal->collecting->has_topics && !has_node(journal) &&
           rt_list_is_empty(&journal->changed);
}

static bool has_room(struct rt_buffer *buffer, struct rt_heap *heap, size_t len)
{
    return len == 0 || rt_buffer_reserve(buffer, heap, len) != NULL;
}

static int reserve_to_join(struct rt_journal *journal,
                           struct rt_journal_batch *batch)
{
    struct rt_heap *heap = heap_of(journal);
    const struct rt_journal_batch *more = journal->collecting;
    uint32_t extents =
        batch->extent_count + more->extent_count + journal->extents_owed;
    if (extents > RT_JOURNAL_EXTENTS_MAX) {
        return RT_EAGAIN;
    }
    bool is_there = has_room(&batch->notes, heap, more->notes.len) &&
                    has_room(&batch->text, heap, more->text.len);
    return is_there ? rt_journal_batch_reserve(journal, batch, extents)
                    : RT_ENOMEM;
}

static void join_notes(struct rt_journal_batch *batch,
                       const struct rt_journal_batch *more)
{
    for (size_t at = 0; at < more->notes.len; at += sizeof(struct rt_note)) {
        struct rt_note note;
        memcpy(&note, more->notes.data + at, sizeof(note));
        note.at += batch->text.len;
        memcpy(batch->notes.data + batch->notes.len, &note, sizeof(note));
        batch->notes.len += sizeof(note);
    }
    if (more->text.len > 0) {
        memcpy(batch->text.data + batch->text.len, more->text.data,
               more->text.len);
        batch->text.len += more->text.len;
    }
}

/* There is room for all of it. */
static void join(struct rt_journal_batch *batch,
                 const struct rt_journal_batch *more)
{
    join_notes(batch, more);
    if (more->extent_count > 0) {
        memcpy(batch->extents + batch->extent_count, more->extents,
               more->extent_count * sizeof(struct rt_extent));
        batch->extent_count += more->extent_count;
    }
    batch->bytes += more->bytes;
    batch->number = more->number;
}

/* The batch that was taken last is the one that is collected, again. */
static int take_back(struct rt_journal *journal)
{
    bool is_second = journal->offered != NULL;
    struct rt_journal_batch **from =
        is_second ? &journal->offered : &journal->writing;
    struct rt_journal_batch *batch = *from;
    RT_CHECK(batch != NULL && (is_second || !journal->is_refused));
    int err = may_join(journal) ? reserve_to_join(journal, batch) : RT_EAGAIN;
    if (err == 0) {
        join(batch, journal->collecting);
        clear(journal->collecting);
        journal->collecting = batch;
        *from = NULL;
    }
    return err;
}

int rt_journal_extend(struct rt_journal *journal)
{
    int err = take_back(journal);
    if (err == 0) {
        hand_out(journal);
    }
    return err;
}

uint64_t rt_journal_batch_of(const struct rt_journal *journal, uint64_t ticket)
{
    if (ticket <= journal->done) {
        return journal->done;
    }
    if (journal->writing != NULL && ticket <= journal->writing->number) {
        return journal->writing->number;
    }
    return journal->offered != NULL && ticket <= journal->offered->number
               ? journal->offered->number
               : journal->collecting->number;
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
