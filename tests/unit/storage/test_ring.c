#include "storage/ring.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define PAYLOAD   ((size_t)400 * 1024)

struct log {
    struct test_heap heap;
    struct rt_store store;
    struct rt_retention retention;
    struct rt_ring ring;
};

static void log_init(struct log *log, struct rt_retention retention)
{
    test_heap_init(&log->heap, SIZE_MAX);
    log->store = (struct rt_store){.heap = &log->heap.heap};
    log->retention = retention;
    rt_ring_init(&log->ring, &log->store, &log->retention);
}

static void log_init_bytes(struct log *log, uint64_t bytes)
{
    log_init(log, (struct rt_retention){bytes, UNLIMITED, UNLIMITED});
}

static void log_finish(struct log *log)
{
    rt_ring_finish(&log->ring);
    EXPECT_INT(log->heap.heap.used, 0);
    EXPECT_INT(log->store.retired_bytes, 0);
}

/* Tries to append an event of `len` bytes, of which two are the header. */
static int try_append(struct log *log, uint64_t now_ms, size_t len)
{
    static char payload[PAYLOAD];
    memset(payload, 'a' + (int)(log->ring.next_offset % 26), len - 2);
    struct rt_record record = {.header = RT_BYTES("##"),
                               .payload = {payload, len - 2},
                               .wall_ms = 1000 + now_ms,
                               .sequence = log->ring.next_offset * 7};
    return rt_ring_append(&log->ring, now_ms, &record);
}

static void append_at(struct log *log, uint64_t now_ms, size_t len)
{
    EXPECT_INT(try_append(log, now_ms, len), 0);
    rt_ring_validate(&log->ring);
}

static void append(struct log *log, size_t len)
{
    append_at(log, 0, len);
}

static struct rt_segment *newest(const struct log *log)
{
    return log->ring.segments[log->ring.segment_count - 1];
}

static size_t newest_size(const struct log *log)
{
    return rt_segment_size(newest(log)->capacity);
}

static uint64_t retained(const struct log *log)
{
    return log->ring.next_offset - rt_ring_earliest(&log->ring);
}

TEST("an empty ring begins at offset 1 and position 0 and allocates nothing")
{
    struct log log;
    struct rt_bytes range;
    log_init_bytes(&log, 64 * KIB);
    EXPECT_INT(rt_ring_earliest(&log.ring), 1);
    EXPECT_INT(rt_ring_latest(&log.ring), 0);
    EXPECT_INT(rt_ring_low(&log.ring), 0);
    EXPECT_INT(rt_ring_position(&log.ring, 1), 0);
    EXPECT_INT(rt_ring_offset(&log.ring, 0), 1);
    EXPECT_INT(rt_ring_offset_since(&log.ring, 0), 1);
    EXPECT_INT(rt_ring_read(&log.ring, 0, SIZE_MAX, &range, 1), 0);
    EXPECT(!rt_ring_endangers(&log.ring, 0, 0, 1000));
    rt_ring_expire(&log.ring, 1000, UNLIMITED);
    rt_ring_validate(&log.ring);
    EXPECT_INT(log.heap.heap.allocations, 0);
    log_finish(&log);
}

TEST("a ring that was never set up, or is NULL, may be finished")
{
    struct rt_ring ring = {0};
    rt_ring_finish(&ring);
    rt_ring_finish(NULL);
}

TEST("offsets and positions name the same events across segments")
{
    struct log log;
    log_init_bytes(&log, 1024 * KIB);
    uint64_t position = 0;
    for (uint32_t i = 1; i <= 400; i++) {
        append(&log, 2 + i);
    }
    EXPECT(log.ring.segment_count > 4);
    for (uint32_t i = 1; i <= 400; i++) {
        EXPECT_INT(rt_ring_position(&log.ring, i), position);
        EXPECT_INT(rt_ring_offset(&log.ring, position), i);
        struct rt_segment *segment = rt_ring_segment(&log.ring, position + 1);
        EXPECT(segment->first_offset <= i);
        EXPECT(i < segment->first_offset + segment->event_count);
        position += 2 + i;
    }
    EXPECT_INT(log.ring.head, position);
    EXPECT_INT(rt_ring_position(&log.ring, 401), position);
    EXPECT_INT(rt_ring_offset(&log.ring, position), 401);
    log_finish(&log);
}

TEST("blocks double from 4 KiB to 256 KiB as events fill them")
{
    struct log log;
    log_init_bytes(&log, 2048 * KIB);
    for (size_t size = 4 * KIB; size <= 512 * KIB; size *= 2) {
        uint32_t count = log.ring.segment_count;
        while (log.ring.segment_count == count) {
            append(&log, 1000);
        }
        size_t expected = size < 256 * KIB ? size : 256 * KIB;
        EXPECT_INT(newest_size(&log), expected);
    }
    log_finish(&log);
}

