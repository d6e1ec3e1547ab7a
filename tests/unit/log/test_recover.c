#include "storage/log/recover.h"

#include "tests/unit/log/damaging.h"

static struct keeper keeper;

TEST("a segment that was about to begin is begun again")
{
    keeper_begin_three(&keeper);
    uint64_t begun = keeper_batch(&keeper, 3, 1);
    uint64_t lost = 10;
    uint64_t next_offset = keeper.next_offset[1] - lost;
    for (uint64_t len = 0; len < begun; len += 24) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_empty(&keeper, 3, len);
        keeper_unseal(&keeper, 2);
        keeper_open(&keeper);
        keeper_expect_all(&keeper, next_offset);
        EXPECT_INT(keeper.found.removed, 1);
        EXPECT_INT(keeper.found.damages, 0);
        keeper_publish(&keeper, 1, 3, 100);
        keeper_restart(&keeper);
        keeper_expect_all(&keeper, next_offset + 3);
        EXPECT_INT(keeper.found.removed, 0);
        keeper_finish(&keeper);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
    keeper_finish(&keeper);
}

TEST("a segment that was being sealed goes on, or is sealed")
{
    keeper_begin_three(&keeper);
    uint64_t next_offset = keeper.next_offset[1] - 10;
    size_t len = keeper_image(&keeper, 2)->len;
    for (size_t cut = 0; cut < 300; cut += 7) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_remove(&keeper, 3);
        if (len - cut >= keeper_batch(&keeper, 2, 1)) {
            memset(keeper_image(&keeper, 2)->bytes + len - cut, 0, cut);
        }
        keeper.options.is_cut = true;
        keeper_open(&keeper);
        if (cut <= 64 + 64) {
            keeper_expect_all(&keeper, next_offset);
        }
        keeper_publish(&keeper, 1, 1, 100);
        keeper_finish(&keeper);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
    keeper_finish(&keeper);
}

TEST("a snapshot that is all there is is not thrown away")
{
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    keeper.log->options.retention = (struct rt_retention){1, 1, 1};
    EXPECT_INT(rt_log_retain(keeper.log, UINT64_MAX), 0);
    keeper_close(&keeper);
    keeper_empty(&keeper, 3, 100);
    EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
    EXPECT(keeper_image(&keeper, 3) != NULL);
    keeper_finish(&keeper);
}

/* --- lost snapshots --- */

/* All is there, and goes on, and so it is after another start. */
static void expect_nothing_lost(uint64_t next_offset)
{
    keeper_open(&keeper);
    keeper_expect_all(&keeper, next_offset);
    EXPECT(keeper.found.damages > 0);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    EXPECT_TEXT(rt_bytes_of(keeper.node), "node");
    keeper_publish(&keeper, 1, 1, 100);
    for (int i = 0; i < 2; i++) {
        keeper_reopen(&keeper);
        keeper_expect_all(&keeper, next_offset + 1);
        EXPECT_INT(keeper.found.damages, 0);
    }
    keeper_close(&keeper);
}

/* The same whichever byte of a segment's snapshot is another one, but for its
 * padding. */
static void lose_snapshot(uint64_t segment, uint64_t next_offset)
{
    uint64_t end = keeper_batch(&keeper, segment, 1) - RT_LOG_GRAIN;
    for (uint64_t at = 64; at < end; at += 3) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_flip(&keeper, segment, at);
        expect_nothing_lost(next_offset);
        fake_disk_finish(&keeper.disk);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
}

/* Three segments with offsets that were skipped, and state of the node. */
static uint64_t begin_three(void)
{
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("node")};
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    keeper_publish(&keeper, 1, 2, 100);
    uint64_t next_offset = keeper.next_offset[1];
    keeper_close(&keeper);
    return next_offset;
}

TEST("a last segment that has lost its snapshot loses nothing by that")
{
    uint64_t next_offset = begin_three();
    lose_snapshot(3, next_offset);
    keeper_flip(&keeper, 2, 80); /* so has the one before it */
    lose_snapshot(3, next_offset);
    keeper_finish(&keeper);
}

TEST("the first segment that there ever was has nothing in its snapshot")
{
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("node")};
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 10, 100);
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    keeper_close(&keeper);
    lose_snapshot(1, 11);
    keeper_flip(&keeper, 1, 70);
    keeper_flip(&keeper, 1, 20); /* nor does its head matter */
    expect_nothing_lost(11);
    keeper_finish(&keeper);
}

TEST("offsets that were skipped behind a lost snapshot are not missed")
{
    int err = 0;
    (void)begin_three();
    keeper_open(&keeper);
    uint64_t before = keeper.next_offset[1];
    keeper.next_offset[1] += 1000;
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 2, 100);
    keeper_close(&keeper);
    keeper_flip(&keeper, 3, 70);
    for (int i = 0; i < 3; i++) {
        keeper_open(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        EXPECT_INT(keeper.topics[1].next_offset, before + 1002);
        EXPECT_INT(keeper_read(&keeper, 1, before, &err), 1002);
        keeper_close(&keeper);
    }
    keeper_finish(&keeper);
}

