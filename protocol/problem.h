/*
 * What can be wrong with a request: one table for the status, the slug in the
 * problem's type and its title (RFC 9457). Slugs are part of the interface.
 */
#ifndef PROTOCOL_PROBLEM_H
#define PROTOCOL_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/writer.h"
#include "protocol/cursor.h"

#define RT_PROBLEM_MAP(X)                                                \
    X(BAD_REQUEST, 400, "bad-request", "The request is malformed")       \
    X(BAD_TOPIC, 400, "bad-topic", "That is not a topic")                \
    X(BAD_PARAMETER, 400, "bad-parameter", "A parameter is not valid")   \
    X(BAD_PAYLOAD, 400, "bad-payload",                                   \
      "The payload is not what its Content-Type says")                   \
    X(BAD_BATCH, 400, "bad-batch", "An event of the batch is not valid") \
    X(UNAUTHORIZED, 401, "unauthorized", "It is not known who you are")  \
    X(FORBIDDEN, 403, "forbidden", "You may not do that")                \
    X(NOT_FOUND, 404, "not-found", "There is nothing here")              \
    X(TOPIC_NOT_FOUND, 404, "topic-not-found", "No such topic exists")   \
    X(METHOD_NOT_ALLOWED, 405, "method-not-allowed",                     \
      "The method is not for this resource")                             \
    X(REQUEST_TIMEOUT, 408, "request-timeout",                           \
      "The request took too long to arrive")                             \
    X(TOPIC_CLOSED, 409, "topic-closed", "The topic is closed")          \
    X(CURSOR_EVICTED, 410, "cursor-evicted",                             \
      "Events that come after the cursor are gone")                      \
    X(EPOCH_CHANGED, 410, "epoch-changed", "The log is another one")     \
    X(LENGTH_REQUIRED, 411, "length-required",                           \
      "The length of the payload is missing")                            \
    X(PRECONDITION_FAILED, 412, "precondition-failed",                   \
      "The topic has moved on")                                          \
    X(PAYLOAD_TOO_LARGE, 413, "payload-too-large",                       \
      "The payload is larger than it may be")                            \
    X(URI_TOO_LONG, 414, "uri-too-long", "The URL is too long")          \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type",             \
      "The payload cannot be taken in this form")                        \
    X(EXPECTATION_FAILED, 417, "expectation-failed",                     \
      "The expectation cannot be met")                                   \
    X(IDEMPOTENCY_MISMATCH, 422, "idempotency-mismatch",                 \
      "The key was used for another body")                               \
    X(UPGRADE_REQUIRED, 426, "upgrade-required",                         \
      "This resource speaks WebSocket")                                  \
    X(HEAD_TOO_LARGE, 431, "head-too-large",                             \
      "The head of the request is too large")                            \
    X(STORAGE_FAILED, 500, "storage-failed", "The disk has failed")      \
    X(TOPIC_DAMAGED, 500, "topic-damaged",                               \
      "The disk has lost events of the topic")                           \
    X(NOT_IMPLEMENTED, 501, "not-implemented",                           \
      "This broker cannot do that yet")                                  \
    X(ACK_UNSUPPORTED, 501, "ack-unsupported",                           \
      "This node cannot give that acknowledgement")                      \
    X(DRAINING, 503, "draining", "The broker is shutting down")          \
    X(OVERLOADED, 503, "overloaded", "The broker has too much to do")    \
    X(AUTHORIZATION_TIMEOUT, 503, "authorization-timeout",               \
      "It took too long to find out what you may do")                    \
    X(HTTP_VERSION, 505, "http-version", "The broker speaks HTTP/1.1")   \
    X(INSUFFICIENT_STORAGE, 507, "insufficient-storage",                 \
      "The memory budget is spent")                                      \
    X(STORAGE_FULL, 507, "storage-full", "The disk is full")

enum rt_problem {
#define X(name, status, slug, title) RT_PROBLEM_##name,
    RT_PROBLEM_MAP(X)
#undef X
        RT_PROBLEM_COUNT
};

/* Seconds after which it may be worth trying again (503, 507). */
#define RT_RETRY_AFTER_S 1

/* Of what the peer sent, at most this much is shown in a problem's detail. */
#define RT_SUBJECT_MAX 100

/* The most bytes of a problem, however it is escaped. */
#define RT_PROBLEM_BYTES_MAX 1024

/* Why a request is refused. */
struct rt_refusal {
    enum rt_problem problem;
    struct rt_bytes subject;   /* what it is about, as the peer wrote it */
    const char *detail;        /* a sentence fragment; NULL: none */
    uint64_t limit;            /* the limit that was passed; 0: none */
    bool has_index;            /* it is about an event of a batch, or a topic */
    uint32_t index;            /* of several: this one, from 0 */
    bool has_cursors;          /* it is about what a topic has: */
    struct rt_cursor earliest; /* its oldest event, or else the next one, */
    struct rt_cursor latest;   /* and its last one */
};

uint16_t rt_problem_status(enum rt_problem problem);
const char *rt_problem_slug(enum rt_problem problem);

/* Whether the same request may do later: then RT_RETRY_AFTER_S is told. */
bool rt_problem_may_pass(enum rt_problem problem);

/*
 * How a WebSocket is closed for a problem: the code is 4000 and the status, or
 * 1013 where the same may do later; the reason the slug, and the parameter that
 * is wrong, if it is one: `bad-parameter; parameter=since`. It has at most
 * RT_PROBLEM_REASON_MAX bytes (RFC 6455, section 5.5: 125, 2 of them the code).
 */
#define RT_PROBLEM_REASON_MAX 123
uint16_t rt_problem_close_code(enum rt_problem problem);
void rt_problem_reason_write(struct rt_writer *writer,
                             const struct rt_refusal *refusal);

/* Writes the problem as JSON, at most RT_PROBLEM_BYTES_MAX bytes. */
void rt_problem_write(struct rt_writer *writer,
                      const struct rt_refusal *refusal);

#endif
