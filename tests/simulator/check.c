/* What must be true, after each step and around the core's greater calls. */
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define RETIRED_MAX (SINK_MAX + TOPIC_MAX * RT_RESCUED_MAX)

/* The units of one write, the largest. */
#define WRITE_UNITS_MAX \
    (2 +                \
     (RT_WRITE_BYTES_MAX + RT_SEGMENT_SIZE_MAX + PAYLOAD_MAX) / RT_UNIT_BYTES)

/* --- topics --- */

static bool is_dirty(const struct rt_topic *found)
{
    return !rt_list_is_empty(&found->dirty);
}

static bool has_ready(const struct rt_topic *found)
{
    return found->locals != NULL && !rt_list_is_empty(&found->locals->ready);
}

static void check_topic(const struct world *world, const struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    EXPECT_INT(found != NULL, topic->exists);
    if (found == NULL) {
        return;
    }
    EXPECT_INT(found->epoch, topic->epoch);
    EXPECT_INT(found->subscriber_count, topic->sink_count);
    EXPECT_INT(found->local_count, topic->local_count);
    EXPECT_INT(rt_ring_latest(&found->ring), topic->latest);
    EXPECT_INT(rt_ring_earliest(&found->ring), topic_earliest(topic));
    EXPECT_INT(found->ring.bytes, topic->bytes);
    EXPECT_INT(found->ring.head, topic->head);
    EXPECT(is_dirty(found) || found->active_count == 0 ||
           found->floor == found->ring.head);
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
    return !sink->topic->exists || sink->topic->epoch != sink->epoch ||
           sink->held->first_offset < topic_earliest(sink->topic);
}

/* The memory of blocks that no ring has, but somebody. */
static size_t retired_bytes(const struct world *world)
{
    const struct rt_segment *seen[RETIRED_MAX];
    uint32_t count = 0;
    size_t bytes = 0;
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->held != NULL && is_retired(sink)) {
            bytes += add_once(seen, &count, sink->held);
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

static void check_counters(const struct world *world)
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
    EXPECT_INT(actual->gaps, expected->gaps);
    EXPECT_INT(actual->events_missed, expected->events_missed);
    for (int i = 0; i < RT_CLOSE_COUNT; i++) {
        EXPECT_INT(actual->closes[i], expected->closes[i]);
    }
    EXPECT_INT(world->core.sequence, expected->events_produced);
}

static void check_sinks(struct world *world)
{
    for (int i = 0; i < SINK_MAX; i++) {
        sink_check(&world->sinks[i]);
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
    EXPECT_INT(world->core.store.retired_bytes, retired_bytes(world));
}

/* --- the fan-out --- */

/* The one that has been blocked longest, and is not marked yet. */
static struct sink *longest_blocked(struct world *world)
{
    struct sink *longest = NULL;
    for (int i = 0; i < SINK_MAX; i++) {
        struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN && sink->held != NULL && !sink->is_shed &&
            !sink->is_slow &&
            (longest == NULL || sink->blocked_at < longest->blocked_at)) {
            longest = sink;
        }
    }
    return longest;
}

static uint64_t units_done(const struct world *world)
{
    const struct rt_counters *counters = &world->core.counters;
    return counters->writes + counters->bytes_delivered / RT_UNIT_BYTES;
}

void check_before_flush(struct world *world)
{
    size_t max = world->memory.heap.limit / RT_RETIRED_PART;
    size_t retired = retired_bytes(world);
    struct sink *sink = longest_blocked(world);
    while (retired > max && sink != NULL) {
        sink->is_shed = true;
        retired -=
            retired < RT_SEGMENT_SIZE_MAX ? retired : RT_SEGMENT_SIZE_MAX;
        sink = longest_blocked(world);
    }
    world->units_before = units_done(world);
}

void check_after_flush(struct world *world, bool has_more)
{
    check_sinks(world);
    EXPECT(units_done(world) - world->units_before <
           RT_SLICE_UNITS + RT_QUANTUM_UNITS + 2 * WRITE_UNITS_MAX);
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN) {
            EXPECT(!sink->is_shed);
            EXPECT(has_more || sink->held != NULL ||
                   sink->handed == sink->topic->latest);
        }
    }
    check_counters(world);
}

void check_before_flush_small(struct world *world)
{
    world->is_small_flush = true;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct rt_topic *found = world_find(world, &world->topics[i]);
        world->topics[i].is_big =
            found != NULL && found->active_count > RT_FANOUT_SMALL;
    }
}

void check_after_flush_small(struct world *world)
{
    world->is_small_flush = false;
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->subscriber.state == RT_SUBSCRIBER_ACTIVE) {
            EXPECT(sink->topic->is_big || sink->handed == sink->topic->latest);
        }
    }
}

