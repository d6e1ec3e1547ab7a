/* The core's greater calls, with what must be true before and after each. */
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define ROUNDS_MAX 100000 /* more flushes than anything needs */

/* The units of one write, the largest. */
#define WRITE_UNITS_MAX \
    (2 +                \
     (RT_WRITE_BYTES_MAX + RT_SEGMENT_SIZE_MAX + PAYLOAD_MAX) / RT_UNIT_BYTES)

static bool is_dirty(const struct rt_topic *found)
{
    return !rt_list_is_empty(&found->raw.dirty);
}

static bool has_ready(const struct rt_topic *found)
{
    return found->locals != NULL && !rt_list_is_empty(&found->locals->ready);
}

/* --- the fan-out --- */

/* Of two, the one that has been blocked longer, and is not marked yet. */
static struct stall *
longer(struct stall *longest, enum sink_state state, struct stall *stall)
{
    bool is_blocked = state == SINK_OPEN && stall->queued.len > 0;
    if (!is_blocked || stall->is_shed || stall->is_slow) {
        return longest;
    }
    return longest == NULL || stall->order < longest->order ? stall : longest;
}

static struct stall *longest_blocked(struct world *world)
{
    struct stall *longest = NULL;
    for (int i = 0; i < SINK_MAX; i++) {
        struct sink *sink = &world->sinks[i];
        longest = longer(longest, sink->state, &sink->stall);
    }
    for (int i = 0; i < READER_MAX; i++) {
        struct reader *reader = &world->readers[i];
        longest = longer(longest, reader->state, &reader->stall);
    }
    return longest;
}

static uint64_t units_done(const struct world *world)
{
    const struct rt_counters *counters = &world->core.counters;
    return counters->writes + counters->bytes_delivered / RT_UNIT_BYTES;
}

/* Whether the topic's next turn begins with a write. */
static bool is_waiting(const struct world *world, const struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    return found != NULL && is_dirty(found) &&
           found->raw.pass_next < found->raw.active_count &&
           found->raw.active[found->raw.pass_next].offset <
               rt_stream_head(&found->raw) &&
           !topic_is_purged(topic,
                            found->raw.active[found->raw.pass_next].offset);
}

/* No topic has a second turn before each that waits had one. */
static void expect_fair(const struct world *world)
{
    bool is_any_left = false;
    uint64_t most = 0;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct topic *topic = &world->topics[i];
        is_any_left = is_any_left || (topic->is_waiting && topic->units == 0);
        most = topic->units > most ? topic->units : most;
    }
    EXPECT(!is_any_left || most < RT_QUANTUM_UNITS + WRITE_UNITS_MAX);
}

/* Who must be closed for what only stalled connections keep in memory. */
static void mark_shed(struct world *world)
{
    size_t max = world->chance.memory.heap.limit / RT_RETIRED_PART;
    size_t retired = check_retired_bytes(world);
    struct stall *stall = longest_blocked(world);
    while (retired > max && stall != NULL) {
        stall->is_shed = true;
        retired -=
            retired < RT_SEGMENT_SIZE_MAX ? retired : RT_SEGMENT_SIZE_MAX;
        stall = longest_blocked(world);
    }
}

static void before_flush(struct world *world)
{
    mark_shed(world);
    world->units_before = units_done(world);
    for (int i = 0; i < TOPIC_MAX; i++) {
        struct topic *topic = &world->topics[i];
        topic->units = 0;
        topic->is_waiting = is_waiting(world, topic);
    }
}

static void after_flush(struct world *world, bool has_more)
{
    check_sinks(world);
    EXPECT(units_done(world) - world->units_before <
           RT_SLICE_UNITS + RT_QUANTUM_UNITS + 2 * WRITE_UNITS_MAX);
    expect_fair(world);
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN) {
            EXPECT(!sink->stall.is_shed);
            EXPECT(has_more || sink->stall.held != NULL ||
                   (sink->handed == sink->topic->latest &&
                    !sink->topic->is_closed));
        }
    }
    readers_expect_served(world, has_more);
    check_counters(world);
}

bool turn_flush(struct world *world)
{
    before_flush(world);
    bool has_more = rt_core_flush(&world->core);
    after_flush(world, has_more);
    return has_more;
}

static void before_flush_small(struct world *world)
{
    world->is_small_flush = true;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct rt_topic *found = world_find(world, &world->topics[i]);
        world->topics[i].is_big =
            found != NULL && found->raw.active_count > RT_FANOUT_SMALL;
    }
}

