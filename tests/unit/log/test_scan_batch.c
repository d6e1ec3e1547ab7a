#include "storage/log/scan.h"

#include "tests/unit/log/scanning.h"

static struct scanning scanning;

static void begin(void)
{
    scanning_init(&scanning);
}

static void end(void)
{
    scanning_finish(&scanning);
}

TEST("events of one batch come in the order of their numbers")
{
    begin();
    scanning_publish_both(&scanning, 1, 3, 5, 100);
    scanning_publish_both(&scanning, 4, 2, 5, 100);
    EXPECT_INT(scanning_step(&scanning, 0x1e, 1), 21);
    EXPECT_INT(scanning.scan.event_count, 20);
    EXPECT_INT(scanning_step(&scanning, 0x08, 4), 21);
    EXPECT_INT(scanning.scan.event_count, 4);
    end();
}

/* Where all begins of a batch in which every other event is of a topic that was
 * stamped later, before the clock was set back. */
static uint64_t first_since(uint64_t wall_ms, uint64_t first)
{
    const struct rt_log_scan *scan = &scanning.scan;
    scanning.scan.wall_ms = wall_ms;
    EXPECT_INT(scanning_try(&scanning, 0x0e, first), 0);
    for (uint32_t i = 0; i < scan->event_count; i++) {
        EXPECT_INT(scan->events[i].sequence, scan->events[0].sequence + i);
        scanning_look(&scanning, i);
    }
    EXPECT_INT(scan->end, 14);
    scanning_release(&scanning);
    return scan->events[0].sequence + scan->event_count == 14
               ? scan->events[0].sequence
               : 0;
}

TEST("from the first event that is late enough on all are found")
{
    begin();
    scanning_publish(&scanning, 3, 3, 100);
    scanning.skew_ms = 500;
    scanning_publish_both(&scanning, 1, 2, 5, 100);
    uint64_t wall_ms = scanning.keeper.options.wall_ms;
    EXPECT_INT(first_since(wall_ms, 1), 1);
    EXPECT_INT(first_since(wall_ms + 1, 1), 5);
    EXPECT_INT(first_since(wall_ms + 500, 1), 5);
    EXPECT_INT(first_since(wall_ms + 500, 8), 9);
    end();
}

TEST("a batch that has no room is found in several scans")
{
    begin();
    scanning_publish(&scanning, 3, 1, 100);
    scanning_publish_both(&scanning, 1, 2, 100, 70);
    scanning_publish(&scanning, 2, 3, 100);
    for (size_t capacity = 128; capacity < 8192; capacity += 200) {
        scanning.capacity = capacity;
        uint64_t scans = scanning_all(&scanning, 0x0e, 1);
        EXPECT(scans < 8 + 3 * (UINT64_C(20000) / capacity));
    }
    end();
}

TEST("more events than a scan may have are found in several, too")
{
    begin();
    scanning_publish_both(&scanning, 1, 2, 3 * SCAN_EVENTS, 10);
    scanning.capacity = (size_t)64 * 1024;
    uint64_t scans = scanning_all(&scanning, 0x06, 1);
    EXPECT(scans >= 6 && scans <= 12);
    end();
}

TEST("an event that has no room says how much it needs")
{
    begin();
    scanning_publish(&scanning, 1, 1, 100);
    scanning_publish_both(&scanning, 1, 2, 1, 9000);
    EXPECT_INT(scanning_step(&scanning, 0x06, 1), 2);
    EXPECT_INT(scanning_try(&scanning, 0x06, 2), RT_ERANGE);
    scanning_release(&scanning);
    scanning.capacity = scanning.scan.needed;
    EXPECT_INT(scanning_step(&scanning, 0x06, 2), 3);
    EXPECT_INT(scanning_step(&scanning, 0x06, 3), 4);
    end();
}

TEST("a part that does not check is told for its topic, the others are found")
{
    begin();
    scanning_publish_both(&scanning, 1, 2, 4, 100);
    scanning_publish(&scanning, 1, 1, 100);
    uint64_t batch = keeper_batch(&scanning.keeper, 1, SCAN_TOPICS + 1);
    keeper_image(&scanning.keeper, 1)->bytes[batch + 64 + 128 + 200] ^= 1;
    EXPECT_INT(scanning_try(&scanning, 0x06, 1), 0);
    EXPECT_INT(scanning.topics[0].damaged, 8);
    EXPECT_INT(scanning.topics[1].damaged, 0);
    EXPECT_INT(scanning.scan.event_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        scanning_look(&scanning, i);
    }
    EXPECT_INT(scanning.scan.end, 10);
    scanning_release(&scanning);
    end();
}

TEST("without memory for types the scan changes nothing")
{
    begin();
    scanning_publish(&scanning, 1, 2, 100);
    EXPECT_INT(scanning_step(&scanning, 0x02, 1), 3);
    size_t used = scanning.keeper.others.used;
    scanning.keeper.others.limit = used + rt_segment_size(4096) + 600;
    EXPECT_INT(scanning_try(&scanning, 0x02, 1), RT_ENOMEM);
    EXPECT_INT(scanning.scan.segment->event_count, 0);
    scanning_release(&scanning);
    scanning.keeper.others.limit = SIZE_MAX;
    EXPECT_INT(scanning_step(&scanning, 0x02, 1), 3);
    end();
}
