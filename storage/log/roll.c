#include "storage/log/roll.h"

#include "base/error.h"
#include "storage/log/retain.h"
#include "storage/log/seal.h"
#include "storage/log/snapshot.h"

static uint64_t at_least(uint64_t value, uint64_t floor)
{
    return value < floor ? floor : value;
}

/* How long the next segment's file may become: as much for batches as for the
 * snapshot at least, or a log of much that lasts would be snapshots mostly. */
static uint64_t
capacity_for(const struct rt_log *log, uint64_t length, uint32_t part_count)
{
    uint64_t snapshot = rt_log_snapshot_length(log);
    uint64_t needed = length + rt_log_seal_length(part_count);
    uint64_t share = at_least(log->options.segment_bytes, snapshot);
    return sizeof(struct rt_log_segment_head) + snapshot +
           rt_log_padded(at_least(share, needed));
}

uint64_t rt_log_next_length(const struct rt_log *log)
{
    return capacity_for(log, 0, 0);
}

uint64_t rt_log_left(const struct rt_log *log)
{
    const struct rt_log_tail *tail = &log->tail;
    uint64_t used = tail->position + rt_log_seal_length(tail->place_count);
    return used < tail->capacity ? tail->capacity - used : 0;
}

uint64_t rt_log_next_room(const struct rt_log *log)
{
    uint64_t length = rt_log_next_length(log);
    uint64_t seal_length = rt_log_seal_length(log->tail.place_count);
    uint64_t way = rt_log_way(log, seal_length + length);
    return length > way ? length - way : 0;
}

/* Whether the disk has so much, and what others may have of it beside. */
static int look_for_room(struct rt_log *log, uint64_t bytes)
{
    uint64_t free_bytes = 0;
    int err = rt_disk_free_bytes(log->options.disk, &free_bytes);
    if (err < 0) {
        return err;
    }
    return free_bytes >= bytes && free_bytes - bytes >= log->options.min_free
               ? 0
               : RT_ENOSPC;
}

/* What a removed segment took may be what is missing. */
static int check_room(struct rt_log *log, uint64_t bytes)
{
    struct rt_file removed;
    int err = look_for_room(log, bytes);
    if (err == RT_ENOSPC && rt_log_take_removed(log, &removed)) {
        rt_disk_close(log->options.disk, &removed);
        err = look_for_room(log, bytes);
    }
    return err;
}

static struct rt_log_segment_head next_head(const struct rt_log *log)
{
    const struct rt_log_tail *tail = &log->tail;
    return (struct rt_log_segment_head){
        .log = tail->head.log > 0 ? tail->head.log : log->options.identity,
        .number = tail->head.number + 1,
        .sequence = log->sequence,
        .topic = log->next_topic - 1,
        .chain = tail->chain};
}

/* Closes and removes it; the error that there was, or that of removing it. */
static int give_up(struct rt_log *log, struct rt_log_tail *next, int err)
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(next->head.number, name);
    rt_disk_close(log->options.disk, &next->file);
    int removed = rt_disk_remove(log->options.disk, name);
    return removed < 0 ? removed : err;
}

static int make_file(struct rt_log *log, struct rt_log_tail *next)
{
    char name[RT_LOG_NAME_SIZE];
    struct rt_disk *disk = log->options.disk;
    rt_log_name(next->head.number, name);
    int err = rt_disk_open(disk, name, true, &next->file);
    if (err < 0) {
        return err;
    }
    err = rt_disk_allocate(disk, &next->file, next->capacity);
    if (err == 0) {
        err = rt_log_index_begin(
            &log->index, &(struct rt_log_volume){.segment = next->head.number});
    }
    return err < 0 ? give_up(log, next, err) : 0;
}

/* All that can be in want of room or of memory. */
static int prepare_files(struct rt_log *log, struct rt_log_tail *next)
{
    int err = log->has_tail ? rt_log_seal_prepare(log, &log->tail) : 0;
    if (err < 0) {
        return err;
    }
    err = make_file(log, next);
    if (err < 0) {
        rt_log_seal_forget(log);
    }
    return err;
}

int rt_log_roll_prepare(struct rt_log *log,
                        uint64_t length,
                        uint32_t part_count,
                        struct rt_log_tail *next)
{
    *next =
        (struct rt_log_tail){.head = next_head(log),
                             .batch = log->tail.batch + 1,
                             .chain = log->tail.chain,
                             .capacity = capacity_for(log, length, part_count)};
    uint64_t seal_length = rt_log_seal_length(log->tail.place_count);
    int err = rt_log_seal(log);
    if (err == 0) {
        err = rt_log_make_way(log, seal_length + next->capacity);
    }
    if (err == 0) {
        err = check_room(log, next->capacity);
    }
    return err == 0 ? prepare_files(log, next) : err;
}

/* --- the beginning of a segment --- */

static void write_snapshot(struct rt_log *log, struct rt_log_tail *next)
{
    struct rt_log_batch_head head = {.log = next->head.log,
                                     .segment = next->head.number,
                                     .number = next->batch,
                                     .sequence = log->sequence,
                                     .chain = next->head.chain};
    rt_log_snapshot_begin(&head, log);
    rt_log_snapshot_write(&head, log, &log->stage);
    next->position = sizeof(next->head) + head.length;
    next->chain = head.crc;
}

static int write_beginning(struct rt_log *log, struct rt_log_tail *next)
{
    rt_log_stage_turn(&log->stage, &next->file, 0);
    rt_log_stage_add(&log->stage, &next->head, sizeof(next->head));
    write_snapshot(log, next);
    int err = rt_log_stage_flush(&log->stage);
    if (err == 0) {
        err = rt_disk_sync(log->options.disk, &next->file);
    }
    return err == 0 ? rt_disk_sync_names(log->options.disk) : err;
}

/* The tail has all of its batches then, for the new one's snapshot is safe. */
static void replace_tail(struct rt_log *log, const struct rt_log_tail *next)
{
    if (log->has_tail) {
        rt_log_seal_due(log, log->tail.file);
    }
    log->tail = *next;
    log->has_tail = true;
}

int rt_log_roll_finish(struct rt_log *log,
                       struct rt_log_tail *next,
                       uint64_t wall_ms)
{
    next->head.created_ms = wall_ms;
    rt_log_segment_head_sign(&next->head);
    int err = write_beginning(log, next);
    if (err < 0) {
        rt_disk_close(log->options.disk, &next->file);
        return err;
    }
    replace_tail(log, next);
    rt_log_index_lock(&log->index);
    rt_log_index_extend(&log->index, next->position, 0, 0);
    rt_log_index_unlock(&log->index);
    return 0;
}
