#include "broker/core/journal_write.h"

#include <string.h>

#include "base/error.h"

#define PARTS_FIRST 64

static uint32_t note_count(const struct rt_journal_batch *batch)
{
    return (uint32_t)(batch->notes.len / sizeof(struct rt_note));
}

uint32_t rt_journal_part_count(const struct rt_journal_batch *batch)
{
    return note_count(batch) + batch->extent_count;
}

static int
reserve(struct rt_journal_parts *parts, struct rt_heap *heap, uint32_t count)
{
    uint32_t capacity = parts->capacity == 0 ? PARTS_FIRST : parts->capacity;
    if (count <= parts->capacity) {
        return 0;
    }
    while (capacity < count) {
        capacity *= 2;
    }
    struct rt_log_part *moved = rt_heap_resize(
        heap, parts->parts, parts->capacity * sizeof(struct rt_log_part),
        capacity * sizeof(struct rt_log_part));
    if (moved == NULL) {
        return RT_ENOMEM;
    }
    parts->parts = moved;
    parts->capacity = capacity;
    return 0;
}

void rt_journal_parts_finish(struct rt_journal_parts *parts,
                             struct rt_heap *heap)
{
    rt_heap_free(heap, parts->parts,
                 parts->capacity * sizeof(struct rt_log_part));
    *parts = (struct rt_journal_parts){.parts = NULL};
}

/* --- what a part is --- */

static struct rt_log_part part_of_topic(const struct rt_note *note,
                                        const char *text)
{
    return (struct rt_log_part){
        .kind = RT_LOG_TOPIC,
        .topic = note->id,
        .description = {.name = {text, note->name_len},
                        .next_offset = note->next_offset,
                        .floor = note->floor,
                        .retention = note->kept,
                        .state = {text + note->name_len, note->state_len}}};
}

static struct rt_log_part part_of_note(const struct rt_journal_batch *batch,
                                       uint32_t number)
{
    struct rt_note note;
    memcpy(&note, batch->notes.data + number * sizeof(note), sizeof(note));
    const char *text = batch->text.data + note.at;
    struct rt_bytes opaque = {text, note.state_len};
    switch (note.kind) {
    case RT_NOTE_TOPIC:
        return part_of_topic(&note, text);
    case RT_NOTE_REMOVED:
        return (struct rt_log_part){.kind = RT_LOG_REMOVED, .topic = note.id};
    case RT_NOTE_NODE:
        return (struct rt_log_part){.kind = RT_LOG_NODE, .opaque = opaque};
    case RT_NOTE_KEY:
        break;
    }
    return (struct rt_log_part){.kind = RT_LOG_KEY, .opaque = opaque};
}

static struct rt_bytes range(const void *bytes, uint32_t start, uint32_t end)
{
    return (struct rt_bytes){(const char *)bytes + start, end - start};
}

static struct rt_log_part part_of_extent(const struct rt_extent *extent)
{
    const struct rt_segment *segment = extent->segment;
    struct rt_log_events events = {
        .offset = extent->offset,
        .count = extent->count,
        .start = extent->start,
        .entries = rt_segment_entries(segment, extent->index, extent->count),
        .frames = range(segment->bytes, extent->start, extent->end)};
    if (extent->types_end > 0) {
        events.type = extent->types_start / RT_TYPE_GRAIN + 1;
        events.types =
            range(segment->types, extent->types_start, extent->types_end);
    }
    return (struct rt_log_part){
        .kind = RT_LOG_EVENTS, .topic = extent->id, .events = events};
}

int rt_journal_write(struct rt_journal_parts *parts,
                     struct rt_heap *heap,
                     const struct rt_journal_batch *batch,
                     struct rt_log_batch *written)
{
    uint32_t notes = note_count(batch);
    uint32_t count = rt_journal_part_count(batch);
    int err = reserve(parts, heap, count);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; i < notes; i++) {
        parts->parts[i] = part_of_note(batch, i);
    }
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        parts->parts[notes + i] = part_of_extent(&batch->extents[i]);
    }
    *written = (struct rt_log_batch){.parts = parts->parts,
                                     .part_count = count,
                                     .sequence = batch->sequence,
                                     .wall_ms = batch->wall_ms,
                                     .is_end = batch->is_end};
    return 0;
}
