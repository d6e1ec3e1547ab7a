/*
 * Whether the last segment of a log has begun. A segment is begun, and is safe
 * with its snapshot, before the one before it is sealed: so one without a
 * snapshot was about to begin if that is not sealed, and else is damaged.
 */
#ifndef STORAGE_LOG_BEGUN_H
#define STORAGE_LOG_BEGUN_H

#include "storage/log/files.h"
#include "storage/log/window.h"

/* 1, also if it is damaged; 0 if it was about to begin; RT_ENOMEM, or what the
 * disk said. There is a segment; the window has no file open, then either. */
RT_MUST_USE int rt_log_begun(struct rt_log_window *window,
                             const struct rt_log_files *files);

#endif
