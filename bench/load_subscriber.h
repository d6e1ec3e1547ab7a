/*
 * The subscribers of one topic. Each expects, of every publisher, every event
 * in order and of the right length; anything else ends the run.
 */
#ifndef BENCH_LOAD_SUBSCRIBER_H
#define BENCH_LOAD_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_topic.h"
#include "bench/wire.h"

struct load_subscriber {
    int fd;
    uint32_t held;     /* bytes of an unfinished frame, in its slot */
    uint64_t received; /* events */
};

/* How late events came, in microseconds; NULL values: nobody asks. */
struct load_latencies {
    uint64_t *values_us;
    uint64_t count;
    uint64_t count_max;
};

struct load_subscribers {
    struct load_topic *topic;
    struct load_subscriber *list;
    uint32_t count;
    uint32_t publishers; /* whose events are expected */
    uint64_t *expected;  /* next sequence, per subscriber and publisher */
    char *slots;         /* slot_len bytes per subscriber */
    size_t slot_len;
    size_t frame_len;
    size_t head_len;
    char head[WIRE_FRAME_HEAD_MAX]; /* what every event's frame begins with */
    uint64_t reads;
    struct load_latencies *latencies; /* or NULL */
};

/* Room for `count` subscribers of events of payload_len bytes. */
void load_subscribers_init(struct load_subscribers *subscribers,
                           struct load_topic *topic,
                           uint32_t count,
                           uint32_t publishers,
                           size_t payload_len);

/* Makes `fd`, a connection already upgraded, the index-th subscriber. */
void load_subscribers_join(struct load_subscribers *subscribers,
                           uint32_t index,
                           int fd);

/* Reads once and checks what came. False when there was nothing to read. */
bool load_subscribers_read(struct load_subscribers *subscribers,
                           uint32_t index);

#endif
