#include "broker/core/selection.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/follower.h"
#include "broker/core/topic.h"

_Static_assert(RT_FORMAT_COUNT <= 10, "a format is one digit of a key");

#define KEY_BYTES_MAX (1 + RT_SELECTOR_BYTES_MAX)

static struct rt_follower *follower_of(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_follower, in_selection);
}

/* --- begin and end --- */

static size_t selection_size(uint32_t pattern_count, size_t key_len)
{
    return sizeof(struct rt_selection) +
           pattern_count * sizeof(struct rt_selection_pattern) + key_len;
}

static void selection_destroy(struct rt_selection *selection)
{
    struct rt_core *core = selection->stream.core;
    while (!rt_list_is_empty(&selection->followers)) {
        rt_follower_destroy(follower_of(selection->followers.next));
    }
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        rt_matcher_remove(&core->matcher, &selection->patterns[i].entry);
    }
    rt_tree_remove(&core->selections, &selection->leaf);
    rt_list_remove(&selection->link);
    rt_blocks_finish(&selection->blocks);
    rt_merge_finish(&selection->merge);
    rt_stream_finish(&selection->stream);
    rt_heap_free(
        core->heap, selection,
        selection_size(selection->pattern_count, selection->leaf.key.len));
}

/* The patterns are those of the key, which is the selection's own. */
static void set_patterns(struct rt_selection *selection)
{
    struct rt_bytes rest = {selection->leaf.key.data + 1,
                            selection->leaf.key.len - 1};
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        selection->patterns[i] = (struct rt_selection_pattern){
            .selection = selection, .text = rt_bytes_split(&rest, ',')};
        selection->has_wildcards =
            selection->has_wildcards ||
            rt_pattern_has_wildcards(selection->patterns[i].text);
    }
}

static void selection_init(struct rt_selection *selection,
                           struct rt_core *core,
                           uint32_t pattern_count,
                           struct rt_bytes key)
{
    char *text = (char *)(selection->patterns + pattern_count);
    *selection = (struct rt_selection){.head = core->sequence + 1,
                                       .pattern_count = pattern_count};
    memcpy(text, key.data, key.len);
    selection->leaf.key = (struct rt_bytes){text, key.len};
    set_patterns(selection);
    rt_stream_init(&selection->stream, core, &selection->head);
    selection->stream.selection = selection;
    rt_blocks_init(&selection->blocks, &core->store,
                   (enum rt_format)(key.data[0] - '0'));
    rt_merge_init(&selection->merge, core->heap);
    rt_list_init(&selection->followers);
    rt_list_init(&selection->dropped);
    rt_list_init(&selection->link);
}

static struct rt_selection *selection_create(struct rt_core *core,
                                             uint32_t pattern_count,
                                             struct rt_bytes key)
{
    size_t size = selection_size(pattern_count, key.len);
    struct rt_selection *selection = rt_heap_is_low(core->heap, size)
                                         ? NULL
                                         : rt_heap_alloc(core->heap, size);
    if (selection == NULL) {
        return NULL;
    }
    selection_init(selection, core, pattern_count, key);
    if (rt_tree_insert(&core->selections, &selection->leaf) < 0) {
        rt_heap_free(core->heap, selection, size);
        return NULL;
    }
    rt_list_append(&core->selection_list, &selection->link);
    return selection;
}

/* --- which topics it has --- */

static int add_patterns(struct rt_selection *selection)
{
    struct rt_core *core = selection->stream.core;
    int err = 0;
    for (uint32_t i = 0; i < selection->pattern_count && err == 0; i++) {
        struct rt_selection_pattern *pattern = &selection->patterns[i];
        err = rt_matcher_add(&core->matcher, pattern->text, &pattern->entry);
    }
    return err;
}

bool rt_selection_has(const struct rt_selection *selection,
                      struct rt_bytes topic)
{
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        if (rt_pattern_matches(selection->patterns[i].text, topic)) {
            return true;
        }
    }
    return false;
}

static int follow_matching(struct rt_selection *selection)
{
    struct rt_core *core = selection->stream.core;
    int err = 0;
    RT_LIST_EACH (link, &core->topic_list) {
        struct rt_topic *topic = RT_CONTAINER(link, struct rt_topic, link);
        if (err == 0 && rt_selection_has(selection, topic->leaf.key)) {
            err = rt_follower_create(selection, topic);
        }
    }
    return err;
}

static int follow_named(struct rt_selection *selection)
{
    const struct rt_core *core = selection->stream.core;
    int err = 0;
    for (uint32_t i = 0; i < selection->pattern_count && err == 0; i++) {
        struct rt_topic *topic =
            rt_topic_find(core, selection->patterns[i].text);
        err = topic == NULL ? 0 : rt_follower_create(selection, topic);
    }
    return err;
}

/* The followers in the order of what happened last in their topics. */
static void sort_followers(struct rt_selection *selection)
{
    struct rt_merge *merge = &selection->merge;
    while (!rt_list_is_empty(&selection->followers)) {
        struct rt_follower *follower = follower_of(selection->followers.next);
        rt_list_remove(&follower->in_selection);
        rt_merge_push(merge, (struct rt_merge_item){
                                 .sequence = rt_topic_sequence(follower->topic),
                                 .follower = follower});
    }
    while (merge->count > 0) {
        struct rt_follower *oldest = rt_merge_first(merge).follower;
        rt_merge_pop(merge);
        rt_list_prepend(&selection->followers, &oldest->in_selection);
    }
}