static void after_flush_small(struct world *world)
{
    world->is_small_flush = false;
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        if (sink->subscriber.state == RT_SUBSCRIBER_ACTIVE) {
            EXPECT(sink->topic->is_big || sink->handed == sink->topic->latest);
        }
    }
}

void turn_flush_small(struct world *world)
{
    before_flush_small(world);
    rt_core_flush_small(&world->core);
    after_flush_small(world);
}

/* --- locals --- */

static void expect_all_handed(const struct world *world)
{
    for (int i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->local.state == RT_LOCAL_FOLLOWING) {
            EXPECT(!local->gap.is_gap && !local->topic->is_closed);
            EXPECT_INT(local->next, local->topic->latest + 1);
        }
    }
}

/* Who was served is known to be where it is. */
static void expect_floor(const struct world *world, const struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    uint64_t floor = topic->latest + 1;
    for (int i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->topic == topic &&
            local->local.state == RT_LOCAL_FOLLOWING && local->next < floor) {
            floor = local->next;
        }
    }
    EXPECT_INT(found->locals->floor, floor);
}

bool turn_deliver(struct world *world)
{
    world->events_handed = 0;
    world->has_acted = false;
    for (int i = 0; i < TOPIC_MAX; i++) {
        world->topics[i].is_served = false;
    }
    bool has_more = rt_core_deliver(&world->core);
    EXPECT(world->events_handed < RT_DELIVERY_EVENTS + RT_DELIVERY_QUANTUM);
    for (int i = 0; i < TOPIC_MAX; i++) {
        if (world->topics[i].is_served && !world->has_acted) {
            expect_floor(world, &world->topics[i]);
        }
        if (!has_more) {
            topic_calm(&world->topics[i]);
        }
    }
    if (!has_more) {
        expect_all_handed(world);
    }
    return has_more;
}

void turn_finish(struct world *world)
{
    int rounds = 0;
    turn_flush_small(world);
    while (turn_flush(world) || turn_deliver(world)) {
        EXPECT(++rounds < ROUNDS_MAX);
    }
}

/* --- the tick --- */

static void mark_slow(struct world *world, struct stall *stall)
{
    if (stall->queued.len >= stall->len) {
        stall->is_slow = true;
        return;
    }
    stall->since_ms = world->now_ms;
    stall->len = stall->queued.len;
    stall->order = ++world->order;
}

static void before_tick(struct world *world)
{
    uint64_t timeout_ms = world->core.options.stall_timeout_ms;
    struct stall *stall = longest_blocked(world);
    while (stall != NULL && world->now_ms - stall->since_ms > timeout_ms) {
        mark_slow(world, stall);
        stall = longest_blocked(world);
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
    return readers_want(world, topic, block->last);
}

/* Old blocks are dropped, but what a fan-out under way may still need: that
 * may be kept, and what somebody does need must be. */
void turn_expire(struct world *world, struct topic *topic)
{
    const struct rt_topic *found = world_find(world, topic);
    bool may_linger = found != NULL && (is_dirty(found) || has_ready(found) ||
                                        readers_are_behind(found));
    const struct block *block = topic_oldest(topic);
    while (block != NULL &&
           (topic_has_too_much(topic) ||
            world->now_ms - block->touched_ms > topic->retention.age_ms)) {
        if (may_linger && rt_ring_earliest(&found->ring) <= block->first) {
            return;
        }
        EXPECT(!is_wanted(world, topic, block));
        topic_drop(topic);
        block = topic_oldest(topic);
    }
}

static bool is_idle(const struct world *world, const struct topic *topic)
{
    return !topic_is_followed(topic) && !readers_name(world, topic) &&
           topic_oldest(topic) == NULL && !topic->is_closed &&
           !topic->is_kept &&
           world->now_ms - topic->touched_ms > RT_TOPIC_IDLE_MS;
}

static void after_tick(struct world *world)
{
    keys_expire(world);
    for (int i = 0; i < SINK_MAX; i++) {
        EXPECT(!world->sinks[i].stall.is_slow ||
               world->sinks[i].state != SINK_OPEN);
    }
    for (int i = 0; i < READER_MAX; i++) {
        EXPECT(!world->readers[i].stall.is_slow ||
               world->readers[i].state != SINK_OPEN);
    }
    for (int i = 0; i < TOPIC_MAX; i++) {
        struct topic *topic = &world->topics[i];
        if (topic->exists) {
            turn_expire(world, topic);
        }
        if (topic->exists && is_idle(world, topic)) {
            world_say(world, "%.4s is gone", topic->name.data);
            world_end_topic(world, topic);
        }
    }
}

void turn_tick(struct world *world)
{
    before_tick(world);
    rt_core_tick(&world->core);
    after_tick(world);
}
