#include "broker/core/history.h"

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_journal disk;
static struct test_sink sink;

static struct rt_durable *durable(void)
{
    return test_core_topic(&disk.test, "a")->durable;
}

static const struct rt_ring *ring(void)
{
    return &test_core_topic(&disk.test, "a")->ring;
}

/* A topic with so many events, all on disk, and the last ones in the ring. */
static void init(int count, size_t len)
{
    test_journal_init(&disk, narrow);
    test_core_publish_many(&disk.test, "a", count, len);
    test_journal_write(&disk);
    test_sink_init(&sink, &disk.test);
    EXPECT(rt_ring_earliest(ring()) > (uint64_t)count / 2);
}

static void finish(void)
{
    test_sink_finish(&sink);
    test_journal_finish(&disk);
}

static struct rt_since after(uint64_t offset)
{
    return (struct rt_since){
        .kind = RT_SINCE_CURSOR,
        .cursor = rt_topic_cursor(test_core_topic(&disk.test, "a"), offset)};
}

/* The node was started anew after offset `end`, and was not ended before: it
 * went on at `begin`. */
static void lose_offsets_until(uint64_t end, uint64_t begin)
{
    durable()->old_end = end;
    durable()->begin = begin;
    for (uint64_t i = end - 1; i < durable()->begin - 1; i++) {
        disk.events[i].id = 0;
    }
}

static void lose_offsets(uint64_t end)
{
    lose_offsets_until(end, rt_ring_earliest(ring()));
}

TEST("what the ring dropped is replayed from disk, and then the ring")
{
    init(1000, 1000);
    EXPECT_INT(test_sink_subscribe(&sink, "a", earliest).offset, 0);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1, 0);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 1000);
    EXPECT(disk.fetches > 1 && disk.fetches < 4);
    EXPECT_INT(sink.gap_count, 0);
    test_core_publish(&disk.test, "a", 10);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1001, 1001);
    finish();
}

TEST("who comes back with a cursor goes on behind it")
{
    init(1000, 1000);
    (void)test_sink_subscribe(&sink, "a", after(123));
    test_journal_flush(&disk);
    test_sink_expect(&sink, 124, 1000);
    finish();
}

TEST("who stalls in the middle of a block goes on in it")
{
    init(400, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    sink.room = 10500;
    test_journal_flush(&disk);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_BLOCKED);
    test_core_pass_time(&disk.test, RT_HISTORY_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 400);
    EXPECT_INT(disk.fetches, 2);
    finish();
}

TEST("what is on its way to the disk is waited for")
{
    init(100, 1000);
    (void)test_sink_subscribe(&sink, "a", now);
    sink.room = 0;
    test_core_publish_many(&disk.test, "a", 1, 1000);
    test_core_flush(&disk.test);
    test_core_publish_many(&disk.test, "a", 100, 1000);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 101, 101);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_FETCHING);
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, 0);
    rt_history_continue(&disk.test.core.history);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 102, 201);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("when the disk fails, what was on its way is a gap")
{
    init(100, 1000);
    (void)test_sink_subscribe(&sink, "a", now);
    sink.subscriber.gap = RT_GAP_TELL;
    sink.room = 0;
    test_core_publish_many(&disk.test, "a", 1, 1000);
    test_core_flush(&disk.test);
    test_core_publish_many(&disk.test, "a", 100, 1000);
    uint64_t left = rt_ring_earliest(ring());
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    rt_journal_done(&disk.journal, RT_EIO);
    rt_history_continue(&disk.test.core.history);
    test_core_flush(&disk.test);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.next.offset, left);
    EXPECT_INT(sink.gap.missed, left - 102);
    finish();
}

