/*
 * History: what a topic has on disk and not in its ring. A subscriber that
 * comes to it waits, until a block of events has been fetched, and goes on from
 * the block as from the ring, up to where the ring begins:
 *
 *       on disk            being written        in the ring
 *     | d d d d d d d d |. . . . . . . . . | r r r r r r r r |
 *       earliest         durable->next      rt_ring_earliest   head
 *
 * Blocks are a cache (history_cache.h), shared by all who come to the same
 * events. One is fetched at a time, by somebody else and on another thread:
 * what somebody waits for; else what comes next where somebody has read two
 * blocks in a row, until two are there behind the one that is being read. With
 * one alone, nothing would be fetched while the connection of who reads it
 * takes no more.
 */
#ifndef BROKER_CORE_HISTORY_H
#define BROKER_CORE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/close_reason.h"
#include "broker/core/history_cache.h"
#include "storage/segment.h"

struct rt_core;
struct rt_durable;
struct rt_log_scan;
struct rt_topic;

struct rt_history_ops {
    /* What the log has of a topic: the offsets of its oldest event, and behind
     * its newest. False if it has nothing. */
    bool (*extent)(void *context,
                   uint64_t id,
                   uint64_t *earliest,
                   uint64_t *end);

    /* When the newest event was that the log had and does not have any more, at
     * the latest; 0: there is none. */
    uint64_t (*lost_ms)(void *context, uint64_t id);

    /* An offset at or not far before the first event on disk that was stamped
     * at `wall_ms` or later; behind all of them if there is none. */
    uint64_t (*offset_since)(void *context, uint64_t id, uint64_t wall_ms);

    /* Of the last `count` > 0 events on disk before an offset the first one's;
     * the oldest one's if there are fewer. */
    uint64_t (*offset_before)(void *context,
                              uint64_t id,
                              uint64_t offset,
                              uint64_t count);

    /* Fetches events of a topic, from an offset on, into an empty segment, and
     * has rt_history_fetched called then, but not from inside. */
    void (*fetch)(void *context,
                  uint64_t id,
                  uint64_t offset,
                  struct rt_segment *segment);

    /* Reads what a scan asks for, and has rt_excerpts_fetched called then, but
     * not from inside. */
    void (*scan)(void *context, struct rt_log_scan *scan);
};

enum rt_history_state {
    RT_HISTORY_IDLE,
    RT_HISTORY_FETCHING, /* for somebody who waits */
    RT_HISTORY_AHEAD,    /* for somebody who has not come there yet */
    RT_HISTORY_STALE,    /* the topic was purged meanwhile */
};

struct rt_history {
    struct rt_core *core;
    const struct rt_history_ops *ops; /* NULL: there is no log */
    void *context;
    struct rt_list wanting; /* topics that somebody waits for, */
    struct rt_list ahead;   /* and those of which somebody reads on */
    struct rt_history_cache cache;
    struct rt_durable *fetching;
    struct rt_segment *segment; /* that is being filled */
    uint64_t offset;            /* that is wanted in it */
    enum rt_history_state state;
};

/* Where an event is. */
enum rt_place {
    RT_PLACE_RING,
    RT_PLACE_BLOCK,
    RT_PLACE_DISK,
    RT_PLACE_WAY, /* it is being written */
    RT_PLACE_GONE,
};

/* Somebody who waits for an event. */
struct rt_history_waiter {
    struct rt_list link; /* in the topic's durable->waiting */
    uint64_t offset;     /* of the event */
    /* It waits no more: 0: it may look again; RT_EDAMAGED: what comes before
     * the offset `next` is lost; RT_ENOMEM: there is no memory for it. */
    void (*wake)(struct rt_history_waiter *waiter, int err, uint64_t next);
};

void rt_history_init(struct rt_history *history, struct rt_core *core);

/* Drops all blocks. Nothing is fetched, and nobody waits, any more. */
void rt_history_finish(struct rt_history *history);

