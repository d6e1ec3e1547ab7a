#include "broker/core/history_cache.h"

#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define CAPACITY ((size_t)64 * 1024)

static const struct rt_retention narrow = {16384, UINT64_MAX, UINT64_MAX};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct test_journal disk;

static struct rt_history_cache *cache(void)
{
    return &disk.test.core.history.cache;
}

static struct rt_durable *durable(const char *topic)
{
    return test_core_topic(&disk.test, topic)->durable;
}

static void init(void)
{
    test_journal_init(&disk, narrow);
    test_core_publish(&disk.test, "a", 10);
    test_core_publish(&disk.test, "b", 10);
    test_journal_write(&disk);
}

static void fill(struct rt_segment *segment)
{
    for (int i = 0; i < 10; i++) {
        rt_segment_append(segment, RT_BYTES("event"),
                          (struct rt_bytes){NULL, 0}, (struct rt_entry){0});
    }
}

/* Keeps a block with ten events of a topic. */
static struct rt_segment *keep(const char *topic, uint64_t first)
{
    struct rt_segment *segment = rt_history_cache_take(cache(), CAPACITY);
    EXPECT(segment != NULL);
    segment->first_offset = first;
    fill(segment);
    EXPECT_INT(rt_history_cache_keep(cache(), durable(topic), segment), 0);
    return segment;
}

TEST("an event is found in the block of its topic")
{
    init();
    const struct rt_segment *first = keep("a", 101);
    const struct rt_segment *second = keep("a", 111);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 100) == NULL);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 101) == first);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 110) == first);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 111) == second);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 121) == NULL);
    EXPECT(rt_history_cache_find(cache(), durable("b"), 101) == NULL);
    test_journal_finish(&disk);
}

TEST("the block that was looked at longest ago makes room for another")
{
    init();
    size_t size = rt_segment_size(CAPACITY);
    disk.test.heap.heap.limit = 2 * size * RT_HISTORY_PART;
    const struct rt_segment *first = keep("a", 101);
    (void)keep("a", 111);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 101) == first);
    (void)keep("b", 101);
    EXPECT_INT(cache()->bytes, 2 * size);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 101) == first);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 111) == NULL);
    disk.test.heap.heap.limit = SIZE_MAX;
    test_journal_finish(&disk);
}

/* Blocks of the usual size, one after the other. */
static void keep_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct rt_segment *segment =
            rt_history_cache_take(cache(), RT_HISTORY_BLOCK_BYTES);
        segment->first_offset = 1 + 10 * i;
        fill(segment);
        EXPECT_INT(rt_history_cache_keep(cache(), durable("a"), segment), 0);
    }
}

TEST("there is room for a few blocks, and more when one that went is missed")
{
    init();
    keep_many(10);
    EXPECT(cache()->bytes <= RT_HISTORY_BYTES_FEW);
    rt_history_cache_miss(cache(), durable("a"), 101);
    rt_history_cache_miss(cache(), durable("b"), 1);
    EXPECT_INT(cache()->room, RT_HISTORY_BYTES_FEW);
    rt_history_cache_miss(cache(), durable("a"), 10);
    EXPECT_INT(cache()->room, 2 * RT_HISTORY_BYTES_FEW);
    for (int i = 0; i < 10; i++) {
        rt_history_cache_miss(cache(), durable("a"), 1);
    }
    EXPECT_INT(cache()->room, RT_HISTORY_BYTES_MAX);
    test_core_pass_time(&disk.test, RT_HISTORY_IDLE_MS + 1);
    rt_history_cache_trim(cache());
    EXPECT_INT(cache()->room, RT_HISTORY_BYTES_FEW);
    rt_history_cache_miss(cache(), durable("a"), 1); /* long ago */
    EXPECT_INT(cache()->room, RT_HISTORY_BYTES_FEW);
    test_journal_finish(&disk);
}

TEST("the blocks of one topic are dropped, or those that nobody looks at")
{
    init();
    (void)keep("a", 101);
    (void)keep("a", 111);
    (void)keep("b", 101);
    rt_history_cache_forget(cache(), durable("a"));
    EXPECT_INT(cache()->bytes, rt_segment_size(CAPACITY));
    test_core_pass_time(&disk.test, RT_HISTORY_IDLE_MS);
    rt_history_cache_trim(cache());
    EXPECT(rt_history_cache_find(cache(), durable("b"), 101) != NULL);
    test_core_pass_time(&disk.test, RT_HISTORY_IDLE_MS + 1);
    rt_history_cache_trim(cache());
    EXPECT_INT(cache()->bytes, 0);
    test_journal_finish(&disk);
}

