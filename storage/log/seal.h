/*
 * The end of a segment: an index of what it has, and a trailer. A segment gets
 * it when the one behind it is safe, with its snapshot: so a sealed segment
 * tells that there was one. Nobody waits for it, for all that the segment has
 * can be found without.
 */
#ifndef STORAGE_LOG_SEAL_H
#define STORAGE_LOG_SEAL_H

#include <stdint.h>

#include "storage/log/state.h"

/* What sealing adds to a segment with so many places. */
uint64_t rt_log_seal_length(uint64_t place_count);

/*
 * Draws up what a segment will end with that is the newest one of all topics:
 * as they are now, which is what the snapshot in the next one says of them.
 * Another segment is not to be sealed meanwhile. It takes rt_log_seal_length
 * bytes of memory until the segment is sealed. 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_log_seal_prepare(struct rt_log *log,
                                    const struct rt_log_tail *tail);

/* The next segment is safe, so this is to be sealed, whose file that is. */
void rt_log_seal_due(struct rt_log *log, struct rt_file file);

/* Closes it as it is, and forgets what was drawn up, if there is anything: it
 * is removed, or not to be sealed after all, or the next start will do it. */
void rt_log_seal_forget(struct rt_log *log);

/*
 * Seals the segment before the tail, if that is due, and closes it. 0;
 * RT_ENOSPC, after which it is due still; or what the disk said, by which the
 * log has failed.
 */
RT_MUST_USE int rt_log_seal(struct rt_log *log);

#endif
