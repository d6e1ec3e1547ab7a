#include "broker/core/topic.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "broker/core/local.h"
#include "broker/core/view.h"
#include "protocol/ws_frame.h"

static size_t topic_size(size_t name_len)
{
    return sizeof(struct rt_topic) + name_len + 1;
}

struct rt_topic *rt_topic_find(const struct rt_core *core, struct rt_bytes name)
{
    struct rt_tree_leaf *leaf = rt_tree_find(&core->topics, name);
    return leaf == NULL ? NULL : RT_CONTAINER(leaf, struct rt_topic, leaf);
}

static void
topic_init(struct rt_topic *topic, struct rt_core *core, struct rt_bytes name)
{
    *topic = (struct rt_topic){.core = core,
                               .epoch = core->options.random(),
                               .touched_ms = core->now_ms};
    memcpy(topic->name, name.data, name.len);
    topic->name[name.len] = '\0';
    topic->leaf.key = (struct rt_bytes){topic->name, name.len};
    rt_ring_init(&topic->ring, &core->store, &core->options.retention);
    rt_list_init(&topic->link);
    rt_list_init(&topic->followers);
    rt_stream_init(&topic->raw, core, &topic->ring.next_offset);
    topic->raw.topic = topic;
}

/* What there is that has to do with all topics. */
static int join(struct rt_topic *topic)
{
    struct rt_journal *journal = topic->core->journal;
    int err = journal != NULL ? rt_journal_add(journal, topic) : 0;
    if (err == 0) {
        err = rt_followers_join(topic);
    }
    if (err < 0) {
        rt_journal_remove(topic);
    }
    return err;
}

static struct rt_topic *topic_create(struct rt_core *core, struct rt_bytes name)
{
    size_t kept = core->heap->limit / RT_TOPICS_KEEP_PART;
    if (rt_heap_is_low(core->heap, topic_size(name.len) + kept)) {
        return NULL;
    }
    struct rt_topic *topic = rt_heap_alloc(core->heap, topic_size(name.len));
    if (topic == NULL) {
        return NULL;
    }
    topic_init(topic, core, name);
    if (rt_tree_insert(&core->topics, &topic->leaf) < 0) {
        rt_heap_free(core->heap, topic, topic_size(name.len));
        return NULL;
    }
    if (join(topic) < 0) {
        rt_tree_remove(&core->topics, &topic->leaf);
        rt_heap_free(core->heap, topic, topic_size(name.len));
        return NULL;
    }
    rt_list_append(&core->topic_list, &topic->link);
    core->topic_count++;
    return topic;
}

struct rt_topic *rt_topic_obtain(struct rt_core *core, struct rt_bytes name)
{
    struct rt_topic *topic = rt_topic_find(core, name);
    return topic != NULL ? topic : topic_create(core, name);
}

/* Of all topics that are gone only the most is remembered, or whoever names new
 * ones without end would fill the memory. */
static void remember_removed(const struct rt_topic *topic)
{
    const struct rt_ring *ring = &topic->ring;
    struct rt_removed *removed = &topic->core->removed;
    if (ring->sequence == 0) {
        return;
    }
    if (ring->sequence > removed->sequence) {
        removed->sequence = ring->sequence;
    }
    if (ring->wall_ms > removed->wall_ms) {
        removed->wall_ms = ring->wall_ms;
    }
    removed->drop = ++topic->core->drops;
}

uint32_t rt_topic_own_subscribers(const struct rt_topic *topic)
{
    uint32_t count = topic->raw.subscriber_count;
    for (const struct rt_view *view = topic->views; view != NULL;
         view = view->next) {
        count += view->stream.subscriber_count;
    }
    return count;
}

/* Apart from followers. */
static uint32_t count_alone(const struct rt_topic *topic)
{
    return rt_topic_own_subscribers(topic) + topic->local_count;
}

