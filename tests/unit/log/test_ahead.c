#include "storage/log/ahead.h"

#include "tests/unit/log/keeper.h"

#define WRITE_AND_SYNC 2 /* calls */

static struct keeper keeper;

static void begin(uint64_t segment_bytes)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = segment_bytes;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
}

/* Publishes a batch; returns the calls that the disk got for it. */
static uint64_t publish(uint32_t count, size_t len)
{
    uint64_t before = keeper.disk.calls;
    keeper_publish(&keeper, 1, count, len);
    return keeper.disk.calls - before;
}

static void expect_all_after_restart(void)
{
    int err = 0;
    uint64_t count = keeper.next_offset[1] - 1;
    keeper_restart(&keeper);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), count);
    EXPECT_INT(err, RT_EAGAIN);
}

TEST("zeros are written once for many small batches")
{
    uint64_t batches = 0;
    uint64_t calls = 0;
    begin((uint64_t)4 * 1024 * 1024);
    while (keeper.log->tail.position < 8 * RT_LOG_AHEAD_BYTES) {
        calls += publish(10, 100);
        batches++;
    }
    EXPECT(batches > 500);
    EXPECT_INT(calls, batches * WRITE_AND_SYNC + 7);
    expect_all_after_restart();
    keeper_finish(&keeper);
}

TEST("batches that a crash tears from their zeros are read back")
{
    for (int bytes = 0; bytes < FAKE_BYTES_COUNT; bytes++) {
        int err = 0;
        begin((uint64_t)4 * 1024 * 1024);
        keeper.log->tail.written = 0; /* the next batch brings zeros */
        fake_disk_fault_at(&keeper.disk, WRITE_AND_SYNC + 1, FAKE_CRASH);
        EXPECT(keeper_try_publish(&keeper, 1, 10, 1000) < 0);
        keeper_close(&keeper);
        fake_disk_restart(&keeper.disk, (enum fake_bytes)bytes, FAKE_NAMES_ALL);
        keeper_open(&keeper);
        uint64_t kept = keeper_read(&keeper, 1, 1, &err);
        EXPECT(kept == 0 || kept == 10);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        keeper_finish(&keeper);
    }
}

TEST("a long batch takes no zeros with it")
{
    begin((uint64_t)4 * 1024 * 1024);
    keeper.log->tail.written = 0;
    EXPECT_INT(publish(70, 1000), WRITE_AND_SYNC);
    EXPECT_INT(publish(10, 1000), WRITE_AND_SYNC + 1);
    expect_all_after_restart();
    keeper_finish(&keeper);
}

TEST("zeros end where the segment does")
{
    begin((uint64_t)64 * 1024);
    size_t len = keeper_image(&keeper, 1)->len;
    EXPECT_INT(keeper.log->tail.written, keeper.log->tail.capacity);
    EXPECT_INT(publish(10, 100), WRITE_AND_SYNC);
    EXPECT_INT(keeper_image(&keeper, 1)->len, len);
    keeper_finish(&keeper);
}

TEST("where there is no room for zeros the batch is as if it had never been")
{
    begin((uint64_t)4 * 1024 * 1024);
    keeper.log->tail.written = 0;
    fake_disk_fault_at(&keeper.disk, 2, FAKE_ENOSPC);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 1000), RT_ENOSPC);
    EXPECT_INT(publish(10, 1000), WRITE_AND_SYNC + 1);
    expect_all_after_restart();
    keeper_finish(&keeper);
}

TEST("zeros that cannot be written are the end of the log")
{
    begin((uint64_t)4 * 1024 * 1024);
    keeper.log->tail.written = 0;
    fake_disk_fault_at(&keeper.disk, 2, FAKE_EIO);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 1000), RT_EIO);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 1000), RT_EFAILED);
    keeper_finish(&keeper);
}
