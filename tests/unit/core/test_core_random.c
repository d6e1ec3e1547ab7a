/*
 * A simulator: a core with a few topics, and connections that take everything,
 * something, nothing, or fail, as chance has it, against a plain model. What a
 * connection received must be the topic's events without a hole from its start
 * on; those who skip may have holes, and each event in them is counted.
 */
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/support/random.h"
#include "tests/support/sink.h"

#define KIB         ((size_t)1024)
#define SEEDS       20
#define STEPS       2000
#define TOPIC_MAX   4
#define PLACE_COUNT 80
#define EVENTS_MAX  50000 /* in one topic */

static const char *const names[TOPIC_MAX] = {"a", "b", "c", "d"};

/* A connection, and what is known of it. */
struct place {
    struct test_sink sink;
    bool is_taken;
    bool is_fast;    /* began at the head and takes everything, always */
    uint32_t topic;  /* number */
    uint64_t next;   /* offset of the event that should come next */
    uint64_t missed; /* events that it did not get and was told of */
};

struct world {
    struct test_random random;
    struct test_core test;
    uint32_t topic_count;
    bool is_short; /* of memory, now and then */
    struct place places[PLACE_COUNT];
    uint32_t lens[TOPIC_MAX][EVENTS_MAX]; /* of the payloads, by offset */
    uint64_t latest[TOPIC_MAX];
    uint64_t produced;
    uint64_t missed;
    uint64_t closed;
};

static uint32_t below(struct world *world, uint32_t bound)
{
    return test_random_below(&world->random, bound);
}

static bool one_in(struct world *world, uint32_t bound)
{
    return below(world, bound) == 0;
}

static void world_init(struct world *world, uint64_t seed)
{
    static const uint64_t bytes[] = {1, 20 * KIB, 200 * KIB, 2048 * KIB};
    static const uint64_t events[] = {1, 10, UINT64_MAX, UINT64_MAX};
    static const uint64_t ages[] = {10, 5000, UINT64_MAX};
    struct rt_retention retention;
    *world = (struct world){.random = test_random_seed(seed)};
    world->topic_count = 1 + below(world, TOPIC_MAX);
    world->is_short = one_in(world, 2);
    retention.bytes = bytes[below(world, RT_ARRAY_LENGTH(bytes))];
    retention.events = events[below(world, RT_ARRAY_LENGTH(events))];
    retention.age_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    test_core_init(&world->test, retention);
}

static const struct rt_topic *find(const struct world *world, uint32_t number)
{
    return rt_topic_find(&world->test.core, rt_bytes_of(names[number]));
}

/* --- what a connection has got --- */

static size_t frame_len(size_t payload_len)
{
    return payload_len + (payload_len < 126 ? 2 : payload_len < 65536 ? 4 : 10);
}

/* Takes note of what has arrived, event by event. */
static void look(struct world *world, struct place *place)
{
    struct test_sink *sink = &place->sink;
    size_t start = sink->read;
    uint64_t offset = test_sink_next(sink);
    while (offset > 0) {
        EXPECT(offset <= world->latest[place->topic]);
        EXPECT(offset >= place->next);
        EXPECT(offset == place->next || sink->subscriber.gap == RT_GAP_SKIP);
        EXPECT_INT(sink->read - start,
                   frame_len(world->lens[place->topic][offset]));
        place->missed += offset - place->next;
        place->next = offset + 1;
        start = sink->read;
        offset = test_sink_next(sink);
    }
    test_sink_forget(sink);
}

/* The last event it got, or is getting. */
static uint64_t handed_over(const struct place *place)
{
    return place->next - 1 + (place->sink.held != NULL ? 1 : 0);
}

/* What was skipped, and was not followed by an event yet. */
static uint64_t skipped(const struct place *place, uint64_t cursor)
{
    uint64_t handed = handed_over(place);
    EXPECT(cursor <= handed || place->sink.subscriber.gap == RT_GAP_SKIP);
    return cursor > handed ? cursor - handed : 0;
}

/* --- connections come and go --- */

static struct rt_since random_since(struct world *world, uint32_t number)
{
    const struct rt_topic *topic = find(world, number);
    uint32_t latest = (uint32_t)world->latest[number];
    uint32_t past_ms = (uint32_t)world->test.core.now_ms + 100;
    struct rt_since since = {0};
    since.kind = (enum rt_since_kind)below(world, RT_SINCE_LAST + 1);
    since.cursor.epoch = topic == NULL || one_in(world, 20) ? 0 : topic->epoch;
    since.cursor.offset = latest + 1 - below(world, latest + 2);
    since.wall_ms = TEST_WALL_MS + below(world, past_ms);
    since.count = 1 + below(world, 50);
    return since;
}

