/*
 * The first batch of a segment: every topic as it is there, so that nothing
 * before the segment has to be read to know them. It is written piece by piece,
 * for it may be long.
 */
#ifndef STORAGE_LOG_SNAPSHOT_H
#define STORAGE_LOG_SNAPSHOT_H

#include <stdint.h>

#include "base/bytes.h"
#include "storage/log/format.h"
#include "storage/log/index.h"
#include "storage/log/stage.h"

/*
 * Fills in the head of a snapshot of the index, and of the node's state unless
 * that is empty: its length, parts, flags and crc. What tells where it goes has
 * been filled in.
 */
void rt_log_snapshot_begin(struct rt_log_batch_head *head,
                           const struct rt_log_index *index,
                           struct rt_bytes node);

/* How long it will be. */
uint64_t rt_log_snapshot_length(const struct rt_log_index *index,
                                struct rt_bytes node);

/* Adds the batch with this head; the index and the state are as they were. */
void rt_log_snapshot_write(const struct rt_log_batch_head *head,
                           const struct rt_log_index *index,
                           struct rt_bytes node,
                           struct rt_log_stage *stage);

#endif
