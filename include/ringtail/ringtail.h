/*
 * ringtail: a pub/sub message broker for the realtime web, as a library.
 *
 * The broker lives on a libuv loop of the host's and serves HTTP and WebSocket
 * on the addresses it is told to listen on. It never runs the loop, installs no
 * signal handlers, prints nothing, and keeps nothing outside its handle. All
 * calls but ringtail_publish_async are for the loop's thread, which is the one
 * that created the broker. Callbacks run on that thread, and never from inside
 * the call that caused them. They may call anything but
 * ringtail_broker_destroy, which is for `done`; the allocator nothing.
 *
 * Functions return 0 or a negative error: one of enum ringtail_error, or one of
 * libuv's, passed through. ringtail_strerror knows both.
 *
 * SIGPIPE may be whatever the host has made of it: none is raised for a peer
 * that is gone. Where it is not ignored when a broker is created, it is blocked
 * for the loop's thread while the loop polls with writes of the broker queued.
 */
#ifndef RINGTAIL_RINGTAIL_H
#define RINGTAIL_RINGTAIL_H

#include <stddef.h>
#include <stdint.h>

#include "ringtail/error.h"
#include "ringtail/option.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct ringtail_broker;
struct ringtail_subscription;
struct ringtail_authorization;

/* The version, `1.2.3`. */
RINGTAIL_EXPORT const char *ringtail_version(void);

/*
 * The host's memory: allocates (memory NULL), resizes, or frees (new_size 0,
 * returns NULL). On failure returns NULL and leaves the old block as it was.
 * Sizes are exact, so that a host can account for them. On the loop's thread.
 */
typedef void *(*ringtail_resize_cb)(void *context,
                                    void *memory,
                                    size_t old_size,
                                    size_t new_size);

enum ringtail_log_level {
    RINGTAIL_LOG_INFO,
    RINGTAIL_LOG_WARNING, /* events or peers are being refused or lost */
};

/* A line for the host's log, without a newline; valid during the call. At most
 * a few in a second. */
typedef void (*ringtail_log_cb)(void *context,
                                enum ringtail_log_level level,
                                const char *text);

/* The default of mailbox_bytes. */
#define RINGTAIL_MAILBOX_BYTES ((uint64_t)4 * 1024 * 1024)

/* What a peer asks for. */
enum ringtail_action {
    RINGTAIL_PRODUCE = 1,
    RINGTAIL_SUBSCRIBE = 2,
};

/* What the host says to it. Any other value counts as RINGTAIL_FORBIDDEN. */
enum ringtail_verdict {
    RINGTAIL_ALLOW = 0,
    RINGTAIL_LATER = 1,          /* of the callback: see below */
    RINGTAIL_UNAUTHORIZED = 401, /* with a Bearer challenge, RFC 6750 */
    RINGTAIL_FORBIDDEN = 403,
};

/* A request of a peer; valid during the call. A text that is not there is NULL.
 * New members may follow. */
struct ringtail_request {
    enum ringtail_action action;
    /* To subscribe it may be a pattern, with the token `*` for any one token or
     * `>` at the end for one or more: whoever compares beginnings of topics
     * must know. Of several topics and patterns each is asked about. */
    const char *topic;
    const char *query; /* what follows the `?`, not decoded */
    /* The header fields of these names, as they were sent. */
    const char *authorization;
    const char *cookie;
    const char *origin;
    const char *peer; /* `127.0.0.1:41234`, `[::1]:41234`, `unix`; NULL if it
                         has left already */
};

/*
 * Whether a peer may publish or subscribe: asked at the head of every POST
 * /produce/{topic}, GET /subscribe and GET /topics/{topic} that is well formed,
 * the last being as good as a subscription, and for each topic of a POST
 * /produce when its body is whole, before anything is done; and about each
 * operation `sub` and `pub` on a WebSocket, where the query and the header
 * fields are those of its handshake. Not for calls of the host itself, nor for
 * what the role admin may do. With RINGTAIL_LATER the peer waits, and the host
 * calls ringtail_authorize with `authorization`, exactly once. With any other
 * verdict `authorization` is not used.
 */
typedef enum ringtail_verdict (*ringtail_authorize_cb)(
    void *context,
    const struct ringtail_request *request,
    struct ringtail_authorization *authorization);

/*
 * The verdict on a request for which RINGTAIL_LATER was, or is about to be,
 * returned. On the loop's thread, until the broker is destroyed; also when the
 * peer has left meanwhile, or was answered 503 after head_timeout. It only
 * notes the verdict: the request goes on in the same turn of the loop, or the
 * next. `authorization` is freed.
 */
RINGTAIL_EXPORT void
ringtail_authorize(struct ringtail_authorization *authorization,
                   enum ringtail_verdict verdict);

