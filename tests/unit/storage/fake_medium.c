/* What a fake disk has on its medium of what was not synced. */
#include <string.h>

#include "tests/unit/storage/fake_disk.h"

static bool toss(struct test_random *random)
{
    return test_random_below(random, 2) == 0;
}

/* --- bytes --- */

static void apply(struct fake_file *file, const struct fake_change *change)
{
    if (change->written.bytes == NULL) {
        fake_image_resize(&file->safe, change->at);
    } else {
        fake_image_write(&file->safe, change->at, change->written.bytes,
                         change->written.len);
    }
}

/* The part of a write that lies between two places of the file. */
static void apply_between(struct fake_file *file,
                          const struct fake_change *change,
                          uint64_t begin,
                          uint64_t end)
{
    uint64_t first = change->at > begin ? change->at : begin;
    uint64_t last = change->at + change->written.len;
    last = last < end ? last : end;
    if (first < last) {
        fake_image_write(&file->safe, first,
                         change->written.bytes + (first - change->at),
                         last - first);
    }
}

/* Any of the blocks of that size which a write touches. */
static void apply_blocks(struct fake_file *file,
                         const struct fake_change *change,
                         size_t size,
                         struct test_random *random)
{
    uint64_t end = change->at + change->written.len;
    for (uint64_t at = change->at / size * size; at < end; at += size) {
        if (toss(random)) {
            apply_between(file, change, at, at + size);
        }
    }
}

static void apply_second_page(struct fake_file *file,
                              const struct fake_change *change)
{
    uint64_t begin = change->at / FAKE_PAGE * FAKE_PAGE + FAKE_PAGE;
    apply_between(file, change, begin, begin + FAKE_PAGE);
}

static void apply_partly(struct fake_file *file,
                         const struct fake_change *change,
                         enum fake_bytes bytes,
                         struct test_random *random)
{
    if (change->written.bytes == NULL) {
        if (toss(random)) {
            apply(file, change);
        }
    } else if (bytes == FAKE_BYTES_SECOND_PAGE) {
        apply_second_page(file, change);
    } else {
        size_t size = bytes == FAKE_BYTES_PAGES ? FAKE_PAGE : FAKE_SECTOR;
        apply_blocks(file, change, size, random);
    }
}

static uint64_t changed_bytes(const struct fake_file *file)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < file->change_count; i++) {
        bytes += file->changes[i].written.len;
    }
    return bytes;
}

static void apply_prefix(struct fake_file *file, struct test_random *random)
{
    uint64_t left = test_random_next(random) % (changed_bytes(file) + 1);
    for (size_t i = 0; i < file->change_count; i++) {
        const struct fake_change *change = &file->changes[i];
        if (change->written.len > left) {
            apply_between(file, change, change->at, change->at + left);
            return;
        }
        apply(file, change);
        left -= change->written.len;
    }
}

static void apply_each(struct fake_file *file,
                       enum fake_bytes bytes,
                       struct test_random *random)
{
    for (size_t i = 0; i < file->change_count; i++) {
        if (bytes == FAKE_BYTES_ALL) {
            apply(file, &file->changes[i]);
        } else {
            apply_partly(file, &file->changes[i], bytes, random);
        }
    }
}

void fake_file_settle(struct fake_file *file,
                      enum fake_bytes bytes,
                      struct test_random *random)
{
    if (bytes == FAKE_BYTES_PREFIX) {
        apply_prefix(file, random);
    } else if (bytes != FAKE_BYTES_NONE) {
        apply_each(file, bytes, random);
    }
    fake_file_forget_changes(file);
}

/* --- names --- */

void fake_disk_settle_names(struct fake_disk *disk, enum fake_names names)
{
    for (size_t i = 0; i < disk->renaming_count; i++) {
        if (names == FAKE_NAMES_ALL ||
            (names == FAKE_NAMES_SOME && toss(&disk->random))) {
            fake_directory_apply(&disk->safe, &disk->renamings[i]);
        }
    }
    disk->renaming_count = 0;
}

/* --- all of it --- */

static bool has_name(const struct fake_directory *directory, int file)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->names[i].file == file) {
            return true;
        }
    }
    return false;
}

/* What was read last is what is read first. */
static void restart_file(struct fake_file *file)
{
    fake_image_resize(&file->now, file->safe.len);
    if (file->safe.len > 0) {
        memcpy(file->now.bytes, file->safe.bytes, file->safe.len);
    }
}

void fake_disk_restart(struct fake_disk *disk,
                       enum fake_bytes bytes,
                       enum fake_names names)
{
    fake_disk_settle_names(disk, names);
    for (int i = 0; i < disk->file_count; i++) {
        fake_file_settle(&disk->files[i], bytes, &disk->random);
        restart_file(&disk->files[i]);
        if (!has_name(&disk->safe, i)) {
            fake_file_finish(&disk->files[i]);
        }
    }
    disk->now = disk->safe;
    disk->calls = 0;
    disk->fault_at = 0;
    disk->has_crashed = false;
}