static void arrive(struct world *world, struct place *place)
{
    struct rt_start start = {0};
    uint32_t number = below(world, world->topic_count);
    struct rt_since since = random_since(world, number);
    *place = (struct place){.topic = number};
    test_sink_init(&place->sink, &world->test);
    place->sink.topic = names[number][0];
    place->sink.subscriber.gap = (uint8_t)below(world, 2);
    place->is_fast = since.kind == RT_SINCE_NOW && one_in(world, 2);
    int err = rt_core_subscribe(&world->test.core, rt_bytes_of(names[number]),
                                &since, &place->sink.subscriber, &start);
    world->missed += start.resume.missed;
    world->closed += err == RT_EGAP ? 1 : 0;
    place->is_taken = err == 0;
    place->next = start.cursor.offset + 1;
    EXPECT(err == 0 || err == RT_ENOMEM ||
           (err == RT_EGAP &&
            (since.kind == RT_SINCE_CURSOR || since.kind == RT_SINCE_TIME)));
}

static void give_up(struct world *world, struct place *place)
{
    world->missed += place->missed;
    place->is_taken = false;
    test_sink_finish(&place->sink);
}

static void leave(struct world *world, struct place *place)
{
    look(world, place);
    uint64_t cursor = rt_subscriber_cursor(&place->sink.subscriber).offset;
    place->missed += skipped(place, cursor);
    give_up(world, place);
}

/* The core has closed it: what is queued comes before that. */
static void end(struct world *world, struct place *place)
{
    const struct rt_resume *resume = &place->sink.resume;
    EXPECT(!place->is_fast || place->sink.reason == RT_CLOSE_LEAVING);
    if (place->sink.held != NULL) {
        test_sink_drain(&place->sink);
    }
    look(world, place);
    if (place->sink.reason == RT_CLOSE_CURSOR_EVICTED) {
        EXPECT_INT(resume->cursor.offset, place->next - 1 + resume->missed);
        place->missed += resume->missed;
    } else {
        EXPECT(place->sink.reason == RT_CLOSE_LOST ||
               resume->cursor.offset >= place->next - 1);
        place->missed += skipped(place, resume->cursor.offset);
    }
    world->closed++;
    give_up(world, place);
}

/* --- what must be so after each step --- */

static void expect_open(const struct world *world, const struct place *place)
{
    const struct rt_subscriber *subscriber = &place->sink.subscriber;
    uint64_t cursor = rt_subscriber_cursor(subscriber).offset;
    EXPECT_INT(place->sink.held != NULL,
               subscriber->state == RT_SUBSCRIBER_BLOCKED);
    EXPECT(cursor >= handed_over(place));
    (void)skipped(place, cursor);
    if (place->is_fast) {
        EXPECT_INT(subscriber->state, RT_SUBSCRIBER_ACTIVE);
        EXPECT_INT(place->missed, 0);
    }
    EXPECT(cursor <= world->latest[place->topic]);
}

/* The memory of segments that only connections hold. */
static size_t retired_bytes(const struct world *world)
{
    size_t bytes = 0;
    for (int i = 0; i < PLACE_COUNT; i++) {
        const struct rt_segment *held = world->places[i].sink.held;
        bool is_new = held != NULL && held->is_retired;
        for (int j = 0; j < i && is_new; j++) {
            is_new = world->places[j].sink.held != held;
        }
        bytes += is_new ? rt_segment_size(held->capacity) : 0;
    }
    return bytes;
}

static void expect_counters(const struct world *world)
{
    const struct rt_counters *counters = &world->test.core.counters;
    uint64_t closed = 0;
    for (int reason = 0; reason < RT_CLOSE_COUNT; reason++) {
        closed += counters->closes[reason];
    }
    EXPECT_INT(closed, world->closed);
    EXPECT_INT(counters->events_produced, world->produced);
    EXPECT_INT(world->test.core.sequence, world->produced);
    EXPECT_INT(world->test.core.store.retired_bytes, retired_bytes(world));
}

static void expect_all(struct world *world)
{
    rt_core_validate(&world->test.core);
    for (int i = 0; i < PLACE_COUNT; i++) {
        struct place *place = &world->places[i];
        if (place->is_taken && place->sink.is_closed) {
            end(world, place);
        } else if (place->is_taken) {
            look(world, place);
            expect_open(world, place);
        }
    }
    expect_counters(world);
}

/* --- steps --- */

static size_t random_len(struct world *world)
{
    uint32_t kind = below(world, 200);
    uint32_t bound = kind < 6 ? 200000 : kind < 12 ? 10000 : 300;
    return TEST_PAYLOAD_MIN + below(world, bound);
}

static void step_publish(struct world *world)
{
    uint32_t number = below(world, world->topic_count);
    uint32_t count = one_in(world, 10) ? below(world, 40) : 1;
    for (; count > 0 && world->latest[number] + 1 < EVENTS_MAX; count--) {
        size_t len = random_len(world);
        if (test_core_try_publish(&world->test, names[number], len) < 0) {
            continue;
        }
        world->latest[number]++;
        world->lens[number][world->latest[number]] = (uint32_t)len;
        world->produced++;
    }
}

