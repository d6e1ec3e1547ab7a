/* What a visitor is told of a log that is being opened. */
#ifndef STORAGE_LOG_VISIT_H
#define STORAGE_LOG_VISIT_H

#include "storage/log/state.h"
#include "storage/log/window.h"

/*
 * Tells all of it, of a log that knows what it has. The window looks at the
 * last segment as far as that has batches. 0, or what ended it:
 * the visitor, the disk, or RT_ENOMEM.
 */
RT_MUST_USE int rt_log_visit(struct rt_log *log,
                             struct rt_log_window *window,
                             uint64_t segment,
                             const struct rt_log_visitor *visitor);

#endif
