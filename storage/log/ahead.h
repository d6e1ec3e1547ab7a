/*
 * Zeros ahead of the log's end. A file system notes of blocks that were
 * allocated and never written to that they are empty; a sync of a batch that
 * goes into some has to note that they are not any more, and takes half as long
 * again. So zeros are brought there before, with one batch for many of those
 * that follow.
 */
#ifndef STORAGE_LOG_AHEAD_H
#define STORAGE_LOG_AHEAD_H

#include <stdint.h>

#include "base/check.h"
#include "storage/log/state.h"

/* How many zeros are written at a time: with fewer some batch brings them too
 * often, with more it is late itself. */
#define RT_LOG_AHEAD_BYTES ((uint64_t)128 * 1024)

/* Of a longer batch it is its own bytes that a sync takes its time for. */
#define RT_LOG_AHEAD_BATCH ((uint64_t)64 * 1024)

/*
 * To be called between writing a batch of so many bytes to the log's end and
 * syncing it: the zeros are on disk when the batch is, and before anything is
 * written over them. 0, or what the disk said.
 */
RT_MUST_USE int rt_log_ahead(struct rt_log *log, uint64_t batch_length);

#endif
