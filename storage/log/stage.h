/*
 * Bytes on their way into a file, one piece behind the other: they are written
 * when there is a block of them. What is long and made on the way, a snapshot
 * or an index, needs no more memory than this.
 */
#ifndef STORAGE_LOG_STAGE_H
#define STORAGE_LOG_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"

#define RT_LOG_STAGE_BYTES ((size_t)64 * 1024)

struct rt_log_stage {
    struct rt_disk *disk;
    struct rt_heap *heap;
    struct rt_file *file;
    uint64_t position; /* of the first byte that has not been written */
    char *bytes;
    size_t len;
    int err; /* the first one; nothing is written after it */
};

/* 0 or RT_ENOMEM. */
RT_MUST_USE int rt_log_stage_init(struct rt_log_stage *stage,
                                  struct rt_disk *disk,
                                  struct rt_heap *heap);

/* Forgets what has not been written. NULL and zeroed memory are fine. */
void rt_log_stage_finish(struct rt_log_stage *stage);

/* What is added goes there from now on. */
void rt_log_stage_turn(struct rt_log_stage *stage,
                       struct rt_file *file,
                       uint64_t position);

/* Adds a piece; rt_log_stage_flush tells what became of it. */
void rt_log_stage_add(struct rt_log_stage *stage,
                      const void *bytes,
                      size_t len);

/* Adds zeros up to a multiple of RT_LOG_GRAIN bytes in the file. */
void rt_log_stage_pad(struct rt_log_stage *stage);

/* Writes what there is: 0, or what the disk has said since the turn. */
RT_MUST_USE int rt_log_stage_flush(struct rt_log_stage *stage);

#endif
