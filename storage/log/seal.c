#include "storage/log/seal.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"

uint64_t rt_log_seal_length(uint64_t place_count)
{
    return place_count * sizeof(struct rt_log_index_place) +
           sizeof(struct rt_log_trailer);
}

/* --- what it ends with --- */

/* The first place of a topic in a segment that is its newest one. */
static uint32_t first_place(const struct rt_log_shelf *shelf, uint64_t segment)
{
    uint32_t first = shelf->place_count;
    while (first > 0 && shelf->places[first - 1].segment == segment) {
        first--;
    }
    return first;
}

static uint64_t count_places(const struct rt_log_index *index, uint64_t segment)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        const struct rt_log_shelf *shelf = index->shelves[i];
        count += shelf->place_count - first_place(shelf, segment);
    }
    return count;
}

/* Returns the first byte behind what the topic has in the segment. */
static char *
put_shelf(const struct rt_log_shelf *shelf, uint64_t segment, char *bytes)
{
    for (uint32_t i = first_place(shelf, segment); i < shelf->place_count;
         i++) {
        struct rt_log_index_place entry = {.topic = shelf->topic,
                                           .span = shelf->places[i].span};
        memcpy(bytes, &entry, sizeof(entry));
        bytes += sizeof(entry);
    }
    return bytes;
}

static void put_ending(const struct rt_log_index *index,
                       const struct rt_log_tail *tail,
                       uint64_t place_count,
                       char *bytes)
{
    char *end = bytes;
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        end = put_shelf(index->shelves[i], tail->head.number, end);
    }
    struct rt_log_trailer trailer = {
        .log = tail->head.log,
        .number = tail->head.number,
        .index = tail->position,
        .place_count = place_count,
        .index_crc = rt_checksum(0, bytes, (size_t)(end - bytes)),
        .chain = tail->chain,
        .batch = tail->batch};
    rt_log_trailer_sign(&trailer);
    memcpy(end, &trailer, sizeof(trailer));
}

int rt_log_seal_prepare(struct rt_log *log, const struct rt_log_tail *tail)
{
    RT_CHECK(log->unsealed.ending == NULL);
    uint64_t count = count_places(&log->index, tail->head.number);
    size_t len = (size_t)rt_log_seal_length(count);
    char *ending = rt_heap_alloc(log->options.heap, len);
    if (ending == NULL) {
        return RT_ENOMEM;
    }
    put_ending(&log->index, tail, count, ending);
    log->unsealed = (struct rt_log_unsealed){.segment = tail->head.number,
                                             .position = tail->position,
                                             .ending = ending,
                                             .ending_len = len};
    return 0;
}

/* --- sealing --- */

void rt_log_seal_due(struct rt_log *log, struct rt_file file)
{
    log->unsealed.file = file;
    log->unsealed.is_due = true;
}

void rt_log_seal_forget(struct rt_log *log)
{
    struct rt_log_unsealed *unsealed = &log->unsealed;
    if (unsealed->is_due) {
        rt_disk_close(log->options.disk, &unsealed->file);
    }
    rt_heap_free(log->options.heap, unsealed->ending, unsealed->ending_len);
    *unsealed = (struct rt_log_unsealed){.is_due = false};
}

static int write_ending(struct rt_log *log)
{
    struct rt_log_unsealed *unsealed = &log->unsealed;
    struct rt_disk *disk = log->options.disk;
    struct rt_bytes ending = {unsealed->ending, unsealed->ending_len};
    uint64_t end = unsealed->position + unsealed->ending_len;
    int err =
        rt_disk_write(disk, &unsealed->file, &ending, 1, unsealed->position);
    if (err == 0) {
        err = rt_disk_truncate(disk, &unsealed->file, end);
    }
    return err == 0 ? rt_disk_sync(disk, &unsealed->file) : err;
}

int rt_log_seal(struct rt_log *log)
{
    const struct rt_log_unsealed *unsealed = &log->unsealed;
    if (!unsealed->is_due) {
        return 0;
    }
    int err = write_ending(log);
    if (err < 0) {
        log->condition = err == RT_ENOSPC ? log->condition : RT_LOG_FAILED;
        return err;
    }
    rt_log_index_lock(&log->index);
    rt_log_index_seal(&log->index, unsealed->segment, unsealed->ending_len);
    rt_log_index_unlock(&log->index);
    rt_log_seal_forget(log);
    return 0;
}
