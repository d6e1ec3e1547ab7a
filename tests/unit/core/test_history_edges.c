/* Where history ends and something else begins: retention, damage, a purge,
 * what is on its way to the disk, and what is held for locals. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/history.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

static const struct rt_retention narrow = {16384, UINT64_MAX, UINT64_MAX};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_journal disk;
static struct test_sink sink;

/* A topic with so many events, all on disk, and the last ones in the ring; and
 * a sink that wants to be told of gaps. */
static void init(int count)
{
    test_journal_init(&disk, narrow);
    test_core_publish_many(&disk.test, "a", count, 1000);
    test_journal_write(&disk);
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
}

static void finish(void)
{
    test_sink_finish(&sink);
    test_journal_finish(&disk);
}

static void write_and_flush(void)
{
    test_journal_write(&disk);
    rt_history_continue(&disk.test.core.history);
    test_journal_flush(&disk);
}

static void expect_gap(uint64_t next, enum rt_close_reason reason)
{
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.next.offset, next);
    EXPECT_INT(sink.gap.reason, reason);
}

static void expect_all_until(uint64_t offset)
{
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, offset);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
}

TEST("retention that is faster than a fetch costs what it removes, and no more")
{
    init(1000);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_core_flush(&disk.test);
    disk.earliest[1] = 301;
    test_journal_fail_fetch(&disk, RT_ENOENT);
    test_core_flush(&disk.test);
    expect_gap(301, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(sink.gap.missed, 300);
    test_journal_flush(&disk);
    expect_all_until(1000);
    finish();
}

TEST("what cannot be read is lost to those alone who wait for it")
{
    struct test_sink other;
    struct rt_since since = {.kind = RT_SINCE_CURSOR};
    init(1000);
    since.cursor = rt_topic_cursor(test_core_topic(&disk.test, "a"), 500);
    test_sink_init(&other, &disk.test);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    (void)test_sink_subscribe(&other, "a", since);
    test_core_flush(&disk.test);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    test_sink_expect(&other, 501, 1000);
    test_sink_finish(&other);
    finish();
}

TEST("what is on its way to the disk is not lost with what is there")
{
    init(100);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_core_publish_many(&disk.test, "a", 100, 1000);
    test_core_flush(&disk.test);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    test_core_flush(&disk.test);
    expect_gap(101, RT_CLOSE_EVENTS_LOST);
    write_and_flush();
    expect_all_until(200);
    finish();
}

TEST("a new epoch is given from its first event on, though that is on its way")
{
    init(10);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, now);
    sink.room = 0;
    test_core_publish(&disk.test, "a", 1000);
    test_core_flush(&disk.test);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish_many(&disk.test, "a", 100, 1000);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    expect_gap(1, RT_CLOSE_EPOCH_CHANGED);
    write_and_flush();
    expect_all_until(100);
    finish();
}

TEST("what the ring still has is not lost with what retention removed")
{
    init(100);
    uint64_t left = rt_ring_earliest(&test_core_topic(&disk.test, "a")->ring);
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_core_flush(&disk.test);
    disk.earliest[1] = left + 3;
    test_journal_fail_fetch(&disk, RT_ENOENT);
    test_core_flush(&disk.test);
    expect_gap(left, RT_CLOSE_CURSOR_EVICTED);
    expect_all_until(100);
    finish();
}

TEST("a block of what retention removed is not the earliest there is")
{
    init(1000);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    test_sink_subscribe_in(&sink, "a", RT_FORMAT_JSON, earliest);
    test_journal_flush(&disk);
    EXPECT(rt_history_find(topic, 1) != NULL);
    EXPECT_INT(rt_history_earliest(topic), 1);
    disk.earliest[1] = 701;
    EXPECT_INT(rt_history_earliest(topic), 701);
    disk.earliest[1] = 2000; /* all of it, and the ring has more */
    EXPECT_INT(rt_history_earliest(topic), rt_ring_earliest(&topic->ring));
    EXPECT(!rt_history_exists(topic));
    finish();
}

TEST("how many are missed is not known where several ends may have cost some")
{
    init(100);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    struct rt_durable *durable = topic->durable;
    uint64_t far = RT_JOURNAL_JUMP + 10;
    EXPECT_INT(rt_history_loss(topic, 10, far).missed, far - 10);
    durable->old_end = far;
    durable->begin = far;
    EXPECT_INT(rt_history_loss(topic, 10, far).missed, 0);
    EXPECT_INT(rt_history_loss(topic, far - 5, far).missed, 0);
    EXPECT_INT(rt_history_loss(topic, 10, far - 10).missed, far - 20);
    EXPECT_INT(rt_history_loss(topic, far, 2 * far).missed, far);
    durable->old_end = 1;
    durable->begin = 1;
    finish();
}

/* --- times --- */

#define LOST_FIRST 61 /* what an end without a word has cost */
#define LOST_END   81

static uint64_t stamp_of(uint64_t offset)
{
    return TEST_WALL_MS + (offset - 1) * 1000;
}

