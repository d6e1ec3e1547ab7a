#include "storage/log_window.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"
#include "storage/log_files.h"
#include "storage/log_format.h"

void rt_log_window_init(struct rt_log_window *window,
                        struct rt_disk *disk,
                        struct rt_heap *heap,
                        size_t width)
{
    *window =
        (struct rt_log_window){.disk = disk, .heap = heap, .width = width};
}

void rt_log_window_finish(struct rt_log_window *window)
{
    if (window == NULL || window->heap == NULL) {
        return;
    }
    rt_heap_free(window->heap, window->bytes, window->capacity);
    *window = (struct rt_log_window){0};
}

void rt_log_window_turn(struct rt_log_window *window,
                        struct rt_file file,
                        uint64_t end)
{
    window->file = file;
    window->end = end;
    window->len = 0;
}

int rt_log_window_open(struct rt_log_window *window, uint64_t segment)
{
    uint64_t size = 0;
    struct rt_file file;
    int err = rt_log_files_open(window->disk, segment, &file, &size);
    if (err == 0) {
        rt_log_window_turn(window, file, size);
    }
    return err;
}

void rt_log_window_close(struct rt_log_window *window)
{
    rt_disk_close(window->disk, &window->file);
    window->end = 0;
}

static int reserve(struct rt_log_window *window, size_t len)
{
    size_t capacity = len > window->width ? len : window->width;
    if (capacity <= window->capacity) {
        return 0;
    }
    uint8_t *bytes =
        rt_heap_resize(window->heap, window->bytes, window->capacity, capacity);
    if (bytes == NULL) {
        return RT_ENOMEM;
    }
    window->bytes = bytes;
    window->capacity = capacity;
    return 0;
}

static size_t at_most(uint64_t value, size_t ceiling)
{
    return value > ceiling ? ceiling : (size_t)value;
}

/* Moves the window, so that it begins at the position or just before it. */
static int
move_to(struct rt_log_window *window, uint64_t position, size_t needed)
{
    window->len = 0;
    int err = reserve(window, needed);
    if (err < 0) {
        return err;
    }
    size_t len = at_most(window->end - position, window->capacity);
    ssize_t got =
        rt_disk_read(window->disk, &window->file, window->bytes, len, position);
    if (got < 0) {
        return (int)got;
    }
    window->start = position;
    window->len = (size_t)got;
    return window->len < needed ? RT_EDAMAGED : 0;
}

static bool
has(const struct rt_log_window *window, uint64_t position, uint64_t len)
{
    return position >= window->start &&
           position - window->start <= window->len &&
           len <= window->len - (position - window->start);
}

int rt_log_window_at(struct rt_log_window *window,
                     uint64_t position,
                     size_t len,
                     const void **bytes)
{
    if (position > window->end || len > window->end - position) {
        return RT_EDAMAGED;
    }
    uint64_t before = position % RT_LOG_GRAIN;
    if (!has(window, position, len)) {
        int err = move_to(window, position - before, before + len);
        if (err < 0) {
            return err;
        }
    }
    *bytes = window->bytes + (position - window->start);
    return 0;
}

int rt_log_window_copy(struct rt_log_window *window,
                       uint64_t position,
                       void *copy,
                       size_t len)
{
    const void *bytes = NULL;
    int err = rt_log_window_at(window, position, len, &bytes);
    if (err == 0) {
        memcpy(copy, bytes, len);
    }
    return err;
}

int rt_log_window_checksum(struct rt_log_window *window,
                           uint64_t position,
                           uint64_t len,
                           uint32_t *crc)
{
    while (len > 0) {
        const void *bytes = NULL;
        size_t piece = at_most(len, window->width / 2);
        int err = rt_log_window_at(window, position, piece, &bytes);
        if (err < 0) {
            return err;
        }
        *crc = rt_checksum(*crc, bytes, piece);
        position += piece;
        len -= piece;
    }
    return 0;
}
