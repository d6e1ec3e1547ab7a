/* The files of a log: which segments there are in a directory. */
#ifndef STORAGE_LOG_FILES_H
#define STORAGE_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"

/*
 * A repair writes segments anew, from one on. When they are whole it leaves a
 * mark, a file without bytes, whose name says from which one on and how far it
 * is: from then on the log is nothing but what the repair makes of it.
 */
enum rt_log_repair_stage {
    RT_LOG_REPAIR_NONE,
    RT_LOG_REPAIR_PUT_ASIDE, /* the old segments are given other names */
    RT_LOG_REPAIR_PUT_IN     /* then the new ones are given theirs */
};

struct rt_log_files {
    struct rt_heap *heap;
    uint64_t *numbers; /* of the segments, ascending */
    size_t count;
    size_t capacity;
    enum rt_log_repair_stage stage;
    uint64_t repaired; /* from that segment on */
    int err;           /* of listing them: 0 or RT_ENOMEM */
};

void rt_log_files_init(struct rt_log_files *files, struct rt_heap *heap);
void rt_log_files_finish(struct rt_log_files *files);

/* Adds a number; `err` tells whether there was no memory for it. */
void rt_log_files_add(struct rt_log_files *files, uint64_t number);

/* Lists what there is, once: 0, RT_ENOMEM, or what the disk said. */
RT_MUST_USE int rt_log_files_list(struct rt_log_files *files,
                                  struct rt_disk *disk);

/* The name of the mark, with a NUL. */
#define RT_LOG_MARK_SIZE 30
void rt_log_files_mark(enum rt_log_repair_stage stage,
                       uint64_t repaired,
                       char name[RT_LOG_MARK_SIZE]);

/* Opens the file of a segment that there is, and says how long it is. */
RT_MUST_USE int rt_log_files_open(struct rt_disk *disk,
                                  uint64_t number,
                                  struct rt_file *file,
                                  uint64_t *size);

/* Whether what has that name, and is no regular file, is in the way of whoever
 * opens the log; or of a repair, which removes what is there but a directory.
 */
bool rt_log_files_opens(const char *name, bool is_directory);
bool rt_log_files_removes(const char *name, bool is_directory);

#endif
