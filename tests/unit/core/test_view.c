#include "broker/core/view.h"

#include <string.h>

#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/support/random.h"
#include "tests/support/sink.h"

#define KIB         ((size_t)1024)
#define UNLIMITED   UINT64_MAX
#define PAYLOAD_MAX 3000
#define EVENTS_MAX  2000

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention small = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

/* A core, and what each of its events is in one format. */
struct bench {
    struct test_core test;
    enum rt_format format;
    struct rt_heap heap; /* of `expected` */
    struct rt_buffer expected;
    size_t ends[EVENTS_MAX + 1]; /* of each event in `expected` */
    uint64_t count;
};

static void bench_init(struct bench *bench,
                       struct rt_retention retention,
                       enum rt_format format)
{
    *bench = (struct bench){.format = format};
    test_core_init(&bench->test, retention);
    rt_heap_init(&bench->heap, SIZE_MAX);
}

static void bench_finish(struct bench *bench)
{
    rt_buffer_finish(&bench->expected, &bench->heap);
    test_core_finish(&bench->test);
}

static void expect_item(struct bench *bench, const struct rt_item *item)
{
    struct rt_writer writer;
    size_t size = rt_format_size(bench->format, item);
    char *at = rt_buffer_reserve(&bench->expected, &bench->heap, size);
    rt_writer_init(&writer, at, size);
    rt_format_write(&writer, bench->format, item);
    bench->expected.len += size;
    bench->ends[++bench->count] = bench->expected.len;
}

static void publish(struct bench *bench, size_t len)
{
    static const char *const types[] = {"", "joined", "left"};
    static char payload[PAYLOAD_MAX];
    struct rt_receipt receipt;
    memset(payload, 'a' + (int)(bench->count % 26), len);
    struct rt_event event = {.topic = RT_BYTES("a"),
                             .payload = {payload, len},
                             .type = rt_bytes_of(types[bench->count % 3]),
                             .content = RT_CONTENT_TEXT};
    EXPECT_INT(rt_core_publish(&bench->test.core, &event, &receipt), 0);
    struct rt_item item = {.topic = event.topic,
                           .cursor = receipt.cursor,
                           .wall_ms = receipt.wall_ms,
                           .type = event.type,
                           .content = event.content,
                           .payload = event.payload};
    expect_item(bench, &item);
}

static void publish_many(struct bench *bench, int count, size_t len)
{
    for (int i = 0; i < count; i++) {
        publish(bench, len);
    }
}

static void
join(struct bench *bench, struct test_sink *sink, struct rt_since since)
{
    test_sink_init(sink, &bench->test);
    test_sink_subscribe_in(sink, "a", bench->format, since);
}

/* The connection takes everything from now on. */
static void relieve(struct bench *bench, struct test_sink *sink)
{
    sink->room = SIZE_MAX;
    if (sink->queued.len > 0) {
        test_sink_drain(sink);
    }
    test_core_flush(&bench->test);
}

/* Expects these events next, and exactly these since the last look. */
static void expect_next(const struct bench *bench,
                        struct test_sink *sink,
                        uint64_t first,
                        uint64_t last)
{
    struct rt_bytes expected = {bench->expected.data + bench->ends[first - 1],
                                bench->ends[last] - bench->ends[first - 1]};
    struct rt_bytes got = {sink->received.data + sink->read, expected.len};
    EXPECT(sink->received.len - sink->read >= expected.len);
    EXPECT_BYTES(got, expected);
    sink->read += expected.len;
}

static void expect_events(const struct bench *bench,
                          struct test_sink *sink,
                          uint64_t first,
                          uint64_t last)
{
    expect_next(bench, sink, first, last);
    EXPECT_INT(sink->received.len, sink->read);
}

static struct rt_view *view_of(const struct bench *bench)
{
    return test_core_topic(&bench->test, "a")->views;
}

