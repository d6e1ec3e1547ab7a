#include "broker/core/topic.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/local.h"
#include "broker/core/subscriber.h"

#define ACTIVE_MIN 4

static size_t topic_size(size_t name_len)
{
    return sizeof(struct rt_topic) + name_len + 1;
}

static size_t active_size(uint32_t count)
{
    return count * sizeof(struct rt_active);
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
    rt_list_init(&topic->dirty);
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
    rt_list_append(&core->topic_list, &topic->link);
    core->topic_count++;
    return topic;
}

struct rt_topic *rt_topic_obtain(struct rt_core *core, struct rt_bytes name)
{
    struct rt_topic *topic = rt_topic_find(core, name);
    return topic != NULL ? topic : topic_create(core, name);
}

void rt_topic_destroy(struct rt_topic *topic)
{
    RT_CHECK(topic->subscriber_count + topic->local_count == 0);
    struct rt_core *core = topic->core;
    rt_tree_remove(&core->topics, &topic->leaf);
    rt_list_remove(&topic->link);
    rt_list_remove(&topic->dirty);
    core->topic_count--;
    rt_ring_finish(&topic->ring);
    rt_locals_destroy(core, topic->locals);
    rt_heap_free(core->heap, topic->active,
                 active_size(topic->active_capacity));
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
    return (struct rt_cursor){topic->epoch, offset};
}

void rt_topic_mark_dirty(struct rt_topic *topic)
{
    if (topic->active_count == 0) {
        topic->floor = topic->ring.head;
        return;
    }
    if (rt_list_is_empty(&topic->dirty)) {
        topic->pass_next = 0;
        topic->pass_head = topic->ring.head;
        rt_list_append(&topic->core->dirty, &topic->dirty);
    }
}

bool rt_topic_is_congested(const struct rt_topic *topic)
{
    uint64_t bytes = topic->ring.retention->bytes / RT_CONGESTION_PART;
    return (topic->active_count > RT_FANOUT_SMALL &&
            topic->ring.head - topic->floor > bytes) ||
           rt_locals_are_behind(topic, bytes);
}

static int resize_active(struct rt_topic *topic, uint32_t capacity)
{
    struct rt_active *active = rt_heap_resize(
        topic->core->heap, topic->active, active_size(topic->active_capacity),
        active_size(capacity));
    if (active == NULL) {
        return RT_ENOMEM;
    }
    topic->active = active;
    topic->active_capacity = capacity;
    return 0;
}

int rt_topic_reserve(struct rt_topic *topic)
{
    if (topic->subscriber_count < topic->active_capacity) {
        return 0;
    }
    uint32_t doubled = topic->active_capacity * 2;
    return resize_active(topic, doubled < ACTIVE_MIN ? ACTIVE_MIN : doubled);
}

static void place(struct rt_topic *topic, uint32_t slot, struct rt_active entry)
{
    topic->active[slot] = entry;
    entry.subscriber->slot = slot;
}

void rt_topic_activate(struct rt_topic *topic, struct rt_subscriber *subscriber)
{
    RT_CHECK(topic->active_count < topic->active_capacity);
    struct rt_active entry = {subscriber, subscriber->position};
    place(topic, topic->active_count++, entry);
}

/*
 * The hole is filled from the end. In the middle of a pass the last entry has
 * not been visited yet, so a hole among the visited ones is filled with the
 * last visited one, and only then is that one's place filled from the end.
 */
void rt_topic_deactivate(struct rt_topic *topic,
                         struct rt_subscriber *subscriber)
{
    uint32_t hole = subscriber->slot;
    RT_CHECK(hole < topic->active_count);
    RT_CHECK(topic->active[hole].subscriber == subscriber);
    if (hole < topic->pass_next) {
        uint32_t last_visited = --topic->pass_next;
        place(topic, hole, topic->active[last_visited]);
        hole = last_visited;
    }
    uint32_t last = --topic->active_count;
    if (hole != last) {
        place(topic, hole, topic->active[last]);
    }
}

void rt_topic_validate(const struct rt_topic *topic)
{
    rt_ring_validate(&topic->ring);
    RT_CHECK(topic->active_count <= topic->subscriber_count);
    RT_CHECK(topic->subscriber_count <= topic->active_capacity);
    RT_CHECK(topic->pass_next <= topic->active_count);
    bool is_dirty = !rt_list_is_empty(&topic->dirty);
    for (uint32_t i = 0; i < topic->active_count; i++) {
        const struct rt_active *active = &topic->active[i];
        RT_CHECK(active->subscriber->state == RT_SUBSCRIBER_ACTIVE);
        RT_CHECK(active->subscriber->slot == i);
        RT_CHECK(active->subscriber->topic == topic);
        RT_CHECK(active->position >= rt_ring_low(&topic->ring));
        RT_CHECK(active->position >= topic->floor);
        RT_CHECK(is_dirty || active->position == topic->ring.head);
    }
}
