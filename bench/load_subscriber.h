/*
 * The subscribers of topics. Each expects, of every publisher, every event of
 * its topic in order and of the right length; anything else ends the run.
 */
#ifndef BENCH_LOAD_SUBSCRIBER_H
#define BENCH_LOAD_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_options.h"
#include "bench/load_protocol.h"
#include "bench/load_topic.h"
#include "bench/load_websocket.h"
#include "bench/wire.h"

struct load_subscriber {
    struct load_topic *topic;
    int fd;
    uint32_t held;     /* bytes of an unfinished event, in its slot */
    uint64_t received; /* events */
};

struct load_subscribers {
    const struct load_protocol *protocol;
    struct load_topics *topics;
    const char *query; /* behind the name of a topic subscribed to */
    struct load_subscriber *list;
    uint32_t count;
    uint32_t publishers; /* whose events are expected */
    uint64_t *expected;  /* next sequence, per subscriber and publisher */
    bool are_late;       /* any event may be the first; no topic waits */
    bool is_evicted;     /* the last one read: what it wanted next was gone */
    char *slots;         /* slot_len bytes per subscriber */
    size_t slot_len;
    char *heads; /* what every event begins with, per topic */
    size_t head_len;
    size_t varies_at; /* within a head, or 0 */
    size_t payload_len;
    size_t event_len; /* with all that is around the payload */
    size_t tail_len;
    char tail[LOAD_TAIL_MAX];
    struct load_frames *frames; /* per subscriber, if the protocol has them */
    uint64_t reads;
    uint64_t bytes;
    uint64_t read_ns; /* when the last one was, if there are delays */
    struct load_histogram *delays; /* of every event, or NULL */
};

/* What is expected first of a publisher by a subscriber that came late. */
#define LOAD_SEQUENCE_ANY UINT64_MAX

/* Room for `count` subscribers of events of that many publishers. */
void load_subscribers_init(struct load_subscribers *subscribers,
                           const struct load_options *options,
                           struct load_topics *topics,
                           uint32_t count,
                           uint32_t publishers);

/* What the index-th subscriber says at first; topics take turns. */
void load_subscribers_describe(const struct load_subscribers *subscribers,
                               uint32_t index,
                               struct load_dialog *dialog);

/* It has said it on `fd`. */
void load_subscribers_join(struct load_subscribers *subscribers,
                           uint32_t index,
                           int fd);

/*
 * The index-th subscriber is another one now, who came late: of the first
 * topic, on whatever descriptor it gets.
 */
void load_subscribers_readmit(struct load_subscribers *subscribers,
                              uint32_t index);

/* Reads once and checks what came. False when there was nothing to read. */
bool load_subscribers_read(struct load_subscribers *subscribers,
                           uint32_t index);

#endif
