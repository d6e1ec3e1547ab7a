#include "storage/log/scan.h"

#include "tests/unit/log/scanning.h"

#define ALL UINT32_C(0x7e)

static struct scanning scanning;

static void begin(void)
{
    scanning_init(&scanning);
}

static void end(void)
{
    scanning_finish(&scanning);
}

/* Every topic has something now and then, over several segments. */
static void publish_some(void)
{
    for (uint32_t i = 0; i < 120; i++) {
        scanning_publish(&scanning, 1 + i % 3, 1 + i % 4, 100 + i * 3);
        scanning_publish(&scanning, 4 + i % 2, 2, 700);
    }
    scanning_publish(&scanning, 6, 1, 100);
    EXPECT(rt_log_usage(scanning.keeper.log).segment_count > 3);
}

TEST("all events of some topics are found, from any number on")
{
    begin();
    publish_some();
    for (uint64_t first = 1; first <= scanning.keeper.sequence; first++) {
        (void)scanning_step(&scanning, ALL, first);
        (void)scanning_step(&scanning, 0x0a, first);
        (void)scanning_step(&scanning, 0x40, first);
    }
    (void)scanning_all(&scanning, ALL, 1);
    (void)scanning_all(&scanning, 0x16, 1);
    (void)scanning_all(&scanning, 0x0c, 77);
    end();
}

TEST("what is far behind is gone to at once")
{
    begin();
    publish_some();
    EXPECT_INT(scanning_all(&scanning, 0x40, 1), 1);
    uint64_t calls = scanning.keeper.disk.calls;
    EXPECT_INT(scanning_all(&scanning, 0x40, 1), 1);
    EXPECT(scanning.keeper.disk.calls - calls <= 4);
    end();
}

TEST("a topic without events, or that there is not, is not found")
{
    begin();
    scanning_publish(&scanning, 1, 5, 100);
    EXPECT_INT(scanning_step(&scanning, 0x04, 1), 6);
    scanning.topics[0].id = 99;
    scanning.topics[0].floor = 0;
    EXPECT_INT(scanning_try(&scanning, 0, 1), 0);
    EXPECT_INT(scanning.scan.end, 6);
    scanning_release(&scanning);
    end();
}

TEST("a scan ends before what is not on disk for sure")
{
    begin();
    scanning_publish(&scanning, 1, 9, 100);
    scanning.keeper.sequence = 5;
    EXPECT_INT(scanning_step(&scanning, 0x02, 1), 6);
    EXPECT_INT(scanning.scan.event_count, 5);
    scanning.keeper.sequence = 9;
    EXPECT_INT(scanning_step(&scanning, 0x02, 6), 10);
    end();
}

TEST("scans follow the log as it is written")
{
    uint64_t next = 1;
    begin();
    for (uint32_t i = 0; i < 200; i++) {
        scanning_publish(&scanning, 1 + i % 5, 2, 500);
        next = scanning_step(&scanning, ALL, next);
        EXPECT_INT(next, scanning.keeper.sequence + 1);
    }
    end();
}

TEST("two scans of different topics in one segment take turns")
{
    uint64_t next[2] = {1, 1};
    const uint32_t masks[2] = {0x02, 0x0c};
    begin();
    scanning.capacity = 1024;
    scanning_publish(&scanning, 3, 3, 100);
    scanning_publish_both(&scanning, 1, 2, 40, 100);
    scanning_publish(&scanning, 3, 1, 100);
    for (int turn = 0; next[turn % 2] <= scanning.keeper.sequence; turn++) {
        uint64_t *mine = &next[turn % 2];
        *mine = scanning_step(&scanning, masks[turn % 2], *mine);
        EXPECT(turn < 100);
    }
    EXPECT_INT(rt_log_usage(scanning.keeper.log).segment_count, 1);
    end();
}

static void begin_large_segment(void)
{
    keeper_finish(&scanning.keeper);
    keeper_init(&scanning.keeper);
    scanning.keeper.options.segment_bytes = (uint64_t)64 * 1024 * 1024;
    keeper_open(&scanning.keeper);
    scanning.scanner.log = scanning.keeper.log;
    keeper_describe(&scanning.keeper, 1, "one");
    keeper_describe(&scanning.keeper, 2, "two");
    keeper_describe(&scanning.keeper, 3, "three");
}

