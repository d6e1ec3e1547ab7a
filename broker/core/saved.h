/*
 * What a log on disk keeps of a topic and of the node beside events. To the log
 * these are opaque bytes: the structs as they are in memory, little-endian as
 * all of the log.
 */
#ifndef BROKER_CORE_SAVED_H
#define BROKER_CORE_SAVED_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"

struct rt_journal;
struct rt_topic;

#define RT_SAVED_CLOSED   1U
#define RT_SAVED_RETAINED 2U /* it has a retention of its own */
#define RT_SAVED_MEMORY   4U /* its receipts say so; with neither, the node's */
#define RT_SAVED_DISK     8U

struct rt_saved_topic {
    uint32_t epoch;
    uint32_t old_epoch;
    uint64_t base;
    uint64_t old_base;
    uint32_t flags;
    uint32_t zero;
    uint64_t ring_bytes; /* the retention in memory */
    uint64_t ring_events;
    uint64_t ring_age_ms;
    uint64_t closed_sequence; /* see broker/core/closing.h */
};

struct rt_saved_node {
    uint32_t epoch;
    uint32_t zero;
    uint64_t next_id; /* of a topic */
    uint64_t lost_ms; /* as the journal's, */
    uint64_t lost_sequence;
    uint64_t unnamed_ms; /* this, too */
    uint64_t unnamed_next_id;
    uint64_t removed_ms; /* and the core's, of topics that are gone */
    uint64_t removed_sequence;
};

struct rt_saved_topic rt_save_topic(const struct rt_topic *topic);
struct rt_saved_node rt_save_node(const struct rt_journal *journal);

/* Makes a topic, or the node, what the log has: 0, RT_ENOMEM, or RT_EINVAL for
 * what is no state. */
RT_MUST_USE int rt_topic_restore(struct rt_bytes state, struct rt_topic *topic);
RT_MUST_USE int rt_node_restore(struct rt_bytes state,
                                struct rt_journal *journal);

#endif
