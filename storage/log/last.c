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

/* What the snapshot behind a head that does not check knows of it. */
static struct rt_log_segment_head head_of(const struct rt_log_walk *walk)
{
    struct rt_log_segment_head head = {.log = walk->batch.log,
                                       .number = walk->batch.segment,
                                       .sequence = walk->batch.sequence,
                                       .chain = walk->batch.chain};
    rt_log_segment_head_sign(&head);
    return head;
}

/* The head does not check: 1 if it can be made again, 0 if the segment had not
 * begun, RT_EDAMAGED if it has batches nevertheless. */
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
    return walk.position == sizeof(*head) ? 1 : RT_EDAMAGED;
}

/* Reads the head of the segment: 1, or 0 if it had not begun. */
static int read_head(struct rt_log_last *last,
                     uint64_t number,
                     struct rt_log_segment_head *head)
{
    int err = rt_log_window_copy(last->window, 0, head, sizeof(*head));
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err; /* it is shorter than that */
    }
    if (!rt_log_segment_head_check(head)) {
        return guess_head(last, number, head);
    }
    return head->number == number ? 1 : RT_EDAMAGED;
}

/* If it has been sealed, batches end where the index begins. */
static int read_trailer(struct rt_log_last *last)
{
    struct rt_log_trailer trailer;
    const struct rt_log_segment_head *head = &last->log->tail.head;
    int err =
        rt_log_sealed_trailer(last->window, head->log, head->number, &trailer);
    last->is_sealed = err == 0;
    if (err == 0) {
        rt_log_window_turn(last->window, last->file, trailer.index);
    }
    return err == RT_EDAMAGED ? 0 : err;
}

int rt_log_last_open(struct rt_log_last *last, uint64_t number)
{
    struct rt_log_segment_head head;
    last->is_headless = false;
    int begun = open_file(last, number);
    if (begun == 0) {
        begun = read_head(last, number, &head);
    }
    if (begun <= 0) {
        return begun == 0 ? RT_EDAMAGED : begun;
    }
    last->log->tail.head = head;
    int err = read_trailer(last);
    if (err < 0) {
        return err;
    }
    rt_log_replay_init(&last->replay, last->log, last->window, &head,
                       last->visitor);
    begun = rt_log_replay_snapshot(&last->replay);
    return begun == 0 ? RT_EDAMAGED : begun;
}