/* A segment of which 12 MB are of one topic, between others that have little.
 */
static void publish_much(void)
{
    begin_large_segment();
    scanning_publish(&scanning, 1, 1, 100);
    scanning_publish(&scanning, 3, 1, 100);
    for (uint32_t i = 0; i < 200; i++) {
        scanning_publish(&scanning, 2, 1, 60000);
    }
    scanning_publish(&scanning, 1, 1, 100);
    scanning_publish(&scanning, 3, 1, 100);
}

TEST("one scan goes through so much of the log at most")
{
    begin();
    publish_much();
    EXPECT_INT(scanning_all(&scanning, 0x02, 1), 3);
    end();
}

TEST("two who are far into a segment take turns, and both get on")
{
    uint64_t next[2] = {150, 120};
    const uint32_t masks[2] = {0x02, 0x08};
    begin();
    publish_much();
    for (int turn = 0; next[turn % 2] <= scanning.keeper.sequence; turn++) {
        uint64_t *mine = &next[turn % 2];
        *mine = scanning_step(&scanning, masks[turn % 2], *mine);
    }
    end();
}

/* How many scans there are when so many take turns until all are at the end:
 * the one who is farthest is always first. */
static uint64_t take_turns(uint32_t count)
{
    uint64_t next[RT_LOG_SCAN_MARKS];
    uint64_t last = scanning.keeper.sequence;
    uint64_t scans = 0;
    for (uint32_t i = 0; i < count; i++) {
        next[i] = 1 + (count - 1 - i) * last / count;
    }
    while (next[count - 1] <= last) {
        for (uint32_t i = 0; i < count; i++) {
            if (next[i] <= last) {
                next[i] = scanning_step(&scanning, 0x02, next[i]);
                scans++;
            }
        }
    }
    return scans;
}

TEST("those who take turns go on where they were, and look at nothing again")
{
    begin();
    begin_large_segment();
    for (uint32_t i = 0; i < 100; i++) {
        scanning_publish(&scanning, 1, 1, 50);
        scanning_publish(&scanning, 2, 1, 60000);
    }
    scanning.capacity = 128;
    uint64_t calls = scanning.keeper.disk.calls;
    uint64_t scans = take_turns(RT_LOG_SCAN_MARKS);
    EXPECT(scanning.keeper.disk.calls - calls < 2 * scans);
    end();
}

TEST("what retention removed is not found, and told as lost")
{
    begin();
    publish_some();
    uint64_t last = scanning.keeper.sequence;
    scanning.keeper.log->options.retention.bytes = 1;
    EXPECT_INT(rt_log_retain(scanning.keeper.log, 0), 0);
    struct rt_log_extent extent;
    EXPECT(rt_log_extent(scanning.keeper.log, 2, &extent));
    EXPECT(extent.earliest > 1);
    EXPECT_INT(scanning_try(&scanning, 0x44, 1), 0);
    EXPECT(scanning.topics[0].lost > 1 && scanning.topics[0].lost < last);
    EXPECT_INT(scanning.topics[0].damaged, 0);
    EXPECT_INT(scanning.topics[1].lost, 0);
    EXPECT(scanning.scan.event_count > 0);
    EXPECT(scanning.events[0].sequence > scanning.topics[0].lost);
    uint64_t behind = scanning.topics[0].lost + 1;
    scanning_release(&scanning);
    EXPECT_INT(scanning_try(&scanning, 0x44, behind), 0);
    EXPECT_INT(scanning.topics[0].lost, 0);
    scanning_release(&scanning);
    end();
}

TEST("what is lost behind what was looked for is told when that is")
{
    begin();
    publish_some();
    scanning.keeper.log->options.retention.bytes = 1;
    EXPECT_INT(rt_log_retain(scanning.keeper.log, 0), 0);
    scanning.until = 2;
    EXPECT_INT(scanning_try(&scanning, 0x44, 1), 0);
    EXPECT_INT(scanning.topics[0].lost, 1);
    scanning_release(&scanning);
    scanning.until = 0;
    EXPECT_INT(scanning_try(&scanning, 0x44, 2), 0);
    EXPECT(scanning.topics[0].lost > 1);
    scanning_release(&scanning);
    end();
}

