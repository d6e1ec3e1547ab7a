#include "broker/core/view.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"
#include "storage/ring.h"

#define BLOCKS_FIRST 4
#define ALIGNMENT    _Alignof(struct rt_entry)

/* --- blocks --- */

static uint64_t end_of(const struct rt_segment *block)
{
    return block->first_offset + block->event_count;
}

static struct rt_store *store_of(const struct rt_view *view)
{
    return &rt_stream_core(&view->stream)->store;
}

static void drop_block(struct rt_view *view, uint32_t number)
{
    struct rt_segment *block = view->blocks[number];
    view->block_count--;
    memmove(view->blocks + number, view->blocks + number + 1,
            (view->block_count - number) * sizeof(struct rt_segment *));
    view->bytes -= rt_segment_size(block->capacity);
    rt_segment_retire(store_of(view), block);
}

static int reserve_slot(struct rt_view *view)
{
    if (view->block_count < view->block_capacity) {
        return 0;
    }
    uint32_t capacity =
        view->block_capacity == 0 ? BLOCKS_FIRST : view->block_capacity * 2;
    struct rt_segment **blocks =
        rt_heap_resize(store_of(view)->heap, view->blocks,
                       view->block_capacity * sizeof(struct rt_segment *),
                       capacity * sizeof(struct rt_segment *));
    if (blocks == NULL) {
        return RT_ENOMEM;
    }
    view->blocks = blocks;
    view->block_capacity = capacity;
    return 0;
}

/* The number of the first block that begins behind an offset. */
static uint32_t number_after(const struct rt_view *view, uint64_t offset)
{
    uint32_t low = 0;
    uint32_t high = view->block_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (view->blocks[middle]->first_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- encoding --- */

static struct rt_item item_of(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_segment *segment = rt_ring_find(&topic->ring, offset);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    const struct rt_entry *entry = rt_segment_entry(segment, index);
    uint32_t end = rt_segment_start(segment, index + 1);
    struct rt_bytes frame = {(const char *)segment->bytes + entry->start,
                             end - entry->start};
    return (struct rt_item){
        .topic = topic->leaf.key,
        .cursor = rt_topic_cursor(topic, offset),
        .wall_ms = entry->wall_ms,
        .type = rt_segment_type(segment, entry),
        .content = (enum rt_content)entry->content,
        .payload = rt_frame_payload(frame),
    };
}

static size_t size_of(const struct rt_view *view, uint64_t offset)
{
    struct rt_item item = item_of(view->stream.topic, offset);
    return rt_format_size(view->format, &item);
}

/* Adds the next event to a block; returns whether there was room. */
static bool encode(struct rt_view *view, struct rt_segment *block)
{
    struct rt_item item = item_of(view->stream.topic, end_of(block));
    size_t len = rt_format_size(view->format, &item);
    struct rt_writer writer;
    if (!rt_segment_has_room(block, len)) {
        return false;
    }
    rt_writer_init(&writer, rt_segment_extend(block, len, (struct rt_entry){0}),
                   len);
    rt_format_write(&writer, view->format, &item);
    RT_CHECK(!writer.overflowed && writer.at == writer.end);
    return true;
}

static void extend(struct rt_view *view, struct rt_segment *block, uint64_t end)
{
    while (end_of(block) < end && encode(view, block)) {
    }
}

/* What the events from an offset up to `end` take, as far as one block goes;
 * of one event, whatever it takes. */
static size_t
capacity_for(const struct rt_view *view, uint64_t offset, uint64_t end)
{
    size_t capacity = size_of(view, offset) + sizeof(struct rt_entry);
    for (offset++; offset < end && capacity < RT_VIEW_BLOCK_MAX; offset++) {
        size_t next = size_of(view, offset) + sizeof(struct rt_entry);
        if (capacity + next > RT_VIEW_BLOCK_MAX) {
            break;
        }
        capacity += next;
    }
    return capacity;
}

/* The last block will grow, and has twice the size of the one before it. */
static size_t room_to_grow(const struct rt_view *view)
{
    size_t before = view->block_count == 0
                        ? RT_VIEW_BLOCK_FIRST / 2
                        : view->blocks[view->block_count - 1]->capacity;
    return before < RT_VIEW_BLOCK_MAX / 2 ? before * 2 : RT_VIEW_BLOCK_MAX;
}

/* Makes room in the budget of the view: what was not looked at for longest
 * goes. */
static void shed(struct rt_view *view, size_t capacity)
{
    uint64_t max = view->stream.topic->ring.retention->bytes;
    while (view->block_count > 0 &&
           view->bytes + rt_segment_size(capacity) > max) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < view->block_count; i++) {
            if (view->blocks[i]->touched_ms <
                view->blocks[oldest]->touched_ms) {
                oldest = i;
            }
        }
        drop_block(view, oldest);
    }
}