TEST("whoever subscribes in a format gets every event as that format has it")
{
    static struct bench bench;
    struct test_sink sinks[3];
    for (int format = RT_FORMAT_JSON; format < RT_FORMAT_COUNT; format++) {
        bench_init(&bench, roomy, (enum rt_format)format);
        join(&bench, &sinks[0], now);
        publish_many(&bench, 10, 100);
        join(&bench, &sinks[1], earliest);
        test_core_flush(&bench.test);
        publish_many(&bench, 10, 300);
        test_core_flush(&bench.test);
        join(&bench, &sinks[2], earliest);
        test_core_flush(&bench.test);
        for (int i = 0; i < 3; i++) {
            expect_events(&bench, &sinks[i], 1, 20);
        }
        test_sinks_finish(sinks, 3);
        bench_finish(&bench);
    }
}

TEST("all formats of a topic are served side by side")
{
    static struct bench bench;
    struct test_sink json;
    struct test_sink raw;
    bench_init(&bench, roomy, RT_FORMAT_JSON);
    join(&bench, &json, now);
    test_sink_init(&raw, &bench.test);
    test_sink_subscribe_now(&raw, "a");
    EXPECT_INT(bench.test.core.subscriber_count, 2);
    publish_many(&bench, 5, 10);
    test_core_flush(&bench.test);
    expect_events(&bench, &json, 1, 5);
    EXPECT_INT(raw.received.len, 5 * 12);
    rt_core_validate(&bench.test.core);
    test_sink_finish(&raw);
    test_sink_finish(&json);
    bench_finish(&bench);
}

TEST("an event is encoded once, whoever gets it")
{
    static struct bench bench;
    struct test_sink sinks[20];
    bench_init(&bench, roomy, RT_FORMAT_NDJSON);
    for (int i = 0; i < 20; i++) {
        join(&bench, &sinks[i], now);
    }
    publish_many(&bench, 10, 100);
    test_core_flush(&bench.test);
    EXPECT_INT(view_of(&bench)->blocks.count, 1);
    EXPECT_INT(view_of(&bench)->blocks.blocks[0].segment->used,
               bench.expected.len);
    test_sinks_finish(sinks, 20);
    bench_finish(&bench);
}

TEST("a write may stop at any byte of any event of a view")
{
    static struct bench bench;
    struct test_sink sink;
    for (size_t room = 0; room < 700; room++) {
        bench_init(&bench, roomy, RT_FORMAT_JSON);
        join(&bench, &sink, now);
        sink.room = room;
        publish_many(&bench, 4, 50);
        test_core_flush(&bench.test);
        relieve(&bench, &sink);
        expect_events(&bench, &sink, 1, 4);
        EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
        test_sink_finish(&sink);
        bench_finish(&bench);
    }
}

TEST("who subscribed for what there was is told when it has it")
{
    static struct bench bench;
    struct test_sink late;
    struct test_sink live;
    bench_init(&bench, roomy, RT_FORMAT_SSE);
    publish_many(&bench, 100, PAYLOAD_MAX);
    join(&bench, &late, earliest);
    join(&bench, &live, now);
    test_core_flush(&bench.test);
    publish_many(&bench, 1, 10);
    test_core_flush(&bench.test);
    EXPECT_INT(late.caught_up_count, 1);
    EXPECT_INT(live.caught_up_count, 0);
    test_sink_finish(&late);
    test_sink_finish(&live);
    bench_finish(&bench);
}

TEST("who is passed by the ring is told what it missed, and goes on")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, small, RT_FORMAT_JSON);
    join(&bench, &sink, now);
    sink.room = 0;
    publish_many(&bench, 1, 100);
    test_core_flush(&bench.test);
    publish_many(&bench, 300, 200);
    uint64_t first = rt_ring_earliest(&test_core_topic(&bench.test, "a")->ring);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    expect_events(&bench, &sink, 1, 1);
    test_core_flush(&bench.test);
    expect_events(&bench, &sink, first, bench.count);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.after.offset, 1);
    EXPECT_INT(sink.gap.next.offset, first);
    EXPECT_INT(sink.gap.missed, first - 2);
    EXPECT_INT(bench.test.core.counters.gaps, 1);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

TEST("who does not take the notice of a gap is waited for")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, small, RT_FORMAT_NDJSON);
    join(&bench, &sink, now);
    sink.room = 0;
    publish_many(&bench, 1, 100);
    test_core_flush(&bench.test);
    publish_many(&bench, 300, 200);
    uint64_t first = rt_ring_earliest(&test_core_topic(&bench.test, "a")->ring);
    sink.room = SIZE_MAX;
    sink.queues_gap = true;
    test_sink_drain(&sink);
    expect_events(&bench, &sink, 1, 1);
    test_core_flush(&bench.test);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_BLOCKED);
    rt_subscriber_drained(&sink.subscriber);
    test_core_flush(&bench.test);
    expect_events(&bench, &sink, first, bench.count);
    EXPECT_INT(sink.gap_count, 1);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

