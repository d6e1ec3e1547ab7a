/* The disk of who only reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/posix_disk.h"
#include "tests/support/directory.h"
#include "tests/support/test.h"

static struct test_directory directory;

static int open_disk(struct rt_posix_disk *disk, enum rt_disk_use use)
{
    return rt_posix_disk_open(disk, directory.path, use);
}

/* A directory with a file, which nobody has any more. */
static void make_file(void)
{
    struct rt_posix_disk disk;
    struct rt_file file;
    struct rt_bytes text = RT_BYTES("hello");
    test_directory_make(&directory);
    EXPECT_INT(open_disk(&disk, RT_DISK_MAKE), 0);
    EXPECT_INT(rt_disk_open(&disk.disk, "a", true, &file), 0);
    EXPECT_INT(rt_disk_write(&disk.disk, &file, &text, 1, 0), 0);
    rt_disk_close(&disk.disk, &file);
    rt_posix_disk_close(&disk);
}

static const char *lock_path(void)
{
    static char path[sizeof(directory.path) + sizeof("/" RT_DISK_LOCK)];
    (void)snprintf(path, sizeof(path), "%s/" RT_DISK_LOCK, directory.path);
    return path;
}

static void expect_hello(struct rt_disk *disk)
{
    struct rt_file file;
    char text[10];
    EXPECT_INT(rt_disk_open(disk, "a", false, &file), 0);
    EXPECT_INT(rt_disk_read(disk, &file, text, sizeof(text), 0), 5);
    EXPECT_TEXT(((struct rt_bytes){text, 5}), "hello");
    rt_disk_close(disk, &file);
}

TEST("who only reads cannot change a file, nor make one")
{
    struct rt_posix_disk disk;
    struct rt_file file;
    struct rt_bytes text = RT_BYTES("x");
    make_file();
    EXPECT_INT(open_disk(&disk, RT_DISK_READ), 0);
    expect_hello(&disk.disk);
    EXPECT_INT(rt_disk_open(&disk.disk, "b", true, &file), -EROFS);
    EXPECT_INT(rt_disk_open(&disk.disk, "a", false, &file), 0);
    EXPECT_INT(rt_disk_write(&disk.disk, &file, &text, 1, 0), -EBADF);
    rt_disk_close(&disk.disk, &file);
    rt_posix_disk_close(&disk);
    test_directory_remove(&directory);
}

TEST("who reads has the directory with others who do, and not with a writer")
{
    struct rt_posix_disk disk;
    struct rt_posix_disk other;
    struct rt_posix_disk third;
    make_file();
    EXPECT_INT(open_disk(&disk, RT_DISK_READ), 0);
    EXPECT_INT(open_disk(&other, RT_DISK_READ), 0);
    EXPECT_INT(open_disk(&third, RT_DISK_WRITE), RT_EBUSY);
    rt_posix_disk_close(&disk);
    rt_posix_disk_close(&other);
    EXPECT_INT(open_disk(&third, RT_DISK_WRITE), 0);
    EXPECT_INT(open_disk(&disk, RT_DISK_READ), RT_EBUSY);
    rt_posix_disk_close(&third);
    test_directory_remove(&directory);
}

TEST("a copy without the lock is read, and has none afterwards")
{
    struct rt_posix_disk disk;
    struct stat status;
    make_file();
    EXPECT_INT(unlink(lock_path()), 0);
    EXPECT_INT(open_disk(&disk, RT_DISK_READ), 0);
    expect_hello(&disk.disk);
    rt_posix_disk_close(&disk);
    EXPECT_INT(stat(lock_path(), &status), -1);
    test_directory_remove(&directory);
}

/* A link to itself is a file that not even root can open. */
TEST("a lock that cannot be opened is an error, not the lack of one")
{
    struct rt_posix_disk disk;
    make_file();
    EXPECT_INT(unlink(lock_path()), 0);
    EXPECT_INT(symlink(RT_DISK_LOCK, lock_path()), 0);
    EXPECT_INT(open_disk(&disk, RT_DISK_READ), RT_ENOFILE);
    EXPECT_INT(unlink(lock_path()), 0);
    test_directory_remove(&directory);
}
