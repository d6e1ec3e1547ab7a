#include "tests/unit/storage/fake_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MINIMUM(a, b) ((a) < (b) ? (a) : (b))

static struct fake_disk *fake_of(struct rt_disk *disk)
{
    return (struct fake_disk *)disk;
}

static struct fake_file *file_of(struct rt_disk *disk,
                                 const struct rt_file *file)
{
    RT_CHECK(file->number >= 0 && file->number < fake_of(disk)->file_count);
    return &fake_of(disk)->files[file->number];
}

/* --- images --- */

static void *allocated(void *memory)
{
    RT_CHECK(memory != NULL);
    return memory;
}

static struct fake_image copy_of(const char *bytes, size_t len)
{
    struct fake_image copy = {allocated(malloc(len + 1)), len};
    if (len > 0) {
        memcpy(copy.bytes, bytes, len);
    }
    return copy;
}

void fake_image_resize(struct fake_image *image, uint64_t len)
{
    image->bytes = allocated(realloc(image->bytes, len + 1));
    if (len > image->len) {
        memset(image->bytes + image->len, 0, len - image->len);
    }
    image->len = len;
}

void fake_image_write(struct fake_image *image,
                      uint64_t at,
                      const char *bytes,
                      size_t len)
{
    if (at + len > image->len) {
        fake_image_resize(image, at + len);
    }
    memcpy(image->bytes + at, bytes, len);
}

/* --- files --- */

void fake_file_forget_changes(struct fake_file *file)
{
    for (size_t i = 0; i < file->change_count; i++) {
        free(file->changes[i].written.bytes);
    }
    file->change_count = 0;
}

void fake_file_finish(struct fake_file *file)
{
    fake_file_forget_changes(file);
    free(file->changes);
    free(file->now.bytes);
    free(file->safe.bytes);
    *file = (struct fake_file){0};
}

static void add_change(struct fake_file *file, struct fake_change change)
{
    size_t size = (file->change_count + 1) * sizeof(change);
    file->changes = allocated(realloc(file->changes, size));
    file->changes[file->change_count++] = change;
}

static struct fake_file copy_of_file(const struct fake_file *from)
{
    struct fake_file copy = {
        .now = copy_of(from->now.bytes, from->now.len),
        .safe = copy_of(from->safe.bytes, from->safe.len),
    };
    for (size_t i = 0; i < from->change_count; i++) {
        struct fake_change change = from->changes[i];
        if (change.written.bytes != NULL) {
            change.written = copy_of(change.written.bytes, change.written.len);
        }
        add_change(&copy, change);
    }
    return copy;
}

static void set_length(struct fake_file *file, uint64_t len)
{
    fake_image_resize(&file->now, len);
    add_change(file, (struct fake_change){.at = len});
}

/* --- names --- */

static struct fake_name *find(struct fake_directory *directory,
                              const char *text)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (strcmp(directory->names[i].text, text) == 0) {
            return &directory->names[i];
        }
    }
    return NULL;
}

static void drop_name(struct fake_directory *directory, const char *text)
{
    struct fake_name *name = find(directory, text);
    if (name != NULL) {
        *name = directory->names[--directory->count];
    }
}

static void
put_name(struct fake_directory *directory, const char *text, int file)
{
    drop_name(directory, text);
    RT_CHECK(directory->count < FAKE_NAMES_MAX);
    struct fake_name *name = &directory->names[directory->count++];
    name->file = file;
    memcpy(name->text, text, FAKE_NAME_SIZE);
}

void fake_directory_apply(struct fake_directory *directory,
                          const struct fake_renaming *renaming)
{
    const struct fake_name *old = find(directory, renaming->from);
    bool is_made = renaming->from[0] == '\0';
    if (!is_made && (old == NULL || old->file != renaming->file)) {
        return;
    }
    drop_name(directory, renaming->from);
    if (renaming->to[0] != '\0') {
        put_name(directory, renaming->to, renaming->file);
    }
}

static void copy_name(char *to, const char *from)
{
    size_t len = strlen(from);
    RT_CHECK(len < FAKE_NAME_SIZE);
    memcpy(to, from, len + 1);
}

static void
change_names(struct fake_disk *fake, const char *from, const char *to, int file)
{
    RT_CHECK(fake->renaming_count < FAKE_CHANGES_MAX);
    struct fake_renaming *renaming = &fake->renamings[fake->renaming_count++];
    *renaming = (struct fake_renaming){.file = file};
    copy_name(renaming->from, from);
    copy_name(renaming->to, to);
    fake_directory_apply(&fake->now, renaming);
}

/* --- faults --- */

