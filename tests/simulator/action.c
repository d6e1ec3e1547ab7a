/* What may happen in the world. */
#include <stdlib.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define MINUTE_MS  UINT64_C(60000)
#define YEAR_MS    (UINT64_C(366) * 24 * 60 * MINUTE_MS)
#define ROUNDS_MAX 100000 /* more flushes than anything needs */

static struct topic *random_topic(struct world *world)
{
    return &world->topics[below(world, world->habits.topic_count)];
}

/* --- publishing --- */

/* Around the lengths at which frames and blocks change, and any. */
static uint32_t random_len(struct world *world)
{
    static const uint32_t edges[] = {0,    1,    125,  126,   127,
                                     1000, 4064, 4096, 65535, 65536};
    uint32_t max = world->habits.len_max;
    uint32_t edge = edges[below(world, RT_ARRAY_LENGTH(edges))];
    if (one_in(world, 8) && edge <= max) {
        return edge;
    }
    return below(world, one_in(world, 10) ? max + 1 : max / 8 + 1);
}

static struct event random_event(struct world *world, const struct topic *topic)
{
    uint64_t newest_ms =
        topic->latest > 0 ? topic_event(topic, topic->latest)->wall_ms : 0;
    return (struct event){
        .wall_ms = world->wall_ms < newest_ms ? newest_ms : world->wall_ms,
        .len = random_len(world),
        .noise = (uint32_t)test_random_next(&world->random),
        .content = (enum rt_content)below(world, 3),
    };
}

static void
published(struct world *world, struct topic *topic, const struct event *event)
{
    world_begin_topic(world, topic);
    locals_want(world, topic);
    topic_append(topic, &world->retention, world->now_ms, event);
    topic->touched_ms = world->now_ms;
    world->expected.events_produced++;
    world->expected.bytes_produced += event->len;
}

static void publish(struct world *world, struct topic *topic)
{
    struct event event = random_event(world, topic);
    struct rt_event outgoing = {
        topic->name, {model_noise(event.noise), event.len}, event.content};
    struct rt_receipt receipt;
    int err = rt_core_publish(&world->core, &outgoing, &receipt);
    if (err < 0) {
        EXPECT_INT(err, RT_ENOMEM);
        EXPECT(world_is_short(world));
        world->expected.events_refused++;
        return;
    }
    published(world, topic, &event);
    check_receipt(world, topic, &receipt);
}

static void publish_many(struct world *world, uint32_t count)
{
    struct topic *topic = random_topic(world);
    world_say(world, "%" PRIu32 " to %.4s", count, topic->name.data);
    while (count-- > 0) {
        publish(world, topic);
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

/* --- subscribers come and go --- */

/* Of this log or another, of the past or the future. */
static struct rt_cursor random_cursor(struct world *world,
                                      const struct topic *topic)
{
    uint64_t latest = topic->latest;
    uint64_t offsets[] = {0, latest, latest + 1, UINT64_MAX,
                          topic_earliest(topic) - 1};
    uint64_t offset = offsets[below(world, RT_ARRAY_LENGTH(offsets))];
    if (one_in(world, 2)) {
        offset = test_random_next(&world->random) % (latest + 1);
    }
    return (struct rt_cursor){topic->epoch + (one_in(world, 8) ? 1 : 0),
                              offset};
}

/* Around the time stamp of some event. */
static uint64_t random_time(struct world *world, const struct topic *topic)
{
    if (topic->latest == 0 || one_in(world, 8)) {
        return one_in(world, 2) ? world->wall_ms
                                : below(world, 2) - UINT64_C(1);
    }
    uint64_t any = test_random_next(&world->random) % topic->latest;
    return topic_event(topic, any + 1)->wall_ms + below(world, 3) - 1;
}

struct rt_since random_since(struct world *world, const struct topic *topic)
{
    struct rt_since since = {0};
    since.kind = (enum rt_since_kind)below(world, RT_SINCE_LAST + 1);
    switch (since.kind) {
    case RT_SINCE_CURSOR:
        since.cursor = random_cursor(world, topic);
        break;
    case RT_SINCE_TIME:
        since.wall_ms = random_time(world, topic);
        break;
    case RT_SINCE_LAST:
        since.count = one_in(world, 8)
                          ? UINT64_MAX
                          : 1 + below(world, (uint32_t)topic->latest + 2);
        break;
    default:
        break;
    }
    return since;
}

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
    } else if (one_in(world, 3)) {
        local_pause(local);
    } else {
        local_resume(local);
    }
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

static void drain(struct world *world, struct sink *sink, bool is_whole)
{
    if (sink->held != NULL) {
        size_t len = sink->queued.len;
        sink_take(sink, is_whole ? len : 1 + below(world, (uint32_t)len));
    }
}

static void act_drain(struct world *world)
{
    for (uint32_t i = 0; i < world->habits.sink_count; i++) {
        if (one_in(world, 4)) {
            drain(world, &world->sinks[i], one_in(world, 2));
        }
    }
}

/* --- the core's turn --- */

static void flush_small(struct world *world)
{
    check_before_flush_small(world);
    rt_core_flush_small(&world->core);
    check_after_flush_small(world);
}

static bool flush(struct world *world)
{
    check_before_flush(world);
    bool has_more = rt_core_flush(&world->core);
    check_after_flush(world, has_more);
    return has_more;
}

static bool deliver(struct world *world)
{
    world->events_handed = 0;
    bool has_more = rt_core_deliver(&world->core);
    check_after_deliver(world, has_more);
    return has_more;
}

static void act_flush_small(struct world *world)
{
    flush_small(world);
}

static void act_flush(struct world *world)
{
    (void)flush(world);
}

static void act_deliver(struct world *world)
{
    (void)deliver(world);
}

static void act_turn(struct world *world)
{
    flush_small(world);
    (void)flush(world);
    (void)deliver(world);
}

static void flush_all(struct world *world)
{
    int rounds = 0;
    while (flush(world)) {
        EXPECT(++rounds < ROUNDS_MAX);
    }
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct rt_topic *found = world_find(world, &world->topics[i]);
        EXPECT(found == NULL || found->floor == found->ring.head ||
               found->active_count == 0);
    }
}

