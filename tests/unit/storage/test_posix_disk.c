#include "storage/posix_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/test.h"

#define RANGES    (IOV_MAX * 2 + 3)
#define FILE_SIZE 5000

/* --- a file system that is slow, and interrupted, or gives nobody more --- */

static bool is_slow;
static bool is_spent;
static int calls;

static bool is_refused(void)
{
    errno = is_spent ? EDQUOT : EINTR;
    return is_spent || (is_slow && ++calls % 2 == 0);
}

ssize_t pwritev(int fd, const struct iovec *vectors, int count, off_t at)
{
    if (is_refused()) {
        return -1;
    }
    struct iovec first = {vectors->iov_base, 1};
    return is_slow ? syscall(SYS_pwritev, fd, &first, 1, at, 0)
                   : syscall(SYS_pwritev, fd, vectors, count, at, 0);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
    return is_refused()
               ? -1
               : syscall(SYS_pread64, fd, bytes, is_slow ? (size_t)1 : len, at);
}

int ftruncate(int fd, off_t len)
{
    return is_refused() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
    if (is_refused()) {
        return errno;
    }
    return syscall(SYS_fallocate, fd, 0, at, len) < 0 ? errno : 0;
}

/* --- which directory was synced last --- */

static ino_t synced;

int fsync(int fd)
{
    struct stat status;
    EXPECT_INT(fstat(fd, &status), 0);
    synced = status.st_ino;
    return (int)syscall(SYS_fsync, fd);
}

static ino_t inode_of(const char *path)
{
    struct stat status;
    EXPECT_INT(stat(path, &status), 0);
    return status.st_ino;
}

/* --- a directory in one that the test has made --- */

struct place {
    char above[64];
    char path[80];
    struct rt_posix_disk posix;
    struct rt_disk *disk;
};

static void place_init(struct place *place)
{
    (void)snprintf(place->above, sizeof(place->above), "/tmp/ringtail-XXXXXX");
    EXPECT(mkdtemp(place->above) != NULL);
    (void)snprintf(place->path, sizeof(place->path), "%s/data", place->above);
    place->disk = &place->posix.disk;
}

static void place_open(struct place *place)
{
    place_init(place);
    EXPECT_INT(rt_posix_disk_open(&place->posix, place->path, RT_DISK_MAKE), 0);
}

static void remove_found(void *context, const char *name)
{
    EXPECT_INT(rt_disk_remove(context, name), 0);
}

static void place_close(struct place *place)
{
    char lock[100];
    (void)snprintf(lock, sizeof(lock), "%s/" RT_DISK_LOCK, place->path);
    EXPECT_INT(rt_disk_list(place->disk, remove_found, place->disk), 0);
    rt_posix_disk_close(&place->posix);
    EXPECT_INT(unlink(lock), 0);
    EXPECT_INT(rmdir(place->path), 0);
    EXPECT_INT(rmdir(place->above), 0);
}

static struct rt_file new_file(struct place *place, const char *name)
{
    struct rt_file file;
    EXPECT_INT(rt_disk_open(place->disk, name, true, &file), 0);
    return file;
}

static void write_text(struct place *place,
                       struct rt_file *file,
                       const char *text,
                       uint64_t at)
{
    struct rt_bytes range = rt_bytes_of(text);
    EXPECT_INT(rt_disk_write(place->disk, file, &range, 1, at), 0);
}

static void
expect_file(struct place *place, struct rt_file *file, struct rt_bytes expected)
{
    char bytes[FILE_SIZE];
    ssize_t len = rt_disk_read(place->disk, file, bytes, sizeof(bytes), 0);
    EXPECT(len >= 0);
    EXPECT_BYTES(((struct rt_bytes){bytes, (size_t)len}), expected);
}

static uint64_t size_of(struct place *place, struct rt_file *file)
{
    uint64_t size = UINT64_MAX;
    EXPECT_INT(rt_disk_size(place->disk, file, &size), 0);
    return size;
}

static unsigned mode_of(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    EXPECT_INT(stat(path, &status), 0);
    return status.st_mode & 0777;
}

/* --- the directory --- */

