#include "storage/log/log.h"

#include "base/error.h"
#include "storage/log/ahead.h"
#include "storage/log/apply.h"
#include "storage/log/recover.h"
#include "storage/log/roll.h"
#include "storage/log/seal.h"
#include "storage/log/state.h"

static struct rt_log *create(const struct rt_log_options *options)
{
    struct rt_log *log = rt_heap_zalloc(options->heap, sizeof(*log));
    if (log == NULL) {
        return NULL;
    }
    log->options = *options;
    log->next_topic = 1;
    rt_log_draft_init(&log->draft, options->heap);
    rt_log_keys_init(&log->keys, options->heap, &options->keys);
    if (rt_log_index_init(&log->index, options->heap) < 0 ||
        rt_log_stage_init(&log->stage, options->disk, options->heap) < 0) {
        rt_log_close(log);
        return NULL;
    }
    return log;
}

int rt_log_open(struct rt_log **log,
                const struct rt_log_options *options,
                const struct rt_log_visitor *visitor,
                struct rt_log_found *found)
{
    RT_CHECK(options->identity > 0);
    struct rt_log *opened = create(options);
    if (opened == NULL) {
        return RT_ENOMEM;
    }
    int err = rt_log_recover(opened, visitor, found);
    if (err < 0) {
        rt_log_close(opened);
        return err;
    }
    opened->options.identity = opened->tail.head.log;
    *log = opened;
    return 0;
}

void rt_log_close(struct rt_log *log)
{
    if (log == NULL) {
        return;
    }
    struct rt_heap *heap = log->options.heap;
    if (log->has_tail) {
        rt_disk_close(log->options.disk, &log->tail.file);
    }
    rt_log_seal_forget(log);
    if (log->has_removed) {
        rt_disk_close(log->options.disk, &log->removed);
    }
    rt_log_stage_finish(&log->stage);
    rt_log_draft_finish(&log->draft);
    rt_log_keys_finish(&log->keys);
    rt_log_index_finish(&log->index);
    rt_heap_free(heap, log, sizeof(*log));
}

/* --- appending --- */

/* From now on nothing is appended; the error tells that it is for good. */
static int fail(struct rt_log *log, int err)
{
    log->condition = RT_LOG_FAILED;
    return err == RT_ENOSPC || err == RT_ENOMEM ? RT_EFAILED : err;
}

