/*
 * One publisher: a connection on which up to `depth` events are in flight, of
 * one topic after the other. Every event has to be answered; anything else
 * ends the run.
 */
#ifndef BENCH_LOAD_PUBLISHER_H
#define BENCH_LOAD_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_options.h"
#include "bench/load_protocol.h"
#include "bench/load_topic.h"
#include "bench/load_websocket.h"

#define LOAD_ANSWER_HEAD_MAX 2048

struct load_publisher {
    const struct load_protocol *protocol;
    struct load_topics *topics;
    int fd;
    int poller;
    uint64_t tag;
    uint32_t number; /* goes into its payloads */
    uint32_t depth;
    uint32_t next_topic;
    uint32_t prepared; /* events that are added and not pushed */
    size_t event_len;
    size_t payload_at; /* these within an event */
    size_t topic_at;
    size_t identifier_at;
    char *events;        /* `depth` of them, complete but for the numbers */
    uint64_t *sequences; /* the next one, per topic */
    size_t unsent_from;
    size_t unsent_to;
    uint64_t sent; /* events */
    struct load_answers answers;
    uint64_t answer_bytes;
    struct load_frames frames;
    size_t held; /* bytes of an unfinished answer */
    char head[LOAD_ANSWER_HEAD_MAX];
};

/* The number-th publisher; `depth` events may be in flight. */
void load_publisher_init(struct load_publisher *publisher,
                         const struct load_options *options,
                         struct load_topics *topics,
                         uint32_t number,
                         uint32_t depth);

/* What it says at first. */
void load_publisher_describe(const struct load_publisher *publisher,
                             struct load_dialog *dialog);

/* It has said it on `fd`, which is watched under the given tag. */
void load_publisher_open(struct load_publisher *publisher,
                         int fd,
                         int poller,
                         uint64_t tag);

/* How many more events may be added now. */
uint32_t load_publisher_room(const struct load_publisher *publisher);

/* The topic of the next event. */
struct load_topic *load_publisher_topic(const struct load_publisher *publisher);

/* Adds an event for which there is room; the time goes into its payload. */
void load_publisher_add(struct load_publisher *publisher, uint64_t intended_ns);

/* Sends what was added. */
void load_publisher_push(struct load_publisher *publisher);

/* Goes on with what did not fit into the socket before. */
void load_publisher_flush(struct load_publisher *publisher);

/* Reads answers once. False when there was nothing to read. */
bool load_publisher_read(struct load_publisher *publisher);

bool load_publisher_is_quiet(const struct load_publisher *publisher);

#endif
