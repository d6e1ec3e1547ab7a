#include "storage/ring.h"

#include "base/error.h"
#include "tests/unit/storage/log.h"

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

TEST("a ring goes on where another one ended")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    rt_ring_begin(&log.ring, 1000, 5, 77);
    EXPECT_INT(rt_ring_earliest(&log.ring), 1000);
    EXPECT_INT(rt_ring_latest(&log.ring), 999);
    EXPECT_INT(log.ring.wall_ms, 5);
    EXPECT_INT(log.ring.dropped_ms, 5);
    EXPECT_INT(log.ring.dropped_sequence, 77);
    EXPECT_INT(log.ring.sequence, 77);
    append(&log, 100);
    EXPECT_INT(rt_ring_earliest(&log.ring), 1000);
    EXPECT_INT(rt_ring_latest(&log.ring), 1000);
    rt_ring_validate(&log.ring);
    log_finish(&log);
}

TEST("a ring that was never set up, or is NULL, may be finished")
{
    struct rt_ring ring = {0};
    rt_ring_finish(&ring);
    rt_ring_finish(NULL);
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

TEST("the oldest segment gives way, unless it is to be kept, or is held")
{
    struct log log;
    log_init(&log, (struct rt_retention){1024 * KIB, UNLIMITED, 8});
    EXPECT_INT(rt_ring_yield(&log.ring, UNLIMITED), 0);
    for (uint64_t i = 0; i < 3; i++) {
        append_at(&log, 10 * i, 10); /* each in a segment of its own */
    }
    struct rt_segment *held = rt_ring_find(&log.ring, 2);
    rt_segment_ref(held);
    EXPECT_INT(rt_ring_yield(&log.ring, 1), 0);
    EXPECT_INT(rt_ring_yield(&log.ring, 2), RT_SEGMENT_SIZE_FIRST);
    EXPECT_INT(rt_ring_yield(&log.ring, UNLIMITED), 0);
    EXPECT_INT(rt_ring_earliest(&log.ring), 2);
    rt_segment_unref(&log.store, held);
    EXPECT_INT(rt_ring_yield(&log.ring, UNLIMITED), RT_SEGMENT_SIZE_FIRST);
    EXPECT_INT(rt_ring_yield(&log.ring, UNLIMITED), RT_SEGMENT_SIZE_FIRST);
    EXPECT_INT(rt_ring_yield(&log.ring, UNLIMITED), 0);
    rt_ring_validate(&log.ring);
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

/* Appends until the next event needs a block. */
static void fill_newest(struct log *log)
{
    while (rt_segment_has_room(newest(log), 1000)) {
        append(log, 1000);
    }
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

/* A ring that drops its oldest block for the next event. */
static void fill_ring(struct log *log)
{
    log_init_bytes(log, 64 * KIB);
    while (rt_ring_low(&log->ring) < 64 * KIB) {
        append(log, 1000);
    }
    fill_newest(log);
}

TEST("a full ring drops nothing for an event whose type has no memory")
{
    struct log log;
    fill_ring(&log);
    struct rt_ring before = log.ring;
    log.heap.heap.limit = log.heap.heap.used;
    EXPECT_INT(try_append_typed(&log, 0, 1000, "type"), RT_ENOMEM);
    rt_ring_validate(&log.ring);
    EXPECT_INT(rt_ring_low(&log.ring), rt_ring_low(&before));
    EXPECT_INT(log.ring.segment_count, before.segment_count);
    EXPECT_INT(log.ring.dropped_sequence, before.dropped_sequence);
    log_finish(&log);
}

TEST("an event that is refused drops nothing that retention allows no more")
{
    struct log log;
    log_init_bytes(&log, 1024 * KIB);
    for (int i = 0; i < 20; i++) {
        append(&log, 1000);
    }
    uint32_t count = log.ring.segment_count;
    log.retention.bytes = 1;
    test_heap_fail_at(&log.heap, 1);
    EXPECT_INT(try_append_typed(&log, 0, 10, "type"), RT_ENOMEM);
    EXPECT_INT(log.ring.segment_count, count);
    append(&log, 10);
    EXPECT_INT(log.ring.segment_count, 1);
    log_finish(&log);
}

TEST("a ring full of types turns without allocating")
{
    struct log log;
    fill_ring(&log);
    for (int i = 0; i < 200; i++) {
        EXPECT_INT(try_append_typed(&log, 0, 1000, "type"), 0);
    }
    uint64_t allocations = log.heap.heap.allocations;
    for (int i = 0; i < 200; i++) {
        EXPECT_INT(try_append_typed(&log, 0, 1000, "type"), 0);
    }
    EXPECT_INT(log.heap.heap.allocations, allocations);
    log_finish(&log);
}
