#include "storage/log/resume.h"

#include "base/error.h"

/* Writes zeros over what a crash left, so that it never comes back. */
static int wipe(struct rt_log_last *last)
{
    static const char zeros[4096];
    struct rt_log *log = last->log;
    uint64_t position = last->replay.position;
    rt_log_stage_turn(&log->stage, &last->file, position);
    while (position < last->replay.debris) {
        uint64_t left = last->replay.debris - position;
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
static int renew(struct rt_log_last *last, uint64_t from, uint64_t end)
{
    struct rt_log *log = last->log;
    rt_log_window_turn(last->window, last->file, end);
    rt_log_stage_turn(&log->stage, &last->file, from);
    while (from < end) {
        const void *bytes = NULL;
        uint64_t left = end - from;
        size_t len =
            left < RT_LOG_STAGE_BYTES ? (size_t)left : RT_LOG_STAGE_BYTES;
        int err = rt_log_window_at(last->window, from, len, &bytes);
        if (err < 0) {
            return err;
        }
        rt_log_stage_add(&log->stage, bytes, len);
        from += len;
    }
    return rt_log_stage_flush(&log->stage);
}

/* The last batch: all that is before it was synced before it was written. */
static int renew_last(struct rt_log_last *last)
{
    const struct rt_log_replay *replay = &last->replay;
    bool is_first = replay->last <= sizeof(struct rt_log_segment_head);
    return renew(last, is_first ? 0 : replay->last, replay->position);
}

/* The head as it was made again, of what its snapshot knows. */
static int mend_head(struct rt_log_last *last)
{
    struct rt_log *log = last->log;
    struct rt_log_segment_head *head = &log->tail.head;
    struct rt_bytes bytes = {(const char *)head, sizeof(*head)};
    if (!last->is_headless) {
        return 0;
    }
    rt_log_segment_head_sign(head);
    return rt_disk_write(log->options.disk, &last->file, &bytes, 1, 0);
}

/* As long as it was made to be, or as it is if there is no room for that. */
static int make_room(struct rt_log_last *last)
{
    struct rt_log *log = last->log;
    struct rt_log_tail *tail = &log->tail;
    tail->capacity = last->replay.begin + log->options.segment_bytes;
    if (tail->capacity <= last->size) {
        tail->capacity = last->size;
        return 0;
    }
    int err = rt_disk_allocate(log->options.disk, &last->file, tail->capacity);
    if (err == RT_ENOSPC) {
        tail->capacity = last->size;
        return 0;
    }
    return err;
}

/*
 * What was read may not have been synced when the process ended, and is now, as
 * is the name that it was found under.
 */
static int make_safe(struct rt_log_last *last)
{
    struct rt_disk *disk = last->log->options.disk;
    int err = rt_disk_sync(disk, &last->file);
    return err == 0 ? rt_disk_sync_names(disk) : err;
}

int rt_log_resume(struct rt_log_last *last)
{
    struct rt_log *log = last->log;
    int err = mend_head(last);
    if (err == 0) {
        err = wipe(last);
    }
    if (err == 0) {
        err = renew_last(last);
    }
    if (err == 0) {
        err = make_room(last);
    }
    if (err == 0) {
        err = make_safe(last);
    }
    if (err == 0) {
        log->tail.file = last->file;
        log->has_tail = true;
        last->is_open = false;
    }
    return err;
}

/* What it was sealed with is written once more, too. */
static int renew_ending(struct rt_log_last *last)
{
    uint64_t size = last->size;
    int err = renew(last, last->trailer.index, size);
    return err == 0
               ? rt_disk_truncate(last->log->options.disk, &last->file, size)
               : err;
}

int rt_log_resume_closed(struct rt_log_last *last)
{
    int err = last->is_sealed ? renew_ending(last) : wipe(last);
    if (err == 0 && last->replay.last > 0) {
        err = renew_last(last);
    }
    return err == 0 ? make_safe(last) : err;
}
