/* What may happen in the world. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/control.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define MINUTE_MS UINT64_C(60000)
#define YEAR_MS   (UINT64_C(366) * 24 * 60 * MINUTE_MS)

static struct topic *random_topic(struct world *world)
{
    return &world->topics[below(world, world->habits.topic_count)];
}

/* --- publishing --- */

static void publish_many(struct world *world, uint32_t count)
{
    struct topic *topic = random_topic(world);
    world_say(world, "%" PRIu32 " to %.4s", count, topic->name.data);
    while (count-- > 0) {
        struct rt_receipt receipt;
        (void)publish(world, topic, &receipt);
    }
}

static void act_publish(struct world *world)
{
    publish_many(world, 1);
}

static void act_burst(struct world *world)
{
    publish_many(world, below(world, world->habits.burst_max));
}

static void act_keyed(struct world *world)
{
    publish_keyed(world, random_topic(world));
}

/* One for which there is no memory, unless it needs none. */
static void act_refusal(struct world *world)
{
    if (world->habits.is_short) {
        world->chance.memory.fail_in = 1;
        publish_many(world, 1);
        world->chance.memory.fail_in = 0;
    }
}

/* --- subscribers come and go --- */

static struct sink *random_sink(struct world *world)
{
    uint32_t count = world->habits.sink_count;
    return &world->sinks[count > 0 ? below(world, count) : 0];
}

static void act_sink_comes(struct world *world)
{
    struct sink *sink = random_sink(world);
    if (sink->state == SINK_FREE && world->habits.sink_count > 0) {
        sink_subscribe(sink, random_topic(world), one_in(world, 2));
    }
}

/* All at once, as after a restart. */
static void act_sinks_come(struct world *world)
{
    struct topic *topic = random_topic(world);
    for (uint32_t i = 0; i < world->habits.sink_count; i++) {
        if (world->sinks[i].state == SINK_FREE) {
            sink_subscribe(&world->sinks[i], topic, one_in(world, 2));
        }
    }
}

static void act_sink_goes(struct world *world)
{
    static const enum rt_close_reason reasons[] = {
        RT_CLOSE_PEER, RT_CLOSE_LEAVING, RT_CLOSE_PROTOCOL};
    struct sink *sink = random_sink(world);
    if (sink->state != SINK_OPEN) {
        return;
    }
    if (one_in(world, 2)) {
        sink_leave(sink);
    } else {
        sink_dismiss(sink, reasons[below(world, RT_ARRAY_LENGTH(reasons))]);
    }
}

/* Most of a topic's connections leave. */
static void act_exodus(struct world *world)
{
    const struct topic *topic = random_topic(world);
    if (!one_in(world, 8)) {
        return;
    }
    for (uint32_t i = 0; i < world->habits.sink_count; i++) {
        struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN && sink->topic == topic &&
            !one_in(world, 4)) {
            sink_leave(sink);
        }
    }
}

static void act_local(struct world *world)
{
    if (world->habits.local_count == 0) {
        return;
    }
    uint32_t slot = below(world, world->habits.local_count);
    struct local *local = world->locals[slot];
    if (local == NULL) {
        local_subscribe(world, slot, random_topic(world));
    } else if (one_in(world, 4)) {
        local_leave(world, slot);
    } else if (one_in(world, 6)) {
        local_move(world, slot, random_topic(world));
    } else if (one_in(world, 3)) {
        local_pause(local);
    } else {
        local_resume(local);
    }
}

static struct reader *random_reader(struct world *world)
{
    uint32_t count = world->habits.reader_count;
    return &world->readers[count > 0 ? below(world, count) : 0];
}

static void act_reader(struct world *world)
{
    if (world->habits.reader_count > 0) {
        reader_act(random_reader(world));
    }
}

static void act_reader_temper(struct world *world)
{
    reader_temper(random_reader(world));
}

/* --- what is done to topics --- */

