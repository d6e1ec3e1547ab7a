/*
 * A segment before the last one, as it is found at a start: its index says
 * where which events are. If there is none that checks, for the segment was
 * about to be sealed or is damaged, the batches are gone through.
 */
#ifndef STORAGE_LOG_SEALED_H
#define STORAGE_LOG_SEALED_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/index.h"
#include "storage/log/window.h"

/*
 * The trailer of the segment that the window looks at, all of it, in that log,
 * or in any if it is 0. 0; RT_EDAMAGED if there is none that checks, with room
 * for an index before it; or what the window said.
 */
RT_MUST_USE int rt_log_trailer_read(struct rt_log_window *window,
                                    uint64_t log,
                                    uint64_t segment,
                                    struct rt_log_trailer *trailer);

/* The same; RT_EDAMAGED if its index does not check, too. */
RT_MUST_USE int rt_log_sealed_trailer(struct rt_log_window *window,
                                      uint64_t log,
                                      uint64_t segment,
                                      struct rt_log_trailer *trailer);

/* Whether the segment of that number ends with one, of whatever log: 1 or 0;
 * RT_ENOMEM, or what the disk said. The window has no file open, then either.
 */
RT_MUST_USE int rt_log_is_sealed(struct rt_log_window *window,
                                 uint64_t segment);

/* How a segment ends, as far as is known; all zeros: there is none. */
struct rt_log_end {
    uint64_t position; /* behind its last batch */
    uint64_t batch;    /* the number of that */
    uint32_t chain;    /* its crc */
    bool is_sealed;
    bool is_whole; /* no batch is missing in it, nor before its first one */
};

/*
 * Adds the segment that the window looks at, and what topics of the index have
 * in it: those that are on shelves already, of which the snapshot has told.
 * `end` is that of the segment before, and then of this one. 0, RT_ENOMEM, or
 * what the disk said.
 */
RT_MUST_USE int rt_log_sealed_load(struct rt_log_index *index,
                                   struct rt_log_window *window,
                                   uint64_t log,
                                   uint64_t segment,
                                   struct rt_log_end *end);

/*
 * After all sealed segments: topics whose events do not reach to where the
 * snapshot said are damaged, and end with what is there. If segments are
 * missing, so are those with no events where there should be some. Returns
 * whether the snapshot did not tell so of any of them.
 */
bool rt_log_sealed_settle(struct rt_log_index *index, bool has_hole);

#endif
