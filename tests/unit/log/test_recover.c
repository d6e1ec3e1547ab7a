#include "storage/log/recover.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

/* What a file is that the third segment's begins as, and no more of it. */
static void keep_beginning(size_t len)
{
    struct fake_image *image = keeper_image(&keeper, 3);
    memset(image->bytes + len, 0, image->len - len);
}

/* The second segment is not sealed, as it is while the third one begins. */
static void unseal(void)
{
    struct fake_image *image = keeper_image(&keeper, 2);
    memset(image->bytes + image->len - 64, 0, 64);
}

TEST("a segment that was about to begin is begun again")
{
    keeper_begin_three(&keeper);
    uint64_t begun = keeper_batch(&keeper, 3, 1);
    uint64_t lost = 10;
    uint64_t next_offset = keeper.next_offset[1] - lost;
    for (uint64_t len = 0; len < begun; len += 24) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keep_beginning((size_t)len);
        unseal();
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
        EXPECT_INT(
            rt_disk_remove(&keeper.disk.disk, "00000000000000000003.rtl"), 0);
        if (len - cut >= keeper_batch(&keeper, 2, 1)) {
            memset(keeper_image(&keeper, 2)->bytes + len - cut, 0, cut);
        }
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
    keep_beginning(100);
    EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
    EXPECT(keeper_image(&keeper, 3) != NULL);
    keeper_finish(&keeper);
}

TEST("the number of a topic that is gone is not given again")
{
    struct rt_log_part removal = {.kind = RT_LOG_REMOVED, .topic = 3};
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 2, "two");
    keeper_describe(&keeper, 3, "three");
    EXPECT_INT(keeper_append(&keeper, &removal, 1), 0);
    while (rt_log_usage(keeper.log).segment_count < 5) {
        keeper_publish(&keeper, 1, 10, 500);
    }
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.next_topic, 4);
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
