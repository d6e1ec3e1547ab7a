#include "storage/log/overlay.h"

#include <stdio.h>
#include <string.h>

#include "storage/log/format.h"

void rt_log_overlay_name(uint64_t number,
                         const char *ending,
                         char name[RT_LOG_FILE_SIZE])
{
    char plain[RT_LOG_NAME_SIZE];
    rt_log_name(number, plain);
    (void)snprintf(name, RT_LOG_FILE_SIZE, "%s%s", plain, ending);
}

uint64_t rt_log_overlay_number(const char *name, const char *ending)
{
    char plain[RT_LOG_NAME_SIZE];
    struct rt_bytes text = rt_bytes_of(name);
    struct rt_bytes end = rt_bytes_of(ending);
    if (text.len != sizeof(plain) - 1 + end.len ||
        !rt_bytes_ends_with(text, end)) {
        return 0;
    }
    memcpy(plain, name, sizeof(plain) - 1);
    plain[sizeof(plain) - 1] = '\0';
    return rt_log_name_number(plain);
}

static struct rt_log_overlay *overlay_of(struct rt_disk *disk)
{
    return (struct rt_log_overlay *)disk;
}

static struct rt_disk *under(struct rt_disk *disk)
{
    return overlay_of(disk)->under;
}

/* The file that stands for a segment. */
static void
name_under(struct rt_disk *disk, const char *name, char real[RT_LOG_FILE_SIZE])
{
    uint64_t number = rt_log_name_number(name);
    bool is_new = number >= overlay_of(disk)->first;
    rt_log_overlay_name(number, is_new ? RT_LOG_NEW : "", real);
}

static int open_file(struct rt_disk *disk,
                     const char *name,
                     bool is_new,
                     struct rt_file *file)
{
    char real[RT_LOG_FILE_SIZE];
    name_under(disk, name, real);
    return rt_disk_open(under(disk), real, is_new, file);
}

static void close_file(struct rt_disk *disk, struct rt_file *file)
{
    rt_disk_close(under(disk), file);
}

static int
size_of_file(struct rt_disk *disk, struct rt_file *file, uint64_t *size)
{
    return rt_disk_size(under(disk), file, size);
}

static ssize_t read_file(struct rt_disk *disk,
                         struct rt_file *file,
                         void *bytes,
                         size_t len,
                         uint64_t at)
{
    return rt_disk_read(under(disk), file, bytes, len, at);
}

static int write_file(struct rt_disk *disk,
                      struct rt_file *file,
                      const struct rt_bytes *ranges,
                      size_t count,
                      uint64_t at)
{
    return rt_disk_write(under(disk), file, ranges, count, at);
}

static int sync_file(struct rt_disk *disk, struct rt_file *file)
{
    (void)disk;
    (void)file;
    return 0;
}

static int
allocate_file(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    return rt_disk_allocate(under(disk), file, len);
}

static int
truncate_file(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    return rt_disk_truncate(under(disk), file, len);
}

/* A log renames nothing. */
static int rename_file(struct rt_disk *disk, const char *from, const char *to)
{
    return rt_disk_rename(under(disk), from, to);
}

static int remove_file(struct rt_disk *disk, const char *name)
{
    char real[RT_LOG_FILE_SIZE];
    name_under(disk, name, real);
    return rt_disk_remove(under(disk), real);
}

static int sync_names(struct rt_disk *disk)
{
    (void)disk;
    return 0;
}

struct listing {
    uint64_t first;
    rt_disk_found_fn found;
    void *context;
};

/* New segments by the names that they stand for, and old ones before them. */
static void found_name(void *context, const char *name)
{
    const struct listing *listing = context;
    char plain[RT_LOG_NAME_SIZE];
    uint64_t number = rt_log_overlay_number(name, RT_LOG_NEW);
    if (number == 0) {
        number = rt_log_name_number(name);
        number = number < listing->first ? number : 0;
    }
    if (number > 0) {
        rt_log_name(number, plain);
        listing->found(listing->context, plain);
    }
}

static int
list_files(struct rt_disk *disk, rt_disk_found_fn found, void *context)
{
    struct listing listing = {overlay_of(disk)->first, found, context};
    return rt_disk_list(under(disk), found_name, &listing);
}

static int free_bytes(struct rt_disk *disk, uint64_t *bytes)
{
    return rt_disk_free_bytes(under(disk), bytes);
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
    .discard = close_file,
    .sync_names = sync_names,
    .list = list_files,
    .free_bytes = free_bytes,
};

void rt_log_overlay_init(struct rt_log_overlay *overlay,
                         struct rt_disk *under_it,
                         uint64_t first)
{
    *overlay = (struct rt_log_overlay){{&ops}, under_it, first};
}
