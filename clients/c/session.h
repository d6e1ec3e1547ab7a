/*
 * What the parts of a session share. session.c has the states, the time and
 * the bytes; a publisher's and a subscriber's part say what the bytes mean.
 */
#ifndef CLIENTS_C_SESSION_H
#define CLIENTS_C_SESSION_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "clients/c/backoff.h"
#include "protocol/cursor.h"
#include "protocol/http_response.h"
#include "protocol/topic.h"
#include "protocol/ws_handshake.h"
#include "ringtail/client.h"

#define RT_SESSION_SINCE_MAX        128 /* bytes of `since` */
#define RT_SESSION_CONTENT_TYPE_MAX 255
#define RT_SESSION_DETAIL_MAX       255
#define RT_SESSION_ANSWER_BODY_MAX  ((size_t)16 * 1024)  /* of a problem */
#define RT_SESSION_OUTPUT_MAX       ((size_t)256 * 1024) /* at a time */
#define RT_SESSION_SPARE_MAX        ((size_t)256 * 1024) /* idle memory kept */
#define RT_SESSION_PONGS_MAX        ((size_t)4 * 1024) /* bytes not yet sent */
#define RT_SESSION_RETRY_AFTER_MAX  60 /* seconds that a broker may ask for */

/* All that stands before a request's length. */
#define RT_SESSION_HEAD_MAX 1024

/* A request without an outcome. */
struct rt_request {
    void *tag;
    uint64_t end; /* in the stream of all requests, in bytes */
};

struct rt_session_publisher {
    struct rt_request *requests; /* a ring of in_flight_events */
    size_t first;
    size_t count;
    uint64_t answered_bytes; /* of the stream: end of the last request that has
                                its outcome */
    uint64_t sent_bytes;
    uint64_t taken_bytes;
    bool is_starved; /* an event was refused for want of room */
    /* The last head, for it is mostly the next one's as well. */
    char topic[RT_TOPIC_BYTES_MAX + 1];
    char content_type[RT_SESSION_CONTENT_TYPE_MAX + 1]; /* "": none */
    char head[RT_SESSION_HEAD_MAX];
    size_t head_len;
};

struct rt_session_subscriber {
    char topic[RT_TOPIC_BYTES_MAX + 1];
    char since[RT_SESSION_SINCE_MAX + 1]; /* until there is a cursor */
    struct ringtail_cursor cursor;
    bool has_cursor;
    struct ringtail_cursor announced; /* by the handshake, until an event */
    bool is_announced;
    bool has_gap; /* the connection was closed for one */
    bool had_gap; /* and so was the one before */
    char key[RT_WS_KEY_BYTES];
    struct rt_buffer message; /* fragments */
    uint8_t opcode;           /* of the message in fragments; 0: none */
};

struct ringtail_session {
    struct rt_heap heap;
    struct ringtail_session_options options; /* its strings are not used */
    struct ringtail_url url;
    enum ringtail_session_state state;
    uint64_t now_ms; /* of the input under way, or the last */
    uint64_t due_ms; /* but for silence, which heard_ms says */
    uint64_t heard_ms;
    uint64_t opened_ms;
    bool is_listening; /* answers are due since heard_ms, or frames are */
    bool is_proven;    /* this connection has brought something */
    struct rt_backoff backoff;
    /* Fills memory with random bytes: 0 or a negative error. */
    int (*random)(void *memory, size_t len);
    bool is_inside; /* an input is under way */
    bool is_destroyed;
    struct rt_buffer input; /* an answer or a frame that is not whole */
    struct rt_buffer sending;
    size_t sending_at; /* what is before it was sent */
    struct rt_buffer filling;
    /* Why the connection is being left. */
    int error;
    unsigned status;
    uint64_t retry_after_s;
    bool is_final;
    char detail[RT_SESSION_DETAIL_MAX + 1];
    struct rt_session_publisher publisher;
    struct rt_session_subscriber subscriber;
};

/* As ringtail_session_create, on a copy of the heap, whose limit is set. */
RT_MUST_USE int
rt_session_create(const struct rt_heap *heap,
                  const struct ringtail_session_options *options,
                  struct ringtail_session **session);

/* Where the session's broker is. */
const struct ringtail_url *
rt_session_url(const struct ringtail_session *session);

/* Adds to the output what a peer should have before the connection is closed,
 * if it is open and wants that. */
void rt_session_say_goodbye(struct ringtail_session *session);

/* Frees a session that no input is under way in. */
void rt_session_free(struct ringtail_session *session);

/* --- for the two parts --- */

/* Gives the connection up for an error; the transport will be told. */
void rt_session_leave(struct ringtail_session *session, int error);

/* The same for a refusal; `is_final`: and never connect again. The detail is
 * session->detail, which the caller has written. */
void rt_session_refuse(struct ringtail_session *session,
                       int error,
                       unsigned status,
                       bool is_final);

/* Copies text that a peer sent to session->detail, as far as it fits. */
void rt_session_set_detail(struct ringtail_session *session,
                           struct rt_bytes text);

/* Reads what a problem says into session->detail. */
void rt_session_explain(struct ringtail_session *session,
                        const struct rt_http_response *response,
                        struct rt_bytes body);

/* Seconds of Retry-After, 0 without one. */
uint64_t rt_session_retry_after_s(const struct rt_http_response *response);

/* The connection is open. */
void rt_session_open(struct ringtail_session *session);

/* Adds bytes to the output, or leaves for want of memory. */
void rt_session_send(struct ringtail_session *session, struct rt_bytes bytes);

/*
 * Takes an answer off the bytes: its head, and its body as far as that has a
 * known end and no more than RT_SESSION_ANSWER_BODY_MAX bytes. Returns the
 * bytes used, 0 when more must arrive, or RT_EINVAL.
 */
RT_MUST_USE ssize_t rt_session_take_answer(struct rt_bytes bytes,
                                           struct rt_http_response *response,
                                           struct rt_bytes *body);

/* --- the publisher's part --- */

RT_MUST_USE int rt_session_publisher_init(struct ringtail_session *session);
void rt_session_publisher_finish(struct ringtail_session *session);

/* Takes one answer off the bytes: as rt_session_take_answer, with the session
 * left instead of an error. */
size_t rt_session_publisher_take(struct ringtail_session *session,
                                 struct rt_bytes bytes);

/* The connection is gone: what was sent of requests will have no answer. */
void rt_session_publisher_lost(struct ringtail_session *session);

/* Tells the user if there is room again. */
void rt_session_publisher_offer(struct ringtail_session *session);

/* --- the subscriber's part --- */

RT_MUST_USE int
rt_session_subscriber_init(struct ringtail_session *session,
                           const struct ringtail_session_options *options);
void rt_session_subscriber_finish(struct ringtail_session *session);

/* Connected: sends the handshake. */
void rt_session_subscriber_begin(struct ringtail_session *session);

/* Takes the handshake's answer, or one frame, off the bytes: returns the bytes
 * used, or 0 when more must arrive. */
size_t rt_session_subscriber_take(struct ringtail_session *session,
                                  struct rt_bytes bytes);

/* Sends a close frame: the subscription is over. */
void rt_session_subscriber_end(struct ringtail_session *session);

/* The connection is gone. */
void rt_session_subscriber_lost(struct ringtail_session *session);

#endif