static struct rt_topic *random_found(struct world *world, struct topic **topic)
{
    *topic = random_topic(world);
    return world_find(world, *topic);
}

static void act_close(struct world *world)
{
    struct topic *topic = NULL;
    struct rt_topic *found = random_found(world, &topic);
    if (found != NULL && one_in(world, 4)) {
        rt_topic_close(found);
        world_close_topic(world, topic);
        topic_want(topic, topic->latest);
    }
}

static void act_open(struct world *world)
{
    struct topic *topic = NULL;
    struct rt_topic *found = random_found(world, &topic);
    if (found != NULL) {
        rt_topic_open(found);
        topic->is_closed = false;
        topic->touched_ms = world->now_ms;
    }
}

static void act_purge(struct world *world)
{
    struct topic *topic = NULL;
    struct rt_topic *found = random_found(world, &topic);
    if (found == NULL || !one_in(world, 4)) {
        return;
    }
    EXPECT_INT(rt_topic_purge(found), 0);
    keys_forget(world, topic);
    if (!topic_is_followed(topic) && readers_of(world, topic) == 0) {
        world_end_topic(world, topic);
        return;
    }
    world_set_back(world, topic);
    topic_purge(topic, chance_last_epoch());
    topic->retention = world->retention;
    topic->is_kept = false;
    topic->touched_ms = world->now_ms;
}

static void act_retain(struct world *world)
{
    struct topic *topic = NULL;
    struct rt_topic *found = random_found(world, &topic);
    struct rt_retention retention = world_random_retention(world);
    uint64_t max = rt_topic_bytes_max(&world->core);
    retention.bytes = retention.bytes < max ? retention.bytes : max;
    if (found == NULL) {
        return;
    }
    if (rt_topic_retain(found, &retention) < 0) {
        EXPECT(world_is_short(world));
        return;
    }
    topic->retention = retention;
    topic->is_kept =
        memcmp(&retention, &world->retention, sizeof(retention)) != 0;
    turn_expire(world, topic);
}

/* --- connections --- */

/* What a connection is like from now on. */
static void act_temper(struct world *world)
{
    struct sink *sink = random_sink(world);
    uint32_t patience = world->habits.patience;
    if (one_in(world, patience)) {
        sink->room = below(world, 2 * world->habits.len_max);
    } else {
        sink->room = UINT64_MAX;
    }
    sink->is_lost = one_in(world, 4 * patience);
    sink->refuses_queue = one_in(world, 4 * patience);
}

/* How much of what is queued is taken. */
static size_t
random_part(struct world *world, const struct stall *stall, bool is_whole)
{
    size_t len = stall->queued.len;
    return is_whole ? len : 1 + below(world, (uint32_t)len);
}

static void drain(struct world *world, struct sink *sink, bool is_whole)
{
    if (sink->stall.queued.len > 0) {
        sink_take(sink, random_part(world, &sink->stall, is_whole));
    }
}

static void
drain_reader(struct world *world, struct reader *reader, bool is_whole)
{
    if (reader->stall.queued.len > 0) {
        reader_take(reader, random_part(world, &reader->stall, is_whole));
    }
}

static void act_drain(struct world *world)
{
    for (uint32_t i = 0; i < world->habits.sink_count; i++) {
        if (one_in(world, 4)) {
            drain(world, &world->sinks[i], one_in(world, 2));
        }
    }
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        if (one_in(world, 4)) {
            drain_reader(world, &world->readers[i], one_in(world, 2));
        }
    }
}

/* --- the core's turn --- */

static void act_flush(struct world *world)
{
    (void)turn_flush(world);
}

static void act_deliver(struct world *world)
{
    (void)turn_deliver(world);
}

/* As the network layer does it. */
static void act_turn(struct world *world)
{
    turn_flush_small(world);
    (void)turn_flush(world);
    (void)turn_deliver(world);
}

/* --- time and memory --- */

