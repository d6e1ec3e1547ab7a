/*
 * A topic as a resource: what is said of its state, and what is asked of it,
 * both as JSON.
 *
 *     {"topic":"news","epoch":"7f3a9c21","earliest":"7f3a9c21-18",
 *      "latest":"7f3a9c21-1042","events":1025,"bytes":131072,"closed":false,
 *      "configuration":{"ring_bytes":1048576,"ring_events":"unlimited",
 *      "max_age":"1h","data_bytes":"unlimited","data_events":"unlimited",
 *      "data_age":"7d","ack":"disk"}}
 *
 *     {"ring_bytes":"64KiB","ring_events":100,"max_age":"10m",
 *      "data_age":"7d","ack":"disk","closed":true}
 *
 * What a configuration says may be asked for again as it stands.
 */
#ifndef PROTOCOL_TOPIC_STATE_H
#define PROTOCOL_TOPIC_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"
#include "protocol/ack.h"
#include "protocol/cursor.h"
#include "protocol/problem.h"

/* The most bytes of a state, and of what is asked of a topic. */
#define RT_TOPIC_STATE_BYTES_MAX  896
#define RT_TOPIC_CHANGE_BYTES_MAX 4096

/* UINT64_MAX: unlimited. */
struct rt_topic_configuration {
    uint64_t ring_bytes;
    uint64_t ring_events;
    uint64_t max_age_ms;
    uint64_t data_bytes; /* what is kept on disk */
    uint64_t data_events;
    uint64_t data_age_ms;
};

/* The name was checked, so nothing in it needs escaping. */
struct rt_topic_state {
    struct rt_bytes topic;
    struct rt_cursor earliest; /* of the oldest event, or of the next one */
    struct rt_cursor latest;   /* of the last event, or before the first */
    uint64_t events;
    uint64_t bytes;
    bool has_subscribers; /* they are told */
    uint32_t subscribers;
    bool is_closed;
    struct rt_topic_configuration configuration;
    bool has_data;   /* what is kept on disk is told */
    enum rt_ack ack; /* in the configuration as well, if it is said */
};

/* Writes at most RT_TOPIC_STATE_BYTES_MAX bytes. */
void rt_topic_state_write(struct rt_writer *writer,
                          const struct rt_topic_state *state);

/* What is asked of a topic. */
struct rt_topic_change {
    struct rt_topic_configuration configuration;
    bool has_data;   /* something about the disk was asked for */
    enum rt_ack ack; /* memory or disk */
    bool has_closed;
    bool is_closed;
};

/*
 * Reads a whole body, any bytes. What it does not say stays as it is in
 * `change`. 0, or RT_EINVAL with the refusal, whose subject is the member that
 * is wrong; then nothing of `change` may be used. A member that is unknown or
 * repeated is wrong, too.
 */
RT_MUST_USE int rt_topic_change_read(struct rt_bytes body,
                                     struct rt_topic_change *change,
                                     struct rt_refusal *refusal);

#endif