TEST("what retention has removed is a gap, and the rest is replayed")
{
    init(1000, 1000);
    disk.earliest[1] = 301;
    sink.subscriber.gap = RT_GAP_TELL;
    struct rt_start start;
    struct rt_since since = after(100);
    EXPECT_INT(rt_core_subscribe(&disk.test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                 &since, &sink.subscriber, &start),
               0);
    EXPECT(start.is_gap);
    EXPECT_INT(start.gap.reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(start.gap.missed, 200);
    EXPECT_INT(start.cursor.offset, 300);
    EXPECT_INT(start.earliest.offset, 301);
    test_sink_finish(&sink);
    test_sink_init(&sink, &disk.test);
    EXPECT_INT(test_sink_subscribe(&sink, "a", earliest).offset, 300);
    test_core_flush(&disk.test);
    disk.earliest[1] = 401; /* while it waits */
    test_journal_fetch(&disk);
    test_journal_flush(&disk);
    test_sink_expect_closed(&sink, RT_CLOSE_EVENTS_LOST, 400, 0);
    finish();
}

TEST("what cannot be read is a gap up to what can")
{
    init(1000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_core_flush(&disk.test);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    test_core_flush(&disk.test);
    test_sink_expect_closed(&sink, RT_CLOSE_EVENTS_LOST,
                            rt_ring_earliest(ring()) - 1, 0);
    finish();
}

TEST("offsets that an end without a word cost are a gap")
{
    init(100, 1000);
    uint64_t end = rt_ring_earliest(ring()) - 20;
    lose_offsets(end);
    struct rt_start start;
    struct rt_since since = after(end + 3);
    EXPECT_INT(rt_core_subscribe(&disk.test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                 &since, &sink.subscriber, &start),
               RT_EGAP);
    EXPECT_INT(start.gap.reason, RT_CLOSE_EVENTS_LOST);
    EXPECT_INT(start.gap.missed, 0);
    EXPECT_INT(start.cursor.offset, rt_ring_earliest(ring()) - 1);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, end - 1);
    test_sink_expect_closed(&sink, RT_CLOSE_EVENTS_LOST,
                            rt_ring_earliest(ring()) - 1, 0);
    finish();
}

TEST("offsets count that were given, and not lost at the start")
{
    init(100, 1000);
    lose_offsets_until(40, 60);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    EXPECT(rt_history_counts(topic, 39));
    EXPECT(!rt_history_counts(topic, 40));
    EXPECT(!rt_history_counts(topic, 59));
    EXPECT(rt_history_counts(topic, 60));
    EXPECT(rt_history_counts(topic, 100));
    EXPECT(!rt_history_counts(topic, 101));
    finish();
}

TEST("what comes behind such a gap is replayed from disk, too")
{
    init(1000, 1000);
    lose_offsets_until(100, 300);
    sink.subscriber.gap = RT_GAP_TELL;
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.after.offset, 99);
    EXPECT_INT(sink.gap.next.offset, 300);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 1000);
    EXPECT_INT(sink.caught_up_count, 1);
    finish();
}

TEST("the last N events are counted over what an end has cost")
{
    init(100, 1000);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    uint64_t first = rt_ring_earliest(ring());
    EXPECT_INT(rt_history_last(topic, 10), 91);
    EXPECT_INT(rt_history_last(topic, 95), 6);
    EXPECT_INT(rt_history_last(topic, 1000), 1);
    lose_offsets(first - 20);
    EXPECT_INT(rt_history_last(topic, 10), 91);
    EXPECT_INT(rt_history_last(topic, 101 - first), first);
    EXPECT_INT(rt_history_last(topic, 102 - first), first - 21);
    EXPECT_INT(rt_history_last(topic, 1000), 1);
    finish();
}

TEST("and over what ends before that have cost")
{
    init(100, 1000);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    uint64_t first = rt_ring_earliest(ring());
    uint64_t count = 101 - first;
    lose_offsets_until(11, 31);
    lose_offsets(first - 20);
    EXPECT_INT(rt_history_last(topic, count + 1), first - 21);
    EXPECT_INT(rt_history_last(topic, count + first - 51), 31);
    EXPECT_INT(rt_history_last(topic, count + first - 50), 10);
    disk.earliest[1] = 5;
    EXPECT_INT(rt_history_last(topic, 1000), 5);
    finish();
}

TEST("a time begins with the first event on disk that is not older")
{
    test_journal_init(&disk, narrow);
    test_sink_init(&sink, &disk.test);
    for (int i = 0; i < 100; i++) {
        test_core_publish(&disk.test, "a", 1000);
        test_core_pass_time(&disk.test, 1000);
    }
    test_journal_write(&disk);
    struct rt_since since = {.kind = RT_SINCE_TIME,
                             .wall_ms = TEST_WALL_MS + 20 * 1000};
    EXPECT_INT(test_sink_subscribe(&sink, "a", since).offset, 20);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 21, 100);
    test_sink_finish(&sink);
    since.wall_ms = TEST_WALL_MS + 95 * 1000;
    EXPECT_INT(test_sink_subscribe(&sink, "a", since).offset, 95);
    test_sink_finish(&sink);
    disk.earliest[1] = 50;
    since.wall_ms =
        TEST_WALL_MS + 48 * 1000 + 1; /* all that is gone is older */
    EXPECT_INT(test_sink_subscribe(&sink, "a", since).offset, 49);
    test_sink_finish(&sink);
    since.wall_ms--;
    struct rt_start start;
    EXPECT_INT(rt_core_subscribe(&disk.test.core, RT_BYTES("a"), RT_FORMAT_RAW,
                                 &since, &sink.subscriber, &start),
               RT_EGAP);
    EXPECT_INT(start.cursor.offset, 49);
    finish();
}