/* Set by ringtail_config_init, then changed member by member. */
struct ringtail_config {
    size_t size; /* of this struct, as the caller was compiled */
    /* What the host brings, each with the context it is called with. */
    ringtail_resize_cb resize; /* NULL: the C library's */
    void *resize_context;
    ringtail_log_cb log; /* NULL: nothing is logged */
    void *log_context;
    ringtail_authorize_cb authorize; /* NULL: all is allowed */
    void *authorize_context;
    uint64_t mailbox_bytes; /* memory for what other threads publish, about;
                               the C library's in any case */
    /* The options. */
#define X(kind, name, value, help) RINGTAIL_TYPE_##kind name;
    RINGTAIL_CONFIG_MAP(X)
#undef X
};

/* For ringtail_config_init: `size` is the caller's sizeof(*config). */
RINGTAIL_EXPORT void ringtail_config_init_sized(struct ringtail_config *config,
                                                size_t size);

/* Sets every option to its default; of what the host brings there is nothing.
 */
static inline void ringtail_config_init(struct ringtail_config *config)
{
    ringtail_config_init_sized(config, sizeof(*config));
}

/*
 * Sets one option from text: a name as for ringtail_option_find, and a value
 * such as `64KiB`, `250ms`, `100`, `unlimited`. What a TEXT is set to is not
 * copied: it stays where it is until the broker is created. 0, RINGTAIL_ENAME
 * or RINGTAIL_EVALUE.
 */
RINGTAIL_EXPORT int ringtail_config_set(struct ringtail_config *config,
                                        const char *name,
                                        const char *value);

/*
 * Creates a broker on the host's loop, whose thread the caller's is from now
 * on. The config is copied; NULL means the defaults. The loop must outlive the
 * broker. Errors, after which the loop has nothing of it: UV_ENOMEM,
 * RINGTAIL_EVALUE, RINGTAIL_EEVENTBYTES, RINGTAIL_EDESCRIPTORS, UV_EMFILE.
 *
 * With `data` there is a log on disk, in a directory that is made if need be,
 * and the broker is what it was when it ended. This call then blocks while the
 * end of the log is read, and tells `log` of it when that takes more than a
 * second. A thread of the library's own writes from then on, and another one
 * reads when somebody asks for old events, both with all signals blocked.
 * Errors are RINGTAIL_ELOCKED, RINGTAIL_EDAMAGED, RINGTAIL_EREPAIR,
 * RINGTAIL_ENOFILE, and what the system says of the directory, as UV_EACCES and
 * UV_ENOSPC; RINGTAIL_ENODATA without `data` but with RINGTAIL_ACK_DISK.
 */
RINGTAIL_EXPORT int ringtail_broker_create(const struct ringtail_config *config,
                                           struct uv_loop_s *loop,
                                           struct ringtail_broker **broker);

/* What a listener serves. */
enum ringtail_role {
    RINGTAIL_ROLE_PUBLIC = 1, /* produce, subscribe, a topic's state, health */
    RINGTAIL_ROLE_ADMIN = 2,  /* metrics, and to configure, close, purge and
                                 list topics */
};

/*
 * Listens on `127.0.0.1:3030`, `[::1]:3030`, `localhost:3030`, `unix:PATH`, or
 * `fd:N`: a stream socket that is bound, or listening already, as a supervisor
 * hands one down; it becomes the broker's on success and stays the caller's on
 * failure. Port 0 picks a free one. `roles` is a set of enum ringtail_role; 0
 * means both on this machine's own addresses and public alone elsewhere; an
 * address that other machines reach needs `authorize`, which guards the public
 * role alone, or `insecure`. May be called several times. Errors:
 * RINGTAIL_EADDRESS, RINGTAIL_EDESCRIPTOR, RINGTAIL_EINSECURE,
 * RINGTAIL_ESTOPPED, UV_ENOMEM, libuv's.
 */
RINGTAIL_EXPORT int ringtail_broker_listen(struct ringtail_broker *broker,
                                           const char *address,
                                           unsigned roles);

/* The port of the last listener on TCP; 0 if there is none. */
RINGTAIL_EXPORT int ringtail_broker_port(const struct ringtail_broker *broker);

/* How many connections there may be at a time. */
RINGTAIL_EXPORT uint64_t
ringtail_broker_connections_max(const struct ringtail_broker *broker);

/* --- publishing --- */

/* A cursor as text, with its NUL: `7f3a9c21-1042`. Opaque: hand it back. */
#define RINGTAIL_CURSOR_BYTES 32

/* Where an event is in the log of its topic. */
struct ringtail_receipt {
    uint64_t offset; /* increasing, per topic */
    uint64_t ts;     /* milliseconds since 1970, UTC */
    char cursor[RINGTAIL_CURSOR_BYTES];
};