TEST("one block takes at most a quarter of the ring, however odd that is")
{
    struct log log;
    for (uint64_t bytes = 16 * KIB; bytes < 16 * KIB + 40; bytes++) {
        log_init_bytes(&log, bytes);
        for (int i = 0; i < 300; i++) {
            append(&log, 100);
            EXPECT(newest_size(&log) <= bytes / RT_RING_GRAIN_BYTES);
        }
        EXPECT_INT(log.ring.segment_count, 4);
        log_finish(&log);
    }
}

TEST("a ring never takes more than its bytes, and when full most of them")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    for (int i = 0; i < 2000; i++) {
        append(&log, 100 + (size_t)(i % 700));
        EXPECT(log.ring.bytes <= 64 * KIB);
        EXPECT(log.ring.head < 128 * KIB || log.ring.bytes == 64 * KIB);
    }
    EXPECT(rt_ring_latest(&log.ring) == 2000);
    log_finish(&log);
}

TEST("a ring never has more than its events, and when full nearly all of them")
{
    struct log log;
    log_init(&log, (struct rt_retention){1024 * KIB, 100, UNLIMITED});
    for (uint64_t i = 1; i <= 1000; i++) {
        append(&log, 10);
        EXPECT(retained(&log) <= 100);
        EXPECT(i < 100 || retained(&log) > 100 - 100 / RT_RING_GRAIN_EVENTS);
    }
    log_finish(&log);
}

TEST("a ring of one event has the newest")
{
    struct log log;
    log_init(&log, (struct rt_retention){64 * KIB, 1, UNLIMITED});
    for (uint64_t i = 1; i <= 100; i++) {
        append(&log, 10);
        EXPECT_INT(rt_ring_earliest(&log.ring), i);
        EXPECT_INT(rt_ring_latest(&log.ring), i);
    }
    log_finish(&log);
}

TEST("the newest segment stays, however small the ring is said to be")
{
    struct log log;
    log_init_bytes(&log, 1);
    for (uint64_t i = 1; i <= 500; i++) {
        size_t len = i % 50 == 0 ? 5000 : 100;
        append(&log, len);
        EXPECT_INT(log.ring.segment_count, 1);
        EXPECT_INT(rt_ring_latest(&log.ring), i);
        EXPECT_INT(rt_ring_position(&log.ring, i), log.ring.head - len);
    }
    log_finish(&log);
}

TEST("an event larger than a block has a block of its own")
{
    struct log log;
    log_init_bytes(&log, 1024 * KIB);
    append(&log, 10);
    append(&log, 300 * KIB);
    EXPECT_INT(log.ring.segment_count, 2);
    EXPECT_INT(newest(&log)->event_count, 1);
    EXPECT(newest_size(&log) < 301 * KIB);
    append(&log, 10);
    EXPECT_INT(log.ring.segment_count, 3);
    EXPECT(newest_size(&log) <= 256 * KIB);
    log_finish(&log);
}

TEST("events beyond their age are dropped, even the newest")
{
    struct log log;
    log_init(&log, (struct rt_retention){1024 * KIB, UNLIMITED, 8000});
    for (uint64_t now_ms = 0; now_ms < 16000; now_ms += 100) {
        append_at(&log, now_ms, 10);
    }
    EXPECT_INT(log.ring.segment_count, 15); /* each spans 1100 ms */
    uint64_t next_offset = log.ring.next_offset;
    for (uint64_t now_ms = 15900; now_ms < 24000; now_ms += 50) {
        rt_ring_expire(&log.ring, now_ms, UNLIMITED);
        rt_ring_validate(&log.ring);
        /* Event n was appended at (n - 1) * 100. */
        uint64_t oldest_ms = (rt_ring_earliest(&log.ring) - 1) * 100;
        EXPECT(oldest_ms + 8000 + 1100 >= now_ms);
    }
    EXPECT_INT(log.ring.segment_count, 0);
    EXPECT_INT(rt_ring_earliest(&log.ring), next_offset);
    EXPECT_INT(rt_ring_low(&log.ring), log.ring.head);
    append_at(&log, 24000, 10);
    EXPECT_INT(rt_ring_earliest(&log.ring), next_offset);
    log_finish(&log);
}