/* What a call does: all, or nothing but return that error. Calls that change
 * something do it though the power goes meanwhile, for it may be done. */
static int begin(struct rt_disk *disk)
{
    struct fake_disk *fake = fake_of(disk);
    fake->calls++;
    if (fake->has_crashed) {
        return RT_EIO;
    }
    if (fake->calls != fake->fault_at) {
        return 0;
    }
    fake->has_crashed = fake->fault == FAKE_CRASH;
    return fake->fault == FAKE_ENOSPC ? -ENOSPC : RT_EIO;
}

/* Whether a call that fails with it has an effect nevertheless. */
static bool is_done(const struct fake_disk *fake, int err)
{
    bool is_crashing = fake->has_crashed && fake->calls == fake->fault_at;
    return err == 0 || is_crashing;
}

static uint64_t used_bytes(const struct fake_disk *fake)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < fake->now.count; i++) {
        bytes += fake->files[fake->now.names[i].file].now.len;
    }
    return bytes;
}

static bool has_room(const struct fake_disk *fake,
                     const struct fake_file *file,
                     uint64_t len)
{
    uint64_t more = len > file->now.len ? len - file->now.len : 0;
    return used_bytes(fake) + more <= fake->capacity;
}

/* --- the calls --- */

static int find_file(struct rt_disk *disk,
                     const char *name,
                     bool is_new,
                     struct rt_file *file)
{
    struct fake_disk *fake = fake_of(disk);
    const struct fake_name *found = find(&fake->now, name);
    int err = begin(disk);
    if (is_done(fake, err) && is_new && found == NULL) {
        RT_CHECK(fake->file_count < FAKE_FILES_MAX);
        fake->files[fake->file_count] =
            (struct fake_file){.now = copy_of("", 0), .safe = copy_of("", 0)};
        change_names(fake, "", name, fake->file_count);
        file->number = fake->file_count++;
        return err;
    }
    if (err == 0 && is_new) {
        err = RT_EEXIST;
    } else if (err == 0 && found == NULL) {
        err = -ENOENT;
    } else if (err == 0) {
        file->number = found->file;
    }
    return err;
}

static int open_file(struct rt_disk *disk,
                     const char *name,
                     bool is_new,
                     struct rt_file *file)
{
    int err = find_file(disk, name, is_new, file);
    fake_of(disk)->open_count += err == 0 ? 1 : 0;
    return err;
}

static void close_file(struct rt_disk *disk, struct rt_file *file)
{
    (void)file_of(disk, file);
    file->number = -1;
    fake_of(disk)->open_count--;
}

static int
size_of_file(struct rt_disk *disk, struct rt_file *file, uint64_t *size)
{
    int err = begin(disk);
    if (err == 0) {
        *size = file_of(disk, file)->now.len;
    }
    return err;
}

static ssize_t read_file(struct rt_disk *disk,
                         struct rt_file *file,
                         void *bytes,
                         size_t len,
                         uint64_t at)
{
    const struct fake_image *now = &file_of(disk, file)->now;
    int err = begin(disk);
    if (err < 0) {
        return err;
    }
    size_t there = at < now->len ? MINIMUM(now->len - at, len) : 0;
    if (there > 0) {
        memcpy(bytes, now->bytes + at, there);
    }
    return (ssize_t)there;
}

static struct fake_image join(const struct rt_bytes *ranges, size_t count)
{
    struct fake_image joined = {allocated(malloc(1)), 0};
    for (size_t i = 0; i < count; i++) {
        fake_image_write(&joined, joined.len, ranges[i].data, ranges[i].len);
    }
    return joined;
}

static void
write_bytes(struct fake_file *file, struct fake_image bytes, uint64_t at)
{
    if (bytes.len == 0) {
        free(bytes.bytes);
        return;
    }
    fake_image_write(&file->now, at, bytes.bytes, bytes.len);
    add_change(file, (struct fake_change){at, bytes});
}

/* How much of a write that fails is written. */
static size_t written_anyway(struct fake_disk *fake, size_t len)
{
    bool is_partial = fake->fault == FAKE_PARTIAL && !fake->has_crashed;
    return is_partial ? test_random_next(&fake->random) % (len + 1) : 0;
}

static int write_file(struct rt_disk *disk,
                      struct rt_file *handle,
                      const struct rt_bytes *ranges,
                      size_t count,
                      uint64_t at)
{
    struct fake_disk *fake = fake_of(disk);
    struct fake_file *file = file_of(disk, handle);
    struct fake_image bytes = join(ranges, count);
    int err = begin(disk);
    if (err == 0 && !has_room(fake, file, at + bytes.len)) {
        err = -ENOSPC;
    }
    if (!is_done(fake, err)) {
        bytes.len = written_anyway(fake, bytes.len);
    }
    write_bytes(file, bytes, at);
    return err;
}