TEST("what came before a time is passed over")
{
    begin();
    for (uint32_t i = 0; i < 100; i++) {
        scanning.keeper.options.wall_ms = 1000 + i;
        scanning_publish(&scanning, 1 + i % 2, 1, 900);
    }
    scanning.keeper.options.wall_ms = 10;
    scanning_publish(&scanning, 1, 1, 900);
    scanning.scan.wall_ms = 1070;
    EXPECT_INT(scanning_try(&scanning, 0x06, 1), 0);
    EXPECT_INT(scanning.events[0].sequence, 71);
    EXPECT_INT(scanning.scan.events[1].sequence, 72);
    scanning_release(&scanning);
    scanning.scan.wall_ms = 1099;
    uint64_t calls = scanning.keeper.disk.calls;
    EXPECT_INT(scanning_try(&scanning, 0x06, 1), 0);
    EXPECT_INT(scanning.keeper.disk.calls, calls); /* it is there already */
    EXPECT_INT(scanning.scan.event_count, 2);
    EXPECT_INT(scanning.events[0].sequence, 100);
    EXPECT_INT(scanning.events[1].sequence, 101);
    scanning_release(&scanning);
    end();
}

/* The head of one of the batches of events does not check. */
static void flip_batch(uint32_t number)
{
    uint64_t batch = keeper_batch(&scanning.keeper, 1, SCAN_TOPICS + number);
    keeper_image(&scanning.keeper, 1)->bytes[batch + 70] ^= 1;
}

/* A scan of nine batches of two events, one of which is lost: it tells up to
 * which number, and has the others. */
static void scan_without(uint32_t batch, uint64_t damaged)
{
    for (uint32_t i = 0; i < 9; i++) {
        scanning_publish(&scanning, 1, 2, 500);
    }
    flip_batch(batch);
    scanning.capacity = 16384;
    EXPECT_INT(scanning_try(&scanning, 0x02, 1), 0);
    EXPECT_INT(scanning.scan.damaged, damaged);
    EXPECT_INT(scanning.scan.end, 19);
    EXPECT_INT(scanning.scan.event_count, 16);
}

TEST("a batch that is lost is told, and what is behind it is found")
{
    begin();
    scan_without(5, 12);
    for (uint32_t i = 0; i < scanning.scan.event_count; i++) {
        scanning_look(&scanning, i);
    }
    scanning_release(&scanning);
    end();
}

/* The number up to which a scan says that events are lost. */
static uint64_t lost_from(uint32_t mask, uint64_t first)
{
    EXPECT_INT(scanning_try(&scanning, mask, first), 0);
    scanning_release(&scanning);
    return scanning.scan.damaged;
}

TEST("it is told to each who goes on before what is behind it")
{
    begin();
    for (uint32_t i = 0; i < 5; i++) {
        scanning_publish(&scanning, 1, 2, 500);
    }
    scanning_publish_both(&scanning, 1, 2, 2, 500);
    flip_batch(5);
    scanning.capacity = 4800; /* four batches */
    EXPECT_INT(lost_from(0x02, 1), 14);
    EXPECT_INT(lost_from(0x04, 9), 0); /* none of these was there */
    EXPECT_INT(lost_from(0x02, 9), 14);
    end();
}

TEST("so is the last one that a place has told of")
{
    begin();
    scan_without(9, 18);
    scanning_release(&scanning);
    end();
}

TEST("what the disk says is told, and later it is asked again")
{
    begin();
    scanning_publish(&scanning, 1, 2, 500);
    for (uint32_t call = 1; call <= 2; call++) {
        fake_disk_fault_at(&scanning.keeper.disk, call, FAKE_EIO);
        EXPECT_INT(scanning_try(&scanning, 0x02, 1), RT_EIO);
        scanning_release(&scanning);
    }
    EXPECT_INT(scanning_step(&scanning, 0x02, 1), 3);
    end();
}

TEST("a scan that could not leave a segment for the next one is none the worse")
{
    begin();
    publish_some();
    (void)scanning_step(&scanning, ALL, 1);
    fake_disk_fault_at(&scanning.keeper.disk, 1, FAKE_EIO);
    EXPECT_INT(scanning_try(&scanning, 0x40, 1), RT_EIO);
    scanning_release(&scanning);
    EXPECT_INT(scanning_all(&scanning, 0x40, 1), 1);
    end();
}
