#include "storage/log/recover.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/log/begun.h"
#include "storage/log/files.h"
#include "storage/log/last.h"
#include "storage/log/loss.h"
#include "storage/log/resume.h"
#include "storage/log/roll.h"
#include "storage/log/seal.h"
#include "storage/log/sealed.h"
#include "storage/log/visit.h"

/* The segments that there are, and the last one. */
struct recovery {
    struct rt_log *log;
    struct rt_log_files files;
    struct rt_log_window window;
    struct rt_log_last last;
    size_t base;           /* the place of the first segment that is replayed */
    uint64_t removed;      /* segments that had not begun */
    bool is_damaged;       /* a topic is, and the snapshot does not say so */
    struct rt_log_end end; /* of the segment before the last one */
};

static uint64_t last_number(const struct recovery *recovery)
{
    return recovery->files.numbers[recovery->files.count - 1];
}

/* --- the last segments --- */

static int remove_last(struct recovery *recovery)
{
    char name[RT_LOG_NAME_SIZE];
    struct rt_disk *disk = recovery->log->options.disk;
    rt_log_name(last_number(recovery), name);
    int err = rt_disk_remove(disk, name);
    recovery->files.count--;
    recovery->removed++;
    return err == 0 ? rt_disk_sync_names(disk) : err;
}

/* Leaves the segments that have begun. */
static int drop_unbegun(struct recovery *recovery)
{
    int begun = 0;
    while (begun == 0 && recovery->files.count > 0) {
        begun = rt_log_begun(&recovery->window, &recovery->files);
        int err = begun == 0 ? remove_last(recovery) : 0;
        begun = err < 0 ? err : begun;
    }
    return begun < 0 ? begun : 0;
}

/* Opens the last segment, or if that has lost its snapshot the newest one that
 * has its own: from there on all is replayed. */
static int open_base(struct recovery *recovery)
{
    int begun = 0;
    const uint64_t *numbers = recovery->files.numbers;
    recovery->base = recovery->files.count;
    while (begun == 0 && recovery->base > 0) {
        recovery->base--;
        begun = rt_log_last_open(&recovery->last, numbers[recovery->base]);
    }
    if (begun == 0) {
        begun = rt_log_last_open_oldest(&recovery->last, numbers[0]);
    }
    if (begun <= 0) {
        return begun == 0 ? RT_EDAMAGED : begun;
    }
    return 0;
}

static bool is_base_last(const struct recovery *recovery)
{
    return recovery->base + 1 == recovery->files.count;
}

/* --- the sealed ones --- */

static int load_sealed(struct recovery *recovery, uint64_t number)
{
    struct rt_log *log = recovery->log;
    struct rt_log_window *window = &recovery->window;
    int err = rt_log_window_open(window, number);
    if (err < 0) {
        return err;
    }
    err = rt_log_sealed_load(&log->index, window, log->tail.head.log, number,
                             &recovery->end);
    rt_log_window_close(window);
    return err;
}

static bool has_doubts(const struct rt_log_index *index)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        if (index->shelves[i]->state == RT_LOG_SHELF_IN_DOUBT) {
            return true;
        }
    }
    return false;
}

/* A segment before the last one that is not sealed will be, if all of its
 * batches are there: those of the last one come behind them. If that is sealed
 * it is no crash that has left this one: it is gone through at each start. */
static int judge_end(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    const struct rt_log_end *end = &recovery->end;
    struct rt_log_tail tail = {.head = {.log = log->tail.head.log,
                                        .number = log->tail.head.number - 1},
                               .position = end->position,
                               .batch = end->batch,
                               .chain = end->chain};
    bool is_complete = is_base_last(recovery) && !recovery->last.is_sealed &&
                       end->is_whole && end->chain == log->tail.head.chain;
    return is_complete && !end->is_sealed && !has_doubts(&log->index)
               ? rt_log_seal_prepare(log, &tail)
               : 0;
}

static int load_all_sealed(struct recovery *recovery)
{
    uint64_t end = recovery->window.end;
    for (size_t i = 0; i < recovery->base; i++) {
        int err = load_sealed(recovery, recovery->files.numbers[i]);
        if (err < 0) {
            return err;
        }
    }
    rt_log_window_turn(&recovery->window, recovery->last.file, end);
    const uint64_t *numbers = recovery->files.numbers;
    int err = judge_end(recovery);
    if (err < 0) {
        return err;
    }
    bool has_hole = numbers[recovery->base] - numbers[0] > recovery->base;
    recovery->is_damaged =
        rt_log_sealed_settle(&recovery->log->index, has_hole);
    return 0;
}

/* --- the next batch --- */

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
    tail->position = recovery->last.replay.position;
    tail->batch = recovery->last.replay.batch;
    tail->chain = recovery->last.replay.chain;
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
    const struct rt_log_last *last = &recovery->last;
    struct rt_log_volume volume = {.segment = tail->head.number,
                                   .end = tail->position};
    if (last->replay.is_closed && last->size > volume.end) {
        volume.seal = last->size - volume.end;
    }
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        count_shelf(index->shelves[i], &volume);
    }
    return rt_log_index_begin(index, &volume);
}

static void know_topics(struct rt_log *log)
{
    if (log->next_topic <= log->tail.head.topic) {
        log->next_topic = log->tail.head.topic + 1;
    }
}

/* Learns what the segment knows that is open. */
static int learn_one(struct recovery *recovery, size_t place)
{
    struct rt_log_last *last = &recovery->last;
    know_topics(recovery->log);
    if (place + 1 < recovery->files.count) {
        last->replay.is_closed = true;
    }
    int err = rt_log_replay_rest(&last->replay);
    if (err < 0) {
        return err;
    }
    if (last->is_sealed) {
        rt_log_replay_expect(&last->replay, last->trailer.batch,
                             last->trailer.chain);
    }
    know_tail(recovery);
    return begin_volume(recovery);
}

