/*
 * One publisher: a kept-alive connection on which up to `depth` POSTs are in
 * flight. Every answer has to be a 200; anything else ends the run.
 */
#ifndef BENCH_LOAD_PUBLISHER_H
#define BENCH_LOAD_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_topic.h"

#define LOAD_ANSWER_HEAD_MAX 2048

struct load_publisher {
    struct load_topic *topic;
    int fd;
    int poller;
    uint64_t tag;
    uint32_t number; /* goes into its payloads */
    uint32_t depth;
    size_t request_len;
    size_t payload_at; /* within a request */
    char *requests;    /* `depth` of them, complete but for the numbers */
    size_t unsent_from;
    size_t unsent_to;
    uint64_t sent; /* requests */
    uint64_t answered;
    uint64_t answer_bytes;
    size_t body_left; /* bytes of the body of the answer being read */
    size_t held;      /* bytes of an unfinished head */
    char head[LOAD_ANSWER_HEAD_MAX];
};

/* Takes over `fd` and watches it under the given tag. */
void load_publisher_init(struct load_publisher *publisher,
                         struct load_topic *topic,
                         uint32_t depth,
                         size_t payload_len);
void load_publisher_open(struct load_publisher *publisher,
                         int fd,
                         int poller,
                         uint64_t tag);

/* How many more requests may be sent now. */
uint32_t load_publisher_room(const struct load_publisher *publisher);

/* Sends `count` requests, at most load_publisher_room() of them. */
void load_publisher_send(struct load_publisher *publisher,
                         uint32_t count,
                         uint64_t intended_us);

/* Goes on with what did not fit into the socket before. */
void load_publisher_flush(struct load_publisher *publisher);

/* Reads answers once. False when there was nothing to read. */
bool load_publisher_read(struct load_publisher *publisher);

bool load_publisher_is_quiet(const struct load_publisher *publisher);

#endif
