#include "storage/log/begun.h"

#include "base/error.h"
#include "storage/log/sealed.h"
#include "storage/log/walk.h"

/* Whether a batch behind a position checks: 1 or 0, or an error. */
static int has_batch(struct rt_log_walk *walk, uint64_t position)
{
    int found = rt_log_walk_seek(walk, position);
    return found == RT_EDAMAGED ? 1 : found; /* whatever that is */
}

/* The same of its first batch, or of one behind it. A crash may have left the
 * heads of a snapshot, without its bodies. */
static int has_begun(struct rt_log_window *window, uint64_t number)
{
    struct rt_log_walk walk;
    uint64_t first = sizeof(struct rt_log_segment_head);
    rt_log_walk_init(&walk, window, 0, number);
    int err = rt_log_walk_to(&walk, first);
    if (err < 0) {
        return err == RT_EDAMAGED ? has_batch(&walk, first) : err;
    }
    int whole = rt_log_walk_is_whole(&walk);
    if (whole != 0) {
        return whole == RT_EDAMAGED ? 1 : whole;
    }
    return has_batch(&walk, rt_log_walk_end(&walk));
}

static int is_foreign(struct rt_log_window *window)
{
    struct rt_log_segment_head head;
    int err = rt_log_window_copy(window, 0, &head, sizeof(head));
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err; /* it is shorter than that */
    }
    return rt_log_segment_head_is_foreign(&head);
}

/* Whether anything is in it that a crash does not leave of its beginning. */
static int has_traces(struct rt_log_window *window, uint64_t number)
{
    int err = rt_log_window_open(window, number);
    if (err < 0) {
        return err;
    }
    int found = is_foreign(window);
    if (found == 0) {
        found = has_begun(window, number);
    }
    rt_log_window_close(window);
    return found;
}

int rt_log_begun(struct rt_log_window *window, const struct rt_log_files *files)
{
    uint64_t last = files->numbers[files->count - 1];
    int begun = has_traces(window, last);
    if (begun != 0 || last == 1) {
        return begun;
    }
    bool is_behind =
        files->count > 1 && files->numbers[files->count - 2] == last - 1;
    return is_behind ? rt_log_is_sealed(window, last - 1) : 1;
}
