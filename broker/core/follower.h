/*
 * Followers: a follower says that a selection has a topic. Who matches whom is
 * found when either of them begins; an event then goes to its topic's
 * followers, and to nobody else it costs anything.
 */
#ifndef BROKER_CORE_FOLLOWER_H
#define BROKER_CORE_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "broker/core/merge.h"

struct rt_core;
struct rt_selection;
struct rt_topic;

struct rt_follower {
    struct rt_topic *topic;
    struct rt_selection *selection;
    struct rt_list in_topic;     /* in topic->followers */
    struct rt_list in_selection; /* in selection->followers */
    struct rt_list in_lost;      /* in selection->lost, or in none */
    uint64_t dropped_sequence;   /* of the last event the ring has dropped */
    uint64_t lost_sequence;      /* of the last one that cannot be had */
    uint64_t removed_sequence;   /* of the last one that is gone from disk */
    uint64_t damaged_sequence;   /* and that is damaged there */
    uint64_t drop;               /* the number of that loss */
};

/* Links a selection and a topic that it does not have yet, as the one that has
 * had nothing for longest: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_follower_create(struct rt_selection *selection,
                                   struct rt_topic *topic);

void rt_follower_destroy(struct rt_follower *follower);

/*
 * What a selection merges of the topic: its events by their offsets, and behind
 * the last one its closing. Whether there is something at an offset, with that
 * sequence or a higher one; what that is; and whether it is the closing.
 */
bool rt_follower_has(const struct rt_follower *follower,
                     uint64_t offset,
                     uint64_t sequence);
struct rt_merge_item rt_follower_item(struct rt_follower *follower,
                                      uint64_t offset);
bool rt_follower_is_closing(const struct rt_merge_item *item);

/* --- of a topic --- */

/* The topic begins: all selections that have it follow. 0, or RT_ENOMEM, and
 * then none does. */
RT_MUST_USE int rt_followers_join(struct rt_topic *topic);

/* The topic ends. */
void rt_followers_leave(struct rt_topic *topic);

/* The topic has changed: whoever follows has something to get if an event was
 * appended, and is to be told, if it lacks them, of events that are lost.
 */
void rt_followers_mark(struct rt_topic *topic);

/* Events up to these numbers may be gone from disk, or be damaged there; 0:
 * none are. */
void rt_follower_lose(struct rt_follower *follower,
                      uint64_t removed,
                      uint64_t damaged);

/* Whoever has found where to begin knows of losses until `drops`, but of none
 * in the midst of what there is: of what the disk never got, or has lost from a
 * number on. Returns the last loss that need not be told. */
uint64_t rt_followers_drops(const struct rt_selection *selection,
                            uint64_t sequence,
                            uint64_t drops);

/* No more events come to be on disk: what the rings have dropped of others is
 * lost. */
void rt_followers_fail(struct rt_core *core);

/* Whether a selection of what is on disk has it. */
bool rt_followers_are_durable(const struct rt_topic *topic);

/* The topic is closed, or was and is opened. */
void rt_followers_close(struct rt_topic *topic);
void rt_followers_open(struct rt_topic *topic);

/* The topic's events are about to go by a purge: those who keep up are given
 * them. And when they have gone, nobody is given what is left of them
 * elsewhere, also whoever was told before that some may be lost. */
void rt_followers_finish_pass(struct rt_topic *topic);
void rt_followers_purge(struct rt_topic *topic);

/* As rt_topic_subscribers and rt_topic_is_wanted, as far as selections are
 * concerned. */
uint32_t rt_followers_subscribers(const struct rt_topic *topic);
bool rt_followers_want(const struct rt_topic *topic);

/* As rt_topic_protect, rt_topic_floor and rt_topic_is_congested, as far as
 * selections are concerned. */
void rt_followers_protect(struct rt_topic *topic, size_t len);
uint64_t rt_followers_floor(const struct rt_topic *topic);
bool rt_followers_are_behind(const struct rt_topic *topic);

#endif
