#include "storage/posix_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"

/* Ranges that one system call is given; IOV_MAX is 1024. */
#define RANGES_MAX ((size_t)256)

static int directory_of(struct rt_disk *disk)
{
    return ((struct rt_posix_disk *)disk)->directory;
}

/* What the system says, as this program has errors. To whoever writes it is
 * the same whether the disk is full or what they may have of it. */
static int error_of(int system_error)
{
    switch (system_error) {
    case EDQUOT:
        return RT_ENOSPC;
    case EISDIR:
        return RT_ENOFILE;
    default:
        return -system_error;
    }
}

/* What a system call returned. */
static int result_of(int returned)
{
    return returned < 0 ? error_of(errno) : 0;
}

static bool is_read_only(struct rt_disk *disk)
{
    return ((struct rt_posix_disk *)disk)->use == RT_DISK_READ;
}

/* Opens a file in the directory, and nothing else that may have its name: no
 * link is followed, and no pipe waited for. A descriptor, or an error. */
static int open_in(int directory, const char *name, int flags)
{
    struct stat status;
    flags |= O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = openat(directory, name, flags, RT_DISK_FILE_MODE);
    if (fd < 0) {
        bool is_other = errno == ELOOP || errno == ENXIO;
        return is_other ? RT_ENOFILE : error_of(errno);
    }
    int err = result_of(fstat(fd, &status));
    if (err == 0 && !S_ISREG(status.st_mode)) {
        err = RT_ENOFILE;
    }
    if (err < 0) {
        (void)close(fd);
        return err;
    }
    return fd;
}

static int open_file(struct rt_disk *disk,
                     const char *name,
                     bool is_new,
                     struct rt_file *file)
{
    if (is_new && is_read_only(disk)) {
        return -EROFS;
    }
    int flags = is_read_only(disk) ? O_RDONLY : O_RDWR;
    int fd = open_in(directory_of(disk), name,
                     flags | (is_new ? O_CREAT | O_EXCL : 0));
    if (fd < 0) {
        return fd;
    }
    file->number = fd;
    return 0;
}

static void close_file(struct rt_disk *disk, struct rt_file *file)
{
    (void)disk;
    (void)close(file->number);
    file->number = -1;
}

static int
size_of_file(struct rt_disk *disk, struct rt_file *file, uint64_t *size)
{
    (void)disk;
    struct stat status;
    if (fstat(file->number, &status) < 0) {
        return -errno;
    }
    *size = (uint64_t)status.st_size;
    return 0;
}

static ssize_t read_file(struct rt_disk *disk,
                         struct rt_file *file,
                         void *bytes,
                         size_t len,
                         uint64_t at)
{
    (void)disk;
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(file->number, (char *)bytes + done, len - done,
                            (off_t)(at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* --- writing --- */

/* What is still to be written: `skip` bytes of ranges[0] are. */
struct rest {
    const struct rt_bytes *ranges;
    size_t count;
    size_t skip;
    uint64_t at;
};

static void *writable(const char *data)
{
    return (void *)(uintptr_t)data; /* struct iovec is for reading, too */
}

/* The next ranges that one system call takes; returns how many. */
static int next_ranges(const struct rest *rest, struct iovec *vectors)
{
    size_t count = rest->count < RANGES_MAX ? rest->count : RANGES_MAX;
    size_t skip = rest->skip;
    for (size_t i = 0; i < count; i++) {
        struct rt_bytes range = rest->ranges[i];
        vectors[i] =
            (struct iovec){writable(range.data + skip), range.len - skip};
        skip = 0;
    }
    return (int)count;
}

/* Takes what was written off the rest, and ranges of which nothing is left. */
static void advance(struct rest *rest, size_t written)
{
    rest->at += written;
    rest->skip += written;
    while (rest->count > 0 && rest->skip >= rest->ranges->len) {
        rest->skip -= rest->ranges->len;
        rest->ranges++;
        rest->count--;
    }
}

static int write_some(struct rt_file *file, struct rest *rest)
{
    struct iovec vectors[RANGES_MAX];
    int count = next_ranges(rest, vectors);
    ssize_t written = pwritev(file->number, vectors, count, (off_t)rest->at);
    if (written < 0) {
        return errno == EINTR ? 0 : error_of(errno);
    }
    if (written == 0) {
        return RT_EIO; /* it would be so for ever */
    }
    advance(rest, (size_t)written);
    return 0;
}

static int write_file(struct rt_disk *disk,
                      struct rt_file *file,
                      const struct rt_bytes *ranges,
                      size_t count,
                      uint64_t at)
{
    (void)disk;
    struct rest rest = {ranges, count, 0, at};
    int err = 0;
    advance(&rest, 0);
    while (rest.count > 0 && err == 0) {
        err = write_some(file, &rest);
    }
    return err;
}

/* EINTR is no exception: what it leaves undone is not known either. */
static int sync_file(struct rt_disk *disk, struct rt_file *file)
{
    (void)disk;
    return result_of(fdatasync(file->number));
}

static int
allocate_file(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    (void)disk;
    int err;
    do {
        err = posix_fallocate(file->number, 0, (off_t)len);
    } while (err == EINTR);
    return error_of(err);
}

static int
truncate_file(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    (void)disk;
    int returned;
    do {
        returned = ftruncate(file->number, (off_t)len);
    } while (returned < 0 && errno == EINTR);
    return result_of(returned);
}

/* --- names --- */

static int rename_file(struct rt_disk *disk, const char *from, const char *to)
{
    int directory = directory_of(disk);
    return result_of(renameat(directory, from, directory, to));
}

static int remove_file(struct rt_disk *disk, const char *name)
{
    return result_of(unlinkat(directory_of(disk), name, 0));
}

/* Whether nobody else has the file open: else there is no lease for writing. It
 * is not kept, for who opens the file then would cause a signal. */
static bool is_alone(const struct rt_file *file)
{
    return fcntl(file->number, F_SETLEASE, F_WRLCK) == 0 &&
           fcntl(file->number, F_SETLEASE, F_UNLCK) == 0;
}

/* A journal commits nothing while room is being given back, and a sync may wait
 * for it: so that is done bit by bit, unless somebody still reads the file. */
static void discard_file(struct rt_disk *disk, struct rt_file *file)
{
    struct stat status = {0};
    if (is_alone(file) && fstat(file->number, &status) == 0) {
        off_t left = status.st_size;
        while (left > RT_DISK_DISCARD_BYTES) {
            left -= RT_DISK_DISCARD_BYTES;
            (void)truncate_file(disk, file, (uint64_t)left);
        }
    }
    close_file(disk, file);
}

static int sync_names(struct rt_disk *disk)
{
    return result_of(fsync(directory_of(disk)));
}

static bool is_file_of_log(const char *name)
{
    struct rt_bytes text = rt_bytes_of(name);
    return !rt_bytes_equal(text, RT_BYTES(".")) &&
           !rt_bytes_equal(text, RT_BYTES("..")) &&
           !rt_bytes_equal(text, RT_BYTES(RT_DISK_LOCK));
}

static int list_stream(DIR *stream, rt_disk_found_fn found, void *context)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return -errno;
        }
        if (is_file_of_log(entry->d_name)) {
            found(context, entry->d_name);
        }
    }
}

