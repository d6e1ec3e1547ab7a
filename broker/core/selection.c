#include "broker/core/selection.h"

#include <string.h>

#include "base/check.h"
#include "broker/core/closing.h"
#include "broker/core/excerpt.h"
#include "broker/core/follower.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

_Static_assert(RT_FORMAT_COUNT <= 10, "a format is one digit of a key");

/* A digit each for the format and for whether it is of what is on disk; and the
 * patterns. */
#define KEY_DIGITS    2
#define KEY_BYTES_MAX (KEY_DIGITS + RT_SELECTOR_BYTES_MAX)

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
    rt_excerpts_forget(selection, UINT64_MAX);
    while (!rt_list_is_empty(&selection->followers)) {
        rt_follower_destroy(follower_of(selection->followers.next));
    }
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        rt_matcher_remove(&core->matcher, &selection->patterns[i].entry);
    }
    rt_tree_remove(&core->selections, &selection->leaf);
    rt_list_remove(&selection->link);
    rt_list_remove(&selection->durable);
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
    struct rt_bytes rest = {selection->leaf.key.data + KEY_DIGITS,
                            selection->leaf.key.len - KEY_DIGITS};
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        selection->patterns[i] = (struct rt_selection_pattern){
            .selection = selection, .text = rt_bytes_split(&rest, ',')};
        selection->has_wildcards =
            selection->has_wildcards ||
            rt_pattern_has_wildcards(selection->patterns[i].text);
    }
}

/* What is on disk ends elsewhere. */
static void show(struct rt_selection *selection)
{
    uint64_t written = selection->stream.core->journal->sequence + 1;
    selection->shown = written < selection->head ? written : selection->head;
}

static void init_stream(struct rt_selection *selection,
                        struct rt_core *core,
                        bool is_durable)
{
    selection->stream.core = core;
    rt_list_init(&selection->durable);
    if (is_durable) {
        show(selection);
    }
    rt_stream_init(&selection->stream, core,
                   is_durable ? &selection->shown : &selection->head);
    selection->stream.selection = selection;
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
    init_stream(selection, core, key.data[1] == '1');
    rt_blocks_init(&selection->blocks, &core->block_room,
                   (enum rt_format)(key.data[0] - '0'));
    rt_merge_init(&selection->merge, core->heap);
    rt_list_init(&selection->followers);
    rt_list_init(&selection->lost);
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
    if (rt_selection_is_durable(selection)) {
        rt_list_append(&core->durable_list, &selection->durable);
    }
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

static void note_match(struct rt_matcher_entry *entry, void *context)
{
    bool *is_matched = context;
    (void)entry;
    *is_matched = true;
}

static int follow_matched(struct rt_selection *selection,
                          const struct rt_matcher *matcher)
{
    int err = 0;
    RT_LIST_EACH (link, &selection->stream.core->topic_list) {
        struct rt_topic *topic = RT_CONTAINER(link, struct rt_topic, link);
        bool is_matched = false;
        rt_matcher_match(matcher, topic->leaf.key, note_match, &is_matched);
        err = is_matched ? rt_follower_create(selection, topic) : 0;
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* Whatever the number of patterns, each topic is matched once: in a matcher of
 * their own, for that of the core has those of all selections. */
static int follow_matching(struct rt_selection *selection)
{
    struct rt_matcher_entry entries[RT_SELECTOR_PATTERNS_MAX] = {0};
    struct rt_matcher matcher;
    int err = 0;
    rt_matcher_init(&matcher, selection->stream.core->heap);
    for (uint32_t i = 0; i < selection->pattern_count && err == 0; i++) {
        err =
            rt_matcher_add(&matcher, selection->patterns[i].text, &entries[i]);
    }
    if (err == 0) {
        err = follow_matched(selection, &matcher);
    }
    for (uint32_t i = 0; i < selection->pattern_count; i++) {
        rt_matcher_remove(&matcher, &entries[i]);
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
                                         enum rt_format format,
                                         bool is_durable)
{
    char memory[KEY_BYTES_MAX];
    struct rt_writer writer;
    RT_CHECK(format != RT_FORMAT_RAW);
    if (is_durable) {
        core->journal->is_awaited = true;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_u64(&writer, (uint64_t)format);
    rt_write_u64(&writer, is_durable ? 1 : 0);
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
           selection->closed_count == selection->pattern_count &&
           rt_stream_head(&selection->stream) == selection->head;
}

bool rt_selection_is_durable(const struct rt_selection *selection)
{
    return selection->stream.head == &selection->shown;
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

void rt_selection_lose(struct rt_selection *selection, uint64_t sequence)
{
    if (sequence > selection->damaged_sequence) {
        selection->damaged_sequence = sequence;
        selection->damaged_drop = ++selection->stream.core->drops;
    }
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

void rt_selections_show(struct rt_core *core)
{
    RT_LIST_EACH (link, &core->durable_list) {
        struct rt_selection *selection =
            RT_CONTAINER(link, struct rt_selection, durable);
        uint64_t shown = selection->shown;
        show(selection);
        if (selection->shown > shown) {
            rt_stream_mark_dirty(&selection->stream);
        }
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
        RT_CHECK(follower->dropped_sequence <= selection->dropped_sequence ||
                 follower->dropped_sequence <=
                     follower->topic->purged_sequence);
        RT_CHECK(follower->lost_sequence <= selection->lost_sequence);
        newest = sequence;
        closed += follower->topic->is_closed;
        count++;
    }
    RT_CHECK(count == selection->follower_count);
    RT_CHECK(count <= selection->merge.capacity);
    RT_CHECK(closed == selection->closed_count);
}

static void validate_losses(const struct rt_selection *selection)
{
    uint64_t drop = 0;
    RT_LIST_EACH (link, &selection->lost) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_lost);
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
    validate_losses(selection);
    RT_CHECK(selection->head <= selection->stream.core->sequence + 1);
    RT_CHECK(selection->shown <= selection->head);
}
