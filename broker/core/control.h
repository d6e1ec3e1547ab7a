/*
 * Control: what whoever runs the broker does to a topic. It may keep more or
 * less than the node's topics do; it may be closed, and then takes no events,
 * and its subscribers are closed when they have what is there; and it may be
 * purged, and then begins anew, with another epoch.
 */
#ifndef BROKER_CORE_CONTROL_H
#define BROKER_CORE_CONTROL_H

#include <stdbool.h>

#include "broker/core/core.h"

struct rt_topic;

/* Of the memory budget a topic of its own retention may have this part, or as
 * much as the node's topics may. */
#define RT_TOPIC_RING_PART 4

/* The most bytes that a topic's retention may have. */
uint64_t rt_topic_bytes_max(const struct rt_core *core);

/* What the topic retains now. */
struct rt_retention rt_topic_retention(const struct rt_topic *topic);

/*
 * Gives the topic a retention, of at most rt_topic_bytes_max. What it does not
 * allow any more goes now, or when those who have kept up have been given it. 0
 * or RT_ENOMEM.
 */
RT_MUST_USE int rt_topic_retain(struct rt_topic *topic,
                                const struct rt_retention *retention);

/* How far the topic's events come before publishers are told, who do not say;
 * RT_ACK_UNSAID, or what the node has: as that has it, now and later. */
void rt_topic_set_ack(struct rt_topic *topic, enum rt_ack ack);

/* Closes and opens the topic. Either may be repeated. */
void rt_topic_close(struct rt_topic *topic);
void rt_topic_open(struct rt_topic *topic);

/*
 * Drops all events, the keys they were published with, and all that makes the
 * topic special, and begins a new epoch. Subscribers are told of a gap, or
 * closed for it; those of several topics if they lack any of the events.
 * Destroys the topic if nobody subscribes to it, also by a pattern. Not to be
 * called by sinks, nor within a delivery. 0; or RT_ENOMEM, and nothing is done,
 * for the log would give the keys back.
 */
RT_MUST_USE int rt_topic_purge(struct rt_topic *topic);

#endif