void check_after_deliver(struct world *world, bool has_more)
{
    EXPECT(world->events_handed < RT_DELIVERY_EVENTS + RT_DELIVERY_QUANTUM);
    for (int i = 0; i < LOCAL_MAX && !has_more; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->local.state == RT_LOCAL_FOLLOWING) {
            EXPECT(!local->gap.is_gap);
            EXPECT_INT(local->next, local->topic->latest + 1);
        }
    }
    for (int i = 0; i < TOPIC_MAX && !has_more; i++) {
        topic_calm(&world->topics[i]);
    }
}

/* --- the tick --- */

static void mark_slow(struct world *world, struct sink *sink)
{
    if (sink->queued.len >= sink->blocked_len) {
        sink->is_slow = true;
        return;
    }
    sink->blocked_ms = world->now_ms;
    sink->blocked_len = sink->queued.len;
    sink->blocked_at = ++world->order;
}

void check_before_tick(struct world *world)
{
    uint64_t timeout_ms = world->core.options.stall_timeout_ms;
    struct sink *sink = longest_blocked(world);
    while (sink != NULL && world->now_ms - sink->blocked_ms > timeout_ms) {
        mark_slow(world, sink);
        sink = longest_blocked(world);
    }
}

/* Whether somebody who has kept up still waits for events of the block. */
static bool is_wanted(const struct world *world,
                      const struct topic *topic,
                      const struct block *block)
{
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN && sink->topic == topic &&
            sink->has_kept_up && sink->handed < block->last) {
            return true;
        }
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->topic == topic && local->has_kept_up &&
            local->next <= block->last) {
            return true;
        }
    }
    return false;
}

/* Old blocks are dropped, but what a fan-out under way may still need: that
 * may be kept, and what somebody does need must be. */
static void expire(struct world *world, struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    bool may_linger = found != NULL && (is_dirty(found) || has_ready(found));
    const struct block *block = topic_oldest(topic);
    while (block != NULL &&
           world->now_ms - block->touched_ms > world->retention.age_ms) {
        if (may_linger && rt_ring_earliest(&found->ring) <= block->first) {
            return;
        }
        EXPECT(!is_wanted(world, topic, block));
        topic_drop(topic);
        block = topic_oldest(topic);
    }
}

void check_after_tick(struct world *world)
{
    for (int i = 0; i < SINK_MAX; i++) {
        EXPECT(!world->sinks[i].is_slow || world->sinks[i].state != SINK_OPEN);
    }
    for (int i = 0; i < TOPIC_MAX; i++) {
        struct topic *topic = &world->topics[i];
        if (topic->exists) {
            expire(world, topic);
            if (topic->sink_count + topic->local_count == 0 &&
                topic_oldest(topic) == NULL &&
                world->now_ms - topic->touched_ms > RT_TOPIC_IDLE_MS) {
                world_say(world, "%.4s is gone", topic->name.data);
                topic_end(topic);
            }
        }
    }
}

/* --- receipts --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The bytes that whoever has kept up waits for: of the slowest connection of
 * many, or of the slowest local, index included. */
static uint64_t bytes_behind(const struct world *world,
                             const struct topic *topic)
{
    uint64_t sent = topic->latest;
    uint64_t next = topic->latest + 1;
    for (int i = 0; i < SINK_MAX && topic->is_big; i++) {
        const struct sink *sink = &world->sinks[i];
        bool is_active = sink->subscriber.state == RT_SUBSCRIBER_ACTIVE;
        sent = is_active && sink->topic == topic ? smaller(sent, sink->handed)
                                                 : sent;
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->topic == topic && local->has_kept_up) {
            next = smaller(next, local->next);
        }
    }
    uint64_t earliest = topic_earliest(topic);
    next = next < earliest ? earliest : next;
    uint64_t to_sinks = topic->head - topic_position(topic, sent + 1);
    uint64_t to_locals = topic->head - topic_position(topic, next) +
                         (topic->latest + 1 - next) * sizeof(struct rt_entry);
    return to_sinks > to_locals ? to_sinks : to_locals;
}

void check_receipt(struct world *world,
                   struct topic *topic,
                   const struct rt_receipt *receipt)
{
    const struct rt_topic *found = world_find(world, topic);
    uint64_t part = world->retention.bytes / RT_CONGESTION_PART;
    EXPECT_INT(receipt->cursor.epoch, topic->epoch);
    EXPECT_INT(receipt->cursor.offset, topic->latest);
    EXPECT_INT(receipt->wall_ms, topic_event(topic, topic->latest)->wall_ms);
    EXPECT_INT(receipt->is_congested,
               rt_core_is_congested(&world->core, topic->name));
    topic->is_big = found->active_count > RT_FANOUT_SMALL;
    EXPECT(receipt->is_congested || bytes_behind(world, topic) <= part);
    EXPECT(!receipt->is_congested || has_ready(found) ||
           (topic->is_big && is_dirty(found)));
}
