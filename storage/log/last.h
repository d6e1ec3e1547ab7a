/*
 * The last segment of a log that is being opened: whether it has begun, how it
 * ends, and what its batches tell.
 */
#ifndef STORAGE_LOG_LAST_H
#define STORAGE_LOG_LAST_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/replay.h"
#include "storage/log/state.h"
#include "storage/log/window.h"

struct rt_log_last {
    struct rt_log *log; /* whose tail has its head */
    const struct rt_log_visitor *visitor;
    struct rt_log_window *window;
    struct rt_file file;
    uint64_t size;
    bool is_open;
    bool is_headless; /* its head does not check, and was made again */
    bool is_sealed;
    struct rt_log_replay replay;
};

/*
 * Opens the segment of that number, and replays its snapshot: 1; RT_EDAMAGED if
 * it has none, or is of another version; RT_ENOMEM; or what the disk said.
 */
RT_MUST_USE int rt_log_last_open(struct rt_log_last *last, uint64_t number);

/* Fine if it is not open. */
void rt_log_last_close(struct rt_log_last *last);

#endif
