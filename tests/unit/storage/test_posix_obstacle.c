#include "storage/posix_obstacle.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/posix_disk.h"
#include "tests/support/directory.h"
#include "tests/support/test.h"

#define SEGMENT "00000000000000000001.rtl"

static struct test_directory directory;

static const char *path_of(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", directory.path, name);
    return path;
}

/* --- what is in the way --- */

static int make_link(const char *name)
{
    return symlink("elsewhere", path_of(name));
}

static int make_pipe(const char *name)
{
    return mkfifo(path_of(name), 0600);
}

static int make_directory(const char *name)
{
    return mkdir(path_of(name), 0700);
}

typedef int (*make_fn)(const char *name);
static const make_fn makers[] = {make_link, make_pipe, make_directory};

static const char *found(void)
{
    static char name[64];
    int err = rt_posix_obstacle(directory.path, name, sizeof(name));
    EXPECT(err == 0 || err == RT_ENOENT);
    return err == 0 ? name : "";
}

/* Opens the directory, and a segment in it: the first error. */
static int open_segment(enum rt_disk_use use)
{
    struct rt_posix_disk disk;
    struct rt_file file;
    int err = rt_posix_disk_open(&disk, directory.path, use);
    if (err < 0) {
        return err;
    }
    err = rt_disk_open(&disk.disk, SEGMENT, false, &file);
    if (err == 0) {
        rt_disk_close(&disk.disk, &file);
    }
    rt_posix_disk_close(&disk);
    return err;
}

TEST("what is no file is not opened, and named")
{
    static const char *const names[] = {RT_DISK_LOCK, SEGMENT};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(makers) * 2; i++) {
        const char *name = names[i % 2];
        test_directory_make(&directory);
        EXPECT_INT(makers[i / 2](name), 0);
        EXPECT_INT(open_segment(RT_DISK_READ), RT_ENOFILE);
        EXPECT_INT(open_segment(RT_DISK_WRITE), RT_ENOFILE);
        EXPECT(strcmp(found(), name) == 0);
        EXPECT_INT(remove(path_of(name)), 0);
        test_directory_remove(&directory);
    }
}

TEST("other things in the directory are not in the way")
{
    test_directory_make(&directory);
    EXPECT_INT(make_directory("lost+found"), 0);
    EXPECT_INT(open_segment(RT_DISK_WRITE), RT_ENOENT);
    EXPECT(strcmp(found(), "") == 0);
    EXPECT_INT(remove(path_of("lost+found")), 0);
    test_directory_remove(&directory);
}

TEST("a directory that cannot be read is an error")
{
    char name[64];
    EXPECT_INT(rt_posix_obstacle("/nowhere", name, sizeof(name)), RT_ENOENT);
}
