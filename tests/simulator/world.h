/*
 * The simulated world: a core, the clocks it is told of, memory that may run
 * out, connections (sinks), subscribers in the process (locals), and the model
 * beside them. All that happens follows from the seed.
 */
#ifndef TESTS_SIMULATOR_WORLD_H
#define TESTS_SIMULATOR_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "broker/core/local.h"
#include "broker/core/subscriber.h"
#include "tests/simulator/chance.h"
#include "tests/simulator/model.h"
#include "tests/simulator/reader.h"

#define SINK_MAX  96
#define LOCAL_MAX 12
#define KEY_MAX   3 /* of each topic */

/* A connection, and what it must be given. */
struct sink {
    struct rt_subscriber subscriber;
    struct world *world;
    struct topic *topic;
    uint32_t birth; /* of the topic, when it came */
    enum sink_state state;
    uint64_t handed;        /* the last event that was handed over */
    struct reading reading; /* behind what the connection took */
    bool is_short;          /* it took a part: the rest must be queued */
    bool has_kept_up;       /* so it must not lose anything */
    uint64_t turns[2];      /* where its last turns in the fan-out took it */
    uint64_t room;          /* bytes it takes before it blocks */
    bool is_lost;           /* writes fail */
    bool refuses_queue;     /* there is no memory to queue anything */
    bool is_failing;        /* it did one of these: a close must follow */
    bool is_leaving;        /* to be closed by the host */
    struct stall stall;
    uint64_t lagging_at; /* its place among those that lag */
};

/* A subscriber in the process. It is freed as soon as it is detached. */
struct local {
    struct rt_local local;
    struct world *world;
    struct topic *topic;
    uint64_t next;
    struct start gap; /* to be told first, if it is one */
    bool has_kept_up; /* since it follows */
};

/* An event of the node; or that a topic was closed, behind that offset. */
struct past {
    struct topic *topic;
    uint32_t birth; /* of the topic */
    uint32_t owner; /* who published it */
    uint64_t offset;
    uint64_t closing; /* the number of that; 0: it is an event */
};

/* What was published under a key. */
struct keyed {
    bool is_known;
    uint8_t body; /* what tells it from others */
    uint64_t since_ms;
    uint64_t order;
    struct rt_receipt receipt;
};

/* What this seed is like: how often something happens, and how large it is. */
struct habits {
    uint32_t topic_count;
    uint32_t sink_count;
    uint32_t reader_count;
    uint32_t local_count;
    uint32_t len_max;
    uint32_t burst_max;
    uint32_t patience; /* a connection is bad one time in so many */
    uint32_t restless; /* a local does something one time in so many */
    bool is_alike;     /* readers read the same */
    bool is_silent;    /* those of several topics are told of no gaps */
    bool is_short;     /* of memory, now and then */
    bool has_jumps;    /* of the clocks */
};

struct world {
    struct chance chance;
    struct habits habits;
    struct rt_core core;
    struct rt_retention retention;
    uint64_t now_ms;
    uint64_t wall_ms;
    struct topic topics[TOPIC_MAX];
    struct sink sinks[SINK_MAX];
    struct reader readers[READER_MAX];
    struct local *locals[LOCAL_MAX];
    uint64_t sequence; /* of what happened last */
    struct past *past; /* all of that, by sequence - 1 */
    uint64_t past_capacity;
    struct keyed keys[TOPIC_MAX][KEY_MAX];
    uint64_t removals;   /* of topics that had events */
    uint64_t removed;    /* the newest event of topics that are gone, */
    uint64_t removed_ms; /* and its time stamp */
    struct rt_counters expected;
    uint64_t order;         /* of what has blocked */
    uint64_t events_handed; /* to locals, in this call */
    uint64_t units_before;  /* of the fan-out, before this call */
    bool is_small_flush;
    bool has_acted; /* somebody, within this delivery */
};

/* A world in which nothing has happened yet. */
void world_init(struct world *world, uint64_t seed);

/* Everybody has left: expects that no memory is left either. */
void world_finish(struct world *world);

/* What time it is, told to the core. */
void world_set_time(struct world *world, uint64_t now_ms, uint64_t wall_ms);

/* Whether an allocation may fail now. */
bool world_is_short(const struct world *world);