/* Set by ringtail_event_options_init, then changed member by member. */
struct ringtail_event_options {
    size_t size; /* of this struct, as the caller was compiled */
    /* As the header of POST /produce. NULL: text if it is UTF-8, else binary */
    const char *content_type;
    /* How far the event is to come before its publisher is told: for
     * ringtail_publish_async. RINGTAIL_ACK_AUTO: as the topic has it, or else
     * the config's `ack`. */
    enum ringtail_ack ack;
};

static inline void
ringtail_event_options_init(struct ringtail_event_options *options)
{
    options->size = sizeof(*options);
    options->content_type = NULL;
    options->ack = RINGTAIL_ACK_AUTO;
}

/*
 * Appends an event to a topic, which begins to exist if it did not, and returns
 * before anybody gets it. The payload, `len` bytes of at most event_bytes, is
 * copied; it may be NULL if there are none. `options` and `receipt` may be
 * NULL. Errors: RINGTAIL_ETOPIC, RINGTAIL_EPAYLOAD, RINGTAIL_ETOOLARGE,
 * RINGTAIL_ECLOSED, RINGTAIL_ESTOPPED; UV_ENOMEM when the memory budget is
 * spent. With a log on disk UV_ENOSPC when that is full, RINGTAIL_ESTORAGE,
 * RINGTAIL_ELOST, and RINGTAIL_EFULL when far too much waits for it.
 *
 * It does not wait for the disk: the event is in memory. Whoever is to know
 * when it is on disk calls ringtail_publish_async, which may be called from
 * here as well; RINGTAIL_ACK_DISK is RINGTAIL_EVALUE.
 */
RINGTAIL_EXPORT int
ringtail_publish(struct ringtail_broker *broker,
                 const char *topic,
                 const void *payload,
                 size_t len,
                 const struct ringtail_event_options *options,
                 struct ringtail_receipt *receipt);

/* What became of an event from another thread: 0 and the receipt, or NULL and
 * an error of ringtail_publish; or RINGTAIL_EUNSYNCED, when it has been
 * appended but did not come to disk, as it should have. On the loop's thread.
 */
typedef void (*ringtail_published_cb)(void *context,
                                      int error,
                                      const struct ringtail_receipt *receipt);

/*
 * The same from any thread, and the only call that may be made from one that is
 * not the loop's. Topic and payload are copied into a mailbox of mailbox_bytes;
 * the loop appends what is in it, in the order in which each thread sent, and
 * waits with it while the topic's subscribers are far behind. `published` may
 * be NULL. What was accepted is always appended or told of, also when the
 * broker is stopped. With RINGTAIL_ACK_DISK, or where that is the default,
 * `published` is called when the event is on disk; those for memory do not wait
 * for it. Errors, upon which nothing is called: RINGTAIL_EFULL (try again
 * later), RINGTAIL_ENODATA for RINGTAIL_ACK_DISK without a log,
 * RINGTAIL_ETOPIC, RINGTAIL_ETOOLARGE (also for what could never fit into the
 * mailbox), RINGTAIL_EPAYLOAD for a content type that is none, RINGTAIL_EVALUE
 * for an `ack` that is none, RINGTAIL_ESTOPPED, UV_ENOMEM. No thread may be in
 * this call any more when the broker is destroyed.
 */
RINGTAIL_EXPORT int
ringtail_publish_async(struct ringtail_broker *broker,
                       const char *topic,
                       const void *payload,
                       size_t len,
                       const struct ringtail_event_options *options,
                       ringtail_published_cb published,
                       void *context);

/* --- subscribing in the host's process --- */

enum ringtail_event_kind {
    RINGTAIL_EVENT,  /* an event */
    RINGTAIL_GAP,    /* events were lost: how many, if known, and why */
    RINGTAIL_CLOSED, /* the last call: the topic is closed, or the broker has
                        stopped */
};

enum ringtail_content {
    RINGTAIL_CONTENT_BINARY,
    RINGTAIL_CONTENT_TEXT, /* valid UTF-8 */
    RINGTAIL_CONTENT_JSON, /* valid UTF-8, and valid JSON */
};

/* What a subscription tells; valid during the call. */
struct ringtail_event {
    enum ringtail_event_kind kind;
    enum ringtail_content content;
    const char *topic;
    const void *payload; /* `len` bytes, without a NUL behind them */
    size_t len;
    uint64_t offset;    /* of the event; GAP: of the last one that was lost;
                           CLOSED, for a topic: of its last one */
    uint64_t ts;        /* milliseconds since 1970, UTC */
    uint64_t missed;    /* GAP: how many; 0: not known */
    const char *reason; /* GAP, CLOSED: `cursor-evicted`, `epoch-changed`,
                           `topic-closed`, `leaving` */
};

