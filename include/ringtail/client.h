/*
 * The client: publishes to a ringtail broker, or subscribes to a topic of it,
 * over a connection that is made anew whenever it breaks.
 *
 * There are two layers. A *session* is the state machine: what the transport
 * got, what happened to it and the time go in; bytes to send, a deadline and
 * callbacks come out. It does no I/O and can be driven by any loop. A *client*
 * is a session with a transport on a libuv loop; most programs want that.
 *
 * What a broker says in words (`detail`, `reason`) is told in printable ASCII:
 * any other byte is a '?'.
 *
 * Everything about a session or a client is for one thread; several sessions
 * may live in one thread, and in several. Callbacks run on the loop's thread
 * (for a bare session: inside its inputs, see below), and never from inside
 * the call that caused them. Functions return 0 or a negative error that
 * ringtail_strerror knows. A client raises no SIGPIPE.
 */
#ifndef RINGTAIL_CLIENT_H
#define RINGTAIL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringtail/ringtail.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ringtail_session;
struct ringtail_client;

/* A position in a topic's log: after the event of this offset. */
struct ringtail_cursor {
    uint32_t epoch;
    uint64_t offset;
};

/* Writes a cursor as text, `7f3a9c21-1042`, with a NUL. */
RINGTAIL_EXPORT void ringtail_cursor_format(struct ringtail_cursor cursor,
                                            char text[RINGTAIL_CURSOR_BYTES]);

/* --- where a broker is --- */

#define RINGTAIL_URL_HOST_MAX 253 /* bytes of a name, RFC 1035, 2.3.4 */
#define RINGTAIL_URL_PATH_MAX 107 /* bytes of a UNIX socket's path */

/* All text ends with a NUL. */
struct ringtail_url {
    bool is_unix;
    char path[RINGTAIL_URL_PATH_MAX + 1]; /* if is_unix */
    /* A name or an IP address, without brackets. */
    char host[RINGTAIL_URL_HOST_MAX + 1];
    uint16_t port;
    /* For the header field Host: with the brackets and the port. */
    char authority[RINGTAIL_URL_HOST_MAX + sizeof("[]:65535")];
};

/*
 * Reads `http://HOST[:PORT]`, `ws://` alike, `HOST[:PORT]`, with HOST a name,
 * an IPv4 address or an IPv6 address in brackets; or `unix:PATH`. Looks nothing
 * up. 0, RINGTAIL_EURL, or RINGTAIL_ETLS for `https` and `wss`.
 */
RINGTAIL_EXPORT int ringtail_url_parse(const char *text,
                                       struct ringtail_url *url);

/* --- what a session tells --- */

/* An event of the topic. The payload is valid during the callback. */
struct ringtail_client_event {
    const char *payload; /* not NUL-terminated */
    size_t len;
    bool is_text;                  /* a text frame: well-formed UTF-8 */
    struct ringtail_cursor cursor; /* to resume after this event */
};

/* Events that are lost to this subscriber: it goes on after `cursor`. */
struct ringtail_gap {
    const char *reason; /* the broker's slug, such as `cursor-evicted` */
    uint64_t missed;    /* events; if has_missed */
    bool has_missed;
    struct ringtail_cursor cursor;
};

/*
 * What became of a published event. Error 0: it is in the topic at `cursor`.
 * RINGTAIL_EREFUSED: the broker answered with `status` and `detail`; 429, 503
 * and 507 may pass later. RINGTAIL_EUNKNOWN: the connection broke after (some
 * of) the event was sent and before its answer; it may or may not be in the
 * topic, and is not sent again.
 */
struct ringtail_outcome {
    void *tag; /* the event's */
    int error;
    struct ringtail_cursor cursor;
    unsigned status;        /* of HTTP; 0: no answer */
    const char *detail;     /* NUL-terminated, "" if there is none */
    uint64_t retry_after_s; /* from Retry-After; 0 if there is none */
};

