/* The events of a selection, merged and encoded when somebody comes to them. */
#include "base/check.h"
#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/excerpt.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"

/* --- merging --- */

/* An excerpt's next event stands in the merge among those of followers. */
static struct rt_merge_item excerpt_item(const struct rt_excerpt *excerpt,
                                         uint32_t place)
{
    uint64_t sequence = excerpt->events[place].sequence;
    return (struct rt_merge_item){.sequence = sequence, .offset = place};
}

/* The first place from one on whose event was not purged since it was read;
 * `count` if there is none. */
static uint32_t skip_purged(const struct rt_excerpt *excerpt, uint32_t place)
{
    while (place < excerpt->count) {
        const struct rt_excerpt_event *event = &excerpt->events[place];
        if (!rt_topic_is_purged(event->follower->topic, event->offset)) {
            break;
        }
        place++;
    }
    return place;
}

/* Begins to merge what rings have from a sequence on. Returns how many topics
 * were looked at: those where anything happened since. */
static uint32_t merge_rings(struct rt_selection *selection, uint64_t sequence)
{
    uint32_t topics = 0;
    RT_LIST_EACH (link, &selection->followers) {
        struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        const struct rt_topic *topic = follower->topic;
        if (rt_topic_sequence(topic) < sequence) {
            break;
        }
        uint64_t offset = rt_ring_offset_from(&topic->ring, sequence);
        if (rt_follower_has(follower, offset, sequence)) {
            rt_merge_push(&selection->merge,
                          rt_follower_item(follower, offset));
        }
        topics++;
    }
    return topics;
}

/* The same with an excerpt: what the rings have as well comes once. They may
 * have what the disk has no more. */
static uint32_t merge_excerpt(struct rt_selection *selection, uint64_t sequence)
{
    const struct rt_excerpt *excerpt = selection->excerpt;
    uint32_t place = skip_purged(excerpt, rt_excerpt_place(excerpt, sequence));
    if (place < excerpt->count) {
        rt_merge_push(&selection->merge, excerpt_item(excerpt, place));
    }
    return merge_rings(selection, sequence);
}

static bool is_merged(const struct rt_selection *selection, uint64_t end)
{
    return selection->merge.count == 0 ||
           rt_merge_first(&selection->merge).sequence >= end;
}

/* Replaces the first item by what comes behind it in the excerpt. */
static void merge_next_in_excerpt(struct rt_selection *selection,
                                  const struct rt_merge_item *item)
{
    const struct rt_excerpt *excerpt = selection->excerpt;
    uint32_t place = skip_purged(excerpt, (uint32_t)item->offset + 1);
    if (place < excerpt->count) {
        rt_merge_replace(&selection->merge, excerpt_item(excerpt, place));
    } else {
        rt_merge_pop(&selection->merge);
    }
}

static void merge_next(struct rt_selection *selection)
{
    struct rt_merge *merge = &selection->merge;
    struct rt_merge_item item = rt_merge_first(merge);
    if (item.follower == NULL) {
        merge_next_in_excerpt(selection, &item);
    } else if (rt_follower_has(item.follower, item.offset + 1, item.sequence)) {
        rt_merge_replace(merge,
                         rt_follower_item(item.follower, item.offset + 1));
    } else {
        rt_merge_pop(merge);
    }
}

/* --- encoding --- */

/* What is encoded of a topic: an event, or its closing. */
struct piece {
    uint64_t sequence;
    bool is_closing;
    struct rt_item item;
    struct rt_bytes closing; /* encoded */
    char memory[RT_NOTICE_BYTES_MAX];
};

static struct rt_item item_of(const struct rt_selection *selection,
                              const struct rt_merge_item *first)
{
    const struct rt_excerpt *excerpt = selection->excerpt;
    if (first->follower != NULL) {
        return rt_topic_item(first->follower->topic, first->offset);
    }
    const struct rt_excerpt_event *event = &excerpt->events[first->offset];
    return rt_topic_item_in(event->follower->topic, excerpt->segment,
                            event->index, event->offset);
}

static void take_first(const struct rt_selection *selection,
                       struct piece *piece)
{
    struct rt_merge_item first = rt_merge_first(&selection->merge);
    piece->sequence = first.sequence;
    piece->is_closing =
        first.follower != NULL && rt_follower_is_closing(&first);
    if (piece->is_closing) {
        piece->closing = rt_closing_encode(
            first.follower->topic, selection->blocks.format, piece->memory);
        return;
    }
    piece->item = item_of(selection, &first);
    piece->item.has_resume = true;
    piece->item.resume =
        (struct rt_cursor){selection->stream.core->epoch, first.sequence};
}

