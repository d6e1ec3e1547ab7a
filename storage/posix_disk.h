/*
 * The disk as POSIX has it: a directory, which one process has to itself as
 * long as it is open, or those that only read it together. No allocation. Any
 * thread may use it.
 */
#ifndef STORAGE_POSIX_DISK_H
#define STORAGE_POSIX_DISK_H

#include "storage/disk.h"

/* The file that is locked, and stays behind. No other file of this name. */
#define RT_DISK_LOCK "LOCK"

/* So much of a removed file is given back at a time. */
#define RT_DISK_DISCARD_BYTES ((off_t)1024 * 1024)

#define RT_DISK_FILE_MODE      0640
#define RT_DISK_DIRECTORY_MODE 0750

/* What is done in the directory. Who only reads need not be allowed to write,
 * nor need the file system. */
enum rt_disk_use {
    RT_DISK_READ,
    RT_DISK_WRITE,
    RT_DISK_MAKE, /* it is made if it is not there, in a directory that is */
};

struct rt_posix_disk {
    struct rt_disk disk;
    enum rt_disk_use use;
    int directory; /* file descriptors */
    int lock;      /* -1: there is nothing to lock, and it is only read */
};

/* Opens the directory and locks it. RT_EBUSY: it is open already, here or in
 * another process, and not only read by both. RT_ENOFILE, here and of a file
 * that is opened: a link, a directory or a pipe has its name; of one that is
 * removed: a directory has. */
RT_MUST_USE int rt_posix_disk_open(struct rt_posix_disk *disk,
                                   const char *path,
                                   enum rt_disk_use use);

/* Unlocks it. All files must be closed. */
void rt_posix_disk_close(struct rt_posix_disk *disk);

#endif
