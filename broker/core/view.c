#include "broker/core/view.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

static uint64_t bytes_max(const struct rt_view *view)
{
    return view->stream.topic->ring.retention->bytes;
}

/* --- encoding --- */

/* Adds the next event to a block; returns whether there was room. */
static bool encode(struct rt_view *view, struct rt_block *block)
{
    struct rt_item item = rt_topic_item(view->stream.topic, block->end);
    return rt_block_add(block, view->blocks.format, block->end, &item);
}

static void extend(struct rt_view *view, struct rt_block *block, uint64_t end)
{
    while (block->end < end && encode(view, block)) {
    }
}

static size_t need_of(const struct rt_view *view, uint64_t offset)
{
    struct rt_item item = rt_topic_item(view->stream.topic, offset);
    return rt_block_need(view->blocks.format, &item);
}

/* What the events from an offset up to `end` need, as far as one block goes;
 * of one event, whatever it needs. */
static size_t
need_until(const struct rt_view *view, uint64_t offset, uint64_t end)
{
    size_t needed = need_of(view, offset);
    for (offset++; offset < end && needed < RT_BLOCK_SIZE_MAX; offset++) {
        size_t next = need_of(view, offset);
        if (needed + next > RT_BLOCK_SIZE_MAX) {
            break;
        }
        needed += next;
    }
    return needed;
}

/* A block for the events from an offset on, up to `end`. The last one will
 * grow, and so need not hold them all. */
static struct rt_block *
open_block(struct rt_view *view, uint64_t offset, uint64_t end)
{
    bool is_last = end == rt_stream_head(&view->stream);
    size_t needed =
        is_last ? need_of(view, offset) : need_until(view, offset, end);
    struct rt_block *block =
        rt_blocks_open(&view->blocks, offset, needed, is_last, bytes_max(view));
    if (block != NULL) {
        extend(view, block, end);
    }
    return block;
}

int rt_view_find(struct rt_view *view, uint64_t offset, struct rt_run *run)
{
    uint64_t head = rt_stream_head(&view->stream);
    uint64_t end = rt_topic_readable(view->stream.topic, offset);
    end = head < end ? head : end;
    struct rt_block *block = rt_blocks_seek(&view->blocks, offset, &end);
    if (block != NULL) {
        extend(view, block, end);
    }
    if (block == NULL || offset >= block->end) {
        block = open_block(view, offset, end);
    }
    if (block == NULL) {
        return RT_ENOMEM;
    }
    rt_blocks_touch(&view->blocks, block, view->stream.core->now_ms);
    *run = (struct rt_run){.segment = block->segment,
                           .index = (uint32_t)(offset - block->first),
                           .end = block->end};
    return 0;
}

/* --- the views of a topic --- */

/* What is on disk ends elsewhere. */
static const uint64_t *head_of(const struct rt_topic *topic, bool is_durable)
{
    return is_durable ? &topic->durable->next : &topic->ring.next_offset;
}

static struct rt_view *
view_create(struct rt_topic *topic, enum rt_format format, const uint64_t *head)
{
    struct rt_view *view =
        rt_heap_zalloc(topic->core->heap, sizeof(struct rt_view));
    if (view != NULL) {
        rt_stream_init(&view->stream, topic->core, head);
        rt_blocks_init(&view->blocks, &topic->core->block_room, format);
        view->stream.topic = topic;
        view->stream.view = format == RT_FORMAT_RAW ? NULL : view;
        view->next = topic->views;
        topic->views = view;
    }
    return view;
}

struct rt_view *
rt_view_obtain(struct rt_topic *topic, enum rt_format format, bool is_durable)
{
    const uint64_t *head = head_of(topic, is_durable);
    RT_CHECK(is_durable || format != RT_FORMAT_RAW);
    if (is_durable) {
        topic->core->journal->is_awaited = true;
    }
    for (struct rt_view *view = topic->views; view != NULL; view = view->next) {
        if (view->blocks.format == format && view->stream.head == head) {
            return view;
        }
    }
    return view_create(topic, format, head);
}

static void view_destroy(struct rt_view *view)
{
    struct rt_heap *heap = view->stream.core->heap;
    rt_blocks_finish(&view->blocks);
    rt_stream_finish(&view->stream);
    rt_heap_free(heap, view, sizeof(*view));
}

void rt_views_trim(struct rt_topic *topic)
{
    struct rt_view **link = &topic->views;
    while (*link != NULL) {
        struct rt_view *view = *link;
        if (view->stream.subscriber_count > 0) {
            rt_blocks_drop_idle(&view->blocks, topic->core->now_ms);
            link = &view->next;
        } else {
            *link = view->next;
            view_destroy(view);
        }
    }
}

void rt_view_validate(const struct rt_view *view)
{
    const struct rt_blocks *blocks = &view->blocks;
    rt_stream_validate(&view->stream);
    rt_blocks_validate(blocks);
    for (uint32_t i = 0; i < blocks->count; i++) {
        const struct rt_block *block = &blocks->blocks[i];
        RT_CHECK(block->end - block->first == block->segment->event_count);
        RT_CHECK(block->end <= rt_stream_head(&view->stream));
    }
}