static size_t need_of(enum rt_format format, const struct piece *piece)
{
    return piece->is_closing ? piece->closing.len + sizeof(struct rt_entry)
                             : rt_block_need(format, &piece->item);
}

static bool
add(struct rt_block *block, enum rt_format format, const struct piece *piece)
{
    return piece->is_closing
               ? rt_block_append(block, piece->sequence, piece->closing)
               : rt_block_add(block, format, piece->sequence, &piece->item);
}

/* Encodes what is merged up to `end`, as far as there is room. Of a number that
 * comes twice the first one counts. */
static void
fill(struct rt_selection *selection, struct rt_block *block, uint64_t end)
{
    struct piece piece;
    while (!is_merged(selection, end)) {
        take_first(selection, &piece);
        bool is_new = piece.sequence >= block->end;
        if (is_new && !add(block, selection->blocks.format, &piece)) {
            return;
        }
        merge_next(selection);
    }
    block->end = end;
}

/* A block for what is merged, from a sequence on. */
static struct rt_block *
open_block(struct rt_selection *selection, uint64_t first, uint64_t end)
{
    struct piece piece;
    take_first(selection, &piece);
    struct rt_block *block = rt_blocks_open(
        &selection->blocks, first, need_of(selection->blocks.format, &piece),
        true, selection->stream.core->options.retention.bytes);
    if (block != NULL) {
        fill(selection, block, end);
    }
    return block;
}

/* Whether the block has an event of that sequence or a later one. */
static bool has_event(const struct rt_block *block, uint64_t sequence)
{
    return block != NULL &&
           rt_block_index(block, sequence) < block->segment->event_count;
}

static struct rt_run run_from(struct rt_selection *selection,
                              const struct rt_block *block,
                              uint64_t sequence)
{
    if (!has_event(block, sequence)) {
        return (struct rt_run){0};
    }
    rt_blocks_touch(&selection->blocks, block, selection->stream.core->now_ms);
    return (struct rt_run){.segment = block->segment,
                           .index = rt_block_index(block, sequence),
                           .end = block->end};
}

/* Encodes what is merged, up to `end`: to the end of *block, and if that has
 * no room for an event of that sequence or a later one, into another. */
static int extend(struct rt_selection *selection,
                  uint64_t sequence,
                  uint64_t end,
                  struct rt_block **block)
{
    uint64_t from = sequence;
    if (*block != NULL) {
        fill(selection, *block, end);
        from = (*block)->end;
    }
    if (has_event(*block, sequence) || is_merged(selection, end)) {
        return 0;
    }
    *block = open_block(selection, from, end);
    return *block == NULL ? RT_ENOMEM : 0;
}

/* Begins to merge what there is from a sequence on, and lowers *end to where
 * that ends: at once, if it is away. Returns how many topics were looked at. */
static uint32_t
begin_merge(struct rt_selection *selection, uint64_t sequence, uint64_t *end)
{
    selection->merge.count = 0;
    if (!rt_excerpt_is_needed(selection, sequence)) {
        return merge_rings(selection, sequence);
    }
    selection->excerpt = rt_excerpt_find(selection, sequence);
    if (selection->excerpt == NULL) {
        *end = sequence;
        return 0;
    }
    *end = *end < selection->excerpt->end ? *end : selection->excerpt->end;
    return merge_excerpt(selection, sequence);
}

bool rt_selection_is_away(const struct rt_selection *selection,
                          uint64_t sequence)
{
    uint64_t end = rt_stream_head(&selection->stream);
    if (!rt_excerpt_is_needed(selection, sequence)) {
        return false;
    }
    const struct rt_block *block =
        rt_blocks_seek(&selection->blocks, sequence, &end);
    bool is_encoded = block != NULL && block->end > sequence;
    return !is_encoded && rt_excerpt_find(selection, sequence) == NULL;
}

int rt_selection_find(struct rt_selection *selection,
                      uint64_t sequence,
                      struct rt_run *run)
{
    uint64_t end = rt_stream_head(&selection->stream);
    uint32_t topics = 0;
    struct rt_block *block = rt_blocks_seek(&selection->blocks, sequence, &end);
    uint64_t from = block == NULL ? sequence : block->end;
    if (!has_event(block, sequence) && from < end) {
        topics = begin_merge(selection, from, &end);
        int err = extend(selection, sequence, end, &block);
        if (err < 0) {
            return err;
        }
    }
    *run = run_from(selection, block, sequence);
    run->end = run->segment == NULL ? end : run->end;
    run->topics = topics;
    return 0;
}
