/*
 * An HTTP session: what a connection needs while a request is coming in or an
 * answer is going out. Requests may be pipelined; their answers are collected
 * and leave in order, in one write, when the turn's input has been read.
 *
 * A session stops reading when its answers are not taken, or too many of them
 * wait for the disk, when the topic it publishes to has a fan-out that is
 * behind, or while the host decides whether the request is allowed; what it had
 * read it keeps. While a request waits for
 * an event the session reads on, but no further than it may keep.
 */
#ifndef BROKER_NET_HTTP_SESSION_H
#define BROKER_NET_HTTP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "broker/net/ask.h"
#include "broker/net/connection.h"
#include "broker/net/disk_answers.h"
#include "protocol/event_type.h"
#include "protocol/format.h"
#include "protocol/http_answer.h"
#include "protocol/http_parser.h"
#include "protocol/idempotency_key.h"
#include "protocol/if_match.h"
#include "protocol/media_type.h"
#include "protocol/receipt_answer.h"
#include "protocol/topic.h"
#include "ringtail/ringtail.h"

/* So many bytes of answers are written before the next request is looked at; in
 * one turn so many times at most, if more of them waited for the disk. */
#define RT_ANSWERS_MAX        ((size_t)20 * 1024)
#define RT_ANSWERS_ROUNDS_MAX 32

/* Released sessions are kept for the next requests, with their buffers, as
 * long as all of them together take no more than this. */
#define RT_SESSIONS_SPARE_BYTES ((size_t)4 * 1024 * 1024)

/* A publisher's heads are alike: the last one, up to this size, is remembered,
 * also from one session of a connection to its next, and one that is the same
 * to the byte, or but for its target, is not parsed again. */
#define RT_HEAD_REMEMBERED_MAX 512

/* So many bytes of later requests are kept while one waits for an event. */
#define RT_HELD_POLLING_MAX ((size_t)8 * 1024)

enum rt_http_phase {
    RT_HTTP_PHASE_HEAD,     /* the head is coming in */
    RT_HTTP_PHASE_BEHIND,   /* it is whole, and waits for answers to leave */
    RT_HTTP_PHASE_BODY,     /* a body of known length */
    RT_HTTP_PHASE_CHUNKED,  /* a body in chunks */
    RT_HTTP_PHASE_HELD,     /* the body is whole; the host is asked about it */
    RT_HTTP_PHASE_OVER,     /* no more requests: the last answer is given */
    RT_HTTP_PHASE_UPGRADED, /* the connection has left the session */
};

struct rt_http_session;

/* The request under way, as far as it matters after its head is gone. */
struct rt_exchange {
    enum rt_media media;
    enum rt_ack ack; /* RT_ACK_UNSAID: the topic's */
    enum rt_http_persistence persistence;
    bool is_head;
    bool prefers_minimal;
    bool is_answered;       /* already at the head: the body is skipped */
    bool closes_if_refused; /* for its body cannot be skipped */
    uint64_t body_bytes_max;
    bool may_come_again; /* its head may be remembered */
    /* Tells of a refusal otherwise than by an answer; NULL: by an answer. */
    void (*refuse)(struct rt_http_session *session,
                   const struct rt_refusal *refusal);
    /* Handles the payload, unless the request has been answered before. */
    void (*finish)(struct rt_http_session *session, struct rt_bytes payload);
    struct rt_if_match condition;
    uint8_t topic_len;
    uint8_t type_len; /* 0: the event has no type */
    char topic[RT_TOPIC_BYTES_MAX];
    char type[RT_EVENT_TYPE_BYTES_MAX];
    uint8_t key_len;                        /* 0: the request has no key */
    char key[RT_IDEMPOTENCY_KEY_BYTES_MAX]; /* of a handshake it is another */
};

struct rt_http_session {
    struct rt_connection *connection;
    struct rt_list answering; /* in server->answering */
    struct rt_list waiting;   /* in server->waiting, or ->postponed */
    struct rt_request_share requests;
    struct rt_buffer answers; /* written when the turn's input has been read */
    struct rt_disk_answers on_disk; /* which of them wait */
    struct rt_buffer held;    /* an unfinished head; or input, when paused */
    struct rt_buffer resumed; /* what was held back, while it is handled */
    struct rt_buffer body;    /* a body that comes in pieces */
    struct rt_buffer notes;   /* what a handler keeps, from head to answer */
    size_t scanned;           /* of `held`, for the end of the head */
    uint64_t body_missing;
    enum rt_http_phase phase;
    struct rt_asker asker;
    struct rt_poll *poll; /* NULL: the request under way does not wait */
    bool is_paused;       /* input is not looked at, and may wait in `held` */
    struct rt_http_parser parser;
    struct rt_exchange exchange;
    uint64_t content_length; /* of the remembered head */
    uint16_t head_line;      /* bytes of its first line */
    uint16_t head_len;       /* 0: none; else `exchange` is of this head, */
    uint8_t head_roles;      /* as a listener of these roles answers it */
    char head[RT_HEAD_REMEMBERED_MAX];
    struct rt_receipt_answer receipt; /* the last one */
};

