/*
 * What is done when a log is opened: its segments are found, and of the last
 * one all batches are replayed; what the log knew is known again. Then it is
 * made ready for the next batch, and what is known is told.
 */
#ifndef STORAGE_LOG_RECOVER_H
#define STORAGE_LOG_RECOVER_H

#include "storage/log/state.h"

/* For a log that knows nothing yet; as rt_log_open. */
RT_MUST_USE int rt_log_recover(struct rt_log *log,
                               const struct rt_log_visitor *visitor,
                               struct rt_log_found *found);

#endif