/* A block for the events from an offset on, up to `end`. */
static struct rt_segment *
open_block(struct rt_view *view, uint64_t offset, uint64_t end)
{
    size_t capacity = capacity_for(view, offset, end);
    bool is_last = end == rt_stream_head(&view->stream);
    if (is_last && capacity < room_to_grow(view)) {
        capacity = room_to_grow(view);
    }
    capacity = (capacity + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    shed(view, capacity);
    if (reserve_slot(view) < 0) {
        return NULL;
    }
    struct rt_segment *block = rt_segment_create(store_of(view), capacity);
    if (block == NULL) {
        return NULL;
    }
    block->first_offset = offset;
    uint32_t number = number_after(view, offset);
    memmove(view->blocks + number + 1, view->blocks + number,
            (view->block_count - number) * sizeof(struct rt_segment *));
    view->blocks[number] = block;
    view->block_count++;
    view->bytes += rt_segment_size(capacity);
    extend(view, block, end);
    return block;
}

struct rt_segment *rt_view_find(struct rt_view *view, uint64_t offset)
{
    uint32_t after = number_after(view, offset);
    uint64_t end = after < view->block_count ? view->blocks[after]->first_offset
                                             : rt_stream_head(&view->stream);
    struct rt_segment *block = after == 0 ? NULL : view->blocks[after - 1];
    if (block != NULL && offset <= end_of(block)) {
        extend(view, block, end);
    }
    if (block == NULL || offset >= end_of(block)) {
        block = open_block(view, offset, end);
    }
    if (block != NULL) {
        block->touched_ms = rt_stream_core(&view->stream)->now_ms;
    }
    return block;
}

static void drop_idle_blocks(struct rt_view *view)
{
    uint64_t now_ms = rt_stream_core(&view->stream)->now_ms;
    uint64_t earliest = rt_ring_earliest(&view->stream.topic->ring);
    for (uint32_t i = view->block_count; i > 0; i--) {
        const struct rt_segment *block = view->blocks[i - 1];
        if (end_of(block) <= earliest ||
            now_ms - block->touched_ms > RT_VIEW_IDLE_MS) {
            drop_block(view, i - 1);
        }
    }
}

/* --- the views of a topic --- */

static struct rt_view *view_create(struct rt_topic *topic,
                                   enum rt_format format)
{
    struct rt_view *view =
        rt_heap_zalloc(topic->core->heap, sizeof(struct rt_view));
    if (view != NULL) {
        rt_stream_init(&view->stream, topic);
        view->stream.view = view;
        view->format = format;
        view->next = topic->views;
        topic->views = view;
    }
    return view;
}

struct rt_view *rt_view_obtain(struct rt_topic *topic, enum rt_format format)
{
    RT_CHECK(format != RT_FORMAT_RAW);
    for (struct rt_view *view = topic->views; view != NULL; view = view->next) {
        if (view->format == format) {
            return view;
        }
    }
    return view_create(topic, format);
}

static void view_destroy(struct rt_view *view)
{
    struct rt_heap *heap = store_of(view)->heap;
    while (view->block_count > 0) {
        drop_block(view, view->block_count - 1);
    }
    rt_heap_free(heap, view->blocks,
                 view->block_capacity * sizeof(struct rt_segment *));
    rt_stream_finish(&view->stream);
    rt_heap_free(heap, view, sizeof(*view));
}

void rt_views_trim(struct rt_topic *topic)
{
    struct rt_view **link = &topic->views;
    while (*link != NULL) {
        struct rt_view *view = *link;
        if (view->stream.subscriber_count > 0) {
            drop_idle_blocks(view);
            link = &view->next;
        } else {
            *link = view->next;
            view_destroy(view);
        }
    }
}

void rt_view_validate(const struct rt_view *view)
{
    size_t bytes = 0;
    uint64_t offset = 0;
    rt_stream_validate(&view->stream);
    for (uint32_t i = 0; i < view->block_count; i++) {
        const struct rt_segment *block = view->blocks[i];
        RT_CHECK(block->event_count > 0 && block->references > 0);
        RT_CHECK(block->first_offset >= offset);
        offset = end_of(block);
        bytes += rt_segment_size(block->capacity);
    }
    RT_CHECK(offset <= rt_stream_head(&view->stream));
    RT_CHECK(bytes == view->bytes);
}