/*
 * Why a connection was lost or could not be made, or why a session ended.
 * Errors: RINGTAIL_EREFUSED (the broker refused the subscription with the HTTP
 * `status`), RINGTAIL_ELEFT (it closed with the close code `status`),
 * RINGTAIL_EPROTOCOL, RINGTAIL_ETOOLARGE (an event beyond event_bytes),
 * or a libuv error: UV_ECONNREFUSED, UV_EOF, UV_ETIMEDOUT, UV_ENOMEM, ...
 */
struct ringtail_failure {
    int error;
    unsigned status;    /* HTTP's, or a close code; 0: neither */
    const char *detail; /* NUL-terminated, "" if there is none */
    uint64_t retry_ms;  /* on_lost: when it will connect again, from now */
};

/*
 * What a session calls; each may be NULL. `context` is the options'. What the
 * pointers in the structs point to is valid during the callback. A callback
 * may call any function of this header on the same session or client but the
 * inputs; ringtail_session_destroy (of a bare session) and ringtail_client_stop
 * too, after which no further callback comes.
 */
struct ringtail_session_handlers {
    /* A connection is open: a publisher's is connected, a subscriber's has
     * its place in the topic (ringtail_session_cursor). */
    void (*on_open)(void *context);
    /* The connection was lost, or none could be made; the session connects
     * again by itself, a publisher when there is something to send. Not after
     * a gap that the broker closed it for: then on_gap was called. */
    void (*on_lost)(void *context, const struct ringtail_failure *failure);
    /* The session ended and does nothing more. It must still be destroyed. */
    void (*on_closed)(void *context, const struct ringtail_failure *failure);
    /* Subscriber: the next event; a gap before the next event. */
    void (*on_event)(void *context, const struct ringtail_client_event *event);
    void (*on_gap)(void *context, const struct ringtail_gap *gap);
    /* Publisher: for every event that ringtail_session_publish took, once,
     * in the order of the calls; unless the session is destroyed before. */
    void (*on_outcome)(void *context, const struct ringtail_outcome *outcome);
    /* Publisher: after RINGTAIL_EFULL there is room again: for half of what
     * may be in flight. */
    void (*on_room)(void *context);
};

/* --- options --- */

enum ringtail_session_kind {
    RINGTAIL_SESSION_PUBLISHER,
    RINGTAIL_SESSION_SUBSCRIBER,
};

/* The defaults, and what cannot be changed. */
#define RINGTAIL_CLIENT_URL            "http://127.0.0.1:3030"
#define RINGTAIL_CLIENT_PORT           3030
#define RINGTAIL_CLIENT_IN_FLIGHT      4096    /* events */
#define RINGTAIL_CLIENT_IN_FLIGHT_SIZE 1048576 /* bytes, with their heads */
#define RINGTAIL_CLIENT_EVENT_BYTES    16777216
#define RINGTAIL_CLIENT_SILENCE_MS     60000
#define RINGTAIL_CLIENT_CONNECT_MS     10000
#define RINGTAIL_CLIENT_RETRY_MIN_MS   100
#define RINGTAIL_CLIENT_RETRY_MAX_MS   10000
#define RINGTAIL_CLIENT_STEADY_MS      10000

/*
 * Set by ringtail_session_options_init, then changed member by member. Strings
 * are copied by create. A limit is positive.
 *
 * Memory of a session: at most 4 * event_bytes (subscriber) or
 * 4 * in_flight_bytes + 32 * in_flight_events (publisher), and 256 KiB; what
 * cannot be had is UV_ENOMEM, in a failure too.
 */
struct ringtail_session_options {
    size_t size; /* of this struct, as the caller was compiled */
    enum ringtail_session_kind kind;

    const char *url; /* as ringtail_url_parse reads it */

    /* Subscriber: the topic, and where to begin (`now`, `earliest`, a cursor,
     * a time, `10m`, `-N`); NULL: now. */
    const char *topic;
    const char *since;

    /* Publisher: what may be without an outcome at a time. */
    uint64_t in_flight_events;
    uint64_t in_flight_bytes;

