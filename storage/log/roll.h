/*
 * From one segment to the next. Room for the next one is taken first, for if
 * there is none the log stays as it is; then the new one begins, and the old
 * one is to be sealed, which those who wait for the next batch need not wait
 * for.
 */
#ifndef STORAGE_LOG_ROLL_H
#define STORAGE_LOG_ROLL_H

#include <stdint.h>

#include "storage/log/state.h"

/*
 * Takes room for the segment after the tail, or for the first one, in which a
 * batch of `length` bytes and `part_count` parts fits behind the snapshot; the
 * segment before the tail is sealed before. 0;
 * RT_ENOSPC or RT_ENOMEM, which change nothing; or what the disk said.
 */
RT_MUST_USE int rt_log_roll_prepare(struct rt_log *log,
                                    uint64_t length,
                                    uint32_t part_count,
                                    struct rt_log_tail *next);

/*
 * Begins what was prepared, with a snapshot: it is the tail then, and safe, and
 * what was the tail is unsealed. What the disk said is for good.
 */
RT_MUST_USE int rt_log_roll_finish(struct rt_log *log,
                                   struct rt_log_tail *next,
                                   uint64_t wall_ms);

#endif