static int sync_file(struct rt_disk *disk, struct rt_file *handle)
{
    struct fake_disk *fake = fake_of(disk);
    struct fake_file *file = file_of(disk, handle);
    int err = begin(disk);
    fake_of(disk)->syncs++;
    if (fake->has_crashed || fake->forgets_bytes) {
        return err;
    }
    /* After an error the kernel holds what was not written for written. */
    fake_file_settle(file, err == 0 ? FAKE_BYTES_ALL : FAKE_BYTES_PAGES,
                     &fake->random);
    return err;
}

static int
allocate_file(struct rt_disk *disk, struct rt_file *handle, uint64_t len)
{
    struct fake_disk *fake = fake_of(disk);
    struct fake_file *file = file_of(disk, handle);
    int err = begin(disk);
    if (err == 0 && !has_room(fake, file, len)) {
        err = -ENOSPC;
    }
    if (is_done(fake, err) && len > file->now.len) {
        set_length(file, len);
    }
    return err;
}

static int
truncate_file(struct rt_disk *disk, struct rt_file *handle, uint64_t len)
{
    struct fake_disk *fake = fake_of(disk);
    int err = begin(disk);
    if (is_done(fake, err)) {
        set_length(file_of(disk, handle), len);
    }
    return err;
}

static int rename_file(struct rt_disk *disk, const char *from, const char *to)
{
    struct fake_disk *fake = fake_of(disk);
    const struct fake_name *name = find(&fake->now, from);
    int err = begin(disk);
    if (err == 0 && name == NULL) {
        return -ENOENT;
    }
    if (is_done(fake, err) && name != NULL) {
        change_names(fake, from, to, name->file);
    }
    return err;
}

static int remove_file(struct rt_disk *disk, const char *name)
{
    fake_of(disk)->removals++;
    return rename_file(disk, name, "");
}

static int sync_names(struct rt_disk *disk)
{
    struct fake_disk *fake = fake_of(disk);
    int err = begin(disk);
    fake_of(disk)->syncs++;
    if (err == 0 && !fake->forgets_names) {
        fake_disk_settle_names(fake, FAKE_NAMES_ALL);
    }
    return err;
}

static int
list_files(struct rt_disk *disk, rt_disk_found_fn found, void *context)
{
    struct fake_directory names = fake_of(disk)->now;
    int err = begin(disk);
    for (size_t i = 0; i < names.count && err == 0; i++) {
        found(context, names.names[i].text);
    }
    return err;
}

static int free_bytes(struct rt_disk *disk, uint64_t *bytes)
{
    const struct fake_disk *fake = fake_of(disk);
    int err = begin(disk);
    if (err == 0) {
        uint64_t used = used_bytes(fake);
        *bytes = used < fake->capacity ? fake->capacity - used : 0;
    }
    return err;
}

static const struct rt_disk_ops ops = {
    .open = open_file,
    .close = close_file,
    .size = size_of_file,
    .read = read_file,
    .write = write_file,
    .sync = sync_file,
    .allocate = allocate_file,
    .truncate = truncate_file,
    .rename = rename_file,
    .remove = remove_file,
    .discard = close_file,
    .sync_names = sync_names,
    .list = list_files,
    .free_bytes = free_bytes,
};

/* --- the disk --- */

void fake_disk_init(struct fake_disk *disk, uint64_t seed)
{
    memset(disk, 0, sizeof(*disk));
    disk->disk.ops = &ops;
    disk->random.state = seed;
    disk->capacity = UINT64_MAX;
}

void fake_disk_finish(struct fake_disk *disk)
{
    for (int i = 0; i < disk->file_count; i++) {
        fake_file_finish(&disk->files[i]);
    }
    disk->file_count = 0;
}

void fake_disk_copy(struct fake_disk *to, const struct fake_disk *from)
{
    memcpy(to, from, sizeof(*to));
    for (int i = 0; i < from->file_count; i++) {
        to->files[i] = copy_of_file(&from->files[i]);
    }
}

void fake_disk_fault_at(struct fake_disk *disk,
                        uint64_t call,
                        enum fake_fault fault)
{
    disk->calls = 0;
    disk->fault_at = call;
    disk->fault = fault;
}

struct fake_image *fake_disk_image(struct fake_disk *disk, const char *name)
{
    const struct fake_name *found = find(&disk->now, name);
    return found == NULL ? NULL : &disk->files[found->file].now;
}