/* A sealed segment tells that there was one behind it. */
static void settle(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    struct rt_log_loss now = {.sequence = log->sequence,
                              .wall_ms = log->options.wall_ms};
    if (recovery->last.is_sealed && !log->options.is_cut) {
        rt_log_replay_miss(&recovery->last.replay);
    }
    rt_log_replay_settle(log);
    rt_log_loss_settle(&log->index, &now);
}

/* Learns all that the segments know. */
static int learn(struct recovery *recovery)
{
    int err = load_all_sealed(recovery);
    if (err == 0) {
        err = learn_one(recovery, recovery->base);
    }
    for (size_t i = recovery->base + 1; i < recovery->files.count && err == 0;
         i++) {
        err = rt_log_last_next(&recovery->last, recovery->files.numbers[i]);
        if (err == 0) {
            err = learn_one(recovery, i);
        }
    }
    if (err == 0) {
        settle(recovery);
    }
    return err;
}

static int visit(struct recovery *recovery)
{
    rt_log_window_turn(&recovery->window, recovery->last.file,
                       recovery->last.replay.position);
    return rt_log_visit(recovery->log, &recovery->window,
                        recovery->log->tail.head.number,
                        recovery->last.visitor);
}

/* A crash has come between the beginning of the last segment, which is safe by
 * now, and the sealing of the one before it. */
static int end_roll(struct rt_log *log)
{
    struct rt_file file;
    uint64_t size = 0;
    if (log->unsealed.ending == NULL) {
        return 0;
    }
    int err = rt_log_files_open(log->options.disk, log->unsealed.segment, &file,
                                &size);
    if (err < 0) {
        return err;
    }
    rt_log_seal_due(log, file);
    err = rt_log_seal(log);
    return err == RT_ENOSPC ? 0 : err; /* the first batch tries again */
}

/* The next segment's snapshot says what was found damaged, before anything else
 * is written: a part behind a hole would tell later starts that there is none,
 * and so would it if retention removed the segment with the hole. */
static int note_damage(struct recovery *recovery)
{
    struct rt_log *log = recovery->log;
    if (recovery->last.replay.damages == 0 && !recovery->is_damaged) {
        return 0;
    }
    int err = begin_next(recovery);
    if (err == RT_ENOSPC) { /* the first batch tries again */
        log->tail.capacity = log->tail.position;
        return 0;
    }
    return err;
}

/* A segment without its snapshot is left as it is, and the next one begins. */
static int resume(struct recovery *recovery)
{
    struct rt_log_last *last = &recovery->last;
    if (last->is_whole && !last->is_sealed) {
        int err = rt_log_resume(last);
        if (err == 0) {
            err = end_roll(recovery->log);
        }
        return err == 0 ? note_damage(recovery) : err;
    }
    int err = rt_log_resume_closed(last);
    if (err == 0) {
        err = begin_next(recovery);
    }
    return err == RT_ENOSPC ? 0 : err; /* so does that */
}

static int go_on(struct recovery *recovery)
{
    int err = open_base(recovery);
    if (err == 0) {
        err = learn(recovery);
    }
    if (err == 0) {
        err = visit(recovery);
    }
    return err == 0 ? resume(recovery) : err;
}

static int recover(struct recovery *recovery)
{
    struct rt_disk *disk = recovery->log->options.disk;
    int err = rt_log_files_list(&recovery->files, disk);
    if (err == 0 && recovery->files.stage != RT_LOG_REPAIR_NONE) {
        err = RT_EUNENDED;
    }
    if (err == 0) {
        err = drop_unbegun(recovery);
    }
    if (err < 0) {
        return err;
    }
    return recovery->files.count > 0 ? go_on(recovery) : begin_next(recovery);
}

static void count_damaged(const struct rt_log_index *index,
                          struct rt_log_found *found)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        const struct rt_log_shelf *shelf = index->shelves[i];
        if (shelf->state == RT_LOG_SHELF_DAMAGED) {
            found->damaged_topics++;
        }
    }
}

static void report(const struct recovery *recovery, struct rt_log_found *found)
{
    const struct rt_log *log = recovery->log;
    const struct rt_log_replay *replay = &recovery->last.replay;
    bool is_torn = replay->debris > replay->position;
    *found = (struct rt_log_found){.sequence = log->sequence,
                                   .next_topic = log->next_topic,
                                   .bytes = log->index.bytes,
                                   .segment_count = log->index.volume_count,
                                   .removed = recovery->removed,
                                   .damages = replay->damages,
                                   .is_clean = replay->is_end && !is_torn};
    if (is_torn) {
        found->torn_bytes = replay->debris - replay->position;
    }
    count_damaged(&log->index, found);
}

int rt_log_recover(struct rt_log *log,
                   const struct rt_log_visitor *visitor,
                   struct rt_log_found *found)
{
    struct recovery recovery = {.log = log,
                                .last = {.log = log, .visitor = visitor}};
    struct rt_heap *heap = log->options.heap;
    recovery.last.window = &recovery.window;
    rt_log_files_init(&recovery.files, heap);
    rt_log_window_init(&recovery.window, log->options.disk, heap,
                       RT_LOG_WINDOW_WIDE);
    int err = recover(&recovery);
    if (err == 0) {
        report(&recovery, found);
    }
    rt_log_last_close(&recovery.last);
    rt_log_window_finish(&recovery.window);
    rt_log_files_finish(&recovery.files);
    return err;
}
