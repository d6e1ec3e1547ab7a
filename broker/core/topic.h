/*
 * A topic: its log, and who follows it. Subscribers that have everything stand
 * in the dense array `active`; a pass of the fan-out goes through it once from
 * front to back, and may be interrupted anywhere:
 *
 *     active  [ has pass_head | has pass_head | has floor | has floor | ... ]
 *                               pass_next ----^
 *
 * Whoever cannot take more leaves the array and costs nothing until it can.
 */
#ifndef BROKER_CORE_TOPIC_H
#define BROKER_CORE_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/tree.h"
#include "broker/core/core.h"
#include "storage/ring.h"

/* The fan-out of a topic is behind when this part of the ring's bytes waits. */
#define RT_CONGESTION_PART 4

/* This part of the memory is not for new topics: whoever names them without end
 * must not take what the events of the others need. */
#define RT_TOPICS_KEEP_PART 8

struct rt_locals;
struct rt_subscriber;

struct rt_active {
    struct rt_subscriber *subscriber;
    uint64_t position;
};

struct rt_topic {
    struct rt_core *core;
    struct rt_tree_leaf leaf; /* the key is `name` */
    struct rt_list link;      /* in core->topic_list */
    struct rt_list dirty;     /* in core->dirty while a pass has work to do */
    struct rt_ring ring;
    struct rt_locals *locals; /* NULL until there is the first one */
    struct rt_active *active;
    uint32_t active_count;
    uint32_t active_capacity; /* at least subscriber_count */
    uint32_t subscriber_count;
    uint32_t local_count;
    uint32_t pass_next;  /* the pass goes on with this one */
    uint64_t pass_head;  /* the head when the pass began */
    uint64_t floor;      /* every active subscriber has at least this */
    uint64_t touched_ms; /* last event or subscriber */
    uint32_t epoch;
    char name[]; /* with a NUL */
};

/* The topic of that name, or NULL. */
struct rt_topic *rt_topic_find(const struct rt_core *core,
                               struct rt_bytes name);

/* The topic of that name, made if there is none; NULL without memory. */
RT_MUST_USE struct rt_topic *rt_topic_obtain(struct rt_core *core,
                                             struct rt_bytes name);

/* Removes a topic without subscribers. */
void rt_topic_destroy(struct rt_topic *topic);

/*
 * After a failure: removes a topic that began to exist since there were
 * `topic_count` of them, so that refusals take no memory. NULL is fine.
 */
void rt_topic_undo(struct rt_topic *topic, uint32_t topic_count);

/* The cursor of an offset in this topic. */
struct rt_cursor rt_topic_cursor(const struct rt_topic *topic, uint64_t offset);

/* Marks that active subscribers have something to get. */
void rt_topic_mark_dirty(struct rt_topic *topic);

/* Whether publishers should wait until the fan-out has caught up. */
bool rt_topic_is_congested(const struct rt_topic *topic);

/* Makes room for one more subscriber, in all its states: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_topic_reserve(struct rt_topic *topic);

/* Puts a subscriber that has everything at the end of the array. */
void rt_topic_activate(struct rt_topic *topic,
                       struct rt_subscriber *subscriber);

/* Takes a subscriber out of the array, also in the middle of a pass. */
void rt_topic_deactivate(struct rt_topic *topic,
                         struct rt_subscriber *subscriber);

/* Checks every invariant; for tests. */
void rt_topic_validate(const struct rt_topic *topic);

#endif
