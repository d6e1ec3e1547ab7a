/*
 * The disk: one directory of files, as the log sees it. POSIX implements it
 * (storage/posix_disk.h); tests bring a disk that fails, and one that forgets
 * what was not synced.
 *
 * Bytes that were written are safe once rt_disk_sync has returned 0 for their
 * file; a name that was created, renamed or removed is once rt_disk_sync_names
 * has. After an error of rt_disk_sync nothing is known of what was written
 * since the last one, and to ask again is no answer: the system may have
 * dropped it, and say 0.
 *
 * Errors are negative errno values; RT_ENOSPC also says that a quota is spent.
 * Any thread may call; two threads do not call for the same file at once.
 */
#ifndef STORAGE_DISK_H
#define STORAGE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/check.h"

/* An open file, in the caller's memory; `number` is what the disk knows it by.
 * It may be copied; it is closed once. */
struct rt_file {
    int number;
};

/* Called with each name in the directory, in no order. The name is valid
 * during the call. */
typedef void (*rt_disk_found_fn)(void *context, const char *name);

struct rt_disk;

/* What a disk can do; the calls below say what is meant. */
struct rt_disk_ops {
    int (*open)(struct rt_disk *disk,
                const char *name,
                bool is_new,
                struct rt_file *file);
    void (*close)(struct rt_disk *disk, struct rt_file *file);
    int (*size)(struct rt_disk *disk, struct rt_file *file, uint64_t *size);
    ssize_t (*read)(struct rt_disk *disk,
                    struct rt_file *file,
                    void *bytes,
                    size_t len,
                    uint64_t at);
    int (*write)(struct rt_disk *disk,
                 struct rt_file *file,
                 const struct rt_bytes *ranges,
                 size_t count,
                 uint64_t at);
    int (*sync)(struct rt_disk *disk, struct rt_file *file);
    int (*allocate)(struct rt_disk *disk, struct rt_file *file, uint64_t len);
    int (*truncate)(struct rt_disk *disk, struct rt_file *file, uint64_t len);
    int (*rename)(struct rt_disk *disk, const char *from, const char *to);
    int (*remove)(struct rt_disk *disk, const char *name);
    void (*discard)(struct rt_disk *disk, struct rt_file *file);
    int (*sync_names)(struct rt_disk *disk);
    int (*list)(struct rt_disk *disk, rt_disk_found_fn found, void *context);
    int (*free_bytes)(struct rt_disk *disk, uint64_t *bytes);
};

/* The first member of whatever implements a disk. */
struct rt_disk {
    const struct rt_disk_ops *ops;
};

/*
 * Opens a file for reading and writing. With `is_new` it is made, and must not
 * have been there (-EEXIST); else it must be there (-ENOENT).
 */
RT_MUST_USE static inline int rt_disk_open(struct rt_disk *disk,
                                           const char *name,
                                           bool is_new,
                                           struct rt_file *file)
{
    return disk->ops->open(disk, name, is_new, file);
}

/* Syncs nothing, and has nothing to say that a sync has not said. */
static inline void rt_disk_close(struct rt_disk *disk, struct rt_file *file)
{
    disk->ops->close(disk, file);
}

RT_MUST_USE static inline int
rt_disk_size(struct rt_disk *disk, struct rt_file *file, uint64_t *size)
{
    return disk->ops->size(disk, file, size);
}

/*
 * Reads `len` bytes from `at` on. Returns how many there were, which is fewer
 * only where the file ends, or an error.
 */
RT_MUST_USE static inline ssize_t rt_disk_read(struct rt_disk *disk,
                                               struct rt_file *file,
                                               void *bytes,
                                               size_t len,
                                               uint64_t at)
{
    return disk->ops->read(disk, file, bytes, len, at);
}

/*
 * Writes all of the ranges, of any number, back to back from `at` on. After an
 * error any part of them may have been written.
 */
RT_MUST_USE static inline int rt_disk_write(struct rt_disk *disk,
                                            struct rt_file *file,
                                            const struct rt_bytes *ranges,
                                            size_t count,
                                            uint64_t at)
{
    return disk->ops->write(disk, file, ranges, count, at);
}

/* Makes the file's bytes and its size safe. */
RT_MUST_USE static inline int rt_disk_sync(struct rt_disk *disk,
                                           struct rt_file *file)
{
    return disk->ops->sync(disk, file);
}

/*
 * Makes room for `len` > 0 bytes from the file's start, so that writing there
 * finds it. A file that was shorter has this size then, and zeros at its end.
 */
RT_MUST_USE static inline int
rt_disk_allocate(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    return disk->ops->allocate(disk, file, len);
}

/* Makes the file end there; what it lacks of that are zeros. */
RT_MUST_USE static inline int
rt_disk_truncate(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    return disk->ops->truncate(disk, file, len);
}

/* A file that had the new name before is removed by that. */
RT_MUST_USE static inline int
rt_disk_rename(struct rt_disk *disk, const char *from, const char *to)
{
    return disk->ops->rename(disk, from, to);
}

/* Whoever has the file open may go on to read it. */
RT_MUST_USE static inline int rt_disk_remove(struct rt_disk *disk,
                                             const char *name)
{
    return disk->ops->remove(disk, name);
}

/*
 * Closes a file that was removed, so that its room is given back. That may take
 * as long as many syncs, but holds up none that others wait for meanwhile.
 */
static inline void rt_disk_discard(struct rt_disk *disk, struct rt_file *file)
{
    disk->ops->discard(disk, file);
}

/* Makes the directory itself safe: which files there are, and their names. */
RT_MUST_USE static inline int rt_disk_sync_names(struct rt_disk *disk)
{
    return disk->ops->sync_names(disk);
}

RT_MUST_USE static inline int
rt_disk_list(struct rt_disk *disk, rt_disk_found_fn found, void *context)
{
    return disk->ops->list(disk, found, context);
}

/* How much the file system has left for this process. */
RT_MUST_USE static inline int rt_disk_free_bytes(struct rt_disk *disk,
                                                 uint64_t *bytes)
{
    return disk->ops->free_bytes(disk, bytes);
}

#endif
