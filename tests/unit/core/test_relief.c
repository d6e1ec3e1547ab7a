/* What rings give up when memory is short, and what they do not. */
#include "broker/core/relief.h"

#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/core/local.h"
#include "broker/core/publication.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define MANY      60 /* events of 1,000 bytes: several segments */

static const struct rt_retention wide = {256 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};

static struct test_journal disk;
static struct test_sink sink;

/* All the memory that there is. */
#define MEMORY ((size_t)8 * 1024 * KIB)

static void init(void)
{
    test_journal_init(&disk, wide);
    test_sink_init(&sink, &disk.test);
    disk.test.heap.heap.limit = MEMORY;
}

static void finish(void)
{
    test_sink_finish(&sink);
    test_journal_finish(&disk);
}

static struct rt_ring *ring(const char *topic)
{
    return &test_core_topic(&disk.test, topic)->ring;
}

/* So many bytes more must be free, or memory is short. */
static void lack(size_t bytes)
{
    struct rt_heap *heap = &disk.test.heap.heap;
    heap->reserve = MEMORY - MEMORY / RT_RELIEF_PART - heap->used + bytes;
}

static void lack_all(void)
{
    disk.test.heap.heap.reserve = MEMORY;
}

static void lack_nothing(void)
{
    disk.test.heap.heap.reserve = 0;
}

/* Many events of a topic that are on disk. */
static void fill(const char *topic)
{
    test_core_publish_many(&disk.test, topic, MANY, 1000);
    test_core_flush(&disk.test);
    test_journal_write(&disk);
}

static bool relieve(void)
{
    bool has_dropped = rt_core_relieve(&disk.test.core);
    rt_core_validate(&disk.test.core);
    return has_dropped;
}

/* All of a topic's events can be had, wherever they are. */
static void expect_all(const char *topic, uint64_t count)
{
    struct test_sink reader;
    disk.test.heap.heap.limit = MEMORY;
    lack_nothing();
    test_sink_init(&reader, &disk.test);
    (void)test_sink_subscribe(&reader, topic, earliest);
    test_journal_flush(&disk);
    test_sink_expect(&reader, 1, count);
    EXPECT_INT(reader.gap_count, 0);
    test_sink_finish(&reader);
}

TEST("nothing is dropped while there is memory")
{
    init();
    fill("a");
    lack(0);
    EXPECT(!relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), 1);
    finish();
}

TEST("the ring that came to disk longest ago gives way, to its last segment")
{
    init();
    fill("a");
    fill("b");
    fill("a");
    size_t used = disk.test.heap.heap.used;
    lack(10 * KIB);
    EXPECT(relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), 1);
    EXPECT(rt_ring_earliest(ring("b")) > 1);
    lack(ring("b")->bytes + 10 * KIB);
    EXPECT(relieve());
    EXPECT_INT(ring("b")->segment_count, 0);
    EXPECT(rt_ring_earliest(ring("a")) > 1);
    EXPECT(ring("a")->segment_count > 0);
    EXPECT_INT(disk.test.core.counters.bytes_yielded,
               used - disk.test.heap.heap.used);
    expect_all("a", 2 * MANY);
    expect_all("b", MANY);
    finish();
}

TEST("no more goes than is needed")
{
    init();
    fill("a");
    size_t used = disk.test.heap.heap.used;
    lack(1);
    EXPECT(relieve());
    EXPECT(used - disk.test.heap.heap.used <= RT_SEGMENT_SIZE_FIRST);
    EXPECT(!relieve());
    finish();
}

TEST("what is not on disk stays")
{
    init();
    fill("a");
    test_core_publish_many(&disk.test, "a", MANY, 1000);
    test_core_publish_many(&disk.test, "b", MANY, 1000);
    lack_all();
    EXPECT(relieve());
    EXPECT(!relieve());
    EXPECT(rt_ring_earliest(ring("a")) > 1);
    EXPECT(rt_ring_earliest(ring("a")) <= MANY + 1);
    EXPECT_INT(rt_ring_earliest(ring("b")), 1);
    test_journal_write(&disk);
    EXPECT(relieve());
    EXPECT_INT(ring("a")->segment_count, 0);
    EXPECT_INT(ring("b")->segment_count, 0);
    expect_all("a", 2 * MANY);
    expect_all("b", MANY);
    finish();
}

TEST("what is being written stays, and so it does where that fails")
{
    init();
    test_core_publish_many(&disk.test, "a", MANY, 1000);
    lack_all();
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    EXPECT(!relieve());
    rt_journal_done(&disk.journal, RT_EIO);
    EXPECT(!relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), 1);
    finish();
}

