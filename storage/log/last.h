/*
 * The last segment of a log that is being opened: how it ends, and what its
 * batches tell. If it has lost its snapshot, the one before it tells what was
 * in that, and is replayed first, as the last one is.
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
    bool is_whole;    /* all of its snapshot checks */
    bool is_sealed;
    struct rt_log_trailer trailer; /* if it is sealed */
    struct rt_log_replay replay;
};

/*
 * Opens the segment of that number, and replays its snapshot: 1, or 0 if not
 * all of that checks; RT_EDAMAGED if the segment is of another version;
 * RT_ENOMEM; or what the disk said.
 */
RT_MUST_USE int rt_log_last_open(struct rt_log_last *last, uint64_t number);

/* The same of the oldest segment, if there is none with a whole snapshot: parts
 * of it will do, or none if it is the first segment that there ever was. */
RT_MUST_USE int rt_log_last_open_oldest(struct rt_log_last *last,
                                        uint64_t number);

/* Goes on from a segment that was replayed to the next one that there is, whose
 * snapshot is not whole. 0; RT_ENOMEM; or what the disk said. */
RT_MUST_USE int rt_log_last_next(struct rt_log_last *last, uint64_t number);

/* Fine if it is not open. */
void rt_log_last_close(struct rt_log_last *last);

#endif
