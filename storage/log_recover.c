#include "storage/log_recover.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/log_files.h"
#include "storage/log_replay.h"
#include "storage/log_roll.h"
#include "storage/log_sealed.h"
#include "storage/log_visit.h"
#include "storage/log_walk.h"

/* The segments that there are, and the last one, which is open. */
struct recovery {
    struct rt_log *log;
    const struct rt_log_visitor *visitor;
    struct rt_log_files files;
    struct rt_log_window window;
    struct rt_log_replay replay;
    struct rt_file file;
    bool is_open;
    bool is_sealed;
    uint64_t size;
};

static uint64_t last_number(const struct recovery *recovery)
{
    return recovery->files.numbers[recovery->files.count - 1];
}

/* --- the last segment --- */

static int open_segment(struct recovery *recovery,
                        uint64_t number,
                        struct rt_file *file,
                        uint64_t *size)
{
    struct rt_disk *disk = recovery->log->options.disk;
    int err = rt_log_files_open(disk, number, file, size);
    if (err == 0) {
        rt_log_window_turn(&recovery->window, *file, *size);
    }
    return err;
}

static void close_last(struct recovery *recovery)
{
    if (recovery->is_open) {
        rt_disk_close(recovery->log->options.disk, &recovery->file);
        recovery->is_open = false;
    }
}

/* Whether the head of the segment checks: 1, or 0 if it had not begun;
 * RT_EDAMAGED if it has batches nevertheless. */
static int read_head(struct recovery *recovery)
{
    struct rt_log_walk walk;
    struct rt_log_segment_head *head = &recovery->log->tail.head;
    int err = rt_log_window_copy(&recovery->window, 0, head, sizeof(*head));
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    if (err == 0 && rt_log_segment_head_check(head)) {
        return head->number == last_number(recovery) ? 1 : RT_EDAMAGED;
    }
    *head = (struct rt_log_segment_head){0};
    rt_log_walk_init(&walk, &recovery->window, 0, last_number(recovery));
    int found = rt_log_walk_seek(&walk, 0);
    return found > 0 ? RT_EDAMAGED : found;
}

/* If it has been sealed, batches end where the index begins. */
static int read_trailer(struct recovery *recovery)
{
    struct rt_log_trailer trailer;
    const struct rt_log_segment_head *head = &recovery->log->tail.head;
    int err = rt_log_sealed_trailer(&recovery->window, head->log, head->number,
                                    &trailer);
    recovery->is_sealed = err == 0;
    if (err == 0) {
        rt_log_window_turn(&recovery->window, recovery->file, trailer.index);
    }
    return err == RT_EDAMAGED ? 0 : err;
}

static int read_beginning(struct recovery *recovery)
{
    int begun = read_head(recovery);
    if (begun <= 0) {
        return begun;
    }
    int err = read_trailer(recovery);
    if (err < 0) {
        return err;
    }
    rt_log_replay_init(&recovery->replay, recovery->log, &recovery->window,
                       &recovery->log->tail.head, recovery->visitor);
    return rt_log_replay_snapshot(&recovery->replay);
}

/*
 * A segment without a whole snapshot was about to begin. It goes, unless it is
 * all that there is: the one before it is removed much later only.
 */
static int remove_last(struct recovery *recovery)
{
    char name[RT_LOG_NAME_SIZE];
    struct rt_disk *disk = recovery->log->options.disk;
    if (recovery->files.count == 1 && last_number(recovery) > 1) {
        return RT_EDAMAGED;
    }
    rt_log_name(last_number(recovery), name);
    int err = rt_disk_remove(disk, name);
    recovery->files.count--;
    return err == 0 ? rt_disk_sync_names(disk) : err;
}