/* Through a descriptor of its own, for the place in a list belongs to one. */
static int
list_files(struct rt_disk *disk, rt_disk_found_fn found, void *context)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = openat(directory_of(disk), ".", flags);
    if (fd < 0) {
        return -errno;
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int err = -errno;
        (void)close(fd);
        return err;
    }
    int err = list_stream(stream, found, context);
    (void)closedir(stream);
    return err;
}

static int free_bytes(struct rt_disk *disk, uint64_t *bytes)
{
    struct statvfs status;
    if (fstatvfs(directory_of(disk), &status) < 0) {
        return -errno;
    }
    *bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

static const struct rt_disk_ops ops = {
    .open = open_file,
    .close = close_file,
    .size = size_of_file,
    .read = read_file,
    .write = write_file,
    .sync = sync_file,
    .allocate = allocate_file,
    .truncate = truncate_file,
    .rename = rename_file,
    .remove = remove_file,
    .discard = discard_file,
    .sync_names = sync_names,
    .list = list_files,
    .free_bytes = free_bytes,
};

/* --- the directory --- */

/* Makes the directory's own name safe. Who may not read the directory above
 * did not make this one either. */
static int sync_above(int directory)
{
    int above = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0) {
        return errno == EACCES ? 0 : -errno;
    }
    int err = result_of(fsync(above));
    (void)close(above);
    return err;
}

static int make_directory(const char *path)
{
    int err = result_of(mkdir(path, RT_DISK_DIRECTORY_MODE));
    return err == RT_EEXIST ? 0 : err;
}

/* Nobody who writes has a directory without the file: it may be a copy. */
static int lock_directory(struct rt_posix_disk *disk)
{
    bool may_write = disk->use != RT_DISK_READ;
    int fd = open_in(disk->directory, RT_DISK_LOCK,
                     may_write ? O_RDWR | O_CREAT : O_RDONLY);
    if (fd < 0) {
        return fd == RT_ENOENT && !may_write ? 0 : fd;
    }
    if (flock(fd, (may_write ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        int err = errno == EWOULDBLOCK ? RT_EBUSY : -errno;
        (void)close(fd);
        return err;
    }
    disk->lock = fd;
    return 0;
}

int rt_posix_disk_open(struct rt_posix_disk *disk,
                       const char *path,
                       enum rt_disk_use use)
{
    int err = use == RT_DISK_MAKE ? make_directory(path) : 0;
    if (err < 0) {
        return err;
    }
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return -errno;
    }
    struct rt_posix_disk opened = {{&ops}, use, directory, -1};
    err = use == RT_DISK_MAKE ? sync_above(directory) : 0;
    if (err == 0) {
        err = lock_directory(&opened);
    }
    if (err < 0) {
        (void)close(directory);
        return err;
    }
    *disk = opened;
    return 0;
}

void rt_posix_disk_close(struct rt_posix_disk *disk)
{
    if (disk->lock >= 0) {
        (void)close(disk->lock);
    }
    (void)close(disk->directory);
}
