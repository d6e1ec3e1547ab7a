/* Events that are added and taken back, or kept, together. */
#include "base/error.h"
#include "tests/unit/storage/log.h"

static int try_extend(struct log *log, size_t len, const char *type)
{
    static char payload[PAYLOAD];
    memset(payload, 'a' + (int)(log->ring.next_offset % 26), len - 2);
    struct rt_record record = {.header = RT_BYTES("##"),
                               .payload = {payload, len - 2},
                               .type = rt_bytes_of(type),
                               .wall_ms = 1000,
                               .sequence = log->ring.next_offset};
    return rt_ring_extend(&log->ring, 5, &record);
}

static void extend(struct log *log, size_t len)
{
    EXPECT_INT(try_extend(log, len, ""), 0);
    rt_ring_validate(&log->ring);
}

static uint64_t sum(const struct log *log)
{
    struct rt_bytes ranges[64];
    uint64_t result = 0;
    unsigned count =
        rt_ring_read(&log->ring, rt_ring_low(&log->ring), SIZE_MAX, ranges, 64);
    for (unsigned i = 0; i < count; i++) {
        for (size_t at = 0; at < ranges[i].len; at++) {
            result = result * 31 + (uint8_t)ranges[i].data[at];
        }
    }
    return result;
}

/* Everything of a ring that is not its memory. */
static void expect_same(const struct log *log, const struct rt_ring *before)
{
    rt_ring_validate(&log->ring);
    EXPECT_INT(log->ring.head, before->head);
    EXPECT_INT(log->ring.next_offset, before->next_offset);
    EXPECT_INT(log->ring.wall_ms, before->wall_ms);
    EXPECT_INT(log->ring.sequence, before->sequence);
    EXPECT_INT(log->ring.bytes, before->bytes);
    EXPECT_INT(log->ring.segment_count, before->segment_count);
}

TEST("what was added is there like what was appended")
{
    struct log log;
    struct log other;
    log_init_bytes(&log, 1024 * KIB);
    log_init_bytes(&other, 1024 * KIB);
    for (size_t i = 0; i < 100; i++) {
        append(&log, 10 + i * 20);
        extend(&other, 10 + i * 20);
    }
    EXPECT_INT(other.ring.head, log.ring.head);
    EXPECT_INT(other.ring.bytes, log.ring.bytes);
    EXPECT_INT(other.ring.segment_count, log.ring.segment_count);
    EXPECT_INT(sum(&other), sum(&log));
    log_finish(&other);
    log_finish(&log);
}

TEST("what was added can be taken back, also from an empty ring")
{
    for (size_t before_count = 0; before_count < 20; before_count++) {
        struct log log;
        log_init_bytes(&log, 64 * KIB);
        for (size_t i = 0; i < before_count; i++) {
            append(&log, 900);
        }
        struct rt_ring before = log.ring;
        struct rt_ring_mark mark = rt_ring_mark(&log.ring);
        uint64_t sum_before = sum(&log);
        for (size_t i = 0; i < 30; i++) {
            extend(&log, 700);
        }
        rt_ring_rewind(&log.ring, &mark);
        expect_same(&log, &before);
        EXPECT_INT(sum(&log), sum_before);
        append(&log, 900);
        log_finish(&log);
    }
}

TEST("what was added can be taken back when older segments have given way")
{
    struct log log;
    log_init_bytes(&log, 256 * KIB);
    for (int i = 0; i < 20; i++) {
        append(&log, 900);
    }
    uint64_t next_offset = log.ring.next_offset;
    uint64_t head = log.ring.head;
    for (uint64_t keep = 1; keep <= next_offset; keep++) {
        struct rt_ring_mark mark = rt_ring_mark(&log.ring);
        for (size_t i = 0; i < 30; i++) {
            extend(&log, 700);
        }
        while (rt_ring_yield(&log.ring, keep) > 0) {
        }
        EXPECT(rt_ring_earliest(&log.ring) <= keep);
        rt_ring_rewind(&log.ring, &mark);
        rt_ring_validate(&log.ring);
        EXPECT_INT(log.ring.next_offset, next_offset);
        EXPECT_INT(log.ring.head, head);
    }
    append(&log, 900);
    log_finish(&log);
}

TEST("types are taken back with their events")
{
    struct log log;
    log_init_bytes(&log, 64 * KIB);
    EXPECT_INT(try_extend(&log, 10, "one"), 0);
    struct rt_ring_mark mark = rt_ring_mark(&log.ring);
    EXPECT_INT(try_extend(&log, 10, "two"), 0);
    rt_ring_rewind(&log.ring, &mark);
    EXPECT_INT(try_extend(&log, 10, "three"), 0);
    const struct rt_segment *segment = newest(&log);
    EXPECT_TEXT(rt_segment_type(segment, rt_segment_entry(segment, 0)), "one");
    EXPECT_TEXT(rt_segment_type(segment, rt_segment_entry(segment, 1)),
                "three");
    log_finish(&log);
}

TEST("nothing is dropped until it is asked for, and then what is too much")
{
    struct log log;
    log_init_bytes(&log, 16 * KIB);
    for (int i = 0; i < 10; i++) {
        append(&log, 1000);
    }
    uint64_t earliest = rt_ring_earliest(&log.ring);
    EXPECT(!rt_ring_endangers(&log.ring, earliest, 0, 0));
    for (int i = 0; i < 100; i++) {
        extend(&log, 1000);
    }
    EXPECT_INT(rt_ring_earliest(&log.ring), earliest);
    EXPECT(log.ring.bytes > 100 * 1000);
    EXPECT(rt_ring_endangers(&log.ring, earliest, 0, 0));
    uint64_t kept = log.ring.next_offset;
    while (!rt_ring_endangers(&log.ring, kept - 1, 0, 0)) {
        kept--;
    }
    rt_ring_enforce(&log.ring);
    rt_ring_validate(&log.ring);
    EXPECT_INT(rt_ring_earliest(&log.ring), kept);
    EXPECT(log.ring.bytes <= 16 * KIB);
    EXPECT(!rt_ring_endangers(&log.ring, kept, 0, 0));
    log_finish(&log);
}

TEST("a ring that is limited in events drops the surplus, too")
{
    struct log log;
    log_init(&log, (struct rt_retention){64 * KIB, 8, UNLIMITED});
    for (int i = 0; i < 20; i++) {
        extend(&log, 10);
    }
    EXPECT_INT(retained(&log), 20);
    rt_ring_enforce(&log.ring);
    EXPECT_INT(retained(&log), 8);
    log_finish(&log);
}

TEST("wherever memory ends, what was added can be taken back")
{
    for (uint64_t k = 1; k < 20; k++) {
        struct log log;
        log_init_bytes(&log, 256 * KIB);
        append(&log, 3000);
        struct rt_ring before = log.ring;
        struct rt_ring_mark mark = rt_ring_mark(&log.ring);
        test_heap_fail_at(&log.heap, k);
        int err = 0;
        for (int i = 0; i < 60 && err == 0; i++) {
            err = try_extend(&log, 3000, i % 2 == 0 ? "a" : "bc");
        }
        rt_ring_validate(&log.ring);
        EXPECT(err == 0 || err == RT_ENOMEM);
        EXPECT_INT(err == 0, k > 13);
        rt_ring_rewind(&log.ring, &mark);
        expect_same(&log, &before);
        log_finish(&log);
    }
}
