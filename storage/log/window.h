/*
 * A file seen through a window: whoever goes through a segment asks for the
 * bytes at a place, and what is behind has been read along with them. A window
 * has two panes, for whoever goes to and fro between two places, as between the
 * heads of parts and their bodies. The memory of each is the window's width, or
 * that of the longest piece that was asked for.
 */
#ifndef STORAGE_LOG_WINDOW_H
#define STORAGE_LOG_WINDOW_H

#include <stdint.h>

#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"

/* Of whoever reads a whole segment, of whoever reads here and there, and of
 * whoever looks at heads, and reads what is long to somewhere else. */
#define RT_LOG_WINDOW_WIDE   ((size_t)1024 * 1024)
#define RT_LOG_WINDOW_NARROW ((size_t)256 * 1024)
#define RT_LOG_WINDOW_SLIT   ((size_t)16 * 1024)

struct rt_log_pane {
    uint8_t *bytes;
    size_t capacity;
    size_t len;
    uint64_t start; /* of what is in `bytes`, in the file */
};

struct rt_log_window {
    struct rt_disk *disk;
    struct rt_heap *heap;
    struct rt_file file;
    uint64_t end; /* what lies behind it in the file is not looked at */
    size_t width; /* what is read at a time */
    struct rt_log_pane panes[2];
    uint32_t latest; /* the one that was looked through last */
};

/* Looks at nothing yet, and allocates nothing. */
void rt_log_window_init(struct rt_log_window *window,
                        struct rt_disk *disk,
                        struct rt_heap *heap,
                        size_t width);

/* Closes no file. NULL and zeroed memory are fine. */
void rt_log_window_finish(struct rt_log_window *window);

/* Opens a segment's file and looks at all of it from now on: 0, or what the
 * disk said. Closes what it looks at. */
RT_MUST_USE int rt_log_window_open(struct rt_log_window *window,
                                   uint64_t segment);
void rt_log_window_close(struct rt_log_window *window);

/* Looks at another file from now on, up to `end`. */
void rt_log_window_turn(struct rt_log_window *window,
                        struct rt_file file,
                        uint64_t end);

/*
 * The `len` bytes at a position, valid until the next call. They are aligned as
 * the position is, to 8 at most. 0; RT_EDAMAGED if they are not wholly before
 * the end; RT_ENOMEM; or what the disk said.
 */
RT_MUST_USE int rt_log_window_at(struct rt_log_window *window,
                                 uint64_t position,
                                 size_t len,
                                 const void **bytes);

/* Copies them, and continues a crc over any number of them. */
RT_MUST_USE int rt_log_window_copy(struct rt_log_window *window,
                                   uint64_t position,
                                   void *copy,
                                   size_t len);
/* The same of what is longer than the window: only the beginning is copied, as
 * far as it has been seen, and the window stays where it is. */
RT_MUST_USE int rt_log_window_read(struct rt_log_window *window,
                                   uint64_t position,
                                   void *copy,
                                   size_t len);
RT_MUST_USE int rt_log_window_checksum(struct rt_log_window *window,
                                       uint64_t position,
                                       uint64_t len,
                                       uint32_t *crc);

#endif
