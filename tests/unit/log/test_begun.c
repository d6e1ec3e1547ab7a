#include "storage/log/begun.h"

#include "storage/checksum.h"
#include "tests/unit/log/checker.h"
#include "tests/unit/log/damaging.h"

static struct keeper keeper;
static struct checker checker;

static int begun(void)
{
    struct rt_log_window window;
    struct rt_log_files files;
    rt_log_files_init(&files, &keeper.heap.heap);
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.heap.heap,
                       RT_LOG_WINDOW_NARROW);
    int err = rt_log_files_list(&files, &keeper.disk.disk);
    int found = err < 0 ? err : rt_log_begun(&window, &files);
    rt_log_window_finish(&window);
    rt_log_files_finish(&files);
    EXPECT_INT(keeper.heap.heap.used, 0);
    return found;
}

TEST("a segment with a snapshot has begun")
{
    keeper_begin_three(&keeper);
    uint64_t batch = keeper_batch(&keeper, 3, 1);
    EXPECT_INT(begun(), 1);
    keeper_empty(&keeper, 3, batch);
    EXPECT_INT(begun(), 1);
    keeper_unseal(&keeper, 2);
    EXPECT_INT(begun(), 1);
    keeper_finish(&keeper);
}

TEST("a segment without a snapshot was about to begin, or lost it")
{
    keeper_begin_three(&keeper);
    uint64_t batch = keeper_batch(&keeper, 3, 1);
    for (size_t len = 0; len < batch; len += 24) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_empty(&keeper, 3, len);
        EXPECT_INT(begun(), 1);
        keeper_unseal(&keeper, 2);
        EXPECT_INT(begun(), 0);
        fake_disk_finish(&keeper.disk);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
    keeper_finish(&keeper);
}

TEST("a segment with a batch and no snapshot has begun")
{
    keeper_begin_three(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_flip(&keeper, 3, 70);
    EXPECT_INT(begun(), 1);
    keeper_flip(&keeper, 3, 70);
    keeper_flip(&keeper, 3, 64 + 64 + 64); /* a body of the snapshot */
    EXPECT_INT(begun(), 1);
    keeper_finish(&keeper);
}

TEST("what no crash leaves is no beginning, whatever it is")
{
    keeper_begin_three(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_empty(&keeper, 3, keeper_batch(&keeper, 3, 1));
    keeper_image(&keeper, 3)->bytes[64 + 64] = 99; /* no kind of part */
    EXPECT_INT(begun(), 0);
    keeper_sign(&keeper, 3, 64);
    EXPECT_INT(begun(), 1);
    size_t len = keeper_image(&keeper, 3)->len;
    keeper_fill_with_heads(&keeper, 3, 64, (uint32_t)len / 64 - 1);
    EXPECT_INT(begun(), 1);
    keeper_finish(&keeper);
}

TEST("a segment of another version has begun, whatever it has")
{
    struct rt_log_segment_head head;
    keeper_begin_three(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_empty(&keeper, 3, 0);
    memcpy(&head, keeper_image(&keeper, 1)->bytes, sizeof(head));
    head.version++;
    head.crc = 0;
    head.crc = rt_checksum(0, &head, sizeof(head));
    memcpy(keeper_image(&keeper, 3)->bytes, &head, sizeof(head));
    EXPECT_INT(begun(), 1);
    keeper_finish(&keeper);
}

TEST("the first segment, and it alone, may be the only one and not begun")
{
    keeper_begin_three(&keeper);
    keeper_remove(&keeper, 2);
    keeper_empty(&keeper, 3, 0);
    EXPECT_INT(begun(), 1);
    keeper_remove(&keeper, 1);
    EXPECT_INT(begun(), 1);
    keeper_finish(&keeper);
    keeper_begin_three(&keeper);
    keeper_remove(&keeper, 3);
    keeper_remove(&keeper, 2);
    EXPECT_INT(begun(), 1);
    keeper_empty(&keeper, 1, 0);
    EXPECT_INT(begun(), 0);
    keeper_finish(&keeper);
}

TEST("a check finds no damage in a segment that was about to begin")
{
    keeper_begin_three(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_empty(&keeper, 3, 70);
    checker_run(&checker, &keeper);
    EXPECT(rt_log_check_is_sound(&checker.found));
    EXPECT_INT(checker.segment_count, 3);
    EXPECT_INT(checker.segments[2].finding, RT_LOG_TORN);
    EXPECT_INT(checker.segments[2].torn_bytes, 72);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.removed, 1);
    keeper_finish(&keeper);
}

TEST("whatever call fails meanwhile is told")
{
    int found = -1;
    keeper_begin_three(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_empty(&keeper, 3, 0);
    for (uint64_t call = 1; found < 0; call++) {
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        found = begun();
        EXPECT(found == RT_EIO || found == 0);
    }
    keeper_finish(&keeper);
}