void rt_topic_destroy(struct rt_topic *topic)
{
    RT_CHECK(count_alone(topic) == 0);
    struct rt_core *core = topic->core;
    remember_removed(topic);
    rt_followers_leave(topic);
    rt_journal_remove(topic);
    rt_tree_remove(&core->topics, &topic->leaf);
    rt_list_remove(&topic->link);
    core->topic_count--;
    rt_views_trim(topic);
    rt_stream_finish(&topic->raw);
    rt_ring_finish(&topic->ring);
    rt_locals_destroy(core, topic->locals);
    rt_heap_free(core->heap, topic->retention, sizeof(struct rt_retention));
    rt_heap_free(core->heap, topic, topic_size(topic->leaf.key.len));
}

void rt_topic_undo(struct rt_topic *topic, uint32_t topic_count)
{
    if (topic != NULL && topic->core->topic_count > topic_count) {
        rt_topic_destroy(topic);
    }
}

struct rt_cursor rt_topic_cursor(const struct rt_topic *topic, uint64_t offset)
{
    if (RT_UNLIKELY(offset < topic->base)) {
        uint64_t base = offset < topic->old_base ? offset : topic->old_base;
        return (struct rt_cursor){topic->old_epoch, offset - base};
    }
    return (struct rt_cursor){topic->epoch, offset - topic->base};
}

struct rt_cursor rt_topic_earliest(const struct rt_topic *topic)
{
    return rt_topic_cursor(topic, rt_history_earliest(topic));
}

struct rt_cursor rt_topic_latest(const struct rt_topic *topic)
{
    return rt_topic_cursor(topic, rt_ring_latest(&topic->ring));
}

uint64_t rt_topic_first(const struct rt_topic *topic)
{
    return topic->base + 1;
}

uint64_t rt_topic_offset(const struct rt_topic *topic, struct rt_cursor cursor)
{
    return topic->base + cursor.offset;
}

bool rt_topic_is_purged(const struct rt_topic *topic, uint64_t offset)
{
    return offset <= topic->base;
}

enum rt_ack rt_topic_ack(const struct rt_topic *topic)
{
    const struct rt_core *core = topic->core;
    if (core->journal == NULL) {
        return RT_ACK_UNSAID;
    }
    return topic->ack != RT_ACK_UNSAID ? topic->ack : core->options.ack;
}

struct rt_receipt rt_topic_receipt(const struct rt_topic *topic,
                                   uint64_t offset)
{
    const struct rt_core *core = topic->core;
    struct rt_receipt receipt = {
        .cursor = rt_topic_cursor(topic, offset),
        .wall_ms = topic->ring.wall_ms,
        .is_congested = rt_topic_is_congested(topic),
    };
    if (RT_UNLIKELY(core->journal != NULL)) {
        receipt.ack = rt_topic_ack(topic);
        receipt.ticket = rt_journal_ticket(core->journal);
    }
    return receipt;
}

static const struct rt_segment *find_segment(const struct rt_topic *topic,
                                             uint64_t offset)
{
    return offset >= rt_ring_earliest(&topic->ring)
               ? rt_ring_find(&topic->ring, offset)
               : rt_history_find(topic, offset);
}

uint64_t rt_topic_readable(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_segment *segment = NULL;
    if (offset < rt_ring_earliest(&topic->ring)) {
        segment = rt_history_find(topic, offset);
    }
    return segment == NULL ? topic->ring.next_offset
                           : segment->first_offset + segment->event_count;
}

struct rt_item rt_topic_item(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_segment *segment = find_segment(topic, offset);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    return rt_topic_item_in(topic, segment, index, offset);
}

