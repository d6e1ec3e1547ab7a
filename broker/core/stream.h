/*
 * A stream: events in one form, and the subscribers that get them in it: those
 * of a topic, by their offsets, or of a selection, by their sequences, which
 * are its offsets. Subscribers that have everything stand in the dense array
 * `active`; a pass of the fan-out goes through it once from front to back, and
 * may be interrupted anywhere:
 *
 *     active  [ has pass_head | has pass_head | has floor | has floor | ... ]
 *                               pass_next ----^
 *
 * Whoever cannot take more leaves the array and costs nothing until it can.
 */
#ifndef BROKER_CORE_STREAM_H
#define BROKER_CORE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/core/core.h"
#include "protocol/pattern.h"

struct rt_selection;
struct rt_subscriber;
struct rt_topic;
struct rt_view;

struct rt_active {
    struct rt_subscriber *subscriber;
    uint64_t offset; /* of its next event */
};

struct rt_stream {
    struct rt_core *core;
    const uint64_t *head;   /* the offset after the last event, maybe on disk */
    struct rt_topic *topic; /* NULL: the events are a selection's */
    struct rt_view *view; /* where its bytes come from; NULL: the ring itself */
    struct rt_selection *selection; /* or from here */
    struct rt_list dirty; /* in core->dirty while a pass has work to do */
    struct rt_active *active;
    uint32_t active_count;
    uint32_t active_capacity; /* at least subscriber_count */
    uint32_t subscriber_count;
    uint32_t pass_next; /* the pass goes on with this one */
    uint64_t pass_head; /* the offset after the last event when it began */
    uint64_t floor;     /* every active subscriber has all before this */
};

/* For a log with its next offset at `head`. Allocates nothing. */
void rt_stream_init(struct rt_stream *stream,
                    struct rt_core *core,
                    const uint64_t *head);

/* Frees what it has. There must be no subscribers. */
void rt_stream_finish(struct rt_stream *stream);

/* The offset after the last event. */
uint64_t rt_stream_head(const struct rt_stream *stream);

/* Marks that active subscribers have something to get. */
void rt_stream_mark_dirty(struct rt_stream *stream);

/* The cursor of whoever has all before an offset: in the topic, or among all
 * events of the node. */
struct rt_cursor rt_stream_cursor(const struct rt_stream *stream,
                                  uint64_t next);

/* Whether it is the topic of a selector, or the selection of it. */
bool rt_stream_is_of(const struct rt_stream *stream,
                     const struct rt_selector *selector);

/* Whether the events of a topic are among its own. */
bool rt_stream_has(const struct rt_stream *stream, struct rt_bytes topic);

/* Whether its events are those that are on disk. */
bool rt_stream_is_durable(const struct rt_stream *stream);

/* Whether its topic, or each of its topics, takes no more events, and it has
 * all of them. */
bool rt_stream_is_closed(const struct rt_stream *stream);

/* Whether publishers to its topic should wait until the fan-out has caught up.
 */
bool rt_stream_is_congested(const struct rt_stream *stream);

/* Makes room for one more subscriber, in all its states: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_stream_reserve(struct rt_stream *stream);

/* Puts a subscriber that has everything at the end of the array. */
void rt_stream_activate(struct rt_stream *stream,
                        struct rt_subscriber *subscriber);

/* Takes a subscriber out of the array, also in the middle of a pass. */
void rt_stream_deactivate(struct rt_stream *stream,
                          struct rt_subscriber *subscriber);

/* Checks every invariant; for tests. */
void rt_stream_validate(const struct rt_stream *stream);

#endif
