/*
 * A publication: the events of one request, for one topic or several, which are
 * appended all together or not at all. They count when it is committed, which
 * cannot fail; before that they can be taken back:
 *
 *     rt_publication_init; rt_publication_add ...;
 *     rt_publication_commit, or rt_publication_abandon
 *
 * In between there are no other calls for the core. The events of a topic are
 * contiguous; those of all topics are numbered in the order of the calls.
 */
#ifndef BROKER_CORE_PUBLICATION_H
#define BROKER_CORE_PUBLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "storage/ring.h"

#define RT_PUBLICATION_TOPICS_MAX 64

/* What it has for one topic. */
struct rt_publication_part {
    struct rt_topic *topic;
    struct rt_ring_mark mark; /* before its first event */
    bool is_new;              /* the topic began to exist with it */
};

struct rt_publication {
    struct rt_core *core;
    uint64_t sequence; /* of its last event */
    uint64_t bytes;    /* of the payloads */
    uint32_t part_count;
    uint32_t last_part; /* the one of the last event */
    uint32_t extents;   /* that the journal may need for it */
    struct rt_publication_part parts[RT_PUBLICATION_TOPICS_MAX];
};

/* Allocates nothing. */
void rt_publication_init(struct rt_publication *publication,
                         struct rt_core *core);

/*
 * Adds an event, whose payload is copied. 0; RT_ENOMEM; RT_ECLOSED if the topic
 * is closed; RT_ERANGE if it is one topic too many; what rt_journal_admit says.
 * After an error there is only rt_publication_abandon.
 */
RT_MUST_USE int rt_publication_add(struct rt_publication *publication,
                                   const struct rt_event *event);

/* Makes all of it events of their topics. Writes a receipt for each topic, in
 * the order in which they were added first: publication->part_count. */
void rt_publication_commit(struct rt_publication *publication,
                           struct rt_receipt *receipts);

/* Takes all of it back. */
void rt_publication_abandon(struct rt_publication *publication);

#endif
