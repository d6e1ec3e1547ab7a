/*
 * A subscriber: a cursor into a topic's log. It belongs to a connection, which
 * embeds it; the core links it. Its states:
 *
 *     DETACHED -> ACTIVE    has all events; in the topic's array
 *              -> LAGGING   has fewer, and its connection takes more
 *     ACTIVE   -> BLOCKED   its connection took only part of an event: the rest
 *     LAGGING  -> BLOCKED   is queued, and until it is gone nothing is written
 *     LAGGING  -> ACTIVE    it has reached the head
 *     BLOCKED  -> LAGGING   the connection has drained
 *     LAGGING  -> FETCHING  what it needs next is on disk
 *     FETCHING -> LAGGING   it has been fetched, or cannot be
 *     any      -> DETACHED
 */
#ifndef BROKER_CORE_SUBSCRIBER_H
#define BROKER_CORE_SUBSCRIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/excerpt.h"
#include "protocol/format.h"
#include "protocol/pattern.h"
#include "protocol/since.h"

/* What to do when the ring has passed a subscriber. */
enum rt_gap_policy {
    RT_GAP_CLOSE, /* close, and say where to go on */
    RT_GAP_SKIP,  /* go on with the oldest event that is left */
    RT_GAP_TELL,  /* the same, and say what was missed */
};

struct rt_topic;

enum rt_subscriber_state {
    RT_SUBSCRIBER_DETACHED,
    RT_SUBSCRIBER_ACTIVE,
    RT_SUBSCRIBER_LAGGING,
    RT_SUBSCRIBER_BLOCKED,
    RT_SUBSCRIBER_FETCHING,
};

/* What is known of a subscriber only while it is not active. */
struct rt_lag {
    uint64_t drops;      /* of a selection: it was told of those until then */
    uint64_t since_ms;   /* blocked since */
    size_t queued_bytes; /* seen in the sink's queue at that time */
    struct rt_history_waiter waiter;  /* FETCHING, in a topic */
    struct rt_excerpt_waiter excerpt; /* and in a selection */
    struct rt_subscriber *subscriber;
};

struct rt_subscriber {
    struct rt_stream *stream;
    union {
        uint32_t slot;       /* ACTIVE: in stream->active */
        struct rt_list link; /* LAGGING, BLOCKED: in core->lagging, ->blocked;
                                FETCHING: in none */
    };
    uint64_t offset;    /* but for ACTIVE: of the next event to write */
    struct rt_lag *lag; /* of these three states */
    uint8_t state;
    uint8_t gap;
    bool is_replaying; /* and is to be told when it has caught up */
    bool is_further;   /* for the sink: not the one in its connection */
    bool is_durable;   /* it is given events when they are on disk */
    bool skips_own;    /* the sink is asked which; in formats other than raw */
};

/* A start cannot be served without a gap, and the policy is to close. */
#define RT_EGAP (-10001)

struct rt_start {
    struct rt_cursor cursor;   /* the position before the first event */
    struct rt_cursor position; /* the same, or before a gap to be told of */
    struct rt_cursor earliest; /* of the oldest event that is still there */
    bool is_behind;            /* there are events to replay */
    bool is_node;              /* the cursor is one among all of the node */
    bool is_gap;               /* with RT_EGAP, and for RT_GAP_TELL */
    struct rt_gap gap;
};

/*
 * Attaches a detached subscriber to a topic, which begins to exist if it did
 * not, to get its events in a format. Nothing is written before the next flush.
 * Returns
 *   0          attached; start->cursor says where it begins
 *   RT_EGAP    not attached: events after `since` are gone; see start
 *   RT_ENOMEM  not attached
 */
RT_MUST_USE int rt_core_subscribe(struct rt_core *core,
                                  struct rt_bytes topic,
                                  enum rt_format format,
                                  const struct rt_since *since,
                                  struct rt_subscriber *subscriber,
                                  struct rt_start *start);

/*
 * The same to the topics of a selector, also those that begin later, in a
 * format other than raw; the cursors are positions among all events of the
 * node, `earliest` means nothing, and the policy is to skip or to tell. What is
 * gone is told before the first event, but for a gap that start->gap has, which
 * has no topic. RT_EINVAL for a `since` that is not meant for several topics: a
 * cursor of one, or a number of events.
 */
RT_MUST_USE int rt_core_select(struct rt_core *core,
                               const struct rt_selector *selector,
                               enum rt_format format,
                               const struct rt_since *since,
                               struct rt_subscriber *subscriber,
                               struct rt_start *start);

/* Where a subscriber of a topic would begin. */
struct rt_start rt_topic_start(const struct rt_topic *topic,
                               const struct rt_since *since);

/* Either, as the selector is: of one topic without wildcards, or of several. */
RT_MUST_USE int rt_core_subscribe_to(struct rt_core *core,
                                     const struct rt_selector *selector,
                                     enum rt_format format,
                                     const struct rt_since *since,
                                     struct rt_subscriber *subscriber,
                                     struct rt_start *start);

/* Where whoever is closed for a gap goes on: behind it. */
struct rt_resume rt_resume_after(const struct rt_gap *gap);

/* Ends a subscription, in whatever state; harmless when it has ended. */
void rt_subscriber_detach(struct rt_subscriber *subscriber);

/* For the sink: what it queued is gone; the subscriber may go on. */
void rt_subscriber_drained(struct rt_subscriber *subscriber);

/* The offset of the next event of an attached subscriber. */
uint64_t rt_subscriber_next(const struct rt_subscriber *subscriber);

/* The cursor of the last event that was handed to the connection. */
struct rt_cursor rt_subscriber_cursor(const struct rt_subscriber *subscriber);

/* Where an attached subscriber that is closed now goes on. */
struct rt_resume rt_subscriber_resume(const struct rt_subscriber *subscriber);

/* Detaches the subscriber and closes its connection through the sink, to go on
 * where it is, or elsewhere. */
void rt_subscriber_close(struct rt_subscriber *subscriber,
                         enum rt_close_reason reason);
void rt_subscriber_close_with(struct rt_subscriber *subscriber,
                              enum rt_close_reason reason,
                              const struct rt_resume *resume);

/*
 * For the fan-out. An active subscriber stops being active, and `offset` is its
 * next event's: 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_subscriber_fall_behind(struct rt_subscriber *subscriber,
                                          uint64_t offset);

/* Whether a lagging subscriber has to wait for its next event, which is on
 * disk, or on the way there. */
bool rt_subscriber_is_away(const struct rt_subscriber *subscriber);

/* It waits for that. */
void rt_subscriber_fetch(struct rt_subscriber *subscriber);

/* A lagging subscriber waits for its sink to drain. */
void rt_subscriber_block(struct rt_subscriber *subscriber);

/* A lagging subscriber that has reached the head is active again. */
void rt_subscriber_catch_up(struct rt_subscriber *subscriber);

#endif