    /* Subscriber: the largest event it takes; a larger one ends the session. */
    uint64_t event_bytes;

    /* A connection on which nothing arrives for so long counts as lost; for a
     * publisher, while answers are due. The broker pings every 25 s. */
    uint64_t silence_ms;

    /* How long connecting and the handshake may take. */
    uint64_t connect_ms;

    /* Waits before it connects again are random, between 0 and a bound that
     * begins with retry_min_ms, doubles each time, and ends with retry_max_ms.
     * It begins again after a connection that brought an event or an answer,
     * or lasted RINGTAIL_CLIENT_STEADY_MS. After a gap there is no wait, but
     * for gaps one behind the other. */
    uint64_t retry_min_ms;
    uint64_t retry_max_ms;

    struct ringtail_session_handlers handlers;
    void *context;
};

/* For ringtail_session_options_init: `size` is the caller's sizeof(*options).
 */
RINGTAIL_EXPORT void
ringtail_session_options_init_sized(struct ringtail_session_options *options,
                                    size_t size,
                                    enum ringtail_session_kind kind);

/* Sets the defaults: the constants above, no handlers, no topic. */
static inline void
ringtail_session_options_init(struct ringtail_session_options *options,
                              enum ringtail_session_kind kind)
{
    ringtail_session_options_init_sized(options, sizeof(*options), kind);
}

/* --- the session: what programs use --- */

/*
 * The states. A session begins WAITING, with a deadline that is over.
 *
 *     WAITING -> CONNECTING            its wait is over (see `wanted`)
 *     CONNECTING -> OPENING            subscriber: connected
 *     CONNECTING -> OPEN               publisher: connected
 *     OPENING -> OPEN                  subscriber: the handshake is done
 *     CONNECTING, OPENING, OPEN -> LEAVING    time-out, bad bytes, or a close
 *     CONNECTING, OPENING, OPEN, LEAVING -> WAITING   disconnected
 *     CONNECTING, OPENING, OPEN, LEAVING -> IDLE      publisher: disconnected,
 *                                                     nothing to send
 *     IDLE -> WAITING                  publisher: something to send
 *     LEAVING -> CLOSED                subscriber: disconnected, for good
 */
enum ringtail_session_state {
    RINGTAIL_SESSION_WAITING,    /* for the time to connect */
    RINGTAIL_SESSION_CONNECTING, /* the transport is at it */
    RINGTAIL_SESSION_OPENING,    /* the handshake is under way */
    RINGTAIL_SESSION_OPEN,
    RINGTAIL_SESSION_LEAVING, /* the transport is to disconnect */
    RINGTAIL_SESSION_IDLE,    /* not connected, and no reason to be */
    RINGTAIL_SESSION_CLOSED,
};

RINGTAIL_EXPORT enum ringtail_session_state
ringtail_session_state(const struct ringtail_session *session);

/* An event to publish. Nothing of it is needed after the call. */
struct ringtail_new_event {
    const char *topic;        /* NUL-terminated */
    const char *content_type; /* NULL: text if it is UTF-8, else binary */
    const char *payload;
    size_t len;
    void *tag; /* for the outcome */
};

/*
 * Takes an event to publish; it is sent with others at the end of the loop's
 * turn, or after a connection was made. Errors, after which there will be no
 * outcome: RINGTAIL_ETOPIC; RINGTAIL_ETYPE; RINGTAIL_EFULL, then wait for
 * on_room; RINGTAIL_ETOOLARGE, the request is larger than in_flight_bytes;
 * UV_ENOMEM; UV_EINVAL for a subscriber.
 */
RINGTAIL_EXPORT int
ringtail_session_publish(struct ringtail_session *session,
                         const struct ringtail_new_event *event);

/* Events that were taken and have no outcome yet. */
RINGTAIL_EXPORT uint64_t
ringtail_session_pending(const struct ringtail_session *session);

/* Subscriber: where it would resume. False before its first connection was
 * open. */
