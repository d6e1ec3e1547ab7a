#include "storage/log/stage.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"
#include "tests/unit/storage/fake_disk.h"

static struct fake_disk disk;
static struct test_heap heap;
static struct rt_file file;
static struct rt_log_stage stage;

static void begin(uint64_t position)
{
    test_heap_init(&heap, SIZE_MAX);
    fake_disk_init(&disk, 1);
    EXPECT_INT(rt_disk_open(&disk.disk, "file", true, &file), 0);
    EXPECT_INT(rt_log_stage_init(&stage, &disk.disk, &heap.heap), 0);
    rt_log_stage_turn(&stage, &file, position);
}

static void end(void)
{
    rt_log_stage_finish(&stage);
    EXPECT_INT(heap.heap.used, 0);
    rt_disk_close(&disk.disk, &file);
    fake_disk_finish(&disk);
}

TEST("pieces come into the file back to back")
{
    begin(3);
    rt_log_stage_add(&stage, "abc", 3);
    rt_log_stage_add(&stage, "defg", 4);
    EXPECT_INT(rt_log_stage_flush(&stage), 0);
    const struct fake_image *image = fake_disk_image(&disk, "file");
    EXPECT_BYTES(((struct rt_bytes){image->bytes, image->len}),
                 RT_BYTES("\0\0\0abcdefg"));
    end();
}

TEST("much is written in blocks, with no more memory")
{
    char piece[100];
    memset(piece, 'x', sizeof(piece));
    begin(0);
    uint64_t calls = disk.calls;
    for (int i = 0; i < 2000; i++) {
        rt_log_stage_add(&stage, piece, sizeof(piece));
    }
    EXPECT_INT(rt_log_stage_flush(&stage), 0);
    EXPECT_INT(disk.calls - calls, 4);
    EXPECT_INT(heap.heap.used, RT_LOG_STAGE_BYTES);
    EXPECT_INT(fake_disk_image(&disk, "file")->len, 200000);
    EXPECT_INT(fake_disk_image(&disk, "file")->bytes[199999], 'x');
    end();
}

TEST("padding goes up to a multiple of eight in the file")
{
    begin(16);
    rt_log_stage_add(&stage, "abc", 3);
    rt_log_stage_pad(&stage);
    rt_log_stage_pad(&stage);
    EXPECT_INT(rt_log_stage_flush(&stage), 0);
    EXPECT_INT(fake_disk_image(&disk, "file")->len, 24);
    end();
}

TEST("the first error is told, and nothing is written after it")
{
    static const char block[RT_LOG_STAGE_BYTES];
    begin(0);
    fake_disk_fault_at(&disk, 1, FAKE_ENOSPC);
    rt_log_stage_add(&stage, block, sizeof(block));
    rt_log_stage_add(&stage, block, sizeof(block));
    EXPECT_INT(rt_log_stage_flush(&stage), RT_ENOSPC);
    EXPECT_INT(rt_log_stage_flush(&stage), RT_ENOSPC);
    EXPECT_INT(disk.calls, 1);
    rt_log_stage_turn(&stage, &file, 0);
    EXPECT_INT(rt_log_stage_flush(&stage), 0);
    end();
}

TEST("without memory there is no stage")
{
    struct rt_log_stage none = {0};
    test_heap_init(&heap, SIZE_MAX);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_stage_init(&none, &disk.disk, &heap.heap), RT_ENOMEM);
    rt_log_stage_finish(&none);
    rt_log_stage_finish(NULL);
}