TEST("a log that has lost its end was not ended on purpose")
{
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("node")};
    struct rt_log_batch end = {.parts = &node, .part_count = 1, .is_end = true};
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    end.sequence = keeper.sequence;
    while (keeper.log->tail.capacity - keeper.log->tail.position > 6000) {
        keeper_publish(&keeper, 1, 1, 500);
        end.sequence = keeper.sequence;
    }
    EXPECT_INT(rt_log_append(keeper.log, &end), 0);
    keeper_publish(&keeper, 1, 20, 500);
    EXPECT_INT(rt_log_usage(keeper.log).last_segment, 4);
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    keeper_close(&keeper);
    keeper_remove(&keeper, 4);
    keeper_open(&keeper);
    EXPECT(!keeper.found.is_clean);
    keeper_finish(&keeper);
}

/* The topic ends with what is known of it, and others are taken. */
static void expect_cut(uint64_t next_offset)
{
    int err = 0;
    EXPECT(keeper.topics[1].is_damaged);
    EXPECT_INT(keeper.topics[1].next_offset, next_offset);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), next_offset - 1);
    EXPECT_INT(err, RT_EAGAIN);
}

static void expect_cut_for_good(uint64_t next_offset)
{
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.removed, 0);
    EXPECT(keeper.found.damages > 0);
    expect_cut(next_offset);
    keeper_describe(&keeper, 2, "other");
    keeper_publish(&keeper, 2, 10, 100);
    for (int i = 0; i < 2; i++) {
        keeper_reopen(&keeper);
        expect_cut(next_offset);
        EXPECT_INT(keeper.topics[2].next_offset, 11);
        EXPECT_INT(keeper.found.damaged_topics, 1);
    }
    keeper_close(&keeper);
}

TEST("a last segment that was emptied behind a sealed one is told as damage")
{
    (void)begin_three();
    uint64_t next_offset = keeper.next_offset[1] - 12;
    uint64_t begun = keeper_batch(&keeper, 3, 1) - RT_LOG_GRAIN;
    for (uint64_t len = 0; len < begun; len += 24) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_empty(&keeper, 3, len);
        expect_cut_for_good(next_offset);
        fake_disk_finish(&keeper.disk);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
    keeper_finish(&keeper);
}

TEST("so is one that is shorter than its head")
{
    (void)begin_three();
    keeper_image(&keeper, 3)->len = 40;
    expect_cut_for_good(keeper.next_offset[1] - 12);
    keeper_finish(&keeper);
}

TEST("a last segment that is missing behind a sealed one is told as damage")
{
    (void)begin_three();
    keeper_remove(&keeper, 3);
    expect_cut_for_good(keeper.next_offset[1] - 12);
    keeper_finish(&keeper);
}

TEST("so it is if the one before it is not sealed either, and segments follow")
{
    (void)begin_three();
    uint64_t next_offset = keeper.next_offset[1] - 12;
    keeper_remove(&keeper, 3);
    keeper_flip(&keeper, 1, keeper_image(&keeper, 1)->len - 8);
    keeper_open(&keeper);
    keeper_describe(&keeper, 2, "other");
    while (rt_log_usage(keeper.log).last_segment < 5) {
        keeper_publish(&keeper, 2, 10, 500);
    }
    keeper_reopen(&keeper);
    expect_cut(next_offset);
    keeper_finish(&keeper);
}

TEST(
    "nothing is written behind what does not check, where there is no room too")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "other");
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 2, 3, 100);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 3) + 128 + 30);
    keeper.disk.capacity = keeper_image(&keeper, 1)->len;
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    EXPECT_INT(keeper_try_publish(&keeper, 2, 1, 100), RT_ENOSPC);
    keeper.disk.capacity = UINT64_MAX;
    keeper_publish(&keeper, 2, 1, 100);
    EXPECT_INT(rt_log_usage(keeper.log).last_segment, 2);
    keeper_reopen(&keeper);
    EXPECT(keeper.topics[1].is_damaged);
    EXPECT_INT(keeper.topics[2].next_offset, 5);
    keeper_finish(&keeper);
}

TEST("with its snapshot a segment may have lost batches")
{
    (void)begin_three();
    keeper_flip(&keeper, 3, 70);
    keeper_flip(&keeper, 3, keeper_batch(&keeper, 3, 1) + 20);
    expect_cut_for_good(keeper.next_offset[1] - 12);
    keeper_finish(&keeper);
}

TEST("a start goes on where no segment is sealed and the last one has lost its "
     "snapshot")
{
    (void)begin_three();
    keeper_unseal(&keeper, 1);
    keeper_unseal(&keeper, 2);
    keeper_flip(&keeper, 3, 70);
    keeper_open(&keeper);
    keeper_fill(&keeper, 1, 6);
    uint64_t next_offset = keeper.next_offset[1];
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, next_offset);
    keeper_finish(&keeper);
}