/* Any time, and what is just not too long yet. */
static uint64_t random_lapse(struct world *world)
{
    static const uint64_t bounds[] = {2, 20, 1000, 2 * MINUTE_MS};
    uint64_t lapses[] = {world->core.options.stall_timeout_ms, RT_TOPIC_IDLE_MS,
                         world->retention.age_ms,
                         world->retention.age_ms / RT_RING_GRAIN_AGE};
    uint64_t lapse = lapses[below(world, RT_ARRAY_LENGTH(lapses))];
    if (one_in(world, 2) && lapse < YEAR_MS) {
        return lapse;
    }
    return below(world,
                 (uint32_t)bounds[below(world, RT_ARRAY_LENGTH(bounds))]);
}

static void act_time(struct world *world)
{
    uint64_t ms = random_lapse(world);
    world_set_time(world, world->now_ms + ms, world->wall_ms + ms);
    if (one_in(world, 2)) {
        turn_tick(world);
    }
}

/* The wall clock jumps by years, either way; the other only forward. */
static void act_jump(struct world *world)
{
    uint64_t random = test_random_next(&world->chance.random);
    uint64_t now_ms = world->now_ms;
    uint64_t wall_ms = world->wall_ms;
    if (!world->habits.has_jumps) {
        return;
    }
    if (one_in(world, 3)) {
        now_ms += random % YEAR_MS;
    } else if (one_in(world, 2) && wall_ms > random % (20 * YEAR_MS)) {
        wall_ms -= random % (20 * YEAR_MS);
    } else {
        wall_ms += random % (20 * YEAR_MS);
    }
    world_set_time(world, now_ms, wall_ms);
}

static void act_memory(struct world *world)
{
    struct memory *memory = &world->chance.memory;
    memory->heap.limit = SIZE_MAX;
    memory->heap.reserve = 0;
    memory->fail_in = 0;
    if (!world->habits.is_short) {
        return;
    }
    if (one_in(world, 2)) {
        memory->heap.limit = memory->heap.used + below(world, 400000);
        memory->heap.reserve = one_in(world, 2) ? below(world, 20000) : 0;
    } else {
        memory->fail_in = one_in(world, 2) ? 1 + below(world, 4) : 0;
    }
}

/* --- steps --- */

static const struct action {
    const char *name;
    void (*act)(struct world *world);
} actions[] = {
    {"publish", act_publish},
    {"burst", act_burst},
    {"together", publish_together},
    {"keyed", act_keyed},
    {"keyed", act_keyed},
    {"refusal", act_refusal},
    {"sink comes", act_sink_comes},
    {"sinks come", act_sinks_come},
    {"sink goes", act_sink_goes},
    {"exodus", act_exodus},
    {"local", act_local},
    {"local", act_local},
    {"reader", act_reader},
    {"reader", act_reader},
    {"reader temper", act_reader_temper},
    {"close", act_close},
    {"open", act_open},
    {"purge", act_purge},
    {"retain", act_retain},
    {"temper", act_temper},
    {"temper", act_temper},
    {"drain", act_drain},
    {"flush small", turn_flush_small},
    {"flush", act_flush},
    {"deliver", act_deliver},
    {"turn", act_turn},
    {"turn", act_turn},
    {"tick", turn_tick},
    {"time", act_time},
    {"jump", act_jump},
    {"memory", act_memory},
};

_Static_assert(RT_ARRAY_LENGTH(actions) <= ACTION_MAX, "a weight for each");

void action_step(struct world *world)
{
    const struct action *action =
        &actions[chance_action(world, RT_ARRAY_LENGTH(actions))];
    world_say(world, "%s", action->name);
    action->act(world);
    check_all(world);
}

void action_inside(struct world *world)
{
    static void (*const inside[])(struct world *) = {
        act_publish,    act_publish,   act_local,  act_local,
        act_sink_comes, act_sink_goes, act_reader,
    };
    inside[below(world, RT_ARRAY_LENGTH(inside))](world);
}