TEST("an event is kept as long as its age allows")
{
    struct log log;
    log_init(&log, (struct rt_retention){1024 * KIB, UNLIMITED, 8000});
    append_at(&log, 0, 10);
    append_at(&log, 900, 10);
    rt_ring_expire(&log.ring, 8900, UNLIMITED);
    EXPECT_INT(rt_ring_earliest(&log.ring), 1);
    rt_ring_expire(&log.ring, 8901, UNLIMITED);
    EXPECT_INT(rt_ring_earliest(&log.ring), 3);
    log_finish(&log);
}

TEST("age takes nothing from the event to keep on")
{
    struct log log;
    log_init(&log, (struct rt_retention){1024 * KIB, UNLIMITED, 8});
    for (uint64_t i = 0; i < 10; i++) {
        append_at(&log, 10 * i, 10); /* each in a segment of its own */
    }
    for (uint64_t keep = 1; keep <= 11; keep++) {
        rt_ring_expire(&log.ring, 1000, keep);
        EXPECT_INT(rt_ring_earliest(&log.ring), keep);
    }
    log_finish(&log);
}

static void turn(struct rt_retention retention)
{
    struct log log;
    log_init(&log, retention);
    for (int i = 0; i < 5000; i++) {
        append(&log, 1000);
    }
    uint64_t allocations = log.heap.heap.allocations;
    for (int i = 0; i < 5000; i++) {
        append(&log, 500 + (size_t)(i % 500));
    }
    EXPECT_INT(log.heap.heap.allocations, allocations);
    log_finish(&log);
}

TEST("a ring full of bytes turns without allocating")
{
    turn((struct rt_retention){64 * KIB, UNLIMITED, UNLIMITED});
    turn((struct rt_retention){1024 * KIB, UNLIMITED, UNLIMITED});
    turn((struct rt_retention){16 * KIB + 8, UNLIMITED, UNLIMITED});
}

TEST("a ring full of events turns without allocating")
{
    turn((struct rt_retention){1024 * KIB, 1, UNLIMITED});
    turn((struct rt_retention){1024 * KIB, 20, UNLIMITED});
}

TEST("a segment that is being written outlives its eviction, unchanged")
{
    struct log log;
    log_init_bytes(&log, 16 * KIB);
    append(&log, 100);
    struct rt_segment *held = newest(&log);
    rt_segment_ref(held);
    while (rt_ring_low(&log.ring) == 0) {
        append(&log, 1000);
    }
    append(&log, 1000);
    EXPECT_INT(log.store.retired_bytes, rt_segment_size(held->capacity));
    EXPECT_INT(held->first_offset, 1);
    EXPECT_INT(held->bytes[0], '#');
    EXPECT_INT(held->bytes[2], 'b');
    EXPECT_INT(held->bytes[99], 'b');
    rt_segment_unref(&log.store, held);
    EXPECT_INT(log.store.retired_bytes, 0);
    EXPECT_INT(log.heap.heap.used,
               log.ring.bytes + log.ring.segment_capacity * sizeof(void *));
    log_finish(&log);
}

TEST("a read gives what is left, segment by segment")
{
    struct log log;
    struct rt_bytes ranges[8];
    log_init_bytes(&log, 1024 * KIB);
    for (int i = 0; i < 8; i++) {
        append(&log, 3000); /* 1, 2 and 5 to a segment */
    }
    EXPECT_INT(rt_ring_read(&log.ring, 0, SIZE_MAX, ranges, 8), 3);
    EXPECT_INT(ranges[0].len, 3000);
    EXPECT_INT(ranges[1].len, 6000);
    EXPECT_INT(ranges[2].len, 15000);
    EXPECT_INT(rt_ring_read(&log.ring, 6000, SIZE_MAX, ranges, 8), 2);
    EXPECT_INT(ranges[0].len, 3000);
    EXPECT_INT(ranges[0].data[2], 'a' + 3);
    EXPECT_INT(ranges[1].data[2], 'a' + 4);
    log_finish(&log);
}

TEST("a read stops when it has enough ranges or bytes")
{
    struct log log;
    struct rt_bytes ranges[8];
    log_init_bytes(&log, 1024 * KIB);
    for (int i = 0; i < 8; i++) {
        append(&log, 3000);
    }
    EXPECT_INT(rt_ring_read(&log.ring, 0, SIZE_MAX, ranges, 2), 2);
    EXPECT_INT(rt_ring_read(&log.ring, 0, 1, ranges, 8), 1);
    EXPECT_INT(ranges[0].len, 3000);
    EXPECT_INT(rt_ring_read(&log.ring, 0, 3000, ranges, 8), 1);
    EXPECT_INT(rt_ring_read(&log.ring, 0, 3001, ranges, 8), 2);
    EXPECT_INT(rt_ring_read(&log.ring, 0, 9001, ranges, 8), 3);
    EXPECT_INT(rt_ring_read(&log.ring, 24000, SIZE_MAX, ranges, 8), 0);
    log_finish(&log);
}