/* A topic with an event each second; some were lost before the start that is
 * told. */
static void init_lost(uint64_t found_ms)
{
    test_journal_init(&disk, narrow);
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
    for (int i = 0; i < 100; i++) {
        test_core_publish(&disk.test, "a", 1000);
        test_core_pass_time(&disk.test, 1000);
    }
    test_journal_write(&disk);
    for (uint64_t i = LOST_FIRST - 1; i < LOST_END - 1; i++) {
        disk.events[i].id = 0;
    }
    disk.journal.lost.wall_ms = found_ms;
}

static struct rt_start start_since(uint64_t wall_ms)
{
    struct rt_since since = {.kind = RT_SINCE_TIME, .wall_ms = wall_ms};
    struct rt_start start = {0};
    EXPECT_INT(rt_core_subscribe(&disk.test.core, RT_BYTES("a"), RT_FORMAT_JSON,
                                 &since, &sink.subscriber, &start),
               0);
    return start;
}

TEST("a time at which events may have been lost at the end begins with a gap")
{
    init_lost(stamp_of(LOST_END) - 1);
    struct rt_durable *durable = test_core_topic(&disk.test, "a")->durable;
    durable->old_end = LOST_FIRST;
    durable->begin = LOST_END;
    struct rt_start start = start_since(stamp_of(LOST_FIRST));
    EXPECT(start.is_gap);
    EXPECT_INT(start.gap.reason, RT_CLOSE_EVENTS_LOST);
    EXPECT_INT(start.gap.missed, 0);
    EXPECT_INT(start.cursor.offset, LOST_END - 1);
    test_sink_finish(&sink);
    start = start_since(stamp_of(LOST_END)); /* after that start */
    EXPECT(!start.is_gap);
    EXPECT_INT(start.cursor.offset, LOST_END - 1);
    test_sink_finish(&sink);
    start = start_since(stamp_of(LOST_FIRST - 1));
    EXPECT(!start.is_gap);
    EXPECT_INT(start.cursor.offset, LOST_FIRST - 2);
    durable->old_end = LOST_END;
    finish();
}

TEST("a time at which an earlier end may have cost some begins before these")
{
    init_lost(stamp_of(LOST_END) - 1);
    struct rt_start start = start_since(stamp_of(LOST_FIRST));
    EXPECT(!start.is_gap);
    EXPECT_INT(start.cursor.offset, LOST_FIRST - 1);
    test_journal_flush(&disk);
    expect_gap(LOST_END, RT_CLOSE_EVENTS_LOST);
    expect_all_until(100);
    test_sink_finish(&sink);
    start = start_since(stamp_of(LOST_END));
    EXPECT_INT(start.cursor.offset, LOST_END - 1);
    finish();
}

TEST("a time at which some may have been lost of what retention removed, too")
{
    init_lost(stamp_of(LOST_END) - 1);
    disk.earliest[1] = LOST_END;
    struct rt_start start = start_since(stamp_of(LOST_FIRST) - 1000);
    EXPECT_INT(start.gap.reason, RT_CLOSE_CURSOR_EVICTED);
    test_sink_finish(&sink);
    start = start_since(stamp_of(LOST_FIRST));
    EXPECT(start.is_gap);
    EXPECT_INT(start.gap.reason, RT_CLOSE_EVENTS_LOST);
    EXPECT_INT(start.cursor.offset, LOST_END - 1);
    test_sink_finish(&sink);
    EXPECT(!start_since(stamp_of(LOST_END)).is_gap);
    finish();
}

/* --- in the process --- */

static uint64_t heard; /* the last offset */

static void hear(struct rt_local *local, const struct rt_delivery *delivery)
{
    (void)local;
    EXPECT_INT(delivery->kind, RT_DELIVERY_EVENT);
    EXPECT_INT(delivery->offset, heard + 1);
    heard++;
}

static void ignore(struct rt_local *local, const struct rt_delivery *delivery)
{
    (void)local;
    (void)delivery;
}

static void listen(struct rt_local *local,
                   const struct rt_since *since,
                   rt_deliver_fn deliver)
{
    EXPECT_INT(rt_core_subscribe_local(&disk.test.core, RT_BYTES("a"), since,
                                       deliver, local),
               0);
}

TEST("what is held for a local keeps nobody from what the disk has before it")
{
    struct rt_local current = {.state = RT_LOCAL_DETACHED};
    struct rt_local late = {.state = RT_LOCAL_DETACHED};
    init(100);
    heard = 0;
    listen(&current, &now, ignore);
    test_core_publish_many(&disk.test, "a", 40, 1000);
    test_journal_write(&disk);
    listen(&late, &earliest, hear);
    while (rt_core_deliver(&disk.test.core)) {
    }
    while (disk.fetch_id > 0) {
        test_journal_fetch(&disk);
        while (rt_core_deliver(&disk.test.core)) {
        }
    }
    EXPECT_INT(heard, 140);
    rt_local_detach(&current);
    rt_local_detach(&late);
    finish();
}