TEST("the memory of a block that made room is used for the next")
{
    init();
    struct rt_segment *segment =
        rt_history_cache_take(cache(), RT_HISTORY_BLOCK_BYTES);
    size_t used = disk.test.heap.heap.used;
    rt_history_cache_give(cache(), segment);
    EXPECT(rt_history_cache_take(cache(), RT_HISTORY_BLOCK_BYTES) == segment);
    EXPECT_INT(segment->event_count, 0);
    EXPECT_INT(disk.test.heap.heap.used, used);
    rt_segment_ref(segment); /* somebody is writing it */
    rt_history_cache_give(cache(), segment);
    EXPECT(cache()->spare == NULL);
    rt_segment_unref(&disk.test.core.store, segment);
    test_journal_finish(&disk);
}

TEST("memory that is spare goes, too")
{
    init();
    size_t used = disk.test.heap.heap.used;
    rt_history_cache_give(
        cache(), rt_history_cache_take(cache(), RT_HISTORY_BLOCK_BYTES));
    EXPECT(disk.test.heap.heap.used > used);
    rt_history_cache_trim(cache());
    EXPECT_INT(disk.test.heap.heap.used, used);
    test_journal_finish(&disk);
}

TEST("without memory there is no segment, or it is the caller's still")
{
    init();
    for (uint64_t k = 1; k <= 2; k++) {
        test_heap_fail_at(&disk.test.heap, k);
        EXPECT(rt_history_cache_take(cache(), CAPACITY) == NULL);
    }
    test_heap_fail_at(&disk.test.heap, 0);
    struct rt_segment *segment = rt_history_cache_take(cache(), CAPACITY);
    test_heap_fail_at(&disk.test.heap, 1);
    EXPECT_INT(rt_history_cache_keep(cache(), durable("a"), segment),
               RT_ENOMEM);
    test_heap_fail_at(&disk.test.heap, 0);
    rt_history_cache_give(cache(), segment);
    EXPECT_INT(cache()->bytes, 0);
    test_journal_finish(&disk);
}

TEST("where there is little memory blocks are smaller, and two have room")
{
    init();
    EXPECT_INT(rt_history_cache_block_bytes(cache()), RT_HISTORY_BLOCK_BYTES);
    disk.test.heap.heap.limit = 4 * CAPACITY * RT_HISTORY_PART + 1;
    EXPECT_INT(rt_history_cache_block_bytes(cache()), 2 * CAPACITY);
    disk.test.heap.heap.limit = SIZE_MAX;
    test_journal_finish(&disk);
}

TEST("the newest block stays, though the next one needs all the room")
{
    init();
    disk.test.heap.heap.limit = CAPACITY * RT_HISTORY_PART;
    const struct rt_segment *first = keep("a", 101);
    const struct rt_segment *second = keep("b", 101);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 101) == first);
    (void)keep("a", 111);
    EXPECT(rt_history_cache_find(cache(), durable("a"), 101) == first);
    EXPECT(rt_history_cache_find(cache(), durable("b"), 101) == NULL);
    EXPECT(second != NULL);
    disk.test.heap.heap.limit = SIZE_MAX;
    test_journal_finish(&disk);
}

/* --- what blocks are encoded to --- */

#define TOPICS  4
#define FORMATS (RT_FORMAT_COUNT - 1) /* but for raw */

static const char *const names[TOPICS] = {"a", "b", "c", "d"};
static struct test_sink readers[TOPICS * FORMATS];

static void read_all_formats(void)
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(readers); i++) {
        enum rt_format format = (enum rt_format)(1 + i % FORMATS);
        test_sink_init(&readers[i], &disk.test);
        test_sink_subscribe_in(&readers[i], names[i / FORMATS], format,
                               earliest);
    }
}

/* Flushes and fetches; returns the most that views take meanwhile. */
static size_t flush_all(void)
{
    size_t most = 0;
    test_core_flush(&disk.test);
    while (disk.fetch_id > 0) {
        test_journal_fetch(&disk);
        test_core_flush(&disk.test);
        size_t bytes = disk.test.core.block_room.bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

TEST("views of what is on disk have one room, whatever their number")
{
    size_t room = (size_t)128 * 1024;
    test_journal_init(&disk, narrow);
    for (size_t i = 0; i < TOPICS; i++) {
        test_core_publish_many(&disk.test, names[i], 200, 1000);
        test_journal_write(&disk);
    }
    disk.test.heap.heap.limit = room * RT_BLOCK_ROOM_PART;
    read_all_formats();
    size_t most = flush_all();
    EXPECT(most > room / 2 && most <= room);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(readers); i++) {
        EXPECT_INT(rt_subscriber_cursor(&readers[i].subscriber).offset, 200);
        EXPECT_INT(readers[i].gap_count, 0);
        EXPECT_INT(readers[i].caught_up_count, 1);
        test_sink_finish(&readers[i]);
    }
    test_journal_finish(&disk);
}