static void step_flush(struct world *world)
{
    rt_core_flush_small(&world->test.core);
    if (!one_in(world, 4)) {
        (void)rt_core_flush(&world->test.core);
    }
}

/* With no work left everybody has everything, or waits for its connection. */
static void step_flush_all(struct world *world)
{
    test_core_flush(&world->test);
    for (int i = 0; i < PLACE_COUNT; i++) {
        const struct place *place = &world->places[i];
        const struct rt_subscriber *subscriber = &place->sink.subscriber;
        if (place->is_taken && subscriber->state == RT_SUBSCRIBER_ACTIVE) {
            EXPECT_INT(rt_subscriber_cursor(subscriber).offset,
                       world->latest[place->topic]);
        }
        EXPECT(!place->is_taken || subscriber->state != RT_SUBSCRIBER_LAGGING);
    }
}

static void step_come_or_go(struct world *world)
{
    struct place *place = &world->places[below(world, PLACE_COUNT)];
    if (!place->is_taken) {
        arrive(world, place);
    } else if (one_in(world, 4)) {
        leave(world, place);
    }
}

/* Everybody has had enough of one topic. */
static void step_exodus(struct world *world)
{
    uint32_t number = below(world, world->topic_count);
    bool is_whole = one_in(world, 4);
    for (int i = 0; i < PLACE_COUNT; i++) {
        struct place *place = &world->places[i];
        if (place->is_taken && place->topic == number &&
            (is_whole || one_in(world, 4))) {
            leave(world, place);
        }
    }
}

/* What a connection is like from now on. */
static void temper(struct world *world, struct place *place)
{
    struct test_sink *sink = &place->sink;
    if (!place->is_fast) {
        sink->room = one_in(world, 6) ? below(world, 3000) : SIZE_MAX;
        sink->is_lost = one_in(world, 40);
        sink->refuses_queue = one_in(world, 40);
    }
}

static void drain(struct world *world, struct place *place)
{
    if (place->is_taken && place->sink.held != NULL) {
        uint32_t len = (uint32_t)place->sink.queued.len;
        uint32_t part = one_in(world, 3) ? below(world, len) : len;
        test_sink_take(&place->sink, part);
    }
}

static void step_connections(struct world *world)
{
    for (int i = 0; i < PLACE_COUNT / 10; i++) {
        temper(world, &world->places[below(world, PLACE_COUNT)]);
        drain(world, &world->places[below(world, PLACE_COUNT)]);
    }
}

static void step_tick(struct world *world)
{
    uint64_t ms = one_in(world, 10) ? below(world, 2 * RT_TOPIC_IDLE_MS)
                                    : below(world, 20);
    uint64_t now_ms = world->test.core.now_ms + ms;
    rt_core_set_time(&world->test.core, now_ms,
                     TEST_WALL_MS + now_ms - below(world, 50));
    rt_core_tick(&world->test.core);
    for (uint32_t i = 0; i < world->topic_count; i++) {
        world->latest[i] = find(world, i) == NULL ? 0 : world->latest[i];
    }
}

static void step_memory(struct world *world)
{
    struct rt_heap *heap = &world->test.heap.heap;
    size_t limit = heap->used + below(world, 20000);
    heap->limit = world->is_short && one_in(world, 2) ? limit : SIZE_MAX;
}

static void step(struct world *world)
{
    static void (*const steps[])(struct world *) = {
        step_publish,    step_publish,     step_publish,     step_publish,
        step_flush,      step_flush,       step_come_or_go,  step_come_or_go,
        step_come_or_go, step_connections, step_connections, step_tick,
        step_flush_all,  step_memory,
    };
    uint64_t fail_at = one_in(world, 20) ? 1 + below(world, 4) : 0;
    test_heap_fail_at(&world->test.heap, fail_at);
    uint32_t number = below(world, RT_ARRAY_LENGTH(steps));
    (one_in(world, 100) ? step_exodus : steps[number])(world);
    test_heap_fail_at(&world->test.heap, 0);
    expect_all(world);
}

TEST("nobody misses an event without being told, whatever happens")
{
    static struct world world;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&world, seed);
        for (int i = 0; i < STEPS; i++) {
            step(&world);
        }
        for (int i = 0; i < PLACE_COUNT; i++) {
            struct place *place = &world.places[i];
            if (place->is_taken) {
                rt_subscriber_close(&place->sink.subscriber, RT_CLOSE_LEAVING);
                end(&world, place);
            }
        }
        expect_counters(&world);
        EXPECT_INT(world.test.core.counters.events_missed, world.missed);
        test_core_finish(&world.test);
    }
}