TEST("what the disk does not keep any more stays")
{
    init();
    fill("a");
    disk.earliest[1] = MANY / 2;
    lack_all();
    EXPECT(!relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), 1);
    disk.earliest[1] = 0;
    EXPECT(relieve());
    finish();
}

TEST("what those who keep up were not given stays, and goes when they were")
{
    init();
    test_sink_subscribe_now(&sink, "a");
    test_core_publish_many(&disk.test, "a", MANY, 1000);
    test_journal_write(&disk);
    lack_all();
    EXPECT(!relieve());
    lack_nothing();
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1, MANY);
    lack_all();
    EXPECT(relieve());
    EXPECT_INT(ring("a")->segment_count, 0);
    lack_nothing();
    test_core_publish(&disk.test, "a", 1000);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, MANY + 1, MANY + 1);
    finish();
}

TEST("who lags goes on from disk, without a gap")
{
    init();
    sink.room = 500;
    test_sink_subscribe_now(&sink, "a");
    fill("a");
    lack_all();
    (void)relieve();
    EXPECT_INT(rt_ring_earliest(ring("a")), 1); /* it holds the first one */
    lack_nothing();
    sink.room = 10 * KIB;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    lack_all();
    EXPECT(relieve());
    EXPECT(rt_ring_earliest(ring("a")) > 1);
    lack_nothing();
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, MANY);
    EXPECT(!sink.is_closed);
    EXPECT_INT(disk.test.core.counters.gaps, 0);
    finish();
}

TEST("topics that hold theirs do not keep others from giving way")
{
    init();
    test_sink_subscribe_now(&sink, "a");
    test_core_publish_many(&disk.test, "a", MANY, 1000);
    test_journal_write(&disk);
    test_core_publish_many(&disk.test, "b", MANY, 1000);
    test_journal_write(&disk);
    lack_all();
    EXPECT(relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), 1);
    EXPECT_INT(ring("b")->segment_count, 0);
    finish();
}

TEST("what has come to disk makes room for events without end")
{
    init();
    disk.test.heap.heap.limit = 400 * KIB;
    for (int i = 0; i < 1000; i++) {
        test_core_publish(&disk.test, i % 2 == 0 ? "a" : "b", 1000);
        if (i % 20 == 19) {
            test_journal_write(&disk);
        }
    }
    EXPECT_INT(disk.test.core.counters.events_refused, 0);
    expect_all("a", 500);
    expect_all("b", 500);
    finish();
}

TEST("also for those that come together, and are taken back")
{
    static struct rt_publication publication;
    init();
    fill("a");
    lack(0);
    uint64_t next = ring("a")->next_offset;
    rt_publication_init(&publication, &disk.test.core);
    int err = 0;
    while (err == 0) {
        struct rt_event event = test_core_event(&disk.test, "a", 1000);
        err = rt_publication_add(&publication, &event);
    }
    EXPECT_INT(err, RT_ENOMEM);
    EXPECT_INT(disk.test.core.counters.events_refused, 1);
    EXPECT(rt_ring_earliest(ring("a")) > 1);
    rt_publication_abandon(&publication);
    EXPECT_INT(ring("a")->next_offset, next);
    rt_core_validate(&disk.test.core);
    expect_all("a", MANY);
    finish();
}

TEST("a turn of the loop sees to it that new topics find room")
{
    init();
    fill("a");
    fill("b");
    struct rt_heap *heap = &disk.test.heap.heap;
    heap->reserve = MEMORY - MEMORY / RT_TOPICS_KEEP_PART - heap->used + KIB;
    test_core_flush(&disk.test);
    EXPECT(!rt_heap_is_low(heap, heap->limit / RT_TOPICS_KEEP_PART));
    test_core_publish(&disk.test, "c", 10);
    EXPECT_INT(disk.test.core.counters.events_refused, 0);
    finish();
}

TEST(
    "at a time a bounded number of segments goes, and the others the next time")
{
    static const struct rt_retention fine = {4096 * KIB, UNLIMITED, 8000};
    test_journal_init(&disk, fine);
    disk.test.heap.heap.limit = MEMORY;
    for (int i = 0; i < RT_RELIEF_SEGMENTS_MAX + MANY; i++) {
        test_core_publish(&disk.test, "a", 10); /* a segment each */
        test_core_pass_time(&disk.test, 8000 / RT_RING_GRAIN_AGE + 1);
    }
    test_journal_write(&disk);
    lack_all();
    EXPECT(relieve());
    EXPECT_INT(rt_ring_earliest(ring("a")), RT_RELIEF_SEGMENTS_MAX + 1);
    EXPECT(relieve());
    EXPECT_INT(ring("a")->segment_count, 0);
    test_journal_finish(&disk);
}
