/*
 * A local subscriber: one in the broker's own process. It has no connection
 * that could block, so nothing is written or queued for it: after the fan-out
 * it is handed, in place, the events between its offset and the head.
 *
 *     DETACHED  -> FOLLOWING  subscribed
 *     FOLLOWING -> PAUSED     costs nothing, and keeps nothing from being
 *                             dropped
 *     PAUSED    -> FOLLOWING  goes on where it was, with a gap if need be
 *     FOLLOWING -> ENDED      the topic is closed, and it has everything
 *     any       -> DETACHED
 *
 * One burst of events may turn a small ring over before anybody was handed
 * them. So that those who had kept up lose none, the topic holds on to what the
 * ring drops, up to RT_RESCUED_MAX blocks, until it has been delivered.
 */
#ifndef BROKER_CORE_LOCAL_H
#define BROKER_CORE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/start.h"

/* Blocks that the ring has dropped, held for one topic's locals: with blocks of
 * full size twice the default ring. */
#define RT_RESCUED_MAX 8

/* Events in one delivery, about; and for one local before it is the next
 * one's turn. */
#define RT_DELIVERY_EVENTS  4096
#define RT_DELIVERY_QUANTUM 512

enum rt_delivery_kind {
    RT_DELIVERY_EVENT,
    RT_DELIVERY_GAP,
    RT_DELIVERY_END, /* the last one: the topic is closed */
};

/* What a local is handed; valid during the call. */
struct rt_delivery {
    enum rt_delivery_kind kind;
    uint64_t offset; /* of the event, or of the last one that was lost; as
                        cursors have it */
    struct rt_bytes payload;
    enum rt_content content;
    uint64_t wall_ms;
    enum rt_close_reason reason; /* of a gap, and of the end */
    uint64_t missed;             /* events in a gap; 0: not known */
};

struct rt_local;
/* May publish, subscribe, pause, resume and detach, any local included. */
typedef void (*rt_deliver_fn)(struct rt_local *local,
                              const struct rt_delivery *delivery);

enum rt_local_state {
    RT_LOCAL_DETACHED,
    RT_LOCAL_FOLLOWING,
    RT_LOCAL_FETCHING, /* what it needs next is on disk */
    RT_LOCAL_PAUSED,
    RT_LOCAL_ENDED,
};

struct rt_local {
    struct rt_topic *topic;
    struct rt_list link;         /* FOLLOWING: in topic->locals->following */
    uint64_t offset;             /* of the next event */
    struct rt_start_found start; /* with a gap as long as that is not told */
    rt_deliver_fn deliver;
    enum rt_local_state state;
    struct rt_history_waiter waiter; /* FETCHING */
};

/* What a topic has for its locals, from the first one on. */
struct rt_locals {
    struct rt_topic *topic;
    struct rt_list ready; /* in core->ready while somebody is behind */
    struct rt_list following;
    struct rt_list waiting; /* follow, too: their turn in a delivery comes */
    uint64_t floor; /* while ready: everybody was handed all before this */
    unsigned rescued_count;
    struct rt_segment *rescued[RT_RESCUED_MAX]; /* oldest first */
};

/*
 * Attaches a detached local to a topic, which begins to exist if it did not.
 * What `since` asks for and is gone is told as a gap. 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_core_subscribe_local(struct rt_core *core,
                                        struct rt_bytes topic,
                                        const struct rt_since *since,
                                        rt_deliver_fn deliver,
                                        struct rt_local *local);

/* Ends a subscription; harmless when it has ended. */
void rt_local_detach(struct rt_local *local);

/* Both may be repeated; for attached locals. One that has ended stays so. */
void rt_local_pause(struct rt_local *local);
void rt_local_resume(struct rt_local *local);

/* The cursor of the last event that an attached local was handed. */
struct rt_cursor rt_local_cursor(const struct rt_local *local);

/* Hands out a bounded number of events. Returns whether some are left. Not to
 * be called by what it calls. */
bool rt_core_deliver(struct rt_core *core);

/* For the topic: an event is about to be appended, and has been; as there. */
void rt_locals_protect(struct rt_topic *topic, size_t len);
void rt_locals_mark(struct rt_topic *topic, uint64_t first);

/* For the topic: all events are gone, also what is held for them. */
void rt_locals_purge(struct rt_topic *topic);

/* The offset before which those that follow have been handed everything. */
uint64_t rt_locals_floor(const struct rt_topic *topic);

/* Whether locals are too far behind: by bytes of the ring, index included, or
 * by as large a part of the events that it may hold. */
bool rt_locals_are_behind(const struct rt_topic *topic);

/* Frees what a topic has for its locals. NULL is fine. */
void rt_locals_destroy(struct rt_core *core, struct rt_locals *locals);

#endif