/* --- time and memory --- */

static void act_tick(struct world *world)
{
    check_before_tick(world);
    rt_core_tick(&world->core);
    check_after_tick(world);
}

static void act_time(struct world *world)
{
    static const uint64_t bounds[] = {2, 20, 1000, 2 * MINUTE_MS};
    uint64_t ms = test_random_next(&world->random) %
                  bounds[below(world, RT_ARRAY_LENGTH(bounds))];
    world_set_time(world, world->now_ms + ms, world->wall_ms + ms);
    if (one_in(world, 2)) {
        act_tick(world);
    }
}

/* The wall clock jumps by years, either way; the other only forward. */
static void act_jump(struct world *world)
{
    uint64_t random = test_random_next(&world->random);
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
    struct memory *memory = &world->memory;
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
    {"sink comes", act_sink_comes},
    {"sinks come", act_sinks_come},
    {"sink goes", act_sink_goes},
    {"exodus", act_exodus},
    {"local", act_local},
    {"local", act_local},
    {"temper", act_temper},
    {"temper", act_temper},
    {"drain", act_drain},
    {"flush small", act_flush_small},
    {"flush", act_flush},
    {"deliver", act_deliver},
    {"turn", act_turn},
    {"turn", act_turn},
    {"tick", act_tick},
    {"time", act_time},
    {"jump", act_jump},
    {"memory", act_memory},
};

_Static_assert(RT_ARRAY_LENGTH(actions) <= ACTION_MAX, "a weight for each");

static const struct action *random_action(struct world *world)
{
    uint32_t total = 1;
    for (size_t i = 0; i < RT_ARRAY_LENGTH(actions); i++) {
        total += world->habits.weights[i];
    }
    uint32_t drawn = below(world, total);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(actions); i++) {
        if (drawn < world->habits.weights[i]) {
            return &actions[i];
        }
        drawn -= world->habits.weights[i];
    }
    return &actions[0];
}

void action_step(struct world *world)
{
    const struct action *action = random_action(world);
    world_say(world, "%s", action->name);
    action->act(world);
    check_all(world);
}

void action_inside(struct world *world)
{
    static void (*const inside[])(struct world *) = {
        act_publish, act_publish,    act_local,
        act_local,   act_sink_comes, act_sink_goes,
    };
    inside[below(world, RT_ARRAY_LENGTH(inside))](world);
}

/* --- the end --- */

/* Nothing fails any more, and everybody takes everything. */
static void heal(struct world *world)
{
    world->memory.heap.limit = SIZE_MAX;
    world->memory.heap.reserve = 0;
    world->memory.fail_in = 0;
    for (int i = 0; i < SINK_MAX; i++) {
        struct sink *sink = &world->sinks[i];
        sink->room = UINT64_MAX;
        sink->is_lost = false;
        sink->refuses_queue = false;
        drain(world, sink, true);
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL) {
            local_resume(world->locals[i]);
        }
    }
}

static void expect_quiet(const struct world *world)
{
    EXPECT_INT(world->core.store.retired_bytes, 0);
    for (int i = 0; i < TOPIC_MAX; i++) {
        EXPECT(!rt_core_is_congested(&world->core, world->topics[i].name));
    }
}

void action_end(struct world *world)
{
    int rounds = 0;
    heal(world);
    world->habits.restless = UINT32_MAX; /* locals but listen now */
    flush_small(world);
    flush_all(world);
    while (deliver(world)) {
        EXPECT(++rounds < ROUNDS_MAX);
    }
    flush_all(world);
    check_all(world);
    expect_quiet(world);
    for (int i = 0; i < SINK_MAX; i++) {
        if (world->sinks[i].state == SINK_OPEN) {
            EXPECT_INT(world->sinks[i].handed, world->sinks[i].topic->latest);
            sink_leave(&world->sinks[i]);
        }
    }
    for (uint32_t i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL) {
            local_leave(world, i);
        }
    }
    check_all(world);
}
