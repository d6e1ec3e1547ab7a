/* A topic: its log, and who follows it. */
#ifndef BROKER_CORE_TOPIC_H
#define BROKER_CORE_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/tree.h"
#include "broker/core/core.h"
#include "broker/core/stream.h"
#include "protocol/format.h"
#include "storage/ring.h"

/* The fan-out of a topic is behind when this part of the ring's bytes waits. */
#define RT_CONGESTION_PART 4

/* This part of the memory is not for new topics, nor for following them:
 * whoever names topics or patterns without end must not take what the events of
 * the others need. */
#define RT_TOPICS_KEEP_PART 8

struct rt_durable;
struct rt_locals;
struct rt_view;

struct rt_topic {
    struct rt_core *core;
    struct rt_tree_leaf leaf; /* the key is `name` */
    struct rt_list link;      /* in core->topic_list */
    struct rt_ring ring;
    struct rt_locals *locals;   /* NULL until there is the first one */
    struct rt_stream raw;       /* whoever gets the ring's own frames */
    struct rt_view *views;      /* whoever gets other formats; the first one */
    struct rt_list followers;   /* of selections that have it */
    struct rt_durable *durable; /* NULL: nothing of it goes to disk */
    uint32_t local_count;
    uint64_t touched_ms;            /* last event or subscriber */
    struct rt_retention *retention; /* its own; NULL: the node's */
    uint64_t base;                  /* the offset before this epoch's first */
    uint64_t old_base;              /* and before the last purge */
    uint32_t old_epoch;
    uint32_t epoch;
    uint64_t purged_sequence; /* of the last event that a purge dropped */
    uint64_t purged_ms;       /* and when it was stamped */
    uint64_t closed_sequence; /* of its last closing, see closing.h; 0: none */
    enum rt_ack ack;          /* of its own; RT_ACK_UNSAID: the node's */
    bool is_closed;           /* takes no more events */
    char name[];              /* with a NUL */
};

/* The topic of that name, or NULL. */
struct rt_topic *rt_topic_find(const struct rt_core *core,
                               struct rt_bytes name);

/* The topic of that name, made if there is none; NULL without memory. */
RT_MUST_USE struct rt_topic *rt_topic_obtain(struct rt_core *core,
                                             struct rt_bytes name);

/* Removes a topic without subscribers; selections are told if it had events. */
void rt_topic_destroy(struct rt_topic *topic);

/*
 * After a failure: removes a topic that began to exist since there were
 * `topic_count` of them, so that refusals take no memory. NULL is fine.
 */
void rt_topic_undo(struct rt_topic *topic, uint32_t topic_count);

/*
 * The cursor of an offset in this topic. The ring goes on counting when a topic
 * is purged, so that nobody takes a new event for an old one; cursors count
 * each epoch from 1.
 */
struct rt_cursor rt_topic_cursor(const struct rt_topic *topic, uint64_t offset);

/* The cursor of the oldest event, or of the next one if there is none; and of
 * the last one, or before the first. */
struct rt_cursor rt_topic_earliest(const struct rt_topic *topic);
struct rt_cursor rt_topic_latest(const struct rt_topic *topic);

/* How far the topic's events come before publishers are told, who do not say;
 * RT_ACK_UNSAID without a journal, where there is but one answer. */
enum rt_ack rt_topic_ack(const struct rt_topic *topic);

/* What publishers are told of events that have just been appended, up to an
 * offset, if they do not say how far these should come. */
struct rt_receipt rt_topic_receipt(const struct rt_topic *topic,
                                   uint64_t offset);

/* How far events can be read from an offset on, which is in the ring, or in a
 * block of history. */
uint64_t rt_topic_readable(const struct rt_topic *topic, uint64_t offset);

/* The event of such an offset, as formats need it; and one that is elsewhere,
 * in a segment by that index. */
struct rt_item rt_topic_item(const struct rt_topic *topic, uint64_t offset);
struct rt_item rt_topic_item_in(const struct rt_topic *topic,
                                const struct rt_segment *segment,
                                uint32_t index,
                                uint64_t offset);

/* The offset of the first event that its epoch had. */
uint64_t rt_topic_first(const struct rt_topic *topic);

/* The offset of a cursor of the topic's epoch. */
uint64_t rt_topic_offset(const struct rt_topic *topic, struct rt_cursor cursor);

/* Whether who comes to this offset was there before the last purge, and has not
 * been told of it. */
bool rt_topic_is_purged(const struct rt_topic *topic, uint64_t offset);

/* Events were appended, from the offset `first` on: whoever follows has
 * something to get. */
void rt_topic_mark(struct rt_topic *topic, uint64_t first);

/* So many bytes behind is too far, for those that follow it. */
uint64_t rt_topic_congestion(const struct rt_topic *topic);

/* More of the events are on disk, or there will be no more: whoever is given
 * only those has something to get. */
void rt_topic_mark_durable(struct rt_topic *topic);

/* Whether somebody is given only what is on disk of it. */
bool rt_topic_is_seen_on_disk(const struct rt_topic *topic);

/* Whether publishers should wait until those that follow have caught up. */
bool rt_topic_is_congested(const struct rt_topic *topic);

/* How many subscribers there are to it alone, in all formats. */
uint32_t rt_topic_own_subscribers(const struct rt_topic *topic);

/* How many are given its events, also here in the process, and as one of
 * several topics or by a pattern. */
uint32_t rt_topic_subscribers(const struct rt_topic *topic);

/* Whether anybody subscribes to it by its name, alone or among others: that
 * keeps a topic. A pattern does not, or one for all topics would keep every
 * topic there ever was. */
bool rt_topic_is_wanted(const struct rt_topic *topic);

/* The stream of a format, of all events or of those that are on disk, made if
 * there is none; NULL without memory. */
RT_MUST_USE struct rt_stream *
rt_topic_stream(struct rt_topic *topic, enum rt_format format, bool is_durable);

/* An event of `len` bytes is about to be appended; 0: the ring is about to drop
 * what is too much. Who has kept up must not lose an event to a burst: before
 * the ring drops what has not been given to them, they are given that. */
void rt_topic_protect(struct rt_topic *topic, size_t len);

/* The offset before which everybody who keeps up has everything. */
uint64_t rt_topic_floor(const struct rt_topic *topic);

/* Whether the topic is as if it had just been made. */
bool rt_topic_is_plain(const struct rt_topic *topic);

/* Checks every invariant; for tests. */
void rt_topic_validate(const struct rt_topic *topic);

#endif
