/*
 * What subscribers are told beside events: where they begin, what they missed,
 * that they have caught up, that the connection or a topic ends; and the
 * answers to what they ask for. A notice is a JSON object, written in the
 * formats that can carry it: all but raw. As a server-sent event it is of the
 * type `ringtail.` and the notice's name.
 */
#ifndef PROTOCOL_NOTICE_H
#define PROTOCOL_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/writer.h"
#include "protocol/ack.h"
#include "protocol/cursor.h"
#include "protocol/format.h"
#include "protocol/pattern.h"
#include "protocol/problem.h"

/* Its name in the member `op`. */
#define RT_NOTICE_MAP(X)      \
    X(OPEN, "open")           \
    X(GAP, "gap")             \
    X(CAUGHT_UP, "caught_up") \
    X(DRAIN, "drain")         \
    X(CLOSED, "closed")       \
    X(ERROR, "error")         \
    X(OK, "ok")

enum rt_notice_kind {
#define X(name, op) RT_NOTICE_##name,
    RT_NOTICE_MAP(X)
#undef X
        RT_NOTICE_COUNT
};

/* Why events were missed. */
#define RT_GAP_REASON_MAP(X)          \
    X(EVICTED, "evicted")             \
    X(EPOCH_CHANGED, "epoch_changed") \
    X(SKIPPED, "skipped")             \
    X(ENGINE, "engine")

enum rt_gap_reason {
#define X(name, text) RT_GAP_REASON_##name,
    RT_GAP_REASON_MAP(X)
#undef X
        RT_GAP_REASON_COUNT
};

#define RT_NOTICE_CONNECTION_MAX 32 /* bytes of a connection's name */

/* Bytes of what a client calls a request: of a number, or of what stands
 * between the quotes of a string; and of either as it is written. */
#define RT_NOTICE_ID_MAX       64
#define RT_NOTICE_ID_BYTES_MAX (RT_NOTICE_ID_MAX + 2)

/* The most bytes of a notice, with the frame or the chunk. */
#define RT_NOTICE_BYTES_MAX 2048

/* Between events, so that proxies see that a stream of server-sent events is
 * alive: a comment, as a chunk. */
#define RT_SSE_KEEP_ALIVE RT_BYTES("3\r\n:\n\n\r\n")

/* The same between lines of JSON: an empty line, as a chunk. */
#define RT_NDJSON_KEEP_ALIVE RT_BYTES("1\r\n\n\r\n")

/* The end of a body in chunks (RFC 9112, section 7.1). */
#define RT_LAST_CHUNK RT_BYTES("0\r\n\r\n")

/* A member that does not belong to the kind is 0; so is one that may be left
 * out, if it is. */
struct rt_notice {
    enum rt_notice_kind kind;

    struct rt_bytes id;    /* ERROR, OK: JSON, as the client wrote it */
    struct rt_bytes topic; /* GAP, CLOSED; CAUGHT_UP, OK, DRAIN: may be left
                            * out */

    /* OPEN, CAUGHT_UP, OK, DRAIN: a position, not said unless has_cursor;
     * CLOSED: of the topic's last event. */
    bool has_cursor;
    struct rt_cursor cursor;

    /* For a subscription to several topics: the position among all events of
     * the node. It stands for `cursor`, or beside those of the topic that a GAP
     * or CLOSED is about. */
    bool has_resume;
    struct rt_cursor resume;

    /* OPEN */
    struct rt_bytes connection;         /* its name; needs no escape */
    const struct rt_selector *selector; /* NULL: nothing yet; DRAIN: the several
                                         * topics that it is about, or NULL */
    bool has_earliest;
    struct rt_cursor earliest; /* the oldest event that is still there */
    uint64_t heartbeat_s;      /* 0: there is none */
    uint64_t retry_ms; /* in server-sent events: until a client comes back */

    /* GAP; of several topics it may not be known in which, and never behind
     * what: then `topic` is empty and `next` not said, and never `after`. */
    struct rt_cursor after; /* the last event before what was missed */
    struct rt_cursor next;  /* the first event behind it */
    bool has_missed;
    uint64_t missed;
    enum rt_gap_reason reason;

    uint64_t reconnect_after_ms;      /* DRAIN: 0: not said */
    const struct rt_refusal *refusal; /* ERROR */
    bool has_offset;        /* OK: a receipt says it beside the cursor */
    struct rt_bytes detail; /* OK: may be left out; needs no escape */
    enum rt_ack ack;        /* OK: how far an event has come, if it is said */
    uint64_t wall_ms;       /* OPEN, OK: 0: not said */
};

/* Writes at most RT_NOTICE_BYTES_MAX bytes. */
void rt_notice_write(struct rt_writer *writer,
                     enum rt_format format,
                     const struct rt_notice *notice);

/* The object alone, on one line without its end, as a part of a text. */
void rt_notice_object_write(struct rt_writer *writer,
                            const struct rt_notice *notice);

#endif