/* The server of the session's connection. */
struct rt_server *rt_http_session_server(const struct rt_http_session *session);

/* A session for a connection that has none, or NULL. */
RT_MUST_USE struct rt_http_session *
rt_http_session_take(struct rt_connection *connection);

/* Takes the connection's next bytes. May close or upgrade the connection. */
void rt_http_session_input(struct rt_connection *connection,
                           struct rt_bytes bytes);

/* There may be answers to write at the end of the turn. */
void rt_http_session_flush_soon(struct rt_http_session *session);

/* Writes the answers that were collected; for the server's check. */
void rt_http_session_flush(struct rt_http_session *session);

/* The peer has taken all answers. */
void rt_http_session_drained(struct rt_connection *connection);

/* Goes on with what was held back; for the server, when a fan-out is done. */
void rt_http_session_continue(struct rt_http_session *session);

/* No further request until the fan-out of the exchange's topic catches up. */
void rt_http_session_wait(struct rt_http_session *session);

/* The time for a head, a body, or the next request is over. */
void rt_http_session_timeout(struct rt_connection *connection);

/* The peer sends no more: close when it has its answers. */
void rt_http_session_eof(struct rt_connection *connection);

/* The server stops: close unless a request is under way. */
void rt_http_session_end(struct rt_connection *connection);

/* Takes the session out of the server's lists. NULL is fine. */
void rt_http_session_unlink(struct rt_http_session *session);

/* Frees the memory of a body, unless there is one: it is kept for the next. */
void rt_http_session_drop_body(struct rt_http_session *session);

/* Puts a piece behind what there is of the body: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_http_session_append_body(struct rt_http_session *session,
                                            struct rt_bytes piece);

/* Gives the session back. NULL is fine. */
void rt_http_session_release(struct rt_http_session *session);

/* Once a tick: frees half of the spare sessions that no request needed since
 * the last one, so that a burst does not keep its memory for ever. */
void rt_http_sessions_trim(struct rt_server *server);

/* Frees the spare sessions of a server. */
void rt_http_sessions_finish(struct rt_server *server);

/* --- for what handles requests --- */

/* Collects an answer to the request under way. */
void rt_http_answer(struct rt_http_session *session,
                    struct rt_http_answer answer);

/* The same with the receipt of an event, which is that of no batch, or what
 * there is of it in a minimal answer, for a connection that is kept over
 * HTTP/1.1. */
void rt_http_answer_receipt(struct rt_http_session *session,
                            struct rt_bytes topic,
                            const struct rt_receipt *receipt);

/* Answers with a problem, or tells of it as the exchange has it told. Headers
 * as in struct rt_http_answer, but for one that may pass, which has a
 * Retry-After instead. */
void rt_http_refuse(struct rt_http_session *session,
                    const struct rt_refusal *refusal,
                    struct rt_bytes headers);

/* The same, with 507. */
void rt_http_refuse_for_memory(struct rt_http_session *session);

/* Asks for the body that the peer holds back, RFC 9110, section 10.1.1. */
void rt_http_continue(struct rt_http_session *session);

/* Answers a request whose end cannot be found: the last one here. */
void rt_http_refuse_and_end(struct rt_http_session *session,
                            const struct rt_refusal *refusal);

/* Ends the connection when all answers so far are written. */
void rt_http_session_give_up(struct rt_http_session *session);

/* For a head after which there are no more answers: whether it has to wait, and
 * will be handled anew when no answer before it does. */
RT_MUST_USE bool rt_http_session_defer(struct rt_http_session *session);

/* Turns the connection into a WebSocket of that format, or into a stream of
 * events: writes the answers, the 101 or the stream's head the last of them.
 * Returns whether the connection is still open. */
RT_MUST_USE bool rt_http_session_upgrade(struct rt_http_session *session,
                                         enum rt_format format);
RT_MUST_USE bool rt_http_session_stream(struct rt_http_session *session,
                                        enum rt_format format);

#endif