TEST("a format is the same from disk as it was live")
{
    struct test_sink live;
    test_journal_init(&disk, narrow);
    test_sink_init(&sink, &disk.test);
    test_sink_init(&live, &disk.test);
    test_sink_subscribe_in(&live, "a", RT_FORMAT_JSON, now);
    for (int i = 0; i < 50; i++) {
        test_core_publish_many(&disk.test, "a", 20, 1000);
        test_core_flush(&disk.test);
    }
    test_journal_write(&disk);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT_INT(sink.caught_up_count, 1);
    struct rt_bytes wanted = {live.received.data, live.received.len};
    struct rt_bytes found = {sink.received.data, sink.received.len};
    EXPECT(wanted.len > 1000 * KIB);
    EXPECT(rt_bytes_equal(found, wanted));
    test_sink_finish(&live);
    finish();
}

/* --- in the process --- */

static struct {
    uint64_t next; /* offset */
    uint64_t gaps;
    struct rt_delivery gap;
} heard;

static void hear(struct rt_local *local, const struct rt_delivery *delivery)
{
    (void)local;
    if (delivery->kind == RT_DELIVERY_GAP) {
        heard.gaps++;
        heard.gap = *delivery;
        heard.next = delivery->offset + 1;
        return;
    }
    EXPECT_INT(delivery->offset, heard.next);
    EXPECT_INT(delivery->payload.data[0], 'a');
    heard.next++;
}

static void listen(struct rt_local *local, struct rt_since since)
{
    heard.next = since.kind == RT_SINCE_EARLIEST ? 1 : since.cursor.offset + 1;
    heard.gaps = 0;
    local->state = RT_LOCAL_DETACHED;
    EXPECT_INT(rt_core_subscribe_local(&disk.test.core, RT_BYTES("a"), &since,
                                       hear, local),
               0);
}

static void deliver(void)
{
    while (rt_core_deliver(&disk.test.core)) {
    }
}

static void deliver_and_fetch(void)
{
    deliver();
    while (disk.fetch_id > 0) {
        test_journal_fetch(&disk);
        deliver();
    }
}

TEST("a subscriber in the process is handed what is on disk, and goes on")
{
    struct rt_local local;
    init(1000, 1000);
    listen(&local, after(5));
    deliver();
    EXPECT_INT(local.state, RT_LOCAL_FETCHING);
    deliver_and_fetch();
    EXPECT_INT(heard.next, 1001);
    EXPECT_INT(heard.gaps, 0);
    test_core_publish(&disk.test, "a", 10);
    deliver();
    EXPECT_INT(heard.next, 1002);
    rt_local_detach(&local);
    finish();
}

TEST("one that pauses or leaves while it waits is not waited for")
{
    struct rt_local local;
    init(1000, 1000);
    listen(&local, earliest);
    deliver();
    rt_local_pause(&local);
    test_journal_fetch(&disk);
    deliver();
    EXPECT_INT(heard.next, 1);
    rt_local_resume(&local);
    deliver();
    rt_local_detach(&local);
    test_journal_fetch(&disk);
    listen(&local, earliest);
    deliver_and_fetch();
    EXPECT_INT(heard.next, 1001);
    rt_local_detach(&local);
    finish();
}

TEST("one is told what cannot be read, and what retention has removed")
{
    struct rt_local local;
    init(1000, 1000);
    disk.earliest[1] = 101;
    listen(&local, after(50));
    deliver();
    EXPECT_INT(heard.gaps, 1);
    EXPECT_INT(heard.gap.missed, 50);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    deliver();
    EXPECT_INT(heard.gaps, 2);
    EXPECT_INT(heard.gap.reason, RT_CLOSE_EVENTS_LOST);
    EXPECT_INT(heard.next, 1001);
    rt_local_detach(&local);
    finish();
}
