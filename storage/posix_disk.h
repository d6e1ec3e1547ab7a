/*
 * The disk as POSIX has it: a directory, which one process has to itself as
 * long as it is open. No allocation. Any thread may use it.
 */
#ifndef STORAGE_POSIX_DISK_H
#define STORAGE_POSIX_DISK_H

#include "storage/disk.h"

/* The file that is locked, and stays behind. No other file of this name. */
#define RT_DISK_LOCK "LOCK"

#define RT_DISK_FILE_MODE      0640
#define RT_DISK_DIRECTORY_MODE 0750

struct rt_posix_disk {
    struct rt_disk disk;
    int directory; /* file descriptors */
    int lock;
};

/*
 * Opens the directory and locks it. One that is not there is made if
 * `may_make`, in a directory that is. RT_EBUSY: it is open already, here or in
 * another process.
 */
RT_MUST_USE int
rt_posix_disk_open(struct rt_posix_disk *disk, const char *path, bool may_make);

/* Unlocks it. All files must be closed. */
void rt_posix_disk_close(struct rt_posix_disk *disk);

#endif
