/*
 * A simulator for local subscribers: publishes, pauses, comings and goings as
 * chance has it, also from inside the calls, and connections beside them. Each
 * local must be handed its topic's events from its start on, in order, once,
 * and be told of each one that it is not handed.
 */
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "tests/support/random.h"
#include "tests/support/sink.h"

#define KIB         ((size_t)1024)
#define SEEDS       60
#define STEPS       1500
#define PLACE_COUNT 12
#define TOPIC_COUNT 2
#define BURST_MAX   400

static const char *const names[TOPIC_COUNT] = {"a", "b"};

struct place {
    struct rt_local local;
    struct world *world;
    uint32_t topic;  /* number */
    uint64_t next;   /* offset of what should come next */
    bool may_be_far; /* its start is not known before the first call */
};

struct world {
    struct test_random random;
    struct test_core test;
    struct place places[PLACE_COUNT];
    uint64_t handed;
    uint64_t gaps;
    bool is_short; /* of memory, now and then */
};

static uint32_t below(struct world *world, uint32_t bound)
{
    return test_random_below(&world->random, bound);
}

static bool one_in(struct world *world, uint32_t bound)
{
    return below(world, bound) == 0;
}

static void act(struct world *world, bool is_inside);

static void expect_payload(const struct place *place,
                           const struct rt_delivery *delivery)
{
    const char *payload = delivery->payload.data;
    uint64_t offset = 0;
    EXPECT(delivery->payload.len >= TEST_PAYLOAD_MIN);
    for (size_t i = TEST_PAYLOAD_MIN - 1; i > 0; i--) {
        offset = offset << 8 | (uint8_t)payload[i];
    }
    EXPECT_INT(payload[0], names[place->topic][0]);
    EXPECT_INT(offset, delivery->offset);
}

static void on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery)
{
    struct place *place = RT_CONTAINER(local, struct place, local);
    struct world *world = place->world;
    if (delivery->is_gap) {
        EXPECT(delivery->missed == 0 ||
               delivery->offset == place->next + delivery->missed - 1);
        EXPECT(delivery->missed > 0 || place->may_be_far);
        world->gaps++;
    } else {
        EXPECT_INT(delivery->offset, place->next);
        expect_payload(place, delivery);
        world->handed++;
    }
    place->may_be_far = false;
    place->next = delivery->offset + 1;
    if (one_in(world, 50)) {
        act(world, true);
    }
}

/* --- what may happen --- */

static void publish(struct world *world, uint32_t count)
{
    static const uint32_t lens[] = {10, 200, 2000, 30000};
    uint32_t len = 5 + below(world, lens[below(world, 4)]);
    const char *topic = names[below(world, TOPIC_COUNT)];
    for (uint32_t i = 0; i < count; i++) {
        int err = test_core_try_publish(&world->test, topic, len);
        EXPECT(err == 0 || world->is_short);
    }
}

static struct rt_since choose_start(struct world *world,
                                    struct place *place,
                                    const struct rt_topic *topic)
{
    uint64_t latest = topic != NULL ? rt_ring_latest(&topic->ring) : 0;
    uint64_t earliest = topic != NULL ? rt_ring_earliest(&topic->ring) : 1;
    uint64_t offset = latest > 0 ? below(world, (uint32_t)latest + 1) : 0;
    uint64_t count = 1 + below(world, 100);
    switch (below(world, 5)) {
    case 0:
        place->next = earliest;
        return (struct rt_since){.kind = RT_SINCE_EARLIEST};
    case 1:
        place->next =
            latest + 1 - earliest < count ? earliest : latest + 1 - count;
        return (struct rt_since){.kind = RT_SINCE_LAST, .count = count};
    case 2:
        place->next = offset + 1;
        place->may_be_far = topic == NULL;
        return (struct rt_since){
            .kind = RT_SINCE_CURSOR,
            .cursor = {topic != NULL ? topic->epoch : 0, offset}};
    case 3:
        place->may_be_far = true;
        return (struct rt_since){.kind = RT_SINCE_CURSOR, .cursor = {1, 1}};
    default:
        place->next = latest + 1;
        return (struct rt_since){.kind = RT_SINCE_NOW};
    }
}

static void subscribe(struct world *world, struct place *place)
{
    place->world = world;
    place->may_be_far = false;
    place->topic = below(world, TOPIC_COUNT);
    struct rt_bytes name = rt_bytes_of(names[place->topic]);
    struct rt_since since =
        choose_start(world, place, rt_topic_find(&world->test.core, name));
    int err = rt_core_subscribe_local(&world->test.core, name, &since,
                                      on_delivery, &place->local);
    EXPECT(err == 0 || world->is_short);
}

static void touch(struct world *world, struct place *place)
{
    if (place->local.state == RT_LOCAL_DETACHED) {
        subscribe(world, place);
        return;
    }
    switch (below(world, 4)) {
    case 0:
        rt_local_detach(&place->local);
        break;
    case 1:
        rt_local_pause(&place->local);
        break;
    default:
        rt_local_resume(&place->local);
    }
}

static void act(struct world *world, bool is_inside)
{
    uint32_t burst = is_inside ? 3 : BURST_MAX;
    if (one_in(world, 2)) {
        publish(world, 1 + below(world, one_in(world, 10) ? burst : 5));
    } else {
        touch(world, &world->places[below(world, PLACE_COUNT)]);
    }
}

static void step(struct world *world)
{
    act(world, false);
    if (one_in(world, 3)) {
        test_core_flush(&world->test);
        (void)rt_core_deliver(&world->test.core);
    }
    if (one_in(world, 20)) {
        test_core_pass_time(&world->test, below(world, 3000));
        rt_core_tick(&world->test.core);
    }
    if (world->is_short && one_in(world, 10)) {
        test_heap_fail_at(&world->test.heap, 1 + below(world, 3));
    }
    rt_core_validate(&world->test.core);
}

/* --- a run --- */

static void expect_the_end(struct world *world)
{
    test_heap_fail_at(&world->test.heap, 0);
    for (int i = 0; i < PLACE_COUNT; i++) {
        if (world->places[i].local.state == RT_LOCAL_PAUSED) {
            rt_local_resume(&world->places[i].local);
        }
    }
    for (int i = 0; rt_core_deliver(&world->test.core); i++) {
        EXPECT(i < STEPS);
    }
    EXPECT_INT(world->test.core.store.retired_bytes, 0);
}

static void leave(struct place *place)
{
    if (place->local.state == RT_LOCAL_FOLLOWING) {
        const struct rt_ring *ring = &place->local.topic->ring;
        EXPECT(place->may_be_far || place->next == ring->next_offset);
    }
    rt_local_detach(&place->local);
}

static void run(uint64_t seed)
{
    static const uint64_t bytes[] = {1, 20 * KIB, 200 * KIB};
    static struct world world;
    world = (struct world){.random = test_random_seed(seed)};
    struct rt_retention retention = {
        .bytes = bytes[below(&world, 3)],
        .events = one_in(&world, 3) ? 10 : UINT64_MAX,
        .age_ms = one_in(&world, 3) ? 2000 : UINT64_MAX};
    world.is_short = one_in(&world, 3);
    test_core_init(&world.test, retention);
    for (int i = 0; i < STEPS; i++) {
        step(&world);
    }
    expect_the_end(&world);
    EXPECT(world.handed > 0);
    for (int i = 0; i < PLACE_COUNT; i++) {
        leave(&world.places[i]);
    }
    test_core_finish(&world.test);
}

TEST("locals miss nothing that they are not told of, whatever happens")
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
    }
}
