#include "storage/log/files.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "storage/log/format.h"
#include "tests/support/test.h"
#include "tests/unit/storage/fake_disk.h"

#define FILES 40

static struct fake_disk fake;
static struct rt_disk *disk = &fake.disk;

static void make(const char *name)
{
    struct rt_file file;
    EXPECT_INT(rt_disk_open(disk, name, true, &file), 0);
    rt_disk_close(disk, &file);
}

static void make_segment(uint64_t number)
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(number, name);
    make(name);
}

TEST("the segments are listed in order, and no other files")
{
    struct test_heap heap;
    struct rt_log_files files;
    test_heap_init(&heap, SIZE_MAX);
    fake_disk_init(&fake, 1);
    for (uint64_t i = 0; i < FILES; i++) {
        make_segment(1 + i * 7 % FILES);
    }
    make("notes");
    make("00000000000000000000.rtl");
    make("1.rtl");
    rt_log_files_init(&files, &heap.heap);
    EXPECT_INT(rt_log_files_list(&files, disk), 0);
    EXPECT_INT(files.count, FILES);
    for (uint64_t i = 0; i < FILES; i++) {
        EXPECT_INT(files.numbers[i], i + 1);
    }
    rt_log_files_finish(&files);
    EXPECT_INT(heap.heap.used, 0);
    fake_disk_finish(&fake);
}

TEST("there may be no segments, no memory, and no directory")
{
    struct test_heap heap;
    struct rt_log_files files;
    test_heap_init(&heap, SIZE_MAX);
    fake_disk_init(&fake, 1);
    rt_log_files_init(&files, &heap.heap);
    EXPECT_INT(rt_log_files_list(&files, disk), 0);
    EXPECT_INT(files.count, 0);
    fake_disk_fault_at(&fake, 1, FAKE_EIO);
    EXPECT_INT(rt_log_files_list(&files, disk), RT_EIO);
    make_segment(3);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_files_list(&files, disk), RT_ENOMEM);
    rt_log_files_finish(&files);
    fake_disk_finish(&fake);
}

TEST("a segment is opened with its length, or not at all")
{
    struct rt_file file;
    uint64_t size = 1;
    fake_disk_init(&fake, 1);
    EXPECT_INT(rt_log_files_open(disk, 3, &file, &size), -ENOENT);
    make_segment(3);
    EXPECT_INT(rt_log_files_open(disk, 3, &file, &size), 0);
    EXPECT_INT(size, 0);
    rt_disk_close(disk, &file);
    fake_disk_fault_at(&fake, 2, FAKE_EIO);
    EXPECT_INT(rt_log_files_open(disk, 3, &file, &size), RT_EIO);
    fake_disk_finish(&fake);
}

TEST("what is no file is in the way where one is opened, or cannot be removed")
{
    static const struct {
        const char *name;
        bool is_opened;
        bool is_removed;
    } cases[] = {
        {"00000000000000000001.rtl", true, false},
        {"00000000000000000001.rtl.new", false, true},
        {"REPAIR-1-00000000000000000001", false, true},
        {"REPAIR-2-00000000000000000001", false, true},
        {"REPAIR-3-00000000000000000001", false, false},
        {"00000000000000000001.rtl.damaged", false, false},
        {"00000000000000000000.rtl", false, false},
        {"other.rtl", false, false},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        const char *name = cases[i].name;
        EXPECT_INT(rt_log_files_opens(name, false), cases[i].is_opened);
        EXPECT_INT(rt_log_files_opens(name, true), cases[i].is_opened);
        EXPECT_INT(rt_log_files_removes(name, true), cases[i].is_removed);
        EXPECT(!rt_log_files_removes(name, false));
    }
}
