/*
 * Losses at a start: which events a topic has lost in former lives of the log,
 * that retention removed or that are damaged, is not written anywhere; but
 * they came before those that are left.
 */
#ifndef STORAGE_LOG_LOSS_H
#define STORAGE_LOG_LOSS_H

#include "storage/log/index.h"

/* All that a start knows is in the index; `now` is the newest event of the log.
 * Topics know then up to where they may have lost events. */
void rt_log_loss_settle(struct rt_log_index *index,
                        const struct rt_log_loss *now);

#endif
