/* What is fetched for those who wait, and what gets in the way of that. */
#include "base/check.h"
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/history.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct test_journal disk;
static struct test_sink sink;

static struct rt_durable *durable(void)
{
    return test_core_topic(&disk.test, "a")->durable;
}

/* A topic with so many events, all on disk, and the last ones in the ring. */
static void init(int count, size_t len)
{
    test_journal_init(&disk, narrow);
    test_core_publish_many(&disk.test, "a", count, len);
    test_journal_write(&disk);
    test_sink_init(&sink, &disk.test);
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

TEST("several who come to the same events share the blocks")
{
    struct test_sink other;
    init(400, 1000);
    test_sink_init(&other, &disk.test);
    (void)test_sink_subscribe(&sink, "a", earliest);
    (void)test_sink_subscribe(&other, "a", after(10));
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 400);
    test_sink_expect(&other, 11, 400);
    EXPECT_INT(disk.fetches, 1);
    test_sink_finish(&other);
    finish();
}

TEST("a block that nobody looks at goes")
{
    init(400, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_journal_flush(&disk);
    EXPECT(disk.test.core.history.cache.bytes > 0);
    test_core_pass_time(&disk.test, RT_HISTORY_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT_INT(disk.test.core.history.cache.bytes, 0);
    finish();
}

TEST("an event that is larger than a block has a larger one")
{
    test_journal_init(&disk, narrow);
    test_sink_init(&sink, &disk.test);
    test_core_publish(&disk.test, "a", 400 * KIB);
    test_core_publish(&disk.test, "a", 400 * KIB);
    test_core_publish_many(&disk.test, "a", 100, 1000);
    test_journal_write(&disk);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 102);
    test_sink_finish(&sink);
    test_sink_init(&sink, &disk.test);
    disk.test.heap.heap.limit = 6 * 1024 * KIB; /* blocks: 384 KiB */
    test_sink_subscribe_earliest(&sink, "a");
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 102);
    disk.test.heap.heap.limit = SIZE_MAX;
    finish();
}

/* --- what gets in the way --- */

TEST("a purge ends what is being fetched, with a gap")
{
    init(1000, 1000);
    sink.subscriber.gap = RT_GAP_TELL;
    (void)test_sink_subscribe(&sink, "a", earliest);
    sink.subscriber.gap = RT_GAP_TELL;
    test_core_flush(&disk.test);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish(&disk.test, "a", 10);
    test_journal_fetch(&disk);
    test_journal_flush(&disk);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(disk.test.core.history.cache.bytes, 0);
    test_sink_expect(&sink, 1002, 1002);
    finish();
}

TEST("who leaves while it waits is not waited for")
{
    init(1000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_core_flush(&disk.test);
    test_sink_finish(&sink);
    test_journal_fetch(&disk);
    EXPECT(rt_list_is_empty(&durable()->waiting));
    EXPECT_INT(disk.test.core.history.cache.bytes, 0);
    finish();
}

TEST("without memory for a block whoever waits for it is closed")
{
    for (uint64_t k = 1; k <= 2; k++) {
        init(1000, 1000);
        (void)test_sink_subscribe(&sink, "a", earliest);
        test_heap_fail_at(&disk.test.heap, k);
        test_core_flush(&disk.test);
        test_heap_fail_at(&disk.test.heap, 0);
        EXPECT_INT(disk.fetch_id, 0);
        EXPECT_INT(sink.reason, RT_CLOSE_OVERLOAD);
        finish();
    }
}

/* --- ahead --- */

#define SOME ((size_t)600 * 1000) /* bytes: one block, and some of the next */

/* A reader that stalls in its second block, with 3,000 events in all, and the
 * third wanted. */
static void stall_in_second_block(void)
{
    init(3000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    sink.room = SOME;
    test_core_flush(&disk.test);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT(disk.fetch_offset > 1 && disk.fetch_offset < 600);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_BLOCKED);
}

static void go_on(void)
{
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_journal_flush(&disk);
}

TEST("two more blocks are fetched while the second in a row is being read")
{
    stall_in_second_block();
    EXPECT_INT(disk.fetch_id, 1);
    EXPECT(disk.fetch_offset > 1000 && disk.fetch_offset < 1200);
    test_journal_fetch(&disk);
    EXPECT_INT(disk.fetch_id, 1);
    EXPECT(disk.fetch_offset > 1500 && disk.fetch_offset < 1700);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT_INT(disk.fetch_id, 0);
    EXPECT_INT(disk.fetches, 4);
    go_on();
    test_sink_expect(&sink, 1, 3000);
    EXPECT_INT(disk.fetches, 6);
    finish();
}

TEST("who reads on waits for a block that is fetched already")
{
    stall_in_second_block();
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_FETCHING);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 3000);
    EXPECT_INT(disk.fetches, 6);
    finish();
}

static void pause_at_700(struct rt_local *local,
                         const struct rt_delivery *delivery)
{
    if (delivery->offset == 700) {
        rt_local_pause(local);
    }
}

