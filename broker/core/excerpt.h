/*
 * Excerpts: what selections have on disk and no longer in the rings. An excerpt
 * has all events of a selection's topics in a range of numbers, from as many
 * topics as there are, for the log has them all in the order of their numbers:
 *
 *     on disk                       | being written | in the rings
 *     [ excerpt | excerpt | ...     | ...           | merged
 *     first    end                 journal->sequence
 *
 * A subscriber that comes to numbers which a ring has dropped waits, until an
 * excerpt has been read, and goes on from it as from the rings. One is read at
 * a time, by somebody else and on another thread.
 */
#ifndef BROKER_CORE_EXCERPT_H
#define BROKER_CORE_EXCERPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/excerpt_cache.h"
#include "storage/log/scan.h"

/* An excerpt has at most so many bytes and events; an event that is larger has
 * its own. */
#define RT_EXCERPT_BYTES  ((size_t)512 * 1024)
#define RT_EXCERPT_EVENTS 4096

struct rt_core;
struct rt_selection;

struct rt_excerpts {
    struct rt_core *core;
    struct rt_excerpt_cache cache;
    struct rt_list waiting;       /* who has waited longest is first */
    struct rt_selection *reading; /* for this one; NULL: nothing is read */
    struct rt_log_scan scan;      /* what is read */
    uint32_t topic_capacity;      /* of what the scan has */
    uint64_t drops; /* the last loss of those it found, but by damage */
    bool is_stale;  /* topics have gone meanwhile, or events without a purge */
};

/* Somebody who waits for what a selection has from a number on. */
struct rt_excerpt_waiter {
    struct rt_list link; /* in excerpts->waiting */
    struct rt_selection *selection;
    uint64_t sequence;
    /* It looks for the first event from there on that was stamped then or
     * later; and some of those are gone. When it was found, there is nothing to
     * be told of losses until this one. */
    bool is_seeking;
    uint64_t wall_ms;
    bool is_gone;
    uint64_t drops;
    /* It waits no more: 0: it may look again, from the number `next` on;
     * RT_EAGAIN: what it looks for does not come before that; RT_EDAMAGED: what
     * comes before it is lost; RT_ENOMEM: there is no memory for it. */
    void (*wake)(struct rt_excerpt_waiter *waiter, int err, uint64_t next);
};

void rt_excerpts_init(struct rt_excerpts *excerpts, struct rt_core *core);

/* Drops all excerpts. Nothing is read, and nobody waits, any more. */
void rt_excerpts_finish(struct rt_excerpts *excerpts);

/* Whether a selection's events from a number on are not to be had from the
 * rings, but from disk, now or when they are there. */
bool rt_excerpt_is_needed(const struct rt_selection *selection,
                          uint64_t sequence);

/* The excerpt that has a number; NULL if there is none. Valid until the next
 * one is read, or until it is dropped for its age. */
struct rt_excerpt *rt_excerpt_find(const struct rt_selection *selection,
                                   uint64_t sequence);

/* Waits for what is needed, or looks for something: who does is told by what
 * the waiter has. It may be called at once, when there is no memory. */
void rt_excerpt_wait(struct rt_excerpt_waiter *waiter);

/* Reads what somebody waits for, if it is there; after a batch was written. */
void rt_excerpts_continue(struct rt_excerpts *excerpts);

/* What was to be read has been: 0, or what rt_log_scan said. */
void rt_excerpts_fetched(struct rt_excerpts *excerpts, int err);

/* A selection has some of the events up to a number no longer, or a topic that
 * had them: what was read from there or before goes. What was purged may stay,
 * for it is passed over. */
void rt_excerpts_forget(const struct rt_selection *selection,
                        uint64_t sequence);

/* Drops excerpts that nobody looks at. Once a second will do. */
void rt_excerpts_trim(struct rt_excerpts *excerpts);

#endif
