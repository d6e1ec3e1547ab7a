/*
 * ringtail: a pub/sub message broker for the realtime web, as a library.
 *
 * The broker lives on a libuv loop of the host's and serves HTTP and WebSocket
 * on the addresses it is told to listen on. It never runs the loop, installs no
 * signal handlers, prints nothing, and keeps nothing outside its handle. All
 * calls are for the loop's thread. Callbacks run on that thread, and never from
 * inside the call that caused them.
 *
 * Functions return 0 or a negative error: one of enum ringtail_error, or one of
 * libuv's, passed through. ringtail_strerror knows both.
 *
 * Hosts must ignore SIGPIPE, as programs with sockets do.
 */
#ifndef RINGTAIL_RINGTAIL_H
#define RINGTAIL_RINGTAIL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RINGTAIL_EXPORT __attribute__((visibility("default")))
#else
#define RINGTAIL_EXPORT
#endif

struct uv_loop_s;
struct ringtail_broker;

/* The library's own errors: name, value, text. */
#define RINGTAIL_ERROR_MAP(X)                                               \
    X(EADDRESS, -10000,                                                     \
      "not an address: use ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH")      \
    X(EINSECURE, -10002,                                                    \
      "the address is reachable from other machines, and nothing asks for " \
      "authentication: allow that with --insecure")                         \
    X(ENAME, -10003, "there is no option of that name")                     \
    X(EVALUE, -10004, "that is not a value for this option")                \
    X(EEVENTBYTES, -10005,                                                  \
      "an event may not be larger than its ring, nor than 1 GiB")           \
    X(EDESCRIPTORS, -10006,                                                 \
      "too few file descriptors for the connections: raise the limit "      \
      "(ulimit -n), or lower --connections if it was given")                \
    X(EURL, -10100,                                                         \
      "not a broker's URL: use http://HOST:PORT, HOST:PORT or unix:PATH")   \
    X(ETLS, -10101, "https and wss need TLS, which is not built in")        \
    X(ETOPIC, -10102, "that is not a topic")                                \
    X(ETYPE, -10103, "that is not a content type")                          \
    X(EFULL, -10104, "as many events wait for answers as may")              \
    X(ETOOLARGE, -10105, "the event is larger than the limit")              \
    X(EREFUSED, -10106, "the broker refused")                               \
    X(EUNKNOWN, -10107,                                                     \
      "the connection broke before the answer: the event may have arrived") \
    X(EPROTOCOL, -10108, "the peer does not speak the broker's protocol")   \
    X(ELEFT, -10109, "the broker closed the subscription")

enum ringtail_error {
#define X(name, value, text) RINGTAIL_##name = (value),
    RINGTAIL_ERROR_MAP(X)
#undef X
};

/* A text for an error of this library or of libuv; never NULL. */
RINGTAIL_EXPORT const char *ringtail_strerror(int error);

/* The version, `1.2.3`. */
RINGTAIL_EXPORT const char *ringtail_version(void);

/* For limits that shall not bind. */
#define RINGTAIL_UNLIMITED UINT64_MAX

/*
 * The options: kind, name, default as it is written, and what it is for. SIZE
 * is in bytes (written `64KiB`), DURATION in milliseconds (`250ms`), COUNT a
 * number, FLAG 0 or 1. A limit is positive or RINGTAIL_UNLIMITED, never 0.
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
      "listen beyond this machine although nothing authenticates")

/* Set by ringtail_config_init, then changed member by member. */
struct ringtail_config {
    size_t size; /* of this struct, as the caller was compiled */
#define X(kind, name, value, help) uint64_t name;
    RINGTAIL_CONFIG_MAP(X)
#undef X
};

enum ringtail_option_kind {
    RINGTAIL_OPTION_SIZE,
    RINGTAIL_OPTION_DURATION,
    RINGTAIL_OPTION_COUNT,
    RINGTAIL_OPTION_FLAG,
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

/* Sets every option to its default. */
RINGTAIL_EXPORT void ringtail_config_init(struct ringtail_config *config);

/*
 * Sets one option from text: a name as for ringtail_option_find, and a value
 * such as `64KiB`, `250ms`, `100`, `unlimited`. 0, RINGTAIL_ENAME or
 * RINGTAIL_EVALUE.
 */
RINGTAIL_EXPORT int ringtail_config_set(struct ringtail_config *config,
                                        const char *name,
                                        const char *value);

/*
 * Creates a broker on the host's loop. The config is copied; NULL means the
 * defaults. The loop must outlive the broker. Errors: UV_ENOMEM,
 * RINGTAIL_EVALUE, RINGTAIL_EEVENTBYTES, RINGTAIL_EDESCRIPTORS.
 */
RINGTAIL_EXPORT int ringtail_broker_create(const struct ringtail_config *config,
                                           struct uv_loop_s *loop,
                                           struct ringtail_broker **broker);

/* What a listener serves. */
enum ringtail_role {
    RINGTAIL_ROLE_PUBLIC = 1, /* produce, subscribe, health */
    RINGTAIL_ROLE_ADMIN = 2,  /* metrics */
};

/*
 * Listens on `127.0.0.1:3030`, `[::1]:3030`, `localhost:3030`, or `unix:PATH`.
 * Port 0 picks a free one. `roles` is a set of enum ringtail_role; 0 means both
 * on this machine's own addresses and public alone elsewhere. May be called
 * several times. Errors: RINGTAIL_EADDRESS, RINGTAIL_EINSECURE, libuv's.
 */
RINGTAIL_EXPORT int ringtail_broker_listen(struct ringtail_broker *broker,
                                           const char *address,
                                           unsigned roles);

/* The port of the last listener on TCP; 0 if there is none. */
RINGTAIL_EXPORT int ringtail_broker_port(const struct ringtail_broker *broker);

/* How many connections there may be at a time. */
RINGTAIL_EXPORT uint64_t
ringtail_broker_connections_max(const struct ringtail_broker *broker);

typedef void (*ringtail_done_cb)(void *context);

/*
 * Stops listening, closes every subscriber with 1001 and lets requests that
 * have begun finish, for at most `drain_ms`. Then calls `done`; from there on
 * the loop holds nothing of the broker. To be called once.
 */
RINGTAIL_EXPORT void ringtail_broker_stop(struct ringtail_broker *broker,
                                          uint64_t drain_ms,
                                          ringtail_done_cb done,
                                          void *context);

/* Frees a broker that has stopped. NULL is fine. */
RINGTAIL_EXPORT void ringtail_broker_destroy(struct ringtail_broker *broker);

#ifdef __cplusplus
}
#endif

#endif