TEST("a directory that is not there is made, for its owner and the group")
{
    struct place place;
    mode_t before = umask(0);
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    (void)umask(before);
    EXPECT_INT(mode_of(place.path, "."), 0750);
    EXPECT_INT(mode_of(place.path, RT_DISK_LOCK), 0640);
    EXPECT_INT(mode_of(place.path, "a"), 0640);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("the name of the directory is made safe, and those within when asked")
{
    struct place place;
    place_open(&place);
    EXPECT_INT(synced, inode_of(place.above));
    EXPECT_INT(rt_disk_sync_names(place.disk), 0);
    EXPECT_INT(synced, inode_of(place.path));
    place_close(&place);
}

TEST("a directory is not made for who does not want that")
{
    struct place place;
    place_init(&place);
    EXPECT_INT(rt_posix_disk_open(&place.posix, place.path, RT_DISK_WRITE),
               -ENOENT);
    EXPECT_INT(rmdir(place.above), 0);
}

TEST("nothing is made in a directory that is not there")
{
    struct place place;
    place_init(&place);
    EXPECT_INT(rmdir(place.above), 0);
    EXPECT_INT(rt_posix_disk_open(&place.posix, place.path, RT_DISK_MAKE),
               -ENOENT);
}

TEST("a file is no directory")
{
    struct place place;
    place_open(&place);
    char path[100];
    (void)snprintf(path, sizeof(path), "%s/" RT_DISK_LOCK, place.path);
    struct rt_posix_disk other;
    EXPECT_INT(rt_posix_disk_open(&other, path, RT_DISK_MAKE), -ENOTDIR);
    place_close(&place);
}

static int open_elsewhere(const struct place *place)
{
    pid_t child = fork();
    if (child == 0) {
        struct rt_posix_disk disk;
        _exit(-rt_posix_disk_open(&disk, place->path, RT_DISK_MAKE));
    }
    int status = -1;
    EXPECT_INT(waitpid(child, &status, 0), child);
    EXPECT(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

TEST("a directory is one process's, until that closes it or ends")
{
    struct place place;
    place_open(&place);
    struct rt_posix_disk other;
    EXPECT_INT(open_elsewhere(&place), RT_EBUSY);
    EXPECT_INT(rt_posix_disk_open(&other, place.path, RT_DISK_MAKE), RT_EBUSY);
    rt_posix_disk_close(&place.posix);
    EXPECT_INT(open_elsewhere(&place), 0);
    EXPECT_INT(rt_posix_disk_open(&place.posix, place.path, RT_DISK_MAKE), 0);
    place_close(&place);
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    EXPECT(stream != NULL);
    while (readdir(stream) != NULL) {
        count++;
    }
    (void)closedir(stream);
    return count;
}

TEST("what could not be opened leaves no descriptor behind")
{
    struct place place;
    place_open(&place);
    int before = count_descriptors();
    struct rt_posix_disk other;
    struct rt_file file;
    EXPECT_INT(rt_posix_disk_open(&other, place.path, RT_DISK_MAKE), RT_EBUSY);
    EXPECT_INT(rt_posix_disk_open(&other, "/dev/null", RT_DISK_MAKE), -ENOTDIR);
    EXPECT_INT(rt_disk_open(place.disk, "a", false, &file), -ENOENT);
    EXPECT_INT(count_descriptors(), before);
    place_close(&place);
}

/* --- names --- */

struct names {
    int count;
    char last[NAME_MAX + 1];
};

static void count_name(void *context, const char *name)
{
    struct names *names = context;
    names->count++;
    (void)snprintf(names->last, sizeof(names->last), "%s", name);
}

TEST("the files are listed as often as asked, without the lock")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    for (int i = 1; i <= 3; i++) {
        struct names names = {0};
        EXPECT_INT(rt_disk_list(place.disk, count_name, &names), 0);
        EXPECT_INT(names.count, 1);
        EXPECT_TEXT(rt_bytes_of(names.last), "a");
    }
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("a new file must not be there, and an old one must")
{
    struct place place;
    place_open(&place);
    struct rt_file file;
    EXPECT_INT(rt_disk_open(place.disk, "a", false, &file), -ENOENT);
    file = new_file(&place, "a");
    rt_disk_close(place.disk, &file);
    EXPECT_INT(rt_disk_open(place.disk, "a", true, &file), RT_EEXIST);
    EXPECT_INT(rt_disk_open(place.disk, "a", false, &file), 0);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("a file is renamed over another one, and removed while it is read")
{
    struct place place;
    place_open(&place);
    struct rt_file old = new_file(&place, "a");
    struct rt_file file = new_file(&place, "b");
    write_text(&place, &old, "old", 0);
    write_text(&place, &file, "new", 0);
    EXPECT_INT(rt_disk_rename(place.disk, "b", "a"), 0);
    EXPECT_INT(rt_disk_rename(place.disk, "b", "a"), -ENOENT);
    EXPECT_INT(rt_disk_remove(place.disk, "a"), 0);
    EXPECT_INT(rt_disk_remove(place.disk, "a"), -ENOENT);
    EXPECT_INT(rt_disk_sync_names(place.disk), 0);
    expect_file(&place, &old, RT_BYTES("old"));
    expect_file(&place, &file, RT_BYTES("new"));
    rt_disk_close(place.disk, &old);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

/* --- bytes --- */

TEST("what was written is read where it was written")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    write_text(&place, &file, "world", 6);
    write_text(&place, &file, "hello", 0);
    EXPECT_INT(rt_disk_sync(place.disk, &file), 0);
    EXPECT_INT(size_of(&place, &file), 11);
    expect_file(&place, &file, RT_BYTES("hello\0world"));
    char byte;
    EXPECT_INT(rt_disk_read(place.disk, &file, &byte, 1, 10), 1);
    EXPECT_INT(rt_disk_read(place.disk, &file, &byte, 1, 11), 0);
    EXPECT_INT(rt_disk_read(place.disk, &file, &byte, 1, 12), 0);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("a file is given room, and is cut")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    write_text(&place, &file, "hello", 0);
    EXPECT_INT(rt_disk_allocate(place.disk, &file, 8), 0);
    expect_file(&place, &file, RT_BYTES("hello\0\0\0"));
    EXPECT_INT(rt_disk_allocate(place.disk, &file, 2), 0);
    EXPECT_INT(size_of(&place, &file), 8);
    EXPECT_INT(rt_disk_truncate(place.disk, &file, 2), 0);
    EXPECT_INT(rt_disk_truncate(place.disk, &file, 4), 0);
    expect_file(&place, &file, RT_BYTES("he\0\0"));
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

/* Ranges of 0, 1 and 2 bytes in turn. */
static size_t make_ranges(struct rt_bytes *ranges, char *expected)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t len = 0;
    for (size_t i = 0; i < RANGES; i++) {
        ranges[i] = (struct rt_bytes){letters + i % 25, i % 3};
        memcpy(expected + len, ranges[i].data, ranges[i].len);
        len += ranges[i].len;
    }
    return len;
}

TEST("more ranges than the system takes are written, whole")
{
    struct place place;
    place_open(&place);
    static struct rt_bytes ranges[RANGES];
    static char expected[FILE_SIZE];
    size_t len = make_ranges(ranges, expected);
    struct rt_file file = new_file(&place, "a");
    EXPECT_INT(rt_disk_write(place.disk, &file, ranges, RANGES, 0), 0);
    expect_file(&place, &file, (struct rt_bytes){expected, len});
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("short and interrupted calls are gone on with")
{
    struct place place;
    place_open(&place);
    static struct rt_bytes ranges[RANGES];
    static char expected[FILE_SIZE];
    size_t len = make_ranges(ranges, expected);
    struct rt_file file = new_file(&place, "a");
    is_slow = true;
    EXPECT_INT(rt_disk_allocate(place.disk, &file, len + 9), 0);
    EXPECT_INT(rt_disk_write(place.disk, &file, ranges, RANGES, 0), 0);
    EXPECT_INT(rt_disk_truncate(place.disk, &file, len), 0);
    EXPECT_INT(rt_disk_truncate(place.disk, &file, len), 0);
    expect_file(&place, &file, (struct rt_bytes){expected, len});
    is_slow = false;
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("nothing is written for no bytes")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    const struct rt_bytes empty[2] = {{NULL, 0}, {NULL, 0}};
    EXPECT_INT(rt_disk_write(place.disk, &file, empty, 0, 9), 0);
    EXPECT_INT(rt_disk_write(place.disk, &file, empty, 2, 9), 0);
    EXPECT_INT(size_of(&place, &file), 0);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

/* --- faults --- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    EXPECT_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    EXPECT_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST("a write that is cut short by a limit is an error")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    struct rt_bytes ranges[2] = {RT_BYTES("hello"), RT_BYTES("world")};
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(7);
    int err = rt_disk_write(place.disk, &file, ranges, 2, 0);
    int room_err = rt_disk_allocate(place.disk, &file, 8);
    limit_files(RLIM_INFINITY);
    EXPECT_INT(err, -EFBIG);
    EXPECT_INT(room_err, -EFBIG);
    expect_file(&place, &file, RT_BYTES("hellowo"));
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("a quota that is spent is a disk that is full")
{
    struct place place;
    place_open(&place);
    struct rt_file file = new_file(&place, "a");
    struct rt_bytes range = RT_BYTES("hello");
    is_spent = true;
    int err = rt_disk_write(place.disk, &file, &range, 1, 0);
    int room_err = rt_disk_allocate(place.disk, &file, 8);
    is_spent = false;
    EXPECT_INT(err, RT_ENOSPC);
    EXPECT_INT(room_err, RT_ENOSPC);
    rt_disk_close(place.disk, &file);
    place_close(&place);
}

TEST("errors of the system are told")
{
    struct place place;
    place_open(&place);
    struct rt_file file = {-1};
    struct rt_bytes range = RT_BYTES("hello");
    char byte;
    uint64_t size;
    EXPECT_INT(rt_disk_read(place.disk, &file, &byte, 1, 0), -EBADF);
    EXPECT_INT(rt_disk_write(place.disk, &file, &range, 1, 0), -EBADF);
    EXPECT_INT(rt_disk_sync(place.disk, &file), -EBADF);
    EXPECT_INT(rt_disk_size(place.disk, &file, &size), -EBADF);
    EXPECT_INT(rt_disk_truncate(place.disk, &file, 1), -EBADF);
    EXPECT_INT(rt_disk_allocate(place.disk, &file, 1), -EBADF);
    place_close(&place);
}

TEST("what the file system has left is known")
{
    struct place place;
    place_open(&place);
    uint64_t bytes = 0;
    EXPECT_INT(rt_disk_free_bytes(place.disk, &bytes), 0);
    EXPECT(bytes > 0);
    place_close(&place);
}