/* Expects all events but those that it skips. */
static void expect_others(const struct bench *bench, struct test_sink *sink)
{
    uint64_t next = 1;
    for (uint32_t i = 0; i < sink->own_count; i++) {
        expect_next(bench, sink, next, sink->own[i].first - 1);
        next = sink->own[i].end;
    }
    expect_events(bench, sink, next, bench->count);
}

TEST("who skips its own events gets all the others, each once")
{
    static const struct rt_own own[] = {
        {1, 2}, {5, 8}, {10, 11}, {50, 60}, {99, 101}};
    static struct bench bench;
    struct test_sink sinks[3]; /* one that stalls, and one that skips nothing */
    bench_init(&bench, roomy, RT_FORMAT_JSON);
    for (uint32_t i = 0; i < 3; i++) {
        join(&bench, &sinks[i], now);
        sinks[i].subscriber.skips_own = i < 2;
        sinks[i].own = own;
        sinks[i].own_count = i < 2 ? 5 : 0;
    }
    sinks[1].room = 300; /* in the middle of some event */
    for (uint32_t i = 0; i < 10; i++) {
        publish_many(&bench, 10, 50);
        test_core_flush(&bench.test);
    }
    relieve(&bench, &sinks[1]);
    for (uint32_t i = 0; i < 3; i++) {
        expect_others(&bench, &sinks[i]);
        EXPECT_INT(sinks[i].subscriber.state, RT_SUBSCRIBER_ACTIVE);
        test_sink_finish(&sinks[i]);
    }
    bench_finish(&bench);
}

TEST("who keeps up loses nothing to a burst, in any format")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, small, RT_FORMAT_JSON);
    join(&bench, &sink, now);
    publish_many(&bench, 500, 200);
    test_core_flush(&bench.test);
    expect_events(&bench, &sink, 1, 500);
    EXPECT_INT(sink.gap_count, 0);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

/* Subscribers begin anywhere, stall anywhere, and all get the same. */
TEST("blocks that come and go are as good as one that stays")
{
    static struct bench bench;
    struct test_sink sinks[8];
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct test_random random = test_random_seed(seed);
        uint64_t from[8];
        bench_init(&bench, roomy, RT_FORMAT_NDJSON);
        publish_many(&bench, 1, 10);
        for (int i = 0; i < 8; i++) {
            from[i] = 1 + test_random_below(&random, (uint32_t)bench.count);
            struct rt_since since = {.kind = RT_SINCE_LAST,
                                     .count = bench.count - from[i] + 1};
            join(&bench, &sinks[i], since);
            sinks[i].room = test_random_below(&random, 40000);
            for (int n = 0; n < 60; n++) {
                publish(&bench, test_random_below(&random, PAYLOAD_MAX));
                if (test_random_below(&random, 10) == 0) {
                    test_core_flush(&bench.test);
                }
            }
            if (test_random_below(&random, 3) == 0) {
                test_core_pass_time(&bench.test, RT_BLOCK_IDLE_MS + 1);
                rt_core_tick(&bench.test.core);
            }
            rt_core_validate(&bench.test.core);
        }
        for (int i = 0; i < 8; i++) {
            relieve(&bench, &sinks[i]);
        }
        for (int i = 0; i < 8; i++) {
            EXPECT_INT(sinks[i].gap_count, 0);
            expect_events(&bench, &sinks[i], from[i], bench.count);
        }
        test_sinks_finish(sinks, 8);
        bench_finish(&bench);
    }
}

TEST("a view takes no more than the ring may")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, (struct rt_retention){128 * KIB, UNLIMITED, UNLIMITED},
               RT_FORMAT_JSON);
    publish_many(&bench, 1000, 20);
    join(&bench, &sink, earliest);
    test_core_flush(&bench.test);
    EXPECT(view_of(&bench)->blocks.bytes <= 128 * KIB);
    expect_events(&bench, &sink, 1, 1000);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

