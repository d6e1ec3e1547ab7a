#include "storage/log/window.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"
#include "tests/support/test.h"
#include "tests/unit/storage/fake_disk.h"

#define LEN   ((size_t)300 * 1024)
#define WIDTH ((size_t)128 * 1024)

static struct fake_disk disk;
static struct test_heap heap;
static struct rt_log_window window;
static uint8_t content[LEN];

/* A window on a file of LEN bytes, each of which tells its place. */
static void begin(void)
{
    struct rt_file file;
    struct rt_bytes range = {(const char *)content, LEN};
    for (size_t i = 0; i < LEN; i++) {
        content[i] = (uint8_t)(i * 31 >> 3);
    }
    test_heap_init(&heap, SIZE_MAX);
    fake_disk_init(&disk, 1);
    EXPECT_INT(rt_disk_open(&disk.disk, "file", true, &file), 0);
    EXPECT_INT(rt_disk_write(&disk.disk, &file, &range, 1, 0), 0);
    rt_log_window_init(&window, &disk.disk, &heap.heap, WIDTH);
    rt_log_window_turn(&window, file, LEN);
}

static void end(void)
{
    rt_disk_close(&disk.disk, &window.file);
    rt_log_window_finish(&window);
    EXPECT_INT(heap.heap.used, 0);
    fake_disk_finish(&disk);
}

static int look(uint64_t position, size_t len)
{
    const void *bytes = NULL;
    int err = rt_log_window_at(&window, position, len, &bytes);
    if (err == 0) {
        EXPECT(position <= LEN && len <= LEN - position);
        EXPECT(memcmp(bytes, content + position, len) == 0);
        EXPECT_INT((uintptr_t)bytes % 8, position % 8);
    }
    return err;
}

TEST("any bytes of a file are seen, wherever they are")
{
    begin();
    for (size_t position = 0; position < LEN - 100; position += 997) {
        EXPECT_INT(look(position, 100), 0);
    }
    EXPECT_INT(look(LEN - 1, 1), 0);
    EXPECT_INT(look(3, 1), 0);
    EXPECT_INT(look(LEN, 0), 0);
    end();
}

/* How often the disk was asked since this was asked the last time. */
static uint64_t reads(void)
{
    static uint64_t before;
    uint64_t count = disk.calls - before;
    before = disk.calls;
    return count;
}

TEST("what is near has been read along")
{
    begin();
    EXPECT_INT(look(0, 8), 0);
    (void)reads();
    EXPECT_INT(look(WIDTH - 8, 8), 0);
    EXPECT_INT(reads(), 0);
    EXPECT_INT(look(WIDTH, 8), 0);
    EXPECT_INT(reads(), 1);
    end();
}

TEST("whoever goes to and fro between two places reads each of them once")
{
    begin();
    (void)reads();
    for (uint64_t i = 0; i < 1000; i++) {
        EXPECT_INT(look(i * 8, 8), 0);
        EXPECT_INT(look(2 * WIDTH + i * 16, 16), 0);
    }
    EXPECT_INT(reads(), 2);
    end();
}

TEST("what is longer than the window makes it longer")
{
    begin();
    EXPECT_INT(look(8, LEN - 8), 0);
    EXPECT(heap.heap.used >= LEN - 8);
    end();
}

/* Reads to memory that is not the window's. */
static int read_to(uint64_t position, size_t len)
{
    static uint8_t copy[LEN];
    int err = rt_log_window_read(&window, position, copy, len);
    if (err == 0) {
        EXPECT(position <= LEN && len <= LEN - position);
        EXPECT(memcmp(copy, content + position, len) == 0);
    }
    memset(copy, 0, sizeof(copy));
    return err;
}

TEST("what goes elsewhere is read once, and leaves the window where it is")
{
    begin();
    EXPECT_INT(look(0, 8), 0);
    (void)reads();
    EXPECT_INT(read_to(WIDTH - 100, 100), 0);
    EXPECT_INT(reads(), 0);
    EXPECT_INT(read_to(100, LEN - 100), 0);
    EXPECT_INT(reads(), 1);
    fake_disk_fault_at(&disk, 1, FAKE_EIO);
    EXPECT_INT(read_to(WIDTH, 8), RT_EIO);
    EXPECT_INT(read_to(WIDTH, 8), 0);
    (void)reads();
    EXPECT_INT(look(WIDTH - 8, 8), 0);
    EXPECT_INT(reads(), 0);
    end();
}

TEST("nothing is read behind the end, nor behind the file's")
{
    begin();
    EXPECT_INT(look(LEN - 8, 8), 0);
    EXPECT_INT(read_to(LEN - 4, 5), RT_EDAMAGED);
    EXPECT_INT(read_to(LEN + 1, 0), RT_EDAMAGED);
    EXPECT_INT(read_to(8, SIZE_MAX / 2), RT_EDAMAGED);
    EXPECT_INT(read_to(LEN, 0), 0);
    rt_log_window_turn(&window, window.file, LEN + 100);
    EXPECT_INT(read_to(LEN - 4, 8), RT_EDAMAGED);
    end();
}

TEST("nothing is seen behind the end, nor behind the file's")
{
    begin();
    EXPECT_INT(look(8, SIZE_MAX / 2), RT_EDAMAGED);
    EXPECT_INT(look(LEN - 4, 5), RT_EDAMAGED);
    EXPECT_INT(look(LEN + 1, 0), RT_EDAMAGED);
    EXPECT_INT(look(UINT64_MAX, 8), RT_EDAMAGED);
    rt_log_window_turn(&window, window.file, LEN - 100);
    EXPECT_INT(look(LEN - 104, 8), RT_EDAMAGED);
    rt_log_window_turn(&window, window.file, LEN + 100);
    EXPECT_INT(look(LEN, 8), RT_EDAMAGED);
    end();
}

TEST("a checksum goes over as much as one likes")
{
    uint32_t crc = 0;
    begin();
    EXPECT_INT(rt_log_window_checksum(&window, 5, LEN - 5, &crc), 0);
    EXPECT_INT(crc, rt_checksum(0, content + 5, LEN - 5));
    EXPECT_INT(rt_log_window_checksum(&window, 5, LEN, &crc), RT_EDAMAGED);
    end();
}

TEST("what the disk says is told, and so is that there is no memory")
{
    begin();
    fake_disk_fault_at(&disk, 1, FAKE_EIO);
    EXPECT_INT(look(0, 8), RT_EIO);
    EXPECT_INT(look(0, 8), 0);
    EXPECT_INT(look(2 * WIDTH, 8), 0);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(look(0, LEN), RT_ENOMEM);
    EXPECT_INT(look(0, 8), 0);
    end();
}
