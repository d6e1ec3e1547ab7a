/* The files of a log: which segments there are in a directory. */
#ifndef STORAGE_LOG_FILES_H
#define STORAGE_LOG_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"

struct rt_log_files {
    struct rt_heap *heap;
    uint64_t *numbers; /* of the segments, ascending */
    size_t count;
    size_t capacity;
    int err; /* of listing them: 0 or RT_ENOMEM */
};

void rt_log_files_init(struct rt_log_files *files, struct rt_heap *heap);
void rt_log_files_finish(struct rt_log_files *files);

/* Lists what there is, once: 0, RT_ENOMEM, or what the disk said. */
RT_MUST_USE int rt_log_files_list(struct rt_log_files *files,
                                  struct rt_disk *disk);

/* Opens the file of a segment that there is, and says how long it is. */
RT_MUST_USE int rt_log_files_open(struct rt_disk *disk,
                                  uint64_t number,
                                  struct rt_file *file,
                                  uint64_t *size);

#endif
