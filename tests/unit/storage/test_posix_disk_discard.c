/* Room that a removed file is given back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storage/posix_disk.h"
#include "tests/support/directory.h"
#include "tests/support/test.h"

#define STEPS 5

static struct test_directory directory;
static struct rt_posix_disk posix;
static struct rt_disk *disk;
static int cuts;

int ftruncate(int fd, off_t len)
{
    struct stat status;
    EXPECT_INT(fstat(fd, &status), 0);
    EXPECT(status.st_size - len <= RT_DISK_DISCARD_BYTES);
    cuts++;
    return (int)syscall(SYS_ftruncate, fd, len);
}

/* A file of some steps, open. */
static struct rt_file file_to_remove(void)
{
    struct rt_file file;
    struct rt_bytes text = RT_BYTES("hello");
    uint64_t size = STEPS * (uint64_t)RT_DISK_DISCARD_BYTES;
    cuts = 0;
    test_directory_make(&directory);
    EXPECT_INT(rt_posix_disk_open(&posix, directory.path, RT_DISK_WRITE), 0);
    disk = &posix.disk;
    EXPECT_INT(rt_disk_open(disk, "a", true, &file), 0);
    EXPECT_INT(rt_disk_allocate(disk, &file, size), 0);
    EXPECT_INT(rt_disk_write(disk, &file, &text, 1, size - text.len), 0);
    return file;
}

static void finish(void)
{
    rt_posix_disk_close(&posix);
    test_directory_remove(&directory);
}

TEST("the room of a removed file is given back bit by bit")
{
    struct rt_file file = file_to_remove();
    EXPECT_INT(rt_disk_remove(disk, "a"), 0);
    rt_disk_discard(disk, &file);
    EXPECT_INT(cuts, STEPS - 1);
    EXPECT_INT(file.number, -1);
    finish();
}

TEST("what somebody still reads is left alone")
{
    char text[5];
    struct rt_file reader;
    struct rt_file file = file_to_remove();
    EXPECT_INT(rt_disk_open(disk, "a", false, &reader), 0);
    EXPECT_INT(rt_disk_remove(disk, "a"), 0);
    rt_disk_discard(disk, &file);
    EXPECT_INT(cuts, 0);
    uint64_t at = STEPS * (uint64_t)RT_DISK_DISCARD_BYTES - sizeof(text);
    EXPECT_INT(rt_disk_read(disk, &reader, text, sizeof(text), at), 5);
    EXPECT(memcmp(text, "hello", sizeof(text)) == 0);
    rt_disk_close(disk, &reader);
    finish();
}
