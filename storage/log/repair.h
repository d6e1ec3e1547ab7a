/*
 * Makes a damaged log such that it opens without damage: from the first segment
 * that is damaged on all of it is written anew, with every event that checks.
 * Events that do not are lost; their topics go on behind them, as topics do
 * that skip offsets. The old files are kept beside, with other names.
 */
#ifndef STORAGE_LOG_REPAIR_H
#define STORAGE_LOG_REPAIR_H

#include "storage/log/check.h"

struct rt_log_repair_options {
    struct rt_disk *disk;
    struct rt_heap *heap;
    uint64_t segment_bytes;
    uint64_t identity; /* of the log, if it has to begin anew: random */
    uint64_t wall_ms;  /* now */
};

/*
 * Checks the log, telling what a check tells, which `found` sums up, and mends
 * it if that is needed. What was interrupted before is ended first. It needs as
 * much room as what it writes anew. 0; RT_EEXIST if old files of a repair are
 * in the way; RT_ENOMEM; or what the disk said: then the log is as it was, or
 * nothing but a repair opens it.
 */
RT_MUST_USE int rt_log_repair(const struct rt_log_repair_options *options,
                              const struct rt_log_check_visitor *visitor,
                              struct rt_log_check_found *found);

#endif