TEST("what nobody looks at is dropped, and what nobody subscribes to")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, roomy, RT_FORMAT_JSON);
    join(&bench, &sink, now);
    publish_many(&bench, 10, 100);
    test_core_flush(&bench.test);
    EXPECT(view_of(&bench)->blocks.bytes > 0);
    test_core_pass_time(&bench.test, RT_BLOCK_IDLE_MS + 1);
    rt_core_tick(&bench.test.core);
    EXPECT_INT(view_of(&bench)->blocks.bytes, 0);
    test_sink_finish(&sink);
    rt_core_tick(&bench.test.core);
    EXPECT(view_of(&bench) == NULL);
    bench_finish(&bench);
}

TEST("an event joins the block before it, and that stays while it is looked at")
{
    static struct bench bench;
    struct test_sink sink;
    bench_init(&bench, roomy, RT_FORMAT_JSON);
    join(&bench, &sink, now);
    for (int i = 0; i < 3; i++) {
        publish(&bench, 10);
        test_core_pass_time(&bench.test, RT_BLOCK_IDLE_MS);
        rt_core_tick(&bench.test.core);
        test_core_flush(&bench.test);
    }
    EXPECT_INT(view_of(&bench)->blocks.count, 1);
    EXPECT_INT(view_of(&bench)->blocks.blocks[0].first, 1);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

/* What a block needs for the events from one on, and which comes behind it. */
static size_t need_of(const struct bench *bench, uint64_t *next, uint64_t end)
{
    size_t needed = 0;
    while (*next < end) {
        size_t need = bench->ends[*next] - bench->ends[*next - 1] +
                      sizeof(struct rt_entry);
        if (needed > 0 && needed + need > RT_BLOCK_SIZE_MAX) {
            break;
        }
        needed += need;
        *next += 1;
    }
    return (needed + 7) / 8 * 8;
}

/* A hole before events that are encoded, of large and small ones. */
static void expect_filled(int count, size_t large, size_t small_len)
{
    static struct bench bench;
    struct test_sink sink;
    struct rt_run run;
    uint64_t next = 1;
    bench_init(&bench, roomy, RT_FORMAT_JSON);
    for (int i = 0; i < count; i++) {
        publish(&bench, i % 3 == 0 ? small_len : large);
    }
    join(&bench, &sink, now);
    publish(&bench, 10);
    test_core_flush(&bench.test);
    EXPECT_INT(rt_view_find(view_of(&bench), 1, &run), 0);
    EXPECT_INT(run.segment->capacity,
               need_of(&bench, &next, (uint64_t)count + 1));
    EXPECT_INT(run.end, next);
    test_sink_finish(&sink);
    bench_finish(&bench);
}

TEST("a hole between blocks is filled with one of its size, within the bound")
{
    expect_filled(90, 50, 20);
    expect_filled(1, 50, 20);
    expect_filled(300, 3000, 10);
}

TEST("without memory to encode in, a subscriber is closed and told where to go")
{
    static struct bench bench;
    struct test_sink sink;
    for (uint64_t k = 1; k <= 2; k++) {
        bench_init(&bench, roomy, RT_FORMAT_JSON);
        join(&bench, &sink, now);
        publish_many(&bench, 3, 100);
        test_heap_fail_at(&bench.test.heap, k);
        test_core_flush(&bench.test);
        test_sink_expect_closed(&sink, RT_CLOSE_OVERLOAD, 0, 0);
        rt_core_validate(&bench.test.core);
        test_sink_finish(&sink);
        bench_finish(&bench);
    }
}

TEST("a subscription for which there is no memory leaves nothing behind")
{
    struct test_core test;
    struct rt_start start;
    for (uint64_t k = 1; k <= 3; k++) {
        struct rt_subscriber subscriber = {.gap = RT_GAP_TELL};
        test_core_init(&test, roomy);
        test_heap_fail_at(&test.heap, k);
        EXPECT(rt_core_subscribe(&test.core, RT_BYTES("a"), RT_FORMAT_SSE, &now,
                                 &subscriber, &start) < 0);
        EXPECT_INT(test.core.topic_count, 0);
        test_core_finish(&test);
    }
}