static void append_stamped(struct log *log, uint64_t wall_ms)
{
    struct rt_record record = {.header = RT_BYTES("##"),
                               .payload = RT_BYTES("payload"),
                               .wall_ms = wall_ms};
    EXPECT_INT(rt_ring_append(&log->ring, 0, &record), 0);
}

static uint64_t stamp_of(const struct log *log, uint64_t offset)
{
    uint64_t position = rt_ring_position(&log->ring, offset);
    const struct rt_segment *segment = rt_ring_segment(&log->ring, position);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    return rt_segment_entry(segment, index)->wall_ms;
}

TEST("time stamps never go back")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    append_stamped(&log, 5000);
    append_stamped(&log, 4000);
    append_stamped(&log, 0);
    append_stamped(&log, 5001);
    EXPECT_INT(stamp_of(&log, 2), 5000);
    EXPECT_INT(stamp_of(&log, 3), 5000);
    EXPECT_INT(stamp_of(&log, 4), 5001);
    EXPECT_INT(log.ring.wall_ms, 5001);
    log_finish(&log);
}

TEST("a time finds the first event stamped then or later")
{
    struct log log;
    log_init(&log, (struct rt_retention){64 * KIB, 64, UNLIMITED});
    for (uint64_t i = 0; i < 200; i++) {
        append_stamped(&log, 1000 + i / 3 * 10); /* three of each */
    }
    for (uint64_t wall_ms = 900; wall_ms < 1700; wall_ms++) {
        uint64_t expected = rt_ring_earliest(&log.ring);
        while (expected < log.ring.next_offset &&
               stamp_of(&log, expected) < wall_ms) {
            expected++;
        }
        EXPECT_INT(rt_ring_offset_since(&log.ring, wall_ms), expected);
    }
    log_finish(&log);
}

/* Appends until the next event needs a block. */
static void fill_newest(struct log *log)
{
    while (rt_segment_has_room(newest(log), 1000)) {
        append(log, 1000);
    }
}

TEST(
    "an event is found by its number among all of the node, and so is the next")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    EXPECT_INT(rt_ring_offset_from(&log.ring, 1), 1);
    EXPECT_INT(log.ring.dropped_sequence, 0);
    for (int i = 0; i < 300; i++) {
        append(&log, 1000);
    }
    uint64_t earliest = rt_ring_earliest(&log.ring);
    EXPECT_INT(log.ring.dropped_sequence, (earliest - 1) * 7);
    EXPECT_INT(rt_ring_offset_from(&log.ring, 1), earliest);
    for (uint64_t offset = earliest; offset <= 300; offset++) {
        EXPECT_INT(rt_ring_entry(&log.ring, offset)->sequence, offset * 7);
        EXPECT_INT(rt_ring_offset_from(&log.ring, offset * 7 - 6), offset);
        EXPECT_INT(rt_ring_offset_from(&log.ring, offset * 7), offset);
    }
    EXPECT_INT(rt_ring_offset_from(&log.ring, 300 * 7 + 1), 301);
    rt_ring_expire(&log.ring, UNLIMITED, 301);
    log_finish(&log);
}

TEST("an append that finds no memory changes nothing, wherever it fails")
{
    for (uint64_t k = 1; k <= 3; k++) {
        struct log log;
        log_init_bytes(&log, 1024 * KIB);
        for (int blocks = 0; blocks < 4 && k > 1; blocks++) {
            append(&log, 1000);
            fill_newest(&log);
        }
        struct rt_ring before = log.ring;
        test_heap_fail_at(&log.heap, k > 1 ? k - 1 : 1);
        EXPECT_INT(try_append(&log, 9999, 1000), RT_ENOMEM);
        rt_ring_validate(&log.ring);
        EXPECT_INT(log.ring.head, before.head);
        EXPECT_INT(log.ring.next_offset, before.next_offset);
        EXPECT_INT(log.ring.segment_count, before.segment_count);
        EXPECT_INT(log.ring.wall_ms, before.wall_ms);
        EXPECT_INT(log.ring.bytes, before.bytes);
        append(&log, 1000);
        log_finish(&log);
    }
}

TEST("a full ring goes on when the budget is spent")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    while (rt_ring_low(&log.ring) < 64 * KIB) {
        append(&log, 1000);
    }
    log.heap.heap.limit = log.heap.heap.used;
    for (int i = 0; i < 1000; i++) {
        append(&log, 1000);
    }
    log_finish(&log);
}
