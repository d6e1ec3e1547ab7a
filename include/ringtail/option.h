/* What a broker can be told, as ringtail.h and command lines have it. */
#ifndef RINGTAIL_OPTION_H
#define RINGTAIL_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "ringtail/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For limits that shall not bind. */
#define RINGTAIL_UNLIMITED UINT64_MAX

/*
 * The options: kind, name, default as it is written, and what it is for. SIZE
 * is in bytes (written `64KiB`), DURATION in milliseconds (`250ms`), COUNT a
 * number, FLAG 0 or 1, TEXT any or, empty, none; ACK is an enum ringtail_ack
 * (`auto`, `memory`, `disk`). A limit is positive or RINGTAIL_UNLIMITED, never
 * 0.
 */
#define RINGTAIL_CONFIG_MAP(X)                                             \
    X(SIZE, ring_bytes, "1MiB",                                            \
      "memory of a topic's ring: older events are dropped beyond it")      \
    X(COUNT, ring_events, "unlimited", "events that a ring holds")         \
    X(DURATION, max_age, "1h", "how long a ring holds an event")           \
    X(SIZE, event_bytes, "256KiB",                                         \
      "largest payload of an event, at most 1 GiB")                        \
    X(SIZE, memory, "1GiB",                                                \
      "memory of the whole broker: beyond it publishers get 507")          \
    X(COUNT, connections, "unlimited",                                     \
      "connections at a time; as far as file descriptors go if unlimited") \
    X(DURATION, stall_timeout, "30s",                                      \
      "a peer that takes no bytes for so long is closed")                  \
    X(DURATION, heartbeat, "25s", "how often subscribers are pinged")      \
    X(DURATION, pong_timeout, "10s",                                       \
      "a subscriber that does not answer a ping for so long is closed")    \
    X(DURATION, head_timeout, "10s",                                       \
      "time for the head of a request to arrive")                          \
    X(DURATION, body_timeout, "30s",                                       \
      "time for the body of a request to arrive")                          \
    X(DURATION, idle_timeout, "60s",                                       \
      "a connection without a request is closed after it")                 \
    X(FLAG, insecure, "0",                                                 \
      "listen beyond this machine although nothing authenticates")         \
    X(DURATION, idempotency_time, "5m",                                    \
      "how long an Idempotency-Key is remembered")                         \
    X(COUNT, idempotency_keys, "10000", "how many of them: the last ones") \
    X(SIZE, idempotency_bytes, "8MiB",                                     \
      "memory for them, at most a sixteenth of all")                       \
    X(SIZE, batch_bytes, "4MiB", "largest body of a batch of events")      \
    X(TEXT, data, "",                                                      \
      "directory of the log on disk; without it all is in memory")         \
    X(SIZE, data_bytes, "10GiB",                                           \
      "what the log may take: older events are dropped beyond it")         \
    X(COUNT, data_events, "unlimited",                                     \
      "events that the log keeps: older ones are dropped beyond it")       \
    X(DURATION, data_age, "unlimited", "how long the log keeps an event")  \
    X(SIZE, data_reserve, "256MiB",                                        \
      "of the disk, for others: beyond it publishers get 507")             \
    X(ACK, ack, "auto",                                                    \
      "what publishers wait for who do not say: memory, disk, or auto: "   \
      "disk where there is a log")

/* The type of an option's member. */
#define RINGTAIL_TYPE_SIZE     uint64_t
#define RINGTAIL_TYPE_DURATION uint64_t
#define RINGTAIL_TYPE_COUNT    uint64_t
#define RINGTAIL_TYPE_FLAG     uint64_t
#define RINGTAIL_TYPE_TEXT     const char *
#define RINGTAIL_TYPE_ACK      uint64_t

/* How far an event has come when its publisher is told of it. */
enum ringtail_ack {
    RINGTAIL_ACK_AUTO = 0,   /* disk where there is a log, else memory */
    RINGTAIL_ACK_MEMORY = 1, /* subscribers get it */
    RINGTAIL_ACK_DISK = 2,   /* and it survives */
};

enum ringtail_option_kind {
    RINGTAIL_OPTION_SIZE,
    RINGTAIL_OPTION_DURATION,
    RINGTAIL_OPTION_COUNT,
    RINGTAIL_OPTION_FLAG,
    RINGTAIL_OPTION_TEXT,
    RINGTAIL_OPTION_ACK,
};

/* An option, for programs that offer them on a command line. */
struct ringtail_option {
    enum ringtail_option_kind kind;
    const char *name;  /* as the member's, `ring_bytes` */
    const char *value; /* the default, as it is written */
    const char *help;
};

/* The option number `index` from 0, or NULL beyond the last. */
RINGTAIL_EXPORT const struct ringtail_option *ringtail_option_at(size_t index);

/* The option of that name, with `-` for `_` if you like, or NULL. */
RINGTAIL_EXPORT const struct ringtail_option *
ringtail_option_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
