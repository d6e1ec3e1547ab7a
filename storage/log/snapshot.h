/*
 * The first batch of a segment: the node's state, the keys and every topic as
 * it is there, so that nothing before the segment has to be read to know them.
 * It is written piece by piece, for it may be long.
 */
#ifndef STORAGE_LOG_SNAPSHOT_H
#define STORAGE_LOG_SNAPSHOT_H

#include <stdint.h>

#include "storage/log/format.h"
#include "storage/log/stage.h"
#include "storage/log/state.h"

/* Fills in the head of a snapshot of the log: its length, parts, flags and crc.
 * What tells where it goes has been filled in. */
void rt_log_snapshot_begin(struct rt_log_batch_head *head,
                           const struct rt_log *log);

/* How long it will be. */
uint64_t rt_log_snapshot_length(const struct rt_log *log);

/* Adds the batch with this head; the log is as it was. */
void rt_log_snapshot_write(const struct rt_log_batch_head *head,
                           const struct rt_log *log,
                           struct rt_log_stage *stage);

#endif
