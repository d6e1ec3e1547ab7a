#include "storage/log/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "storage/log/format.h"
#include "storage/log/overlay.h"

#define NUMBERS_FIRST ((size_t)16)

void rt_log_files_init(struct rt_log_files *files, struct rt_heap *heap)
{
    *files = (struct rt_log_files){.heap = heap};
}

void rt_log_files_finish(struct rt_log_files *files)
{
    rt_heap_free(files->heap, files->numbers,
                 files->capacity * sizeof(*files->numbers));
    rt_log_files_init(files, files->heap);
}

static int reserve(struct rt_log_files *files)
{
    size_t size = sizeof(*files->numbers);
    size_t more = files->capacity == 0 ? NUMBERS_FIRST : files->capacity * 2;
    if (files->count < files->capacity) {
        return 0;
    }
    uint64_t *numbers = rt_heap_resize(files->heap, files->numbers,
                                       files->capacity * size, more * size);
    if (numbers == NULL) {
        return RT_ENOMEM;
    }
    files->numbers = numbers;
    files->capacity = more;
    return 0;
}

void rt_log_files_mark(enum rt_log_repair_stage stage,
                       uint64_t repaired,
                       char name[RT_LOG_MARK_SIZE])
{
    (void)snprintf(name, RT_LOG_MARK_SIZE, "REPAIR-%d-%020" PRIu64, (int)stage,
                   repaired);
}

/* Whether the name is that of a mark, which is noted then. */
static bool is_mark(struct rt_log_files *files, const char *name)
{
    char mark[RT_LOG_MARK_SIZE];
    struct rt_bytes text = rt_bytes_of(name);
    uint64_t repaired = 0;
    if (text.len != sizeof(mark) - 1 ||
        rt_bytes_to_u64((struct rt_bytes){name + 9, 20}, &repaired) < 0) {
        return false;
    }
    for (int stage = RT_LOG_REPAIR_PUT_ASIDE; stage <= RT_LOG_REPAIR_PUT_IN;
         stage++) {
        rt_log_files_mark((enum rt_log_repair_stage)stage, repaired, mark);
        if (rt_bytes_equal(text, rt_bytes_of(mark))) {
            files->stage = (enum rt_log_repair_stage)stage;
            files->repaired = repaired;
            return true;
        }
    }
    return false;
}

void rt_log_files_add(struct rt_log_files *files, uint64_t number)
{
    files->err = files->err == 0 ? reserve(files) : files->err;
    if (files->err == 0) {
        files->numbers[files->count++] = number;
    }
}

static void found_name(void *context, const char *name)
{
    struct rt_log_files *files = context;
    uint64_t number = is_mark(files, name) ? 0 : rt_log_name_number(name);
    if (number > 0) {
        rt_log_files_add(files, number);
    }
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int rt_log_files_list(struct rt_log_files *files, struct rt_disk *disk)
{
    int err = rt_disk_list(disk, found_name, files);
    if (err == 0) {
        err = files->err;
    }
    if (err == 0 && files->count > 0) {
        qsort(files->numbers, files->count, sizeof(*files->numbers),
              compare_numbers);
    }
    return err;
}

int rt_log_files_open(struct rt_disk *disk,
                      uint64_t number,
                      struct rt_file *file,
                      uint64_t *size)
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(number, name);
    int err = rt_disk_open(disk, name, false, file);
    if (err < 0) {
        return err;
    }
    err = rt_disk_size(disk, file, size);
    if (err < 0) {
        rt_disk_close(disk, file);
    }
    return err;
}

bool rt_log_files_opens(const char *name, bool is_directory)
{
    (void)is_directory; /* nothing but a file is opened */
    return rt_log_name_number(name) > 0;
}

bool rt_log_files_removes(const char *name, bool is_directory)
{
    struct rt_log_files marks = {.count = 0};
    return is_directory && (rt_log_overlay_number(name, RT_LOG_NEW) > 0 ||
                            is_mark(&marks, name));
}
