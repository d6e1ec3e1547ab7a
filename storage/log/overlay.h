/*
 * The disk of a log that is written anew: segments from one number on are other
 * files, which take the names of the old ones when they are whole. Until then
 * nothing is synced.
 */
#ifndef STORAGE_LOG_OVERLAY_H
#define STORAGE_LOG_OVERLAY_H

#include "storage/disk.h"

/* What the names of new segments end with until then, and those of the old
 * ones from then on. */
#define RT_LOG_NEW       ".new"
#define RT_LOG_DAMAGED   ".damaged"
#define RT_LOG_FILE_SIZE 33 /* a name with the longer of them, and a NUL */

struct rt_log_overlay {
    struct rt_disk disk;
    struct rt_disk *under;
    uint64_t first; /* of the segments that are new */
};

void rt_log_overlay_init(struct rt_log_overlay *overlay,
                         struct rt_disk *under,
                         uint64_t first);

/* The name of a segment with one of the endings, or "". */
void rt_log_overlay_name(uint64_t number,
                         const char *ending,
                         char name[RT_LOG_FILE_SIZE]);

/* The number of the segment with that name and ending; 0: it is none. */
uint64_t rt_log_overlay_number(const char *name, const char *ending);

#endif
