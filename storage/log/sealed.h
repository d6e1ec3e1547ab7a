/*
 * A sealed segment, as it is found at a start: its index says where which
 * events are. If the index does not check, the batches are gone through.
 */
#ifndef STORAGE_LOG_SEALED_H
#define STORAGE_LOG_SEALED_H

#include <stdint.h>

#include "storage/log/index.h"
#include "storage/log/window.h"

/*
 * The trailer of the segment that the window looks at, all of it. 0;
 * RT_EDAMAGED if there is none that checks, with an index before it; or what
 * the window said.
 */
RT_MUST_USE int rt_log_sealed_trailer(struct rt_log_window *window,
                                      uint64_t log,
                                      uint64_t segment,
                                      struct rt_log_trailer *trailer);

/*
 * Adds the segment that the window looks at, and what topics of the index have
 * in it: those that are on shelves already, of which the snapshot has told. 0,
 * RT_ENOMEM, or what the disk said.
 */
RT_MUST_USE int rt_log_sealed_load(struct rt_log_index *index,
                                   struct rt_log_window *window,
                                   uint64_t log,
                                   uint64_t segment);

/*
 * After all sealed segments: topics whose events do not reach to where the
 * snapshot said are damaged, and end with what is there. If segments are
 * missing, so are those with no events where there should be some.
 */
void rt_log_sealed_settle(struct rt_log_index *index, bool has_hole);

#endif
