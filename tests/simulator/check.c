/* What must be true after each step. */
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define RETIRED_MAX (SINK_MAX + READER_MAX + TOPIC_MAX * RT_RESCUED_MAX)

/* --- topics --- */

static void check_topic(const struct world *world, const struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    EXPECT_INT(found != NULL, topic->exists);
    if (found == NULL) {
        return;
    }
    EXPECT_INT(found->epoch, topic->epoch);
    EXPECT_INT(found->is_closed, topic->is_closed);
    EXPECT_INT(found->raw.subscriber_count, topic->sink_count);
    EXPECT_INT(found->local_count, topic->local_count);
    EXPECT_INT(rt_topic_own_subscribers(found),
               topic->sink_count + topic->reader_count);
    EXPECT_INT(rt_topic_subscribers(found), topic->sink_count +
                                                topic->local_count +
                                                readers_of(world, topic));
    EXPECT_INT(rt_ring_latest(&found->ring), topic->latest);
    topic_expect_cursor(topic, rt_topic_latest(found), topic->latest);
    EXPECT_INT(rt_ring_earliest(&found->ring), topic_earliest(topic));
    EXPECT_INT(found->ring.bytes, topic->bytes);
    EXPECT_INT(found->ring.head, topic->head);
    EXPECT(!rt_list_is_empty(&found->raw.dirty) ||
           found->raw.active_count == 0 ||
           found->raw.floor == rt_stream_head(&found->raw));
}

/* --- memory --- */

static size_t add_once(const struct rt_segment **seen,
                       uint32_t *count,
                       const struct rt_segment *segment)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (seen[i] == segment) {
            return 0;
        }
    }
    seen[(*count)++] = segment;
    return rt_segment_size(segment->capacity);
}

/* Whether the ring it was in has it no more. */
static bool is_retired(const struct sink *sink)
{
    return !sink->topic->exists || sink->topic->birth != sink->birth ||
           sink->stall.held->first_offset < topic_earliest(sink->topic);
}

size_t check_retired_bytes(const struct world *world)
{
    const struct rt_segment *seen[RETIRED_MAX];
    uint32_t count = 0;
    size_t bytes = 0;
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->stall.held != NULL && is_retired(sink)) {
            bytes += add_once(seen, &count, sink->stall.held);
        }
    }
    for (int i = 0; i < READER_MAX; i++) {
        const struct rt_segment *held = world->readers[i].stall.held;
        if (held != NULL && held->is_retired) {
            bytes += add_once(seen, &count, held);
        }
    }
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct topic *topic = &world->topics[i];
        const struct rt_topic *found = world_find(world, topic);
        const struct rt_locals *locals = found == NULL ? NULL : found->locals;
        for (uint32_t j = 0; locals != NULL && j < locals->rescued_count; j++) {
            const struct rt_segment *rescued = locals->rescued[j];
            if (rescued->first_offset < topic_earliest(topic)) {
                bytes += add_once(seen, &count, rescued);
            }
        }
    }
    return bytes;
}

/* --- counters --- */

void check_counters(const struct world *world)
{
    const struct rt_counters *actual = &world->core.counters;
    const struct rt_counters *expected = &world->expected;
    EXPECT_INT(actual->events_produced, expected->events_produced);
    EXPECT_INT(actual->bytes_produced, expected->bytes_produced);
    EXPECT_INT(actual->events_refused, expected->events_refused);
    EXPECT_INT(actual->events_delivered, expected->events_delivered);
    EXPECT_INT(actual->bytes_delivered, expected->bytes_delivered);
    EXPECT_INT(actual->writes, expected->writes);
    EXPECT_INT(actual->stalls, expected->stalls);
    EXPECT(world->habits.is_silent ? actual->gaps >= expected->gaps
                                   : actual->gaps == expected->gaps);
    EXPECT_INT(actual->events_missed, expected->events_missed);
    for (int i = 0; i < RT_CLOSE_COUNT; i++) {
        EXPECT_INT(actual->closes[i], expected->closes[i]);
    }
    EXPECT_INT(world->core.sequence, world->sequence);
}

void check_sinks(struct world *world)
{
    for (int i = 0; i < SINK_MAX; i++) {
        sink_check(&world->sinks[i]);
    }
    for (int i = 0; i < READER_MAX; i++) {
        reader_check(&world->readers[i]);
    }
}

void check_all(struct world *world)
{
    rt_core_validate(&world->core);
    for (int i = 0; i < TOPIC_MAX; i++) {
        check_topic(world, &world->topics[i]);
    }
    check_sinks(world);
    for (int i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL) {
            local_check(world->locals[i]);
        }
    }
    check_counters(world);
    EXPECT_INT(world->core.store.retired_bytes, check_retired_bytes(world));
}