TEST("for a subscriber in the process the next block is fetched ahead, too")
{
    struct rt_local local = {.state = RT_LOCAL_DETACHED};
    init(3000, 1000);
    EXPECT_INT(rt_core_subscribe_local(&disk.test.core, RT_BYTES("a"),
                                       &earliest, pause_at_700, &local),
               0);
    for (uint64_t i = 0; i < 2; i++) {
        while (rt_core_deliver(&disk.test.core)) {
        }
        EXPECT_INT(local.state, RT_LOCAL_FETCHING);
        test_journal_fetch(&disk);
    }
    (void)rt_core_deliver(&disk.test.core);
    EXPECT_INT(local.state, RT_LOCAL_PAUSED);
    EXPECT_INT(disk.fetch_id, 1);
    rt_local_detach(&local);
    test_journal_fetch(&disk);
    finish();
}

TEST("little is fetched ahead for who has left, and nothing after one block")
{
    init(3000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    sink.room = SOME / 2;
    test_core_flush(&disk.test);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT_INT(disk.fetch_id, 0);
    finish();
    stall_in_second_block();
    test_sink_finish(&sink);
    test_journal_fetch(&disk);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT_INT(disk.fetch_id, 0);
    finish();
}

TEST("what another topic waits for comes before what is fetched ahead")
{
    struct test_sink other;
    stall_in_second_block();
    test_core_publish_many(&disk.test, "b", 500, 1000);
    test_journal_write(&disk);
    test_sink_init(&other, &disk.test);
    (void)test_sink_subscribe(&other, "b", earliest);
    test_core_flush(&disk.test);
    EXPECT_INT(disk.fetch_id, 1);
    test_journal_fetch(&disk);
    EXPECT_INT(disk.fetch_id, 2);
    test_journal_flush(&disk);
    test_sink_expect(&other, 1, 500);
    test_sink_finish(&other);
    go_on();
    test_sink_expect(&sink, 1, 3000);
    finish();
}

TEST("what cannot be had ahead is asked for again when it is needed")
{
    static const int errors[] = {RT_EDAMAGED, RT_ENOENT, RT_ERANGE, RT_EAGAIN};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(errors); i++) {
        stall_in_second_block();
        uint64_t offset = disk.fetch_offset;
        test_journal_fail_fetch(&disk, errors[i]);
        test_core_flush(&disk.test);
        EXPECT_INT(disk.fetch_id, 0);
        EXPECT(!sink.is_closed);
        sink.room = SIZE_MAX;
        test_sink_drain(&sink);
        test_core_flush(&disk.test);
        EXPECT_INT(disk.fetch_offset, offset);
        test_journal_flush(&disk);
        test_sink_expect(&sink, 1, 3000);
        finish();
    }
}

TEST("what cannot be had ahead is asked for again if somebody waits already")
{
    stall_in_second_block();
    uint64_t offset = disk.fetch_offset;
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    EXPECT_INT(disk.fetch_offset, offset);
    test_journal_fail_fetch(&disk, RT_EDAMAGED);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1, offset - 1);
    test_sink_expect_closed(
        &sink, RT_CLOSE_EVENTS_LOST,
        rt_ring_earliest(&test_core_topic(&disk.test, "a")->ring) - 1, 0);
    finish();
}

TEST("a purge while a block is fetched ahead leaves nothing of it")
{
    stall_in_second_block();
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish(&disk.test, "a", 10);
    test_journal_fetch(&disk);
    EXPECT_INT(disk.test.core.history.cache.bytes, 0);
    EXPECT_INT(disk.fetch_id, 0);
    finish();
}

TEST("nothing is fetched ahead at the cost of what others need")
{
    init(3000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    sink.room = SOME;
    test_core_flush(&disk.test);
    disk.test.heap.heap.limit = 1200 * KIB * RT_HISTORY_PART; /* two blocks */
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    test_journal_fetch(&disk);
    test_core_flush(&disk.test);
    EXPECT_INT(disk.fetch_id, 0);
    go_on();
    test_sink_expect(&sink, 1, 3000);
    disk.test.heap.heap.limit = SIZE_MAX;
    finish();
}

TEST("without memory to read with whoever waits is closed, and has no gap")
{
    init(1000, 1000);
    (void)test_sink_subscribe(&sink, "a", earliest);
    test_core_flush(&disk.test);
    test_journal_fail_fetch(&disk, RT_ENOMEM);
    test_core_flush(&disk.test);
    EXPECT_INT(sink.reason, RT_CLOSE_OVERLOAD);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("without memory nothing is fetched ahead, and nobody is the worse for it")
{
    for (uint64_t k = 2; k <= 3; k++) {
        init(3000, 1000);
        (void)test_sink_subscribe(&sink, "a", earliest);
        sink.room = SOME;
        test_core_flush(&disk.test);
        test_journal_fetch(&disk);
        test_core_flush(&disk.test);
        test_heap_fail_at(&disk.test.heap, k); /* 1 is the second block's */
        test_journal_fetch(&disk);
        test_core_flush(&disk.test);
        test_heap_fail_at(&disk.test.heap, 0);
        EXPECT_INT(disk.fetch_id, 0);
        EXPECT(!sink.is_closed);
        go_on();
        test_sink_expect(&sink, 1, 3000);
        finish();
    }
}
