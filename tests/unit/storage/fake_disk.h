/*
 * A disk in memory, for tests of what must survive. It counts calls; the N-th
 * one fails, or is the last before the power goes. Until then nothing that was
 * not synced is on the medium for certain, and fake_disk_restart decides what
 * of it is: nothing, all, or what a kernel may have written of it by itself, in
 * any order and torn.
 *
 * What happens at random follows from the seed.
 */
#ifndef TESTS_UNIT_STORAGE_FAKE_DISK_H
#define TESTS_UNIT_STORAGE_FAKE_DISK_H

#include "storage/disk.h"
#include "tests/support/random.h"

#define FAKE_FILES_MAX   512 /* that a disk ever has */
#define FAKE_NAMES_MAX   128 /* at a time */
#define FAKE_CHANGES_MAX 256 /* of names, between two syncs of them */
#define FAKE_NAME_SIZE   40
#define FAKE_PAGE        ((size_t)4096) /* what a kernel writes at a time */
#define FAKE_SECTOR      ((size_t)512)  /* what a medium does */

/* What becomes of the N-th call. */
enum fake_fault {
    FAKE_EIO,
    FAKE_ENOSPC,
    FAKE_PARTIAL, /* -EIO; if it writes, a part of it is written */
    FAKE_CRASH    /* this one and all after it: -EIO */
};

/* What is on the medium of the bytes that were not synced. */
enum fake_bytes {
    FAKE_BYTES_NONE,
    FAKE_BYTES_ALL,
    FAKE_BYTES_PREFIX,      /* in the order of the calls, up to any byte */
    FAKE_BYTES_SECOND_PAGE, /* of each write */
    FAKE_BYTES_PAGES,       /* any, of any write */
    FAKE_BYTES_SECTORS,     /* any, of any write */
    FAKE_BYTES_COUNT
};

/* The same of names. */
enum fake_names {
    FAKE_NAMES_NONE,
    FAKE_NAMES_ALL,
    FAKE_NAMES_SOME, /* any of the changes, in their order */
    FAKE_NAMES_COUNT
};

struct fake_image {
    char *bytes;
    size_t len;
};

struct fake_name {
    char text[FAKE_NAME_SIZE];
    int file;
};

struct fake_directory {
    struct fake_name names[FAKE_NAMES_MAX];
    size_t count;
};

/* `from` was made (empty), was renamed, or was removed (`to` is empty). */
struct fake_renaming {
    char from[FAKE_NAME_SIZE];
    char to[FAKE_NAME_SIZE];
    int file;
};

/* Bytes that were written, or, without any, the length that was set. */
struct fake_change {
    uint64_t at;
    struct fake_image written;
};

struct fake_file {
    struct fake_image now;  /* what is read */
    struct fake_image safe; /* what is on the medium for certain */
    struct fake_change *changes;
    size_t change_count;
};

struct fake_disk {
    struct rt_disk disk;
    struct test_random random;
    uint64_t capacity; /* bytes that all files may have together */
    uint64_t calls;    /* since it was made or restarted */
    uint64_t syncs;    /* of them */
    uint64_t removals; /* ever, those that failed as well */
    uint64_t fault_at; /* the call; 0: none */
    enum fake_fault fault;
    uint32_t open_count; /* files that are open */
    bool has_crashed;
    bool forgets_names; /* rt_disk_sync_names does nothing */
    bool forgets_bytes; /* rt_disk_sync does nothing */
    int file_count;
    struct fake_file files[FAKE_FILES_MAX];
    struct fake_directory now;
    struct fake_directory safe;
    struct fake_renaming renamings[FAKE_CHANGES_MAX];
    size_t renaming_count;
};

/* An empty one without faults. */
void fake_disk_init(struct fake_disk *disk, uint64_t seed);
void fake_disk_finish(struct fake_disk *disk);

/* Another one that is the same. Nothing that was in `to` is freed. */
void fake_disk_copy(struct fake_disk *to, const struct fake_disk *from);

/* The N-th call from now on, counted from 1. */
void fake_disk_fault_at(struct fake_disk *disk,
                        uint64_t call,
                        enum fake_fault fault);

/* The machine begins again with what is on the medium, and without faults. */
void fake_disk_restart(struct fake_disk *disk,
                       enum fake_bytes bytes,
                       enum fake_names names);

/* The bytes of a file, to look at and to damage; NULL: it is not there. */
struct fake_image *fake_disk_image(struct fake_disk *disk, const char *name);

/* --- for fake_medium.c --- */

/* Makes the image `len` long, with zeros at its end. */
void fake_image_resize(struct fake_image *image, uint64_t len);

/* Writes into it, and makes it longer where it has to be. */
void fake_image_write(struct fake_image *image,
                      uint64_t at,
                      const char *bytes,
                      size_t len);

void fake_file_finish(struct fake_file *file);
void fake_file_forget_changes(struct fake_file *file);

/* Applies a change of names, if what it is about is there. */
void fake_directory_apply(struct fake_directory *directory,
                          const struct fake_renaming *renaming);

/* --- fake_medium.c --- */

/* Brings what `bytes` has of a file's changes to the medium; forgets all. */
void fake_file_settle(struct fake_file *file,
                      enum fake_bytes bytes,
                      struct test_random *random);

/* The same with names. */
void fake_disk_settle_names(struct fake_disk *disk, enum fake_names names);

#endif
