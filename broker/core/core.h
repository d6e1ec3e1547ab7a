/*
 * The core: topics, cursors, fan-out and what to do when memory or time runs
 * out. It knows no sockets and no clock: the network layer (or a simulator)
 * hands it the time and implements the sinks. One thread; several cores may
 * live in one process.
 *
 * A turn of the loop looks like this from here:
 *
 *     rt_core_set_time; rt_core_publish, rt_core_subscribe ...; then
 *     rt_core_flush_small; (answers to publishers); rt_core_flush;
 *     rt_core_deliver
 */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/tree.h"
#include "broker/core/blocks.h"
#include "broker/core/excerpt.h"
#include "broker/core/history.h"
#include "broker/core/idempotency.h"
#include "broker/core/matcher.h"
#include "broker/core/sink.h"
#include "protocol/ack.h"
#include "protocol/cursor.h"
#include "protocol/media_type.h"
#include "protocol/receipt.h"
#include "protocol/ws_frame.h"
#include "storage/ring.h"

/* An empty topic that nobody subscribes to by its name is dropped after this
 * time, if it is not closed and has no retention of its own. */
#define RT_TOPIC_IDLE_MS 60000

/* All topics are looked at for retention by age in so many ticks, but at least
 * RT_TOPIC_SWEEP_MIN in each. */
#define RT_TOPIC_SWEEP_MIN   1024
#define RT_TOPIC_SWEEP_TICKS 16

/* Of the memory budget at most this part is kept from the system by stalled
 * subscribers alone (segments that the ring has left behind). */
#define RT_RETIRED_PART 8

struct rt_core_options {
    struct rt_retention retention;
    struct rt_idempotency_limits idempotency;
    enum rt_ack ack; /* of topics that have none of their own, with a journal */
    uint64_t stall_timeout_ms;
    const struct rt_sink_ops *sink;
    uint32_t (*random)(void); /* for epochs: no two alike but by chance */
};

/* What the metrics show; each only grows. */
struct rt_counters {
    uint64_t events_produced;
    uint64_t bytes_produced;
    uint64_t events_refused; /* for want of memory */
    uint64_t bytes_yielded;  /* of rings, see relief.h */
    uint64_t events_delivered;
    uint64_t bytes_delivered;
    uint64_t writes;
    uint64_t stalls;
    uint64_t sheds; /* stalled subscribers cut off for the memory they kept */
    uint64_t gaps;
    uint64_t events_missed;
    uint64_t closes[RT_CLOSE_COUNT];
};

/* What topics had that are gone: whoever comes back from before that cannot be
 * told which, but that something may be missing. */
struct rt_removed {
    uint64_t sequence; /* of the newest event of them all; 0: there was none */
    uint64_t wall_ms;  /* its time stamp, or a later one */
    uint64_t drop;     /* the number of the last removal among the drops */
};

struct rt_core {
    struct rt_heap *heap;
    struct rt_store store;
    struct rt_core_options options;
    uint64_t now_ms;
    uint64_t wall_ms;
    uint64_t sequence; /* of the last event of the node, or the last closing */
    uint32_t epoch;    /* of the sequence */
    struct rt_tree topics;
    struct rt_list topic_list; /* the one to look at next is first */
    uint32_t topic_count;
    uint32_t sweep_share; /* of the topics, that each tick looks at */
    uint32_t sweep_ticks; /* until all have been looked at */
    uint32_t subscriber_count;
    uint32_t local_count;
    struct rt_matcher matcher; /* patterns that selections have */
    struct rt_tree selections; /* by their keys */
    struct rt_list selection_list;
    struct rt_list durable_list; /* of these, those of what is on disk */
    uint64_t drops; /* how often topics that somebody selects dropped events */
    struct rt_removed removed;
    struct rt_list ready;        /* topics with events for their locals */
    struct rt_local *delivering; /* to this one, unless it has left */
    struct rt_list dirty;        /* streams with events not yet fanned out */
    struct rt_list lagging;      /* subscribers to be brought to the head */
    struct rt_list blocked; /* subscribers being waited for, longest first */
    struct rt_pool lags;
    struct rt_idempotency idempotency; /* what publishers may repeat */
    struct rt_journal *journal;        /* NULL: nothing is brought to disk */
    struct rt_counters counters;
    struct rt_block_room block_room; /* for events in their formats */
    struct rt_history history;       /* what of the log is looked at again */
    struct rt_excerpts excerpts;
};

/* An event to publish. The payload is copied; the topic's name was checked. */
struct rt_event {
    struct rt_bytes topic;
    struct rt_bytes payload;
    struct rt_bytes type; /* empty: none; was checked */
    enum rt_content content;
};

/* Takes memory from the heap, which outlives the core. Allocates nothing. */
void rt_core_init(struct rt_core *core,
                  struct rt_heap *heap,
                  const struct rt_core_options *options);

/* Frees all topics. All subscribers must be detached. */
void rt_core_finish(struct rt_core *core);

/* What time it is from now on: monotonic, and on the wall. */
void rt_core_set_time(struct rt_core *core, uint64_t now_ms, uint64_t wall_ms);

/*
 * Appends an event to its topic, which begins to exist if it did not, and
 * marks it for the next flush. 0; RT_ENOMEM, RT_ECLOSED for a topic that is
 * closed, or what rt_journal_admit says, all of which change nothing.
 */
RT_MUST_USE int rt_core_publish(struct rt_core *core,
                                const struct rt_event *event,
                                struct rt_receipt *receipt);

/* What an event is in its log, as the next one of the node. */
struct rt_record rt_core_record(const struct rt_core *core,
                                const struct rt_event *event,
                                uint8_t header[RT_FRAME_HEADER_MAX]);

/* Whether publishers to the topic should wait until its fan-out catches up, or
 * the disk does; there need not be such a topic yet. */
bool rt_core_is_congested(const struct rt_core *core, struct rt_bytes topic);

/* Closes stalled subscribers, drops old events, keys and idle topics. Once a
 * second is often enough. */
void rt_core_tick(struct rt_core *core);

/* For the metrics: somebody was told of a gap. */
void rt_core_count_gap(struct rt_core *core, uint64_t missed);

/* Checks every invariant; for tests. */
void rt_core_validate(const struct rt_core *core);

#endif
