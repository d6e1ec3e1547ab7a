#include "storage/ring.h"

#include "tests/unit/storage/log.h"

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