static int admit(struct rt_log *log, const struct rt_log_batch *batch)
{
    for (uint32_t i = 0; i < batch->part_count; i++) {
        int err = rt_log_admit(log, &batch->parts[i]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static void withdraw(struct rt_log *log, const struct rt_log_batch *batch)
{
    for (uint32_t i = 0; i < batch->part_count; i++) {
        rt_log_withdraw(log, &batch->parts[i]);
    }
}

/* Whether the batch and all that sealing adds fit into the tail. */
static bool fits(const struct rt_log *log)
{
    const struct rt_log_tail *tail = &log->tail;
    const struct rt_log_batch_head *head = &log->draft.head;
    uint64_t places = tail->place_count + head->part_count;
    return tail->position + head->length + rt_log_seal_length(places) <=
           tail->capacity;
}

static int roll(struct rt_log *log, uint64_t wall_ms)
{
    struct rt_log_tail next;
    const struct rt_log_batch_head *head = &log->draft.head;
    int err = rt_log_roll_prepare(log, head->length, head->part_count, &next);
    if (err == RT_ENOSPC || err == RT_ENOMEM) {
        return err;
    }
    if (err == 0) {
        err = rt_log_roll_finish(log, &next, wall_ms);
    }
    return err < 0 ? fail(log, err) : 0;
}

/*
 * A batch for which there was no room on the disk is made to have never been:
 * were its head left there, it could be found at a start.
 */
static int take_back(struct rt_log *log)
{
    static const struct rt_log_batch_head nothing;
    struct rt_bytes zeros = {(const char *)&nothing, sizeof(nothing)};
    struct rt_log_tail *tail = &log->tail;
    int err = rt_disk_write(log->options.disk, &tail->file, &zeros, 1,
                            tail->position);
    if (err == 0) {
        err = rt_disk_sync(log->options.disk, &tail->file);
    }
    return err < 0 ? fail(log, err) : RT_ENOSPC;
}

static int write_draft(struct rt_log *log)
{
    struct rt_log_draft *draft = &log->draft;
    struct rt_log_tail *tail = &log->tail;
    rt_log_draft_sign(draft, &tail->head, tail->batch + 1, tail->chain);
    int err = rt_disk_write(log->options.disk, &tail->file, draft->ranges,
                            draft->range_count, tail->position);
    if (err == 0) {
        err = rt_log_ahead(log, draft->head.length);
    }
    if (err == RT_ENOSPC) {
        return take_back(log);
    }
    if (err == 0) {
        err = rt_disk_sync(log->options.disk, &tail->file);
    }
    return err < 0 ? fail(log, err) : 0;
}

/* All of a batch becomes visible at once. */
static void apply(struct rt_log *log, const struct rt_log_batch *batch)
{
    struct rt_log_tail *tail = &log->tail;
    const struct rt_log_draft *draft = &log->draft;
    struct rt_log_origin origin = {.segment = tail->head.number,
                                   .position = tail->position,
                                   .wall_ms = batch->wall_ms};
    uint64_t events = 0;
    rt_log_index_lock(&log->index);
    for (uint32_t i = 0; i < batch->part_count; i++) {
        rt_log_apply(log, &batch->parts[i], &origin, draft->parts[i].length);
        events += draft->parts[i].count;
    }
    tail->position += draft->head.length;
    tail->batch++;
    tail->chain = draft->head.crc;
    log->sequence = batch->sequence;
    rt_log_index_extend(&log->index, tail->position, events, batch->wall_ms);
    rt_log_index_unlock(&log->index);
}

static int append(struct rt_log *log, const struct rt_log_batch *batch)
{
    int err = rt_log_draft_fill(&log->draft, batch);
    if (err == 0) {
        err = admit(log, batch);
    }
    if (err == 0 && !fits(log)) {
        err = roll(log, batch->wall_ms);
    }
    return err == 0 ? write_draft(log) : err;
}

int rt_log_append(struct rt_log *log, const struct rt_log_batch *batch)
{
    if (log->condition == RT_LOG_FAILED) {
        return RT_EFAILED;
    }
    int err = append(log, batch);
    if (err < 0) {
        withdraw(log, batch);
        return err;
    }
    apply(log, batch);
    return 0;
}

bool rt_log_has_failed(const struct rt_log *log)
{
    return log->condition == RT_LOG_FAILED;
}

/* --- what others look at --- */

bool rt_log_extent(struct rt_log *log,
                   uint64_t topic,
                   struct rt_log_extent *extent)
{
    rt_log_index_lock(&log->index);
    const struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    bool is_there = shelf != NULL && shelf->state != RT_LOG_SHELF_NEW;
    if (is_there) {
        *extent = (struct rt_log_extent){
            .earliest = rt_log_shelf_earliest(shelf),
            .end = shelf->end,
            .next_offset = shelf->next_offset,
            .bytes = shelf->bytes,
            .lost_ms = shelf->loss.wall_ms,
            .is_damaged = shelf->state == RT_LOG_SHELF_DAMAGED};
    }
    rt_log_index_unlock(&log->index);
    return is_there;
}

/* The first offset of the first place that does not end before. */
static uint64_t offset_since(const struct rt_log_shelf *shelf, uint64_t wall_ms)
{
    uint32_t low = 0;
    uint32_t high = shelf->place_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (shelf->places[middle].span.wall_ms < wall_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == shelf->place_count) {
        return shelf->next_offset;
    }
    uint64_t first = shelf->places[low].span.first;
    return first > shelf->floor ? first : shelf->floor;
}

uint64_t
rt_log_offset_since(struct rt_log *log, uint64_t topic, uint64_t wall_ms)
{
    rt_log_index_lock(&log->index);
    const struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    bool is_there = shelf != NULL && shelf->state != RT_LOG_SHELF_NEW;
    uint64_t offset = is_there ? offset_since(shelf, wall_ms) : 0;
    rt_log_index_unlock(&log->index);
    return offset;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* From place to place, for some offsets are given to no event. */
static uint64_t
go_back(const struct rt_log_shelf *shelf, uint64_t offset, uint64_t count)
{
    uint64_t earliest = rt_log_shelf_earliest(shelf);
    uint32_t number = shelf->place_count;
    while (number > 0 && count > 0 && offset > earliest) {
        const struct rt_log_span *span = &shelf->places[--number].span;
        uint64_t first = span->first > earliest ? span->first : earliest;
        uint64_t end = lesser(span->last + 1, offset);
        if (end > first) {
            offset = end - lesser(end - first, count);
            count -= end - offset;
        }
    }
    return offset;
}

uint64_t rt_log_offset_before(struct rt_log *log,
                              uint64_t topic,
                              uint64_t offset,
                              uint64_t count)
{
    rt_log_index_lock(&log->index);
    const struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    bool is_there = shelf != NULL && shelf->state != RT_LOG_SHELF_NEW;
    uint64_t found = is_there ? go_back(shelf, offset, count) : offset;
    rt_log_index_unlock(&log->index);
    return found;
}

struct rt_log_usage rt_log_usage(struct rt_log *log)
{
    rt_log_index_lock(&log->index);
    const struct rt_log_index *index = &log->index;
    struct rt_log_usage usage = {.bytes = index->bytes,
                                 .segment_count = index->volume_count,
                                 .last_segment =
                                     rt_log_index_newest(index)->segment,
                                 .events = index->events};
    rt_log_index_unlock(&log->index);
    return usage;
}
