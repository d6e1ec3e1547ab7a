#include "storage/log/resume.h"

#include "tests/unit/log/checker.h"
#include "tests/unit/log/damaging.h"

static struct keeper keeper;
static struct checker checker;

TEST("what was found is synced before it is built upon")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper.disk.forgets_bytes = true;
    keeper_publish(&keeper, 1, 5, 100);
    keeper.disk.forgets_bytes = false;
    keeper_close(&keeper);
    keeper_open(&keeper);
    keeper_expect_all(&keeper, 6);
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, 6);
    keeper_finish(&keeper);
}

TEST("a log is opened where there is no room, and read")
{
    int err = 0;
    uint64_t room = 0;
    keeper_begin_three(&keeper);
    keeper_image(&keeper, 3)->len = 8192;
    for (uint64_t segment = 1; segment <= 3; segment++) {
        room += keeper_image(&keeper, segment)->len;
    }
    keeper.disk.capacity = room;
    keeper_open(&keeper);
    while (err == 0) {
        err = keeper_try_publish(&keeper, 1, 1, 100);
    }
    EXPECT_INT(err, RT_ENOSPC);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), keeper.next_offset[1] - 1);
    keeper_finish(&keeper);
}

TEST("a segment does not become longer by being opened")
{
    keeper_begin_three(&keeper);
    uint64_t len = keeper_image(&keeper, 3)->len;
    for (int i = 0; i < 5; i++) {
        keeper_image(&keeper, 3)->len = 16384;
        keeper_open(&keeper);
        EXPECT(keeper_image(&keeper, 3)->len <= len);
        keeper_close(&keeper);
    }
    keeper_finish(&keeper);
}

/* A batch whose sync fails, of which the medium has a part. */
static void publish_unsynced(void)
{
    uint64_t syncs = keeper.disk.syncs;
    fake_disk_fault_at(&keeper.disk, 3, FAKE_EIO); /* behind two writes */
    EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 5000), RT_EIO);
    EXPECT_INT(keeper.disk.syncs, syncs + 1);
}

TEST("what a sync has failed for is written once more")
{
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    uint64_t next_offset = keeper.next_offset[1];
    publish_unsynced();
    keeper_reopen(&keeper);
    keeper_expect_all(&keeper, next_offset + 5);
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, next_offset + 5);
    keeper_finish(&keeper);
}

TEST("so is the segment's head")
{
    keeper_init(&keeper);
    fake_disk_fault_at(&keeper.disk, 6, FAKE_EIO);
    EXPECT_INT(keeper_try_open(&keeper), RT_EIO);
    EXPECT_INT(keeper.disk.syncs, 1);
    keeper_open(&keeper);
    keeper_close(&keeper);
    fake_disk_restart(&keeper.disk, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    checker_run(&checker, &keeper);
    EXPECT(rt_log_check_is_sound(&checker.found));
    EXPECT_INT(checker.segment_count, 1);
    keeper_finish(&keeper);
}

TEST("so is what is behind a lost snapshot, where the next segment begins")
{
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    uint64_t next_offset = keeper.next_offset[1];
    publish_unsynced();
    keeper_close(&keeper);
    keeper_flip(&keeper, 3, 70);
    keeper_open(&keeper);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 4);
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, next_offset + 5);
    keeper_finish(&keeper);
}

TEST("so is what a segment was sealed with, if it is the last one")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_fill(&keeper, 1, 3);
    fake_disk_fault_at(&keeper.disk, 3, FAKE_EIO);
    EXPECT_INT(rt_log_seal(keeper.log), RT_EIO);
    keeper_close(&keeper);
    keeper_remove(&keeper, 3);
    keeper.options.is_cut = true;
    uint64_t len = keeper_image(&keeper, 2)->len;
    keeper_open(&keeper);
    keeper_close(&keeper);
    fake_disk_restart(&keeper.disk, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    EXPECT_INT(keeper_image(&keeper, 2)->len, len);
    EXPECT(keeper_is_sealed(&keeper, 2));
    keeper_finish(&keeper);
}

TEST("a log that is cut is opened where there is no room, and goes on")
{
    keeper_begin_three(&keeper);
    keeper_remove(&keeper, 3);
    keeper.options.is_cut = true;
    keeper.disk.capacity = 1;
    keeper_open(&keeper);
    uint64_t next_offset = keeper.next_offset[1];
    keeper_expect_all(&keeper, next_offset);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 100), RT_ENOSPC);
    keeper.disk.capacity = UINT64_MAX;
    keeper_publish(&keeper, 1, 5, 100);
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, next_offset + 5);
    keeper_finish(&keeper);
}

TEST("a segment that is sealed is followed by another one")
{
    keeper_begin_three(&keeper);
    keeper_remove(&keeper, 3);
    keeper.options.is_cut = true;
    keeper_open(&keeper);
    keeper_expect_all(&keeper, keeper.next_offset[1]);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 3);
    keeper_publish(&keeper, 1, 5, 100);
    keeper_restart(&keeper);
    keeper_expect_all(&keeper, keeper.next_offset[1]);
    keeper_finish(&keeper);
}
