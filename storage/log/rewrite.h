/*
 * Appends what a survey tells to another log, in order: all that checks, and
 * with the offsets of what does not skipped.
 */
#ifndef STORAGE_LOG_REWRITE_H
#define STORAGE_LOG_REWRITE_H

#include "storage/log/log.h"
#include "storage/log/survey.h"
#include "storage/log/tally.h"

/* A topic that is damaged goes on so much further, for nobody knows how many
 * events are lost behind the last one that is known: all that one segment may
 * have had, and none of their offsets is used again. */
#define RT_LOG_REWRITE_SKIP ((uint64_t)1 << 24)

/* Adds the topics of a tally to a log that has them not yet: those whose names
 * are known. 0, or what appending said. */
RT_MUST_USE int rt_log_rewrite_topics(struct rt_log *log,
                                      const struct rt_log_tally *tally);

/* Has topics go on where they are known to have ended: offsets of events that
 * are lost are not used again. 0, or what appending said. */
RT_MUST_USE int rt_log_rewrite_ends(struct rt_log *log,
                                    const struct rt_log_tally *tally);

/* Ends it on purpose, if it is known whose it is: with the number of the last
 * event among all. 0, or what appending said. */
RT_MUST_USE int rt_log_rewrite_end(struct rt_log *log, uint64_t sequence);

/* Appends the segments of a disk from number `first` on. 0, RT_ENOMEM, or what
 * the disk or appending said. */
RT_MUST_USE int rt_log_rewrite(struct rt_log *log,
                               struct rt_disk *disk,
                               struct rt_heap *heap,
                               uint64_t first);

#endif
