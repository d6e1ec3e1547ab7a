#include "storage/log/draft.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/checksum.h"

/* The heads; and of each part at most three pieces of body, and padding. */
#define RANGES_OF_HEADS 2
#define RANGES_OF_PART  4

void rt_log_draft_init(struct rt_log_draft *draft, struct rt_heap *heap)
{
    *draft = (struct rt_log_draft){.heap = heap};
}

void rt_log_draft_finish(struct rt_log_draft *draft)
{
    if (draft == NULL || draft->heap == NULL) {
        return;
    }
    rt_heap_free(draft->heap, draft->parts,
                 draft->part_capacity * sizeof(struct rt_log_part_head));
    rt_heap_free(draft->heap, draft->ranges,
                 draft->range_capacity * sizeof(struct rt_bytes));
    rt_buffer_finish(&draft->made, draft->heap);
    *draft = (struct rt_log_draft){0};
}

size_t rt_log_describe(const struct rt_log_topic *topic,
                       uint64_t end,
                       uint32_t flags,
                       char body[RT_LOG_DESCRIPTION_MAX])
{
    RT_CHECK(topic->name.len <= RT_LOG_TOPIC_NAME_MAX);
    RT_CHECK(topic->state.len <= RT_LOG_STATE_MAX);
    struct rt_log_topic_head head = {.floor = topic->floor,
                                     .end = end,
                                     .bytes = topic->retention.bytes,
                                     .events = topic->retention.events,
                                     .age_ms = topic->retention.age_ms,
                                     .name_len = (uint16_t)topic->name.len,
                                     .state_len = (uint16_t)topic->state.len,
                                     .flags = flags};
    char *name = body + sizeof(head);
    memcpy(body, &head, sizeof(head));
    if (topic->name.len > 0) {
        memcpy(name, topic->name.data, topic->name.len);
    }
    if (topic->state.len > 0) {
        memcpy(name + topic->name.len, topic->state.data, topic->state.len);
    }
    return sizeof(head) + topic->name.len + topic->state.len;
}

static int reserve_parts(struct rt_log_draft *draft, uint32_t count)
{
    if (count <= draft->part_capacity) {
        return 0;
    }
    struct rt_log_part_head *parts =
        rt_heap_resize(draft->heap, draft->parts,
                       draft->part_capacity * sizeof(struct rt_log_part_head),
                       count * sizeof(struct rt_log_part_head));
    if (parts == NULL) {
        return RT_ENOMEM;
    }
    draft->parts = parts;
    draft->part_capacity = count;
    return 0;
}

static int reserve_ranges(struct rt_log_draft *draft, uint32_t part_count)
{
    uint32_t count = RANGES_OF_HEADS + RANGES_OF_PART * part_count;
    if (count <= draft->range_capacity) {
        return 0;
    }
    struct rt_bytes *ranges =
        rt_heap_resize(draft->heap, draft->ranges,
                       draft->range_capacity * sizeof(struct rt_bytes),
                       count * sizeof(struct rt_bytes));
    if (ranges == NULL) {
        return RT_ENOMEM;
    }
    draft->ranges = ranges;
    draft->range_capacity = count;
    return 0;
}

/* Of a part's body, what is made here. */
static size_t made_of(const struct rt_log_part *part)
{
    switch (part->kind) {
    case RT_LOG_TOPIC:
        return RT_LOG_DESCRIPTION_MAX;
    case RT_LOG_KEY:
        return sizeof(struct rt_log_key_head);
    default:
        return 0;
    }
}

/* It stays where it is while ranges point at it. */
static int reserve_made(struct rt_log_draft *draft,
                        const struct rt_log_batch *batch)
{
    size_t len = 0;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        len += made_of(&batch->parts[i]);
    }
    draft->made.len = 0;
    return len > 0 && rt_buffer_reserve(&draft->made, draft->heap, len) == NULL
               ? RT_ENOMEM
               : 0;
}

static int reserve(struct rt_log_draft *draft, const struct rt_log_batch *batch)
{
    int err = reserve_parts(draft, batch->part_count);
    if (err == 0) {
        err = reserve_ranges(draft, batch->part_count);
    }
    return err == 0 ? reserve_made(draft, batch) : err;
}

static void add_range(struct rt_log_draft *draft, struct rt_bytes bytes)
{
    if (bytes.len > 0) {
        draft->ranges[draft->range_count++] = bytes;
        draft->head.length += bytes.len;
    }
}

