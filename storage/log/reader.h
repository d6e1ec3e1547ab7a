/*
 * Reads events from the log while it is being written. A reader belongs to one
 * thread, any but the log's too, has a file of its own open, and waits for the
 * disk. A segment that is removed meanwhile can be read until the reader leaves
 * it.
 */
#ifndef STORAGE_LOG_READER_H
#define STORAGE_LOG_READER_H

#include <stddef.h>
#include <stdint.h>

#include "storage/log/index.h"
#include "storage/log/log.h"
#include "storage/log/walk.h"
#include "storage/log/window.h"
#include "storage/segment.h"

struct rt_log_reader {
    struct rt_log *log;
    struct rt_store *store; /* of this thread alone */
    struct rt_log_window window;
    struct rt_log_walk walk; /* through the segment that is open; 0: none */
    /* Where the last reading ended, and whose it was. */
    uint64_t topic;
    uint64_t next_offset;
    uint64_t position;
};

/* Allocates nothing yet. The log outlives the reader. What it allocates is
 * twice RT_LOG_WINDOW_SLIT, or what a part takes that has several events and
 * cannot be given as a whole; and types of the segments. */
void rt_log_reader_init(struct rt_log_reader *reader,
                        struct rt_log *log,
                        struct rt_store *store);

/* NULL and zeroed memory are fine. */
void rt_log_reader_finish(struct rt_log_reader *reader);

/*
 * Adds a topic's events from an offset on to an empty segment of the reader's
 * store, as many as have room and were not skipped between. What lies between
 * them in the log is gone through; and if it does not go on where the last call
 * ended, what lies between the place before the first one and that.
 *
 * 0, and there is at least one event; the segment's first offset is farther on
 * than what was asked for where a topic has skipped some. RT_EAGAIN: there is
 * none yet. RT_ENOENT: it does not count any more, or there is no such topic.
 * RT_ERANGE: the first one has no room, and `needed` is the capacity that has.
 * RT_EDAMAGED: the disk has other bytes than were written, so there is no such
 * event any more. RT_ENOMEM, or what the disk said.
 */
RT_MUST_USE int rt_log_read(struct rt_log_reader *reader,
                            uint64_t topic,
                            uint64_t offset,
                            struct rt_segment *segment,
                            size_t *needed);

#endif