/* May also call ringtail_unsubscribe for its own subscription. */
typedef void (*ringtail_event_cb)(void *context,
                                  const struct ringtail_event *event);

/*
 * Subscribes to a topic, which begins to exist if it did not. `since` is what
 * GET /subscribe takes; NULL means `now`. Events come once a turn of the loop,
 * after those for peers, in order and without a copy. Whoever is slower than
 * the ring is told of a gap and goes on with what is left. The subscription is
 * freed by ringtail_unsubscribe, or with its broker. Errors: RINGTAIL_ETOPIC,
 * RINGTAIL_ESINCE, RINGTAIL_ESTOPPED, UV_ENOMEM.
 */
RINGTAIL_EXPORT int
ringtail_subscribe(struct ringtail_broker *broker,
                   const char *topic,
                   const char *since,
                   ringtail_event_cb callback,
                   void *context,
                   struct ringtail_subscription **subscription);

/*
 * A paused subscription is not called but with RINGTAIL_CLOSED, costs nothing
 * and keeps no event from being dropped; it is not timed. When it is resumed it
 * goes on where it was, with a gap if the ring has passed it. Both may be
 * repeated.
 */
RINGTAIL_EXPORT void
ringtail_subscription_pause(struct ringtail_subscription *subscription);
RINGTAIL_EXPORT void
ringtail_subscription_resume(struct ringtail_subscription *subscription);

/* The cursor of the last event that it was called with, or where it began. */
RINGTAIL_EXPORT void
ringtail_subscription_cursor(const struct ringtail_subscription *subscription,
                             char cursor[RINGTAIL_CURSOR_BYTES]);

/* Ends a subscription and frees it. It is not called again. NULL is fine. */
RINGTAIL_EXPORT void
ringtail_unsubscribe(struct ringtail_subscription *subscription);

/* --- for a host that serves HTTP itself --- */

/* The value of Sec-WebSocket-Accept, with its NUL. */
#define RINGTAIL_ACCEPT_BYTES 29

/* Finds that value for the Sec-WebSocket-Key of a request (RFC 6455, section
 * 4.2.2). 0, or UV_EINVAL for what is no such key. */
RINGTAIL_EXPORT int
ringtail_websocket_accept(const char *key, char accept[RINGTAIL_ACCEPT_BYTES]);

/*
 * Makes a connection on which the host has finished the opening handshake, and
 * sent its 101, a raw subscriber of a topic. `since` as for ringtail_subscribe;
 * events that it asks for and that are gone close the connection with 4410.
 * `received` is what the host has read of the connection behind the request,
 * `len` bytes; it may be NULL if there are none. The authorizer is not asked.
 *
 * On success `fd`, a connected stream socket of TCP or of this machine, is the
 * broker's, and is not blocking; on an error it stays the caller's. A uv_tcp_t
 * of the host's does not let go of its socket: give a dup(2) of it, and close
 * the handle. Errors: RINGTAIL_ESTOPPED, RINGTAIL_ETOPIC, RINGTAIL_ESINCE,
 * RINGTAIL_EDESCRIPTOR; RINGTAIL_ECONNECTIONS when there are as many as
 * `connections` allows; UV_ENOMEM; libuv's.
 */
RINGTAIL_EXPORT int ringtail_broker_adopt(struct ringtail_broker *broker,
                                          int fd,
                                          const char *topic,
                                          const char *since,
                                          const void *received,
                                          size_t len);

/* --- the loop, and the end --- */

/*
 * As uv_unref and uv_ref: whether the broker keeps uv_run going. It does, until
 * it has stopped or ringtail_broker_unref says otherwise. Stopping makes it do
 * so again. Both may be repeated.
 */
RINGTAIL_EXPORT void ringtail_broker_unref(struct ringtail_broker *broker);
RINGTAIL_EXPORT void ringtail_broker_ref(struct ringtail_broker *broker);

typedef void (*ringtail_done_cb)(void *context);

/*
 * Stops listening, closes every subscriber with 1001 and lets requests that
 * have begun finish, for at most `drain_ms`. Then subscriptions of the host get
 * what is left for them and RINGTAIL_CLOSED, and `done`, which may be NULL, is
 * called; from there on the loop holds nothing of the broker, and
 * uv_loop_close() does not find anything of it. To be called once.
 */
RINGTAIL_EXPORT void ringtail_broker_stop(struct ringtail_broker *broker,
                                          uint64_t drain_ms,
                                          ringtail_done_cb done,
                                          void *context);

/* Frees a broker that has stopped; `done` may do it. NULL is fine. */
RINGTAIL_EXPORT void ringtail_broker_destroy(struct ringtail_broker *broker);

#ifdef __cplusplus
}
#endif

#endif