/* The second segment's snapshot is lost, and the trailer of the first one, in
 * which topic 2 has the last batch, and topic 3 one before it. */
static void begin_two(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "late");
    keeper_describe(&keeper, 3, "early");
    keeper_publish(&keeper, 3, 1, 100);
    keeper_fill_last(&keeper);
    keeper_publish(&keeper, 2, 1, 100);
    keeper_fill(&keeper, 1, 2);
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    keeper_close(&keeper);
    keeper_unseal(&keeper, 1);
    keeper_flip(&keeper, 2, 64 + 4 * 64 + 1); /* the first topic's body */
}

static void expect_damaged(bool one, bool two, bool three)
{
    keeper_open(&keeper);
    EXPECT_INT(keeper.topics[1].is_damaged, one);
    EXPECT_INT(keeper.topics[2].is_damaged, two);
    EXPECT_INT(keeper.topics[3].is_damaged, three);
    keeper_finish(&keeper);
}

TEST("nothing is lost with the body of a snapshot alone")
{
    begin_two();
    expect_damaged(false, false, false);
}

TEST("nor with the snapshot's heads, though nothing behind it tells of a topic")
{
    begin_two();
    keeper_flip(&keeper, 2, 70);
    expect_damaged(false, false, false);
}

TEST("a body that does not check before a lost snapshot damages its own topic")
{
    begin_two();
    keeper_flip(&keeper, 1, keeper_last_batch(&keeper, 1) + 150);
    expect_damaged(false, true, false);
}

TEST("a batch that is lost before a lost snapshot may have been any topic's")
{
    begin_two();
    keeper_flip(&keeper, 1, keeper_last_batch(&keeper, 1) + 20);
    expect_damaged(false, true, true);
}

TEST("of what was lost with its snapshot nothing behind it may tell")
{
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 2, "other");
    keeper_fill(&keeper, 2, 4);
    keeper_publish(&keeper, 1, 1, 100);
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    keeper_close(&keeper);
    keeper_flip(&keeper, 4, 70);
    keeper_flip(&keeper, 4, keeper_batch(&keeper, 4, 1) + 20);
    keeper_open(&keeper);
    EXPECT(keeper.topics[2].is_damaged);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

/* --- all that there may be --- */

TEST("the number of a topic that is gone is not given again")
{
    struct rt_log_part removal = {.kind = RT_LOG_REMOVED, .topic = 3};
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 2, "two");
    keeper_describe(&keeper, 3, "three");
    EXPECT_INT(keeper_append(&keeper, &removal, 1), 0);
    keeper_fill(&keeper, 1, 5);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.next_topic, 4);
    keeper_finish(&keeper);
}

TEST("a start writes nothing into a segment that is sealed")
{
    keeper_begin_three(&keeper);
    uint64_t before = keeper.disk.syncs;
    keeper_open(&keeper);
    EXPECT_INT(keeper.disk.syncs - before, 2); /* the last one, and names */
    keeper_finish(&keeper);
}

TEST("other files in the directory are left alone")
{
    struct rt_file file;
    keeper_begin_three(&keeper);
    EXPECT_INT(rt_disk_open(&keeper.disk.disk, "notes.txt", true, &file), 0);
    rt_disk_close(&keeper.disk.disk, &file);
    keeper_open(&keeper);
    keeper_expect_all(&keeper, keeper.next_offset[1]);
    EXPECT(fake_disk_image(&keeper.disk, "notes.txt") != NULL);
    keeper_finish(&keeper);
}

TEST("whatever call fails at a start, the next start finds everything")
{
    int err = RT_EIO;
    keeper_begin_three(&keeper);
    uint64_t next_offset = keeper.next_offset[1];
    for (uint64_t call = 1; err < 0; call++) {
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        err = keeper_try_open(&keeper);
        keeper_close(&keeper);
        fake_disk_fault_at(&keeper.disk, 0, FAKE_EIO);
        EXPECT(call < 100);
    }
    keeper_open(&keeper);
    keeper_expect_all(&keeper, next_offset);
    keeper_finish(&keeper);
}

TEST("without memory a log is not opened, and later it is")
{
    int err = RT_ENOMEM;
    keeper_begin_three(&keeper);
    uint64_t next_offset = keeper.next_offset[1];
    for (uint64_t k = 1; err == RT_ENOMEM; k++) {
        test_heap_fail_at(&keeper.heap, k);
        err = keeper_try_open(&keeper);
        test_heap_fail_at(&keeper.heap, 0);
        EXPECT(err == 0 || err == RT_ENOMEM);
        keeper_close(&keeper);
    }
    keeper_open(&keeper);
    keeper_expect_all(&keeper, next_offset);
    keeper_finish(&keeper);
}