struct rt_item rt_topic_item_in(const struct rt_topic *topic,
                                const struct rt_segment *segment,
                                uint32_t index,
                                uint64_t offset)
{
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

static void mark_views(struct rt_topic *topic, bool is_durable)
{
    for (struct rt_view *view = topic->views; view != NULL; view = view->next) {
        if (rt_stream_is_durable(&view->stream) == is_durable) {
            rt_stream_mark_dirty(&view->stream);
        }
    }
}

void rt_topic_mark_durable(struct rt_topic *topic)
{
    mark_views(topic, true);
}

bool rt_topic_is_seen_on_disk(const struct rt_topic *topic)
{
    const struct rt_view *view = topic->views;
    while (view != NULL && !rt_stream_is_durable(&view->stream)) {
        view = view->next;
    }
    return view != NULL || rt_followers_are_durable(topic);
}

void rt_topic_mark(struct rt_topic *topic, uint64_t first)
{
    rt_stream_mark_dirty(&topic->raw);
    mark_views(topic, false);
    rt_locals_mark(topic, first);
    rt_followers_mark(topic);
}

struct rt_stream *
rt_topic_stream(struct rt_topic *topic, enum rt_format format, bool is_durable)
{
    if (format == RT_FORMAT_RAW && !is_durable) {
        return &topic->raw;
    }
    struct rt_view *view = rt_view_obtain(topic, format, is_durable);
    return view == NULL ? NULL : &view->stream;
}

static void protect(struct rt_stream *stream, size_t len)
{
    const struct rt_topic *topic = stream->topic;
    if (!rt_list_is_empty(&stream->dirty) &&
        rt_ring_endangers(&topic->ring, stream->floor, topic->core->now_ms,
                          len)) {
        rt_stream_finish_pass(stream);
    }
}

void rt_topic_protect(struct rt_topic *topic, size_t len)
{
    protect(&topic->raw, len);
    for (struct rt_view *view = topic->views; view != NULL; view = view->next) {
        protect(&view->stream, len);
    }
    rt_locals_protect(topic, len);
    rt_followers_protect(topic, len);
}

uint64_t rt_topic_floor(const struct rt_topic *topic)
{
    uint64_t locals = rt_locals_floor(topic);
    uint64_t floor = locals < topic->raw.floor ? locals : topic->raw.floor;
    for (const struct rt_view *view = topic->views; view != NULL;
         view = view->next) {
        floor = view->stream.floor < floor ? view->stream.floor : floor;
    }
    uint64_t followers = rt_followers_floor(topic);
    floor = followers < floor ? followers : floor;
    uint64_t unwritten = rt_journal_floor(topic);
    return unwritten < floor ? unwritten : floor;
}

static bool has_congested_view(const struct rt_topic *topic)
{
    const struct rt_view *view = topic->views;
    while (view != NULL && !rt_stream_is_congested(&view->stream)) {
        view = view->next;
    }
    return view != NULL;
}

bool rt_topic_is_congested(const struct rt_topic *topic)
{
    return rt_stream_is_congested(&topic->raw) || has_congested_view(topic) ||
           rt_locals_are_behind(topic) || rt_followers_are_behind(topic) ||
           rt_journal_is_behind(topic->core->journal);
}

uint64_t rt_topic_congestion(const struct rt_topic *topic)
{
    return topic->ring.retention->bytes / RT_CONGESTION_PART;
}

uint32_t rt_topic_subscribers(const struct rt_topic *topic)
{
    return count_alone(topic) + rt_followers_subscribers(topic);
}

bool rt_topic_is_wanted(const struct rt_topic *topic)
{
    return count_alone(topic) > 0 || rt_followers_want(topic);
}

bool rt_topic_is_plain(const struct rt_topic *topic)
{
    return !topic->is_closed && topic->retention == NULL &&
           topic->ack == RT_ACK_UNSAID && rt_journal_keeps_all(topic) &&
           (!rt_journal_knows(topic) || rt_journal_has_nothing(topic));
}

void rt_topic_validate(const struct rt_topic *topic)
{
    RT_CHECK(topic->old_base <= topic->base);
    RT_CHECK(topic->base < topic->ring.next_offset);
    rt_ring_validate(&topic->ring);
    rt_stream_validate(&topic->raw);
    for (const struct rt_view *view = topic->views; view != NULL;
         view = view->next) {
        rt_view_validate(view);
    }
}
