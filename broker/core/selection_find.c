/* The events of a selection, merged and encoded when somebody comes to them. */
#include "base/check.h"
#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"

/* --- merging --- */

/* Begins to merge what topics have from a sequence on. Returns how many were
 * looked at: those where anything happened since. */
static uint32_t merge_from(struct rt_selection *selection, uint64_t sequence)
{
    uint32_t topics = 0;
    selection->merge.count = 0;
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

static bool is_merged(const struct rt_selection *selection, uint64_t end)
{
    return selection->merge.count == 0 ||
           rt_merge_first(&selection->merge).sequence >= end;
}

static void merge_next(struct rt_merge *merge)
{
    struct rt_merge_item item = rt_merge_first(merge);
    if (rt_follower_has(item.follower, item.offset + 1, item.sequence)) {
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

static void take_first(const struct rt_selection *selection,
                       struct piece *piece)
{
    struct rt_merge_item first = rt_merge_first(&selection->merge);
    const struct rt_topic *topic = first.follower->topic;
    piece->sequence = first.sequence;
    piece->is_closing = rt_follower_is_closing(&first);
    if (piece->is_closing) {
        piece->closing =
            rt_closing_encode(topic, selection->blocks.format, piece->memory);
        return;
    }
    piece->item = rt_topic_item(topic, first.offset);
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

/* Encodes what is merged up to `end`, as far as there is room. */
static void
fill(struct rt_selection *selection, struct rt_block *block, uint64_t end)
{
    struct piece piece;
    while (!is_merged(selection, end)) {
        take_first(selection, &piece);
        if (!add(block, selection->blocks.format, &piece)) {
            return;
        }
        merge_next(&selection->merge);
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

int rt_selection_find(struct rt_selection *selection,
                      uint64_t sequence,
                      struct rt_run *run)
{
    uint64_t end = selection->head;
    uint32_t topics = 0;
    struct rt_block *block = rt_blocks_seek(&selection->blocks, sequence, &end);
    uint64_t from = block == NULL ? sequence : block->end;
    if (!has_event(block, sequence) && from < end) {
        topics = merge_from(selection, from);
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
