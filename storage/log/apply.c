#include "storage/log/apply.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

static int admit_topic(struct rt_log *log, const struct rt_log_part *part)
{
    if (rt_log_index_shelf(&log->index, part->topic) != NULL) {
        return 0;
    }
    RT_CHECK(part->topic >= log->next_topic);
    return rt_log_index_add(&log->index, part->topic, part->description.name) ==
                   NULL
               ? RT_ENOMEM
               : 0;
}

static int admit_events(struct rt_log *log, uint64_t topic)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    RT_CHECK(shelf != NULL && shelf->state <= RT_LOG_SHELF_SOUND);
    return rt_log_index_reserve(&log->index, shelf);
}

int rt_log_admit(struct rt_log *log, const struct rt_log_part *part)
{
    switch (part->kind) {
    case RT_LOG_TOPIC:
        return admit_topic(log, part);
    case RT_LOG_EVENTS:
        return admit_events(log, part->topic);
    case RT_LOG_KEY:
        return rt_log_keys_reserve(&log->keys, part->opaque.len);
    case RT_LOG_NODE:
        RT_CHECK(part->opaque.len <= RT_LOG_NODE_MAX);
        return 0;
    default:
        return 0;
    }
}

static void withdraw_topic(struct rt_log *log, uint64_t topic)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    if (shelf != NULL && shelf->state == RT_LOG_SHELF_NEW) {
        rt_log_index_lock(&log->index);
        rt_log_index_remove(&log->index, shelf);
        rt_log_index_unlock(&log->index);
    }
}

void rt_log_withdraw(struct rt_log *log, const struct rt_log_part *part)
{
    if (part->kind == RT_LOG_TOPIC) {
        withdraw_topic(log, part->topic);
    } else if (part->kind == RT_LOG_KEY) {
        rt_log_keys_release(&log->keys);
    }
}

static void apply_topic(struct rt_log *log, const struct rt_log_part *part)
{
    const struct rt_log_topic *topic = &part->description;
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, part->topic);
    if (shelf->state == RT_LOG_SHELF_NEW) {
        shelf->state = RT_LOG_SHELF_SOUND;
    }
    RT_CHECK(topic->next_offset >= shelf->next_offset);
    shelf->next_offset = topic->next_offset;
    shelf->retention = topic->retention;
    shelf->state_len = (uint8_t)topic->state.len;
    if (topic->state.len > 0) {
        memcpy(shelf->opaque, topic->state.data, topic->state.len);
    }
    rt_log_shelf_raise(shelf, topic->floor);
    if (part->topic >= log->next_topic) {
        log->next_topic = part->topic + 1;
    }
}

struct rt_log_span rt_log_span_of(const struct rt_log_events *events,
                                  uint64_t position,
                                  uint64_t length)
{
    struct rt_entry newest;
    memcpy(&newest, events->entries.data, sizeof(newest));
    return (struct rt_log_span){.position = position,
                                .before = events->offset,
                                .first = events->offset,
                                .last = events->offset + events->count - 1,
                                .bytes = length,
                                .wall_ms = newest.wall_ms,
                                .sequence = newest.sequence};
}

static void add_span(struct rt_log *log,
                     uint64_t topic,
                     uint64_t segment,
                     struct rt_log_span *span)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    if (shelf == NULL) {
        return; /* the same batch has removed it */
    }
    RT_CHECK(span->first == shelf->next_offset);
    span->before = shelf->end;
    if (rt_log_shelf_add(shelf, segment, span)) {
        log->tail.place_count++;
    }
}

static void apply_node(struct rt_log *log, struct rt_bytes state)
{
    log->node_len = (uint32_t)state.len;
    if (state.len > 0) {
        memcpy(log->node, state.data, state.len);
    }
}

static void apply_removal(struct rt_log *log, uint64_t topic)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    if (shelf != NULL) {
        rt_log_index_remove(&log->index, shelf);
    }
}

void rt_log_apply(struct rt_log *log,
                  const struct rt_log_part *part,
                  const struct rt_log_origin *origin,
                  uint64_t length)
{
    struct rt_log_span span;
    switch (part->kind) {
    case RT_LOG_EVENTS:
        span = rt_log_span_of(&part->events, origin->position, length);
        add_span(log, part->topic, origin->segment, &span);
        break;
    case RT_LOG_TOPIC:
        apply_topic(log, part);
        break;
    case RT_LOG_REMOVED:
        apply_removal(log, part->topic);
        break;
    case RT_LOG_NODE:
        apply_node(log, part->opaque);
        break;
    case RT_LOG_KEY:
        rt_log_keys_add(&log->keys,
                        &(struct rt_log_key){origin->wall_ms, part->opaque});
        break;
    }
}
