#include "broker/core/topic.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "broker/core/local.h"

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
    rt_stream_init(&topic->raw, topic);
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
    RT_CHECK(!rt_topic_is_followed(topic));
    struct rt_core *core = topic->core;
    rt_tree_remove(&core->topics, &topic->leaf);
    rt_list_remove(&topic->link);
    core->topic_count--;
    rt_stream_finish(&topic->raw);
    rt_ring_finish(&topic->ring);
    rt_locals_destroy(core, topic->locals);
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

void rt_topic_mark(struct rt_topic *topic)
{
    rt_stream_mark_dirty(&topic->raw);
    rt_locals_mark(topic);
}

bool rt_topic_is_congested(const struct rt_topic *topic)
{
    uint64_t bytes = topic->ring.retention->bytes / RT_CONGESTION_PART;
    return rt_stream_is_congested(&topic->raw) ||
           rt_locals_are_behind(topic, bytes);
}

bool rt_topic_is_followed(const struct rt_topic *topic)
{
    return topic->raw.subscriber_count + topic->local_count > 0;
}

void rt_topic_validate(const struct rt_topic *topic)
{
    rt_ring_validate(&topic->ring);
    rt_stream_validate(&topic->raw);
}
