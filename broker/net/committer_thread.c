/* The committer's thread: all that waits for the disk. */
#include "base/clock.h"
#include "base/error.h"
#include "broker/net/committer.h"

#define NS_OF_MS UINT64_C(1000000)

/* All of these are called with the lock held, and hold it when they return. */

static void tell(struct rt_committer *committer)
{
    committer->told.heap_used = committer->heap.used;
    if (committer->has_async) {
        (void)uv_async_send(&committer->async);
    }
}

static int append(struct rt_committer *committer,
                  const struct rt_journal_batch *batch)
{
    struct rt_log_batch written;
    int err =
        rt_journal_write(&committer->parts, &committer->heap, batch, &written);
    return err < 0 ? err : rt_log_append(committer->log, &written);
}

static uint64_t events_of(const struct rt_journal_batch *batch)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        count += batch->extents[i].count;
    }
    return count;
}

/* Without memory for what the log has to know it is as full as a disk. */
static void tell_written(struct rt_committer *committer,
                         const struct rt_journal_batch *batch,
                         int err)
{
    struct rt_committer_news *told = &committer->told;
    told->err = err == RT_ENOMEM ? RT_ENOSPC : err;
    told->is_short = err == RT_ENOMEM;
    if (told->err == RT_ENOSPC) {
        told->is_full = true;
        committer->needs_segment = err == RT_ENOSPC;
    } else if (err == 0) {
        told->done = batch->number;
        told->batches++;
        told->events = events_of(batch);
    }
    tell(committer);
}

/* After one that was not written nothing comes, but the same one again. */
static const struct rt_journal_batch *take(struct rt_committer *committer)
{
    struct rt_committer_task *task = &committer->task;
    const struct rt_journal_batch **from =
        committer->err < 0 ? &task->again : &task->offered;
    const struct rt_journal_batch *batch = *from;
    *from = NULL;
    if (batch != NULL) {
        committer->heap.limit = task->heap_limit;
    }
    return batch;
}

static void write_batch(struct rt_committer *committer,
                        const struct rt_journal_batch *batch)
{
    uv_mutex_unlock(&committer->lock);
    uint64_t begin_ns = uv_hrtime();
    int err = append(committer, batch);
    uint64_t end_ns = uv_hrtime();
    uv_mutex_lock(&committer->lock);
    committer->err = err;
    committer->told.write_ns += end_ns - begin_ns;
    tell_written(committer, batch, err);
}

/* What a segment takes by which there is room again: more than it has to be if
 * its snapshot makes it long. */
static uint64_t room_again(const struct rt_committer *committer)
{
    uint64_t length = rt_log_next_length(committer->log);
    return length > RT_COMMITTER_ROOM ? length : RT_COMMITTER_ROOM;
}

/* Soon a segment is needed, if all that may wait by now is written. */
static bool is_near_end(const struct rt_committer *committer)
{
    return rt_log_left(committer->log) < RT_COMMITTER_KEEP;
}

/* What is to be free beside the reserve. */
static uint64_t room_needed(const struct rt_committer *committer, bool is_full)
{
    if (is_full) {
        return committer->needs_segment ? room_again(committer) : 0;
    }
    return is_near_end(committer) ? rt_log_next_room(committer->log) : 0;
}

/* Full is less than the reserve, or as little with the next segment; there is
 * room again when one fits, or the next batch that needs one would find the
 * disk full once more. Of memory there may be enough at any time. */
static void look(struct rt_committer *committer)
{
    uint64_t free_bytes = 0;
    uint64_t reserve = committer->reserve;
    bool is_full = committer->told.is_full;
    uv_mutex_unlock(&committer->lock);
    uint64_t needed = room_needed(committer, is_full);
    int err = rt_disk_free_bytes(&committer->disk.disk, &free_bytes);
    uv_mutex_lock(&committer->lock);
    bool is_short = free_bytes < reserve || free_bytes - reserve < needed;
    if (err == 0 && is_short != is_full) {
        committer->told.is_full = !is_full;
        committer->needs_segment = !is_full;
        tell(committer);
    }
}

/* A segment is removed with one that begins, and by retention. */
static void give_room(struct rt_committer *committer)
{
    struct rt_file removed;
    if (rt_log_take_removed(committer->log, &removed)) {
        uv_mutex_unlock(&committer->lock);
        rt_committer_give_room(committer, removed);
        uv_mutex_lock(&committer->lock);
    }
}

/* That it was the end of the log is told at once: there may be no batch for
 * long that would find out. */
static void retain(struct rt_committer *committer)
{
    uv_mutex_unlock(&committer->lock);
    int err = rt_log_retain(committer->log, rt_clock_wall_ms());
    uv_mutex_lock(&committer->lock);
    committer->retained_segment = rt_log_usage(committer->log).last_segment;
    bool has_failed = rt_log_has_failed(committer->log);
    if (err != committer->told.retain_err || has_failed) {
        committer->told.retain_err = err;
        committer->told.has_failed = has_failed;
        tell(committer);
    }
}

static bool is_due(uint64_t *last_ns, uint64_t interval_ms)
{
    uint64_t now_ns = uv_hrtime();
    if (now_ns - *last_ns < interval_ms * NS_OF_MS) {
        return false;
    }
    *last_ns = now_ns;
    return true;
}

/* With each segment that begins there is one to be sealed, and there may be one
 * too many. */
static bool has_grown(const struct rt_committer *committer)
{
    struct rt_log_usage usage = rt_log_usage(committer->log);
    return usage.last_segment > committer->retained_segment;
}

static bool is_retention_due(struct rt_committer *committer)
{
    return !rt_log_has_failed(committer->log) &&
           (has_grown(committer) ||
            is_due(&committer->retained_ns, RT_COMMITTER_RETAIN_MS));
}

/* Once for each segment that comes near its end, which may be sooner than the
 * next look is due. */
static bool comes_near_end(struct rt_committer *committer)
{
    uint64_t segment = rt_log_usage(committer->log).last_segment;
    if (segment == committer->looked_segment || !is_near_end(committer)) {
        return false;
    }
    committer->looked_segment = segment;
    return true;
}

static void tend(struct rt_committer *committer)
{
    if (is_due(&committer->looked_ns, RT_COMMITTER_LOOK_MS) ||
        comes_near_end(committer)) {
        look(committer);
    }
    if (is_retention_due(committer)) {
        retain(committer);
    }
    give_room(committer);
}

static void close_log(struct rt_committer *committer)
{
    uv_mutex_unlock(&committer->lock);
    rt_committer_end_room(committer);
    rt_log_close(committer->log);
    rt_journal_parts_finish(&committer->parts, &committer->heap);
    rt_posix_disk_close(&committer->disk);
    uv_mutex_lock(&committer->lock);
    committer->told.has_ended = true;
    tell(committer);
}

void rt_committer_run(void *context)
{
    struct rt_committer *committer = context;
    uv_mutex_lock(&committer->lock);
    while (!committer->task.is_end) {
        const struct rt_journal_batch *batch = take(committer);
        if (batch != NULL) {
            write_batch(committer, batch);
        } else {
            (void)uv_cond_timedwait(&committer->wake, &committer->lock,
                                    RT_COMMITTER_LOOK_MS * NS_OF_MS);
        }
        tend(committer);
    }
    close_log(committer);
    uv_mutex_unlock(&committer->lock);
}
