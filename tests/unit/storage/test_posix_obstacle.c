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

static bool is_segment(const char *name, bool is_directory)
{
    (void)is_directory;
    return strcmp(name, SEGMENT) == 0;
}

static const char *found_by(rt_posix_obstacle_fn is_in_the_way)
{
    static char name[64];
    int err =
        rt_posix_obstacle(directory.path, is_in_the_way, name, sizeof(name));
    EXPECT(err == 0 || err == RT_ENOENT);
    return err == 0 ? name : "";
}

static const char *found(void)
{
    return found_by(is_segment);
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

TEST("a directory is not removed")
{
    struct rt_posix_disk disk;
    test_directory_make(&directory);
    EXPECT_INT(make_directory("there"), 0);
    EXPECT_INT(rt_posix_disk_open(&disk, directory.path, RT_DISK_WRITE), 0);
    EXPECT_INT(rt_disk_remove(&disk.disk, "there"), RT_ENOFILE);
    rt_posix_disk_close(&disk);
    EXPECT_INT(remove(path_of("there")), 0);
    test_directory_remove(&directory);
}

TEST("other things in the directory are not in the way")
{
    test_directory_make(&directory);
    EXPECT_INT(make_directory("other.rtl"), 0);
    EXPECT_INT(open_segment(RT_DISK_WRITE), RT_ENOENT);
    EXPECT(strcmp(found(), "") == 0);
    EXPECT_INT(remove(path_of("other.rtl")), 0);
    test_directory_remove(&directory);
}

static bool is_directory_there(const char *name, bool is_directory)
{
    return is_directory && strcmp(name, "there") == 0;
}

TEST("whether it is a directory is told with the name")
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(makers); i++) {
        bool is_directory = makers[i] == make_directory;
        test_directory_make(&directory);
        EXPECT_INT(makers[i]("there"), 0);
        EXPECT(strcmp(found_by(is_directory_there),
                      is_directory ? "there" : "") == 0);
        EXPECT_INT(remove(path_of("there")), 0);
        test_directory_remove(&directory);
    }
}

TEST("a directory that cannot be read is an error")
{
    char name[64];
    EXPECT_INT(rt_posix_obstacle("/nowhere", is_segment, name, sizeof(name)),
               RT_ENOENT);
}