RINGTAIL_EXPORT bool
ringtail_session_cursor(const struct ringtail_session *session,
                        struct ringtail_cursor *cursor);

/* --- the session: what its transport does; not for users of a client --- */

/*
 * Creates a session. Errors: RINGTAIL_EURL, RINGTAIL_ETLS, RINGTAIL_ETOPIC,
 * RINGTAIL_EVALUE (a limit of 0, or a since that is too long), UV_ENOMEM.
 */
RINGTAIL_EXPORT int
ringtail_session_create(const struct ringtail_session_options *options,
                        struct ringtail_session **session);

/* Frees a session; NULL is fine. In a callback the memory is freed when the
 * input under way ends. */
RINGTAIL_EXPORT void ringtail_session_destroy(struct ringtail_session *session);

/* What the transport has to do now; ask after each input and publish. */
enum ringtail_session_wanted {
    RINGTAIL_WANT_NOTHING,
    RINGTAIL_WANT_CONNECT,    /* in CONNECTING, until `connected` */
    RINGTAIL_WANT_DISCONNECT, /* send the output if that goes at once, close,
                                 and say `disconnected` */
};

RINGTAIL_EXPORT enum ringtail_session_wanted
ringtail_session_wanted(const struct ringtail_session *session);

/* When `elapsed` is due, on the clock of the inputs; UINT64_MAX: never. */
RINGTAIL_EXPORT uint64_t
ringtail_session_deadline_ms(const struct ringtail_session *session);

/*
 * The bytes to send next, at most 256 KiB; 0: none. They stay where they are
 * until `sent` or `disconnected`, whatever is published meanwhile.
 */
RINGTAIL_EXPORT size_t ringtail_session_output(struct ringtail_session *session,
                                               const char **bytes);

/* That many bytes of the output may have reached the peer. To be said before
 * what the peer answers to them is received. */
RINGTAIL_EXPORT void ringtail_session_sent(struct ringtail_session *session,
                                           size_t len);

/*
 * The inputs: callbacks run inside them. `now_ms` is a clock that never goes
 * back; `error` is why the connection is lost or was not made, 0 if that was
 * wanted.
 */
RINGTAIL_EXPORT void
ringtail_session_connected(struct ringtail_session *session, uint64_t now_ms);
RINGTAIL_EXPORT void ringtail_session_received(struct ringtail_session *session,
                                               const char *bytes,
                                               size_t len,
                                               uint64_t now_ms);
RINGTAIL_EXPORT void ringtail_session_disconnected(
    struct ringtail_session *session, int error, uint64_t now_ms);
RINGTAIL_EXPORT void ringtail_session_elapsed(struct ringtail_session *session,
                                              uint64_t now_ms);

/* --- the client: a session on a libuv loop --- */

/*
 * Creates a client on the host's loop, which begins to connect when the loop
 * runs. The loop must outlive it. Errors: ringtail_session_create's, libuv's.
 */
RINGTAIL_EXPORT int
ringtail_client_create(const struct ringtail_session_options *options,
                       struct uv_loop_s *loop,
                       struct ringtail_client **client);

/* The client's session, to publish and to ask; it belongs to the client. */
RINGTAIL_EXPORT struct ringtail_session *
ringtail_client_session(struct ringtail_client *client);

/*
 * Disconnects, a subscriber with a close frame (1000) if that goes at once; no
 * callback comes after this call but `done` (which may be NULL), and from there
 * on the loop holds nothing of the client. What was not sent is not, and there
 * are no outcomes: a publisher that cares waits until ringtail_session_pending
 * is 0. To be called once, from a callback or not.
 */
RINGTAIL_EXPORT void ringtail_client_stop(struct ringtail_client *client,
                                          ringtail_done_cb done,
                                          void *context);

/* Frees a client that has stopped, in `done` or later. NULL is fine. */
RINGTAIL_EXPORT void ringtail_client_destroy(struct ringtail_client *client);

#ifdef __cplusplus
}
#endif

#endif
