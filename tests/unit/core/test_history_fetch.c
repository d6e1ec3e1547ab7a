/* What is fetched for those who wait, and what gets in the way of that. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/history.h"
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
    rt_topic_purge(test_core_topic(&disk.test, "a"));
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