static int follow(struct rt_selection *selection)
{
    int err = add_patterns(selection);
    if (err == 0) {
        err = selection->has_wildcards ? follow_matching(selection)
                                       : follow_named(selection);
    }
    if (err == 0) {
        sort_followers(selection);
    }
    return err;
}

struct rt_selection *rt_selection_obtain(struct rt_core *core,
                                         const struct rt_selector *selector,
                                         enum rt_format format)
{
    char memory[KEY_BYTES_MAX];
    struct rt_writer writer;
    RT_CHECK(format != RT_FORMAT_RAW);
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_u64(&writer, (uint64_t)format);
    rt_selector_write(&writer, selector);
    struct rt_bytes key = rt_writer_bytes(&writer);
    struct rt_tree_leaf *leaf = rt_tree_find(&core->selections, key);
    if (leaf != NULL) {
        return RT_CONTAINER(leaf, struct rt_selection, leaf);
    }
    struct rt_selection *selection =
        selection_create(core, selector->count, key);
    if (selection != NULL && follow(selection) < 0) {
        selection_destroy(selection);
        return NULL;
    }
    return selection;
}

bool rt_selection_is_of(const struct rt_selection *selection,
                        const struct rt_selector *selector)
{
    bool is_same = selection->pattern_count == selector->count;
    for (uint32_t i = 0; is_same && i < selector->count; i++) {
        is_same =
            rt_bytes_equal(selection->patterns[i].text, selector->patterns[i]);
    }
    return is_same;
}

bool rt_selection_is_closed(const struct rt_selection *selection)
{
    return !selection->has_wildcards &&
           selection->closed_count == selection->pattern_count;
}

bool rt_selection_names(const struct rt_selection *selection,
                        struct rt_bytes topic)
{
    bool is_found = false;
    for (uint32_t i = 0; i < selection->pattern_count && !is_found; i++) {
        is_found = rt_bytes_equal(selection->patterns[i].text, topic);
    }
    return is_found;
}

void rt_selection_touch(const struct rt_selection *selection)
{
    const struct rt_core *core = selection->stream.core;
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        struct rt_topic *topic =
            rt_topic_find(core, selection->patterns[i].text);
        if (topic != NULL) {
            topic->touched_ms = core->now_ms;
        }
    }
}

void rt_selection_selector(const struct rt_selection *selection,
                           struct rt_selector *selector)
{
    selector->count = selection->pattern_count;
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        selector->patterns[i] = selection->patterns[i].text;
    }
}

void rt_selections_trim(struct rt_core *core)
{
    struct rt_list *link = core->selection_list.next;
    while (link != &core->selection_list) {
        struct rt_selection *selection =
            RT_CONTAINER(link, struct rt_selection, link);
        link = link->next;
        if (selection->stream.subscriber_count > 0) {
            rt_blocks_drop_idle(&selection->blocks, core->now_ms);
        } else {
            selection_destroy(selection);
        }
    }
}

void rt_selections_finish(struct rt_core *core)
{
    while (!rt_list_is_empty(&core->selection_list)) {
        selection_destroy(
            RT_LIST_FIRST(&core->selection_list, struct rt_selection, link));
    }
}

/* --- merging --- */

/* Begins to merge what topics have from a sequence on. Returns how many were
 * looked at: those where anything happened since. */
static uint32_t merge_from(struct rt_selection *selection, uint64_t sequence)
{
    uint32_t topics = 0;
    selection->merge.count = 0;
    RT_LIST_EACH (link, &selection->followers) {
        struct rt_follower *follower = follower_of(link);
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

static struct rt_run run_from(const struct rt_selection *selection,
                              const struct rt_block *block,
                              uint64_t sequence)
{
    if (!has_event(block, sequence)) {
        return (struct rt_run){0};
    }
    block->segment->touched_ms = selection->stream.core->now_ms;
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

/* --- what must be true --- */

static void validate_followers(const struct rt_selection *selection)
{
    uint64_t newest = UINT64_MAX;
    uint32_t count = 0;
    uint32_t closed = 0;
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_follower *follower = follower_of(link);
        const struct rt_ring *ring = &follower->topic->ring;
        RT_CHECK(follower->selection == selection);
        RT_CHECK(rt_selection_has(selection, follower->topic->leaf.key));
        uint64_t sequence = rt_topic_sequence(follower->topic);
        RT_CHECK(sequence <= newest && sequence < selection->head);
        RT_CHECK(ring->dropped_sequence == follower->dropped_sequence);
        RT_CHECK(follower->dropped_sequence <= selection->dropped_sequence);
        newest = sequence;
        closed += follower->topic->is_closed;
        count++;
    }
    RT_CHECK(count == selection->follower_count);
    RT_CHECK(count <= selection->merge.capacity);
    RT_CHECK(closed == selection->closed_count);
}

static void validate_drops(const struct rt_selection *selection)
{
    uint64_t drop = 0;
    RT_LIST_EACH (link, &selection->dropped) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_dropped);
        RT_CHECK(follower->drop > drop);
        drop = follower->drop;
    }
    RT_CHECK(drop <= selection->stream.core->drops);
}

void rt_selection_validate(const struct rt_selection *selection)
{
    rt_stream_validate(&selection->stream);
    rt_blocks_validate(&selection->blocks);
    validate_followers(selection);
    validate_drops(selection);
    RT_CHECK(selection->head <= selection->stream.core->sequence + 1);
}
