/*
 * What the load generator has to know of a protocol: how a connection becomes a
 * subscriber or a publisher, what surrounds the payload of an event in either
 * direction, and what else may arrive. All of it is prepared before a run, or
 * looks at bytes where they lie: nothing is allocated for an event.
 */
#ifndef BENCH_LOAD_PROTOCOL_H
#define BENCH_LOAD_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/load_dialog.h"

#define LOAD_HEAD_MAX 384
#define LOAD_TAIL_MAX 2
#define LOAD_PONG_MAX 16

/* Digits of a publisher's number, and how it is printed. */
#define LOAD_NUMBER_LEN    4
#define LOAD_NUMBER_FORMAT "%04u"

/* An event in a batch: so many bytes, and the end of its line. */
#define LOAD_BATCH_LINE 128

/* What stands around the payload of every event of a topic. */
struct load_wrapping {
    size_t head_len;
    size_t tail_len;
    size_t identifier_at; /* within the head, two bytes; 0: there is none */
    size_t number_at;     /* and LOAD_NUMBER_LEN digits, the publisher's */
    size_t varies_at;     /* and what is of another length each time */
    char head[LOAD_HEAD_MAX];
    char tail[LOAD_TAIL_MAX];
};

/* What a publisher has heard. */
struct load_answers {
    uint64_t count;   /* of events that the server has accepted */
    size_t body_left; /* bytes that belong to an answer already counted */
    bool is_pinged;   /* and owes the protocol's pong */
};

/* Some of the data. */
struct load_span {
    const char *data;
    size_t len;
};

struct load_protocol {
    const char *name;

    /* WebSocket frames hold a stream, and may break it anywhere. */
    bool is_framed;

    /* NULL: a publisher need not introduce itself. */
    void (*introduce)(struct load_dialog *dialog, uint32_t number);
    void (*subscribe)(struct load_dialog *dialog, const char *topic);

    void (*wrap_published)(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len);
    /* What a payload is beside its numbers; NULL: dots. */
    void (*fill)(char *payload, size_t len);

    void (*wrap_delivered)(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len);

    /*
     * Where an event tells its cursor and its time, heads vary. Then it comes
     * in something that tells its length, whose length this returns, 0 while
     * it is unfinished, with what is inside. NULL: all heads are the same.
     */
    size_t (*unpack)(const char *data, size_t len, struct load_span *inside);

    /*
     * Both take what the data begin with and return its length, 0 while it is
     * unfinished: an answer, and what comes to a subscriber but is no event. A
     * byte 0 follows the data.
     */
    size_t (*take_answer)(struct load_answers *answers,
                          const char *data,
                          size_t len);
    size_t (*take_other)(int fd, const char *data, size_t len);

    /* What a ping asks for, when it is the protocol's own. */
    size_t pong_len;
    char pong[LOAD_PONG_MAX];
};

/* By number; the first is ringtail's own. NULL ends the list. */
extern const struct load_protocol *const load_protocols[];

extern const struct load_protocol load_ringtail;
extern const struct load_protocol load_ringtail_batch;
extern const struct load_protocol load_ringtail_json;
extern const struct load_protocol load_ringtail_sse;
extern const struct load_protocol load_ringtail_memory;
extern const struct load_protocol load_ringtail_disk;
extern const struct load_protocol load_nchan;
extern const struct load_protocol load_redis;
extern const struct load_protocol load_redis_stream;
extern const struct load_protocol load_nats;
extern const struct load_protocol load_nats_stream;
extern const struct load_protocol load_nats_websocket;
extern const struct load_protocol load_mqtt;
extern const struct load_protocol load_mqtt_websocket;

/* The number of a protocol, or that of the NULL when there is none. */
uint32_t load_protocol_find(const char *name);

/* More bytes of a head. */
void load_wrapping_add(struct load_wrapping *wrapping,
                       const void *bytes,
                       size_t len);
void load_wrapping_print(struct load_wrapping *wrapping,
                         const char *format,
                         ...) __attribute__((format(printf, 2, 3)));

/* The packet identifier of the count-th event: never 0, unlike all in flight.
 */
static inline unsigned load_identifier(uint64_t count)
{
    return (unsigned)(count % UINT16_MAX) + 1;
}

/* A line, its end included; 0 while it is unfinished. */
size_t load_line_len(const char *data, size_t len);

#endif