/* Adds a piece of the part's body. */
static void add_piece(struct rt_log_draft *draft,
                      struct rt_log_part_head *head,
                      struct rt_bytes piece)
{
    head->crc = rt_checksum(head->crc, piece.data, piece.len);
    head->length += piece.len;
    add_range(draft, piece);
}

static void add_events(struct rt_log_draft *draft,
                       struct rt_log_part_head *head,
                       const struct rt_log_events *events)
{
    RT_CHECK(events->count > 0);
    RT_CHECK(events->entries.len == events->count * sizeof(struct rt_entry));
    RT_CHECK(events->frames.len <= UINT32_MAX);
    head->offset = events->offset;
    head->count = events->count;
    head->frames = (uint32_t)events->frames.len;
    head->types = (uint32_t)events->types.len;
    head->type = events->type;
    head->start = events->start;
    add_piece(draft, head, events->entries);
    add_piece(draft, head, events->types);
    add_piece(draft, head, events->frames);
}

static void add_topic(struct rt_log_draft *draft,
                      struct rt_log_part_head *head,
                      const struct rt_log_topic *topic)
{
    char *body = draft->made.data + draft->made.len;
    size_t len = rt_log_describe(topic, 0, 0, body);
    draft->made.len += len;
    head->offset = topic->next_offset;
    add_piece(draft, head, (struct rt_bytes){body, len});
}

static void add_key(struct rt_log_draft *draft,
                    struct rt_log_part_head *head,
                    const struct rt_log_key_head *key,
                    struct rt_bytes state)
{
    char *made = draft->made.data + draft->made.len;
    memcpy(made, key, sizeof(*key));
    draft->made.len += sizeof(*key);
    add_piece(draft, head, (struct rt_bytes){made, sizeof(*key)});
    add_piece(draft, head, state);
}

static void add_part(struct rt_log_draft *draft,
                     struct rt_log_part_head *head,
                     const struct rt_log_part *part,
                     uint64_t wall_ms)
{
    static const char zeros[RT_LOG_GRAIN];
    *head = (struct rt_log_part_head){.kind = part->kind, .topic = part->topic};
    if (part->kind == RT_LOG_EVENTS) {
        add_events(draft, head, &part->events);
    } else if (part->kind == RT_LOG_TOPIC) {
        add_topic(draft, head, &part->description);
    } else if (part->kind == RT_LOG_KEY) {
        struct rt_log_key_head key = {.wall_ms = wall_ms,
                                      .length = (uint32_t)part->opaque.len};
        add_key(draft, head, &key, part->opaque);
    } else if (part->kind != RT_LOG_REMOVED) {
        add_piece(draft, head, part->opaque);
    }
    size_t padding = rt_log_padded(head->length) - head->length;
    add_range(draft, (struct rt_bytes){zeros, padding});
}

int rt_log_draft_fill(struct rt_log_draft *draft,
                      const struct rt_log_batch *batch)
{
    RT_CHECK(batch->part_count > 0 && batch->part_count <= RT_LOG_PARTS_MAX);
    int err = reserve(draft, batch);
    if (err < 0) {
        return err;
    }
    draft->head = (struct rt_log_batch_head){
        .sequence = batch->sequence,
        .part_count = batch->part_count,
        .flags = batch->is_end ? RT_LOG_FLAG_END : 0};
    size_t heads = batch->part_count * sizeof(struct rt_log_part_head);
    draft->range_count = 0;
    add_range(draft, (struct rt_bytes){(const char *)&draft->head,
                                       sizeof(draft->head)});
    add_range(draft, (struct rt_bytes){(const char *)draft->parts, heads});
    for (uint32_t i = 0; i < batch->part_count; i++) {
        add_part(draft, &draft->parts[i], &batch->parts[i], batch->wall_ms);
    }
    return 0;
}

void rt_log_draft_sign(struct rt_log_draft *draft,
                       const struct rt_log_segment_head *segment,
                       uint64_t number,
                       uint32_t chain)
{
    draft->head.log = segment->log;
    draft->head.segment = segment->number;
    draft->head.number = number;
    draft->head.chain = chain;
    uint32_t crc = rt_log_batch_crc_begin(&draft->head);
    for (uint32_t i = 0; i < draft->head.part_count; i++) {
        crc = rt_log_batch_crc_add(crc, &draft->parts[i]);
    }
    rt_log_batch_head_sign(&draft->head, crc);
}
