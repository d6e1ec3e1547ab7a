/*
 * The batches of the last segment, as they are found at a start: each changes
 * what the log knows, as it did when it was written. What is not whole at the
 * end never was; what is missing in the middle is damage, to the topics that it
 * may concern.
 */
#ifndef STORAGE_LOG_REPLAY_H
#define STORAGE_LOG_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/state.h"
#include "storage/log/walk.h"

struct rt_log_replay {
    struct rt_log *log;
    const struct rt_log_visitor *visitor; /* of whom progress is asked */
    struct rt_log_walk walk;
    uint64_t begin; /* behind the snapshot */
    uint64_t last;  /* where the last batch begins; 0: the segment has none */
    uint64_t position; /* behind the last batch */
    uint64_t batch;    /* its number */
    uint32_t chain;    /* its crc */
    bool is_end;       /* it was the last one on purpose */
    bool is_whole;     /* the walk's: the bodies have been checked */
    bool is_closed;    /* more was written behind the segment, so what does not
                          check at its end is not what a crash left */
    uint64_t damages;  /* places that are not what was written */
    uint64_t debris;   /* the end of what is behind it and not zeros */
    uint64_t told;     /* how far progress was told */
};

/* Before the first batch of the segment that the window looks at. */
void rt_log_replay_init(struct rt_log_replay *replay,
                        struct rt_log *log,
                        struct rt_log_window *window,
                        const struct rt_log_segment_head *head,
                        const struct rt_log_visitor *visitor);

/*
 * Replays the snapshot: 1, or 0 if the segment has none, for it had not begun
 * when it was last written; RT_EDAMAGED if it has batches without; RT_ENOMEM;
 * or what the disk said.
 */
RT_MUST_USE int rt_log_replay_snapshot(struct rt_log_replay *replay);

/* Replays all batches behind it. 0, RT_ENOMEM, RT_EDAMAGED if a batch checks
 * and makes no sense, or what the disk said. */
RT_MUST_USE int rt_log_replay_rest(struct rt_log_replay *replay);

/*
 * Goes on in the next segment, which the window looks at, and which has lost
 * its snapshot: all that was in that is known. As rt_log_replay_rest, which
 * comes next.
 */
RT_MUST_USE int rt_log_replay_cross(struct rt_log_replay *replay,
                                    uint64_t segment);

/* That was the segment's last batch, by its number and crc: what was not
 * replayed up to it is lost. */
void rt_log_replay_expect(struct rt_log_replay *replay,
                          uint64_t batch,
                          uint32_t chain);

/* Batches are missing here: any topic may have had events in them. */
void rt_log_replay_miss(struct rt_log_replay *replay);

/* All was replayed: topics of which nothing has told since batches were
 * missing are damaged. */
void rt_log_replay_settle(struct rt_log *log);

#endif