/* Finds the last segment that has begun: 1, or 0 if there is none. */
static int find_last(struct recovery *recovery)
{
    while (recovery->files.count > 0) {
        int err = open_segment(recovery, last_number(recovery), &recovery->file,
                               &recovery->size);
        if (err < 0) {
            return err;
        }
        recovery->is_open = true;
        int begun = read_beginning(recovery);
        if (begun != 0) {
            return begun;
        }
        close_last(recovery);
        err = remove_last(recovery);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* --- the sealed ones --- */

static int load_sealed(struct recovery *recovery, uint64_t number)
{
    struct rt_file file;
    struct rt_log *log = recovery->log;
    uint64_t size = 0;
    int err = open_segment(recovery, number, &file, &size);
    if (err < 0) {
        return err;
    }
    err = rt_log_sealed_load(&log->index, &recovery->window, log->tail.head.log,
                             number);
    rt_disk_close(log->options.disk, &file);
    return err;
}

static int load_all_sealed(struct recovery *recovery)
{
    struct rt_log_window last = recovery->window;
    for (size_t i = 0; i + 1 < recovery->files.count; i++) {
        int err = load_sealed(recovery, recovery->files.numbers[i]);
        if (err < 0) {
            return err;
        }
    }
    rt_log_window_turn(&recovery->window, last.file, last.end);
    const uint64_t *numbers = recovery->files.numbers;
    bool has_hole =
        last_number(recovery) - numbers[0] + 1 > recovery->files.count;
    rt_log_sealed_settle(&recovery->log->index, has_hole);
    return 0;
}

/* --- ready for the next batch --- */

/* Writes zeros over what a crash left, so that it never comes back. */
static int wipe(struct recovery *recovery)
{
    static const char zeros[4096];
    struct rt_log *log = recovery->log;
    uint64_t position = recovery->replay.position;
    rt_log_stage_turn(&log->stage, &recovery->file, position);
    while (position < recovery->replay.debris) {
        uint64_t left = recovery->replay.debris - position;
        size_t len = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
        rt_log_stage_add(&log->stage, zeros, len);
        position += len;
    }
    return rt_log_stage_flush(&log->stage);
}

/*
 * Writes once more what was read: if it could not be synced when it was first
 * written, the system remembers it and the disk does not have it, which no
 * sync would mend.
 */
static int renew(struct recovery *recovery, uint64_t from, uint64_t end)
{
    struct rt_log *log = recovery->log;
    rt_log_window_turn(&recovery->window, recovery->file, end);
    rt_log_stage_turn(&log->stage, &recovery->file, from);
    while (from < end) {
        const void *bytes = NULL;
        uint64_t left = end - from;
        size_t len =
            left < RT_LOG_STAGE_BYTES ? (size_t)left : RT_LOG_STAGE_BYTES;
        int err = rt_log_window_at(&recovery->window, from, len, &bytes);
        if (err < 0) {
            return err;
        }
        rt_log_stage_add(&log->stage, bytes, len);
        from += len;
    }
    return rt_log_stage_flush(&log->stage);
}

/* The last batch: all that is before it was synced before it was written. */
static int renew_last(struct recovery *recovery)
{
    const struct rt_log_replay *replay = &recovery->replay;
    bool is_first = replay->last == sizeof(struct rt_log_segment_head);
    return renew(recovery, is_first ? 0 : replay->last, replay->position);
}

/* What the segment was sealed with. */
static int renew_seal(struct recovery *recovery)
{
    struct rt_disk *disk = recovery->log->options.disk;
    uint64_t size = recovery->size;
    int err = renew(recovery, recovery->replay.position, size);
    if (err == 0) {
        err = rt_disk_truncate(disk, &recovery->file, size);
    }
    return err == 0 ? rt_disk_sync(disk, &recovery->file) : err;
}

/* As long as it was made to be, or as it is if there is no room for that. */
static int make_room(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    struct rt_log_tail *tail = &log->tail;
    tail->capacity = recovery->replay.begin + log->options.segment_bytes;
    if (tail->capacity <= recovery->size) {
        tail->capacity = recovery->size;
        return 0;
    }
    int err =
        rt_disk_allocate(log->options.disk, &recovery->file, tail->capacity);
    if (err == RT_ENOSPC) {
        tail->capacity = recovery->size;
        return 0;
    }
    return err;
}

/*
 * What was read may not have been synced when the process ended, and is now, as
 * is the name that it was found under.
 */
static int make_safe(struct recovery *recovery)
{
    struct rt_disk *disk = recovery->log->options.disk;
    int err = rt_disk_sync(disk, &recovery->file);
    return err == 0 ? rt_disk_sync_names(disk) : err;
}

static int resume_last(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    int err = wipe(recovery);
    if (err == 0) {
        err = renew_last(recovery);
    }
    if (err == 0) {
        err = make_room(recovery);
    }
    if (err == 0) {
        err = make_safe(recovery);
    }
    if (err == 0) {
        log->tail.file = recovery->file;
        log->has_tail = true;
        recovery->is_open = false;
    }
    return err;
}

static int begin_next(struct recovery *recovery)
{
    struct rt_log_tail next;
    struct rt_log *log = recovery->log;
    int err = rt_log_roll_prepare(log, 0, 0, &next);
    if (err == 0) {
        err = rt_log_roll_finish(log, &next, log->options.wall_ms);
    }
    return err;
}

/* --- all of it --- */

static void know_tail(struct recovery *recovery)
{
    struct rt_log_tail *tail = &recovery->log->tail;
    tail->position = recovery->replay.position;
    tail->batch = recovery->replay.batch;
    tail->chain = recovery->replay.chain;
}

/* Counts what a topic has in the last segment, which is its newest one. */
static void count_shelf(const struct rt_log_shelf *shelf,
                        struct rt_log_volume *volume)
{
    uint32_t count = shelf->place_count;
    while (count > 0 && shelf->places[count - 1].segment == volume->segment) {
        const struct rt_log_span *span = &shelf->places[--count].span;
        rt_log_volume_count(volume, span);
    }
}

static int begin_volume(struct recovery *recovery)
{
    struct rt_log_index *index = &recovery->log->index;
    const struct rt_log_tail *tail = &recovery->log->tail;
    struct rt_log_volume volume = {.segment = tail->head.number,
                                   .end = tail->position};
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        count_shelf(index->shelves[i], &volume);
    }
    return rt_log_index_begin(index, &volume);
}

/* Learns all that the segments know, with the last one found. */
static int learn(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    if (log->next_topic <= log->tail.head.topic) {
        log->next_topic = log->tail.head.topic + 1;
    }
    int err = load_all_sealed(recovery);
    if (err == 0) {
        err = rt_log_replay_rest(&recovery->replay);
    }
    if (err < 0) {
        return err;
    }
    know_tail(recovery);
    return begin_volume(recovery);
}

static int visit(struct recovery *recovery)
{
    rt_log_window_turn(&recovery->window, recovery->file,
                       recovery->replay.position);
    return rt_log_visit(recovery->log, &recovery->window,
                        recovery->log->tail.head.number, recovery->visitor);
}

static int go_on(struct recovery *recovery)
{
    int err = learn(recovery);
    if (err == 0) {
        err = visit(recovery);
    }
    if (err < 0) {
        return err;
    }
    if (!recovery->is_sealed) {
        return resume_last(recovery);
    }
    err = renew_seal(recovery);
    return err == 0 ? begin_next(recovery) : err;
}

static int recover(struct recovery *recovery)
{
    struct rt_disk *disk = recovery->log->options.disk;
    int err = rt_log_files_list(&recovery->files, disk);
    if (err < 0) {
        return err;
    }
    int found = find_last(recovery);
    if (found < 0) {
        return found;
    }
    return found > 0 ? go_on(recovery) : begin_next(recovery);
}

static void count_damaged(const struct rt_log_index *index,
                          struct rt_log_found *found)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        const struct rt_log_shelf *shelf = index->shelves[i];
        if (shelf->state == RT_LOG_SHELF_DAMAGED) {
            found->damaged_topics++;
            found->lost_topics += shelf->name_len == 0 ? 1 : 0;
        }
    }
}

static void report(const struct recovery *recovery, struct rt_log_found *found)
{
    const struct rt_log *log = recovery->log;
    const struct rt_log_replay *replay = &recovery->replay;
    *found = (struct rt_log_found){.sequence = log->sequence,
                                   .next_topic = log->next_topic,
                                   .bytes = log->index.bytes,
                                   .segment_count = log->index.volume_count,
                                   .is_clean = replay->is_end};
    if (replay->debris > replay->position) {
        found->torn_bytes = replay->debris - replay->position;
    }
    count_damaged(&log->index, found);
}

int rt_log_recover(struct rt_log *log,
                   const struct rt_log_visitor *visitor,
                   struct rt_log_found *found)
{
    struct recovery recovery = {.log = log, .visitor = visitor};
    struct rt_heap *heap = log->options.heap;
    rt_log_files_init(&recovery.files, heap);
    rt_log_window_init(&recovery.window, log->options.disk, heap);
    int err = recover(&recovery);
    if (err == 0) {
        report(&recovery, found);
    }
    close_last(&recovery);
    rt_log_window_finish(&recovery.window);
    rt_log_files_finish(&recovery.files);
    return err;
}
