#include "storage/log/last.h"

#include "base/error.h"
#include "storage/log/sealed.h"
#include "storage/log/walk.h"

static int open_file(struct rt_log_last *last, uint64_t number)
{
    int err = rt_log_window_open(last->window, number);
    if (err == 0) {
        last->file = last->window->file;
        last->size = last->window->end;
        last->is_open = true;
    }
    return err;
}

void rt_log_last_close(struct rt_log_last *last)
{
    if (last->is_open) {
        rt_disk_close(last->log->options.disk, &last->file);
        last->is_open = false;
    }
}

/* --- its head --- */

/* What a batch knows of a head that does not check. */
static struct rt_log_segment_head head_of(const struct rt_log_walk *walk)
{
    struct rt_log_segment_head head = {.log = walk->batch.log,
                                       .number = walk->batch.segment,
                                       .sequence = walk->batch.sequence,
                                       .chain = walk->batch.chain};
    rt_log_segment_head_sign(&head);
    return head;
}

/* The head does not check: it is made again from the snapshot, or from any
 * batch. 1, or 0 if there is none. */
static int guess_head(struct rt_log_last *last,
                      uint64_t number,
                      struct rt_log_segment_head *head)
{
    struct rt_log_walk walk;
    if (rt_log_segment_head_is_foreign(head)) {
        return RT_EDAMAGED;
    }
    rt_log_walk_init(&walk, last->window, 0, number);
    int found = rt_log_walk_seek(&walk, sizeof(*head));
    if (found <= 0) {
        return found;
    }
    last->is_headless = true;
    *head = head_of(&walk);
    return 1;
}

/* Reads the head of the segment: 1, or 0 if nothing is known of it. */
static int read_head(struct rt_log_last *last,
                     uint64_t number,
                     struct rt_log_segment_head *head)
{
    int err = rt_log_window_copy(last->window, 0, head, sizeof(*head));
    last->is_headless = false;
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err; /* it is shorter than that */
    }
    if (!rt_log_segment_head_check(head)) {
        return guess_head(last, number, head);
    }
    return head->number == number ? 1 : RT_EDAMAGED;
}

/* --- its end --- */

/* If it has been sealed, batches end where the index begins. */
static int read_trailer(struct rt_log_last *last)
{
    const struct rt_log_segment_head *head = &last->log->tail.head;
    int err = rt_log_sealed_trailer(last->window, head->log, head->number,
                                    &last->trailer);
    last->is_sealed = err == 0;
    if (err == 0) {
        rt_log_window_turn(last->window, last->file, last->trailer.index);
    }
    return err == RT_EDAMAGED ? 0 : err;
}

/* --- its snapshot --- */

/* Whether all of its snapshot checks: 1 or 0, or an error. */
static int has_snapshot(struct rt_log_last *last)
{
    struct rt_log_walk walk = last->replay.walk;
    int err = rt_log_walk_to(&walk, sizeof(struct rt_log_segment_head));
    if (err == 0 && (walk.batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0) {
        return rt_log_walk_is_whole(&walk);
    }
    return err == RT_EDAMAGED ? 0 : err;
}

/* Opens the segment, and is before its first batch: 1, or 0 if not even its
 * log is known. */
static int begin(struct rt_log_last *last, uint64_t number)
{
    struct rt_log_segment_head head;
    rt_log_last_close(last);
    int err = open_file(last, number);
    int begun = err < 0 ? err : read_head(last, number, &head);
    if (begun <= 0) {
        return begun;
    }
    last->log->tail.head = head;
    err = read_trailer(last);
    if (err < 0) {
        return err;
    }
    rt_log_replay_init(&last->replay, last->log, last->window, &head,
                       last->visitor);
    last->replay.is_closed = last->is_sealed;
    return 1;
}

int rt_log_last_open(struct rt_log_last *last, uint64_t number)
{
    int begun = begin(last, number);
    if (begun > 0) {
        begun = has_snapshot(last);
    }
    last->is_whole = begun > 0;
    if (begun > 0) {
        begun = rt_log_replay_snapshot(&last->replay);
    }
    if (begun > 0 && last->is_headless) {
        last->log->tail.head.topic = last->log->next_topic - 1;
    }
    return begun;
}

int rt_log_last_open_oldest(struct rt_log_last *last, uint64_t number)
{
    int begun = begin(last, number);
    if (begun <= 0) {
        return begun;
    }
    if (number > 1) {
        return rt_log_replay_snapshot(&last->replay);
    }
    last->replay.chain = 0;
    int err = rt_log_replay_cross(&last->replay, number);
    return err < 0 ? err : 1;
}

/* What is known of the head of a segment behind another one. */
static int go_on_from(struct rt_log_last *last, uint64_t number)
{
    struct rt_log_segment_head head;
    struct rt_log_segment_head *known = &last->log->tail.head;
    int err = rt_log_window_copy(last->window, 0, &head, sizeof(head));
    bool is_known = err == 0 && rt_log_segment_head_check(&head) &&
                    head.number == number && head.log == known->log;
    if (is_known) {
        *known = head;
    }
    known->number = number;
    return err == RT_EDAMAGED ? 0 : err;
}

int rt_log_last_next(struct rt_log_last *last, uint64_t number)
{
    rt_log_last_close(last);
    int err = open_file(last, number);
    if (err == 0) {
        err = go_on_from(last, number);
    }
    if (err == 0) {
        err = read_trailer(last);
    }
    if (err < 0) {
        return err;
    }
    last->is_whole = false;
    last->replay.is_closed = last->is_sealed;
    return rt_log_replay_cross(&last->replay, number);
}
