/*
 * The last segment of a log that was opened, made ready for what comes behind
 * it: what a crash left is gone, and what was found is safe.
 */
#ifndef STORAGE_LOG_RESUME_H
#define STORAGE_LOG_RESUME_H

#include "storage/log/last.h"

/* The segment goes on: it is the log's tail then, and the file the log's. 0,
 * or what the disk said. */
RT_MUST_USE int rt_log_resume(struct rt_log_last *last);

/* The segment is sealed already, or has lost its snapshot, and another one is
 * to follow. */
RT_MUST_USE int rt_log_resume_closed(struct rt_log_last *last);

#endif