/* Whoever follows the topic has kept up no more: it was purged. */
void world_set_back(struct world *world, const struct topic *topic);

/* A retention of which there are some. */
struct rt_retention world_random_retention(struct world *world);

/* Somebody is told of a gap. */
void world_expect_gap(struct world *world, uint64_t missed);

/* The core's own. */
struct rt_topic *world_find(const struct world *world,
                            const struct topic *topic);

/* A call that needs the topic has succeeded: it has begun if it was not. */
void world_begin_topic(struct world *world, struct topic *topic);

/* The topic is gone. */
void world_end_topic(struct world *world, struct topic *topic);

/* An event was published to the topic: the node remembers it. */
void world_remember(struct world *world, struct past past);

/* A topic takes no more events. */
void world_close_topic(struct world *world, struct topic *topic);

/* Whether an event is still in its ring, or a topic still closed. */
bool world_has(const struct past *past);

/* --- sinks --- */

extern const struct rt_sink_ops sink_ops;

void sink_subscribe(struct sink *sink, struct topic *topic, bool may_skip);

/* Leaves, or is told to leave by the host. */
void sink_leave(struct sink *sink);
void sink_dismiss(struct sink *sink, enum rt_close_reason reason);

/* The connection takes so much of what is queued. */
void sink_take(struct sink *sink, size_t len);

/* Looks at it between two calls of the core. */
void sink_check(struct sink *sink);

/* --- locals --- */

void local_subscribe(struct world *world, uint32_t slot, struct topic *topic);
void local_leave(struct world *world, uint32_t slot);

/* Leaves, and comes back in the same memory. */
void local_move(struct world *world, uint32_t slot, struct topic *topic);
void local_pause(struct local *local);
void local_resume(struct local *local);

/* Looks at it between two calls of the core. */
void local_check(struct local *local);

/* Notes what those that follow the topic have not been handed. */
void locals_want(const struct world *world, struct topic *topic);

/* --- what happens --- */

/* Publishes an event, and expects what must come of it: 0 or an error. */
int publish(struct world *world,
            struct topic *topic,
            struct rt_receipt *receipt);

/* The same under a key, unless that is known. Keys are forgotten with their
 * topic, and after a while. */
void publish_keyed(struct world *world, struct topic *topic);
void keys_forget(struct world *world, const struct topic *topic);
void keys_expire(struct world *world);

/* Publishes events to one topic or several, together; there may be no memory
 * for all of them. */
void publish_together(struct world *world);

/* For that: the next event of a topic; that it was published; and that the core
 * says rightly whether publishers should wait. */
struct event publish_draw(struct world *world, const struct topic *topic);
struct rt_event publish_outgoing(const struct topic *topic,
                                 const struct event *event);
void publish_note(struct world *world,
                  struct topic *topic,
                  const struct event *event);
void publish_expect_congestion(const struct world *world,
                               struct topic *topic,
                               bool is_congested);

/* Some place in the topic to begin with, and one in several. */
struct rt_since random_since(struct world *world, const struct topic *topic);
struct rt_since random_node_since(struct world *world);

/* Where one who asks for this in the topics it has must begin. */
struct selected {
    uint64_t sequence; /* of the first event that it may be given */
    bool is_gap;
    bool knows_gaps; /* it is not told of what is gone by now */
};

struct selected selected_start(const struct world *world,
                               const bool *has,
                               const struct rt_since *since);

/* The core's calls, each with what must be true before and after it. */
void turn_flush_small(struct world *world);
bool turn_flush(struct world *world);
bool turn_deliver(struct world *world);
void turn_tick(struct world *world);

/* The ring has dropped what is too old, or too much since retention changed. */
void turn_expire(struct world *world, struct topic *topic);

/* Turns until nothing is left to do. */
void turn_finish(struct world *world);

/* One step; `action_inside` is what may happen within a delivery. */
void action_step(struct world *world);
void action_inside(struct world *world);

/* Everybody gets everything, and leaves. */
void action_end(struct world *world);

/* --- what must be true --- */

/* After each step. */
void check_all(struct world *world);

void check_sinks(struct world *world);
void check_counters(const struct world *world);

/* The memory of blocks that no ring has, but somebody. */
size_t check_retired_bytes(const struct world *world);

#endif
