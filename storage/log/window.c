#include "storage/log/window.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/checksum.h"
#include "storage/log/files.h"
#include "storage/log/format.h"

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
    for (size_t i = 0; i < RT_ARRAY_LENGTH(window->panes); i++) {
        const struct rt_log_pane *pane = &window->panes[i];
        rt_heap_free(window->heap, pane->bytes, pane->capacity);
    }
    *window = (struct rt_log_window){0};
}

void rt_log_window_turn(struct rt_log_window *window,
                        struct rt_file file,
                        uint64_t end)
{
    window->file = file;
    window->end = end;
    window->panes[0].len = 0;
    window->panes[1].len = 0;
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

static int reserve(struct rt_heap *heap, struct rt_log_pane *pane, size_t len)
{
    if (len <= pane->capacity) {
        return 0;
    }
    uint8_t *bytes = rt_heap_resize(heap, pane->bytes, pane->capacity, len);
    if (bytes == NULL) {
        return RT_ENOMEM;
    }
    pane->bytes = bytes;
    pane->capacity = len;
    return 0;
}

/* Moves a pane to a position, from where so much is needed. */
static int move_to(struct rt_log_window *window,
                   struct rt_log_pane *pane,
                   uint64_t position,
                   size_t needed)
{
    size_t len = needed > window->width ? needed : window->width;
    uint64_t left = window->end - position;
    pane->len = 0;
    int err = reserve(window->heap, pane, len);
    if (err < 0) {
        return err;
    }
    ssize_t got = rt_disk_read(window->disk, &window->file, pane->bytes,
                               left < len ? (size_t)left : len, position);
    if (got < 0) {
        return (int)got;
    }
    pane->start = position;
    pane->len = (size_t)got;
    return pane->len < needed ? RT_EDAMAGED : 0;
}

static bool has(const struct rt_log_pane *pane, uint64_t position, uint64_t len)
{
    return position >= pane->start && position - pane->start <= pane->len &&
           len <= pane->len - (position - pane->start);
}

/* The pane through which the bytes are seen; else the one to move. */
static struct rt_log_pane *
choose(struct rt_log_window *window, uint64_t position, size_t len)
{
    if (!has(&window->panes[window->latest], position, len)) {
        window->latest = 1 - window->latest;
    }
    return &window->panes[window->latest];
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
    struct rt_log_pane *pane = choose(window, position, len);
    if (!has(pane, position, len)) {
        int err = move_to(window, pane, position - before, before + len);
        if (err < 0) {
            return err;
        }
    }
    *bytes = pane->bytes + (position - pane->start);
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

/* Copies what a pane has of the bytes from a position on; returns how many. */
static size_t copy_seen(const struct rt_log_pane *pane,
                        uint64_t position,
                        void *copy,
                        size_t len)
{
    if (!has(pane, position, 0)) {
        return 0;
    }
    size_t left = pane->len - (size_t)(position - pane->start);
    size_t seen = len < left ? len : left;
    memcpy(copy, pane->bytes + (position - pane->start), seen);
    return seen;
}

int rt_log_window_read(struct rt_log_window *window,
                       uint64_t position,
                       void *copy,
                       size_t len)
{
    if (position > window->end || len > window->end - position) {
        return RT_EDAMAGED;
    }
    size_t seen =
        copy_seen(&window->panes[window->latest], position, copy, len);
    ssize_t got = 0;
    if (seen < len) {
        got = rt_disk_read(window->disk, &window->file, (char *)copy + seen,
                           len - seen, position + seen);
    }
    if (got < 0) {
        return (int)got;
    }
    return seen + (size_t)got < len ? RT_EDAMAGED : 0;
}

int rt_log_window_checksum(struct rt_log_window *window,
                           uint64_t position,
                           uint64_t len,
                           uint32_t *crc)
{
    while (len > 0) {
        const void *bytes = NULL;
        size_t half = window->width / 2;
        size_t piece = len < half ? (size_t)len : half;
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
