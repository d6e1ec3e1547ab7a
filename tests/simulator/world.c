#include "tests/simulator/world.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core/topic.h"
#include "tests/simulator/expect.h"

#define KIB      ((size_t)1024)
#define WALL_MS  UINT64_C(1787000000000) /* when the world begins */
#define STALL_MS 30000
#define TOKEN_MAX \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Names that are alike, and one of the greatest length. */
static const char *const names[TOPIC_MAX] = {
    "a",     "b",  "a.b", "ab",
    "a.b.c", "$s", "a.0", TOKEN_MAX "." TOKEN_MAX "." TOKEN_MAX ".12345",
    "A",     "~",  "a-b", "0",
};

/* --- what a seed is like --- */

/* What formats cost makes large worlds slow. Those who are alike are many, or
 * they are no crowd. */
static uint32_t random_reader_count(struct world *world)
{
    bool is_large = world->habits.len_max > 2000;
    if (is_large && !one_in(world, 6)) {
        return 0;
    }
    if (world->habits.is_alike) {
        return READER_MAX;
    }
    return below(world, one_in(world, 8) ? READER_MAX + 1 : 6);
}

static void random_habits(struct world *world)
{
    static const uint32_t lens[] = {4, 200, 2000, 20000, 70000, PAYLOAD_MAX};
    static const uint32_t bursts[] = {2, 10, 40, 300};
    struct habits *habits = &world->habits;
    habits->topic_count = one_in(world, 2) ? 1 + below(world, 2) : TOPIC_MAX;
    habits->sink_count = below(world, one_in(world, 4) ? SINK_MAX + 1 : 12);
    habits->local_count = below(world, LOCAL_MAX + 1);
    habits->len_max = lens[below(world, RT_ARRAY_LENGTH(lens))];
    habits->burst_max = bursts[below(world, RT_ARRAY_LENGTH(bursts))];
    habits->is_alike = one_in(world, 6);
    habits->reader_count = random_reader_count(world);
    habits->patience = 1 + below(world, 40);
    habits->restless = 2 + below(world, 60);
    habits->is_silent = one_in(world, 8);
    habits->is_short = one_in(world, 3);
    habits->has_jumps = one_in(world, 3);
}

struct rt_retention world_random_retention(struct world *world)
{
    static const uint64_t bytes[] = {1, 8 * KIB, 50 * KIB, 300 * KIB,
                                     2048 * KIB};
    static const uint64_t events[] = {1, 7, 100, UINT64_MAX, UINT64_MAX};
    static const uint64_t ages[] = {10, 3000, 100000, UINT64_MAX, UINT64_MAX};
    struct rt_retention retention;
    retention.bytes = bytes[below(world, RT_ARRAY_LENGTH(bytes))];
    retention.events = events[below(world, RT_ARRAY_LENGTH(events))];
    retention.age_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    return retention;
}

/* --- begin and end --- */

static struct rt_idempotency_limits random_window(struct world *world)
{
    static const uint64_t ages[] = {1, 3000, UINT64_MAX};
    uint64_t keep_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    return (struct rt_idempotency_limits){.keep_ms = keep_ms,
                                          .count_max = 1 + below(world, 6),
                                          .bytes_max = UINT64_MAX};
}

static void core_init(struct world *world)
{
    struct rt_core_options options = {.retention = world->retention,
                                      .idempotency = random_window(world),
                                      .stall_timeout_ms = STALL_MS,
                                      .sink = &sink_ops,
                                      .random = chance_next_epoch};
    rt_core_init(&world->core, &world->chance.memory.heap, &options);
    world_set_time(world, below(world, 1000), WALL_MS);
}

void world_init(struct world *world, uint64_t seed)
{
    *world = (struct world){.chance.is_verbose = world->chance.is_verbose};
    chance_init(&world->chance, seed);
    random_habits(world);
    world->retention = world_random_retention(world);
    for (uint32_t i = 0; i < TOPIC_MAX; i++) {
        world->topics[i].name = rt_bytes_of(names[i]);
        world->topics[i].retention = world->retention;
    }
    for (uint32_t i = 0; i < SINK_MAX; i++) {
        world->sinks[i].world = world;
    }
    for (uint32_t i = 0; i < READER_MAX; i++) {
        world->readers[i].world = world;
    }
    core_init(world);
}

void world_finish(struct world *world)
{
    EXPECT_INT(world->core.subscriber_count, 0);
    EXPECT_INT(world->core.local_count, 0);
    rt_core_finish(&world->core);
    EXPECT_INT(world->chance.memory.heap.used, 0);
    for (uint32_t i = 0; i < TOPIC_MAX; i++) {
        topic_finish(&world->topics[i]);
    }
    free(world->past);
}

void world_set_time(struct world *world, uint64_t now_ms, uint64_t wall_ms)
{
    world->now_ms = now_ms;
    world->wall_ms = wall_ms;
    rt_core_set_time(&world->core, now_ms, wall_ms);
}

bool world_is_short(const struct world *world)
{
    return world->habits.is_short;
}

void world_expect_gap(struct world *world, uint64_t missed)
{
    world->expected.gaps++;
    world->expected.events_missed += missed;
}

struct rt_topic *world_find(const struct world *world,
                            const struct topic *topic)
{
    return rt_topic_find(&world->core, topic->name);
}

void world_begin_topic(struct world *world, struct topic *topic)
{
    if (!topic->exists) {
        topic_begin(topic, chance_last_epoch(), &world->retention,
                    world->now_ms);
    }
}

/* Whoever comes back from before that is told that something is missing. */
void world_end_topic(struct world *world, struct topic *topic)
{
    uint64_t offset = topic_newest(topic, topic->latest);
    if (offset > 0) {
        world->removals++;
        const struct event *newest = topic_event(topic, offset);
        world->removed = newest->sequence > world->removed ? newest->sequence
                                                           : world->removed;
        world->removed_ms = newest->wall_ms > world->removed_ms
                                ? newest->wall_ms
                                : world->removed_ms;
    }
    topic_end(topic);
}

void world_remember(struct world *world, struct past past)
{
    if (world->sequence == world->past_capacity) {
        world->past_capacity = 64 + world->past_capacity * 2;
        world->past =
            realloc(world->past, world->past_capacity * sizeof(struct past));
        EXPECT(world->past != NULL);
    }
    world->past[world->sequence++] = past;
}

void world_close_topic(struct world *world, struct topic *topic)
{
    if (!topic->is_closed) {
        topic->is_closed = true;
        topic->closing = world->sequence + 1;
        world_remember(world, (struct past){.topic = topic,
                                            .birth = topic->birth,
                                            .offset = topic->latest,
                                            .closing = topic->closing});
    }
}

bool world_has(const struct past *past)
{
    const struct topic *topic = past->topic;
    if (!topic->exists || topic->birth != past->birth) {
        return false;
    }
    return past->closing > 0
               ? topic->is_closed && topic->closing == past->closing
               : past->offset >= topic_earliest(topic);
}

void world_set_back(struct world *world, const struct topic *topic)
{
    for (int i = 0; i < SINK_MAX; i++) {
        if (world->sinks[i].topic == topic) {
            world->sinks[i].has_kept_up = false;
        }
    }
    for (int i = 0; i < READER_MAX; i++) {
        if (world->readers[i].topic == topic) {
            world->readers[i].has_kept_up = false;
        }
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL && world->locals[i]->topic == topic) {
            world->locals[i]->has_kept_up = false;
        }
    }
}