/* Where the event of an offset below the head is. */
enum rt_place rt_history_place(const struct rt_topic *topic, uint64_t offset);

/* Whether an offset was given, and the event not lost at the start: the log may
 * have some behind what is damaged, which the topic does not count. */
bool rt_history_counts(const struct rt_topic *topic, uint64_t offset);

/* Whether the disk has that event, which may be in the ring as well. */
bool rt_history_has(const struct rt_topic *topic, uint64_t offset);

/* The block with that event; NULL if there is none. It stays until the next
 * fetch, or until it is dropped for its age. */
struct rt_segment *rt_history_find(const struct rt_topic *topic,
                                   uint64_t offset);

/* Of an offset that is gone, the first behind it that is not. */
uint64_t rt_history_next(const struct rt_topic *topic, uint64_t offset);

/* Why events from an offset on up to another are gone, and how many; 0: not
 * known. */
struct rt_loss {
    enum rt_close_reason reason;
    uint64_t missed;
};
struct rt_loss
rt_history_loss(const struct rt_topic *topic, uint64_t offset, uint64_t next);

/* The oldest event that can be had; next_offset if there is none. */
uint64_t rt_history_earliest(const struct rt_topic *topic);

/* Whether there may be events on disk that are not in the ring. */
bool rt_history_exists(const struct rt_topic *topic);

/* Of a topic with such events an offset at or before the first event stamped at
 * `wall_ms` or later. On disk, it may be some way before; and it is behind the
 * last event there is before that, where an end without a word may have cost
 * some that were stamped then or later. */
uint64_t rt_history_since(const struct rt_topic *topic, uint64_t wall_ms);

/* When the last such end was found, at a start: what was stamped later is not
 * lost. 0: there was none. */
uint64_t rt_history_unsure_ms(const struct rt_topic *topic);

/* The same of damage that may have cost all that a topic of this name had, if
 * this one has begun since. */
uint64_t rt_history_unnamed_ms(const struct rt_topic *topic);

/* Of such a topic, when the newest event was that the log does not have any
 * more, at the latest. */
uint64_t rt_history_lost_ms(const struct rt_topic *topic);

/* The offset of the first one of the last `count` > 0 events, or of the
 * earliest if there are fewer. */
uint64_t rt_history_last(const struct rt_topic *topic, uint64_t count);

/* Whether an event below the head is to be waited for: on disk, or on the way
 * there. */
bool rt_history_is_away(const struct rt_topic *topic, uint64_t offset);

/* Waits for such an event, whose offset the waiter has, and what to call. Who
 * waits no longer takes the waiter out of its list. It may be called at once,
 * when there is no memory. */
void rt_history_wait(struct rt_topic *topic, struct rt_history_waiter *waiter);

/* Fetches what somebody waits for, if it can be had; after a batch was written.
 */
void rt_history_continue(struct rt_history *history);

/* For the blocks: whoever has read two in a row is to find the two behind the
 * one where they are. */
void rt_history_keep_ahead(struct rt_history *history,
                           struct rt_durable *durable);

/* Fetches the next block for those who read on, if nothing else is fetched. Not
 * to be called while a block is being looked at. */
void rt_history_read_ahead(struct rt_history *history);

/*
 * What was to be fetched is there: 0; RT_ERANGE: the next event needs a segment
 * with room for `needed` bytes; RT_ENOENT: retention was faster; RT_ENOMEM: it
 * cannot be had for now; or it cannot be had, and is lost to those who wait for
 * it. The first event in the segment may come after the offset that was wanted,
 * if the log has none in between.
 */
void rt_history_fetched(struct rt_history *history, int err, size_t needed);

/* All events of a topic are purged. */
void rt_history_forget(struct rt_topic *topic);

/* Drops blocks that nobody looks at. Once a second will do. */
void rt_history_trim(struct rt_history *history);

#endif
