/*
 * What a client sends on a WebSocket of the subprotocol ringtail.v1.json: one
 * JSON object in a text message.
 *
 *     {"op":"sub","id":1,"topic":"chat.42","since":"-10"}
 *     {"op":"sub","topics":["a.*","b.>"],"gap":"skip","echo":false}
 *     {"op":"sub","topic":"orders","visible":"disk"}
 *     {"op":"unsub","topic":"chat.42"}
 *     {"op":"pub","id":"x","topic":"chat.42","data":{"text":"hi"},"type":"msg"}
 *     {"op":"pub","topic":"chat.42","data_base64":"aGk=","ack":"disk"}
 *     {"op":"auth","token":"..."}
 *     {"op":"ping"}
 */
#ifndef PROTOCOL_OPERATION_H
#define PROTOCOL_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/ack.h"
#include "protocol/media_type.h"
#include "protocol/pattern.h"
#include "protocol/problem.h"

#define RT_OPERATION_MAP(X) \
    X(SUB, "sub")           \
    X(UNSUB, "unsub")       \
    X(PUB, "pub")           \
    X(AUTH, "auth")         \
    X(PING, "ping")

enum rt_operation_kind {
#define X(name, op) RT_OPERATION_##name,
    RT_OPERATION_MAP(X)
#undef X
        RT_OPERATION_COUNT
};

/* Byte strings point into the text or into the memory that it was read with.
 * One that is empty was not there; so is all that does not belong to the
 * kind. */
struct rt_operation {
    enum rt_operation_kind kind;

    /* How the client calls the request: a number or a string of at most
     * RT_NOTICE_ID_MAX bytes, as it is written, so escapes count as such and
     * with a string's quotes it is 2 more; the answer has the same. */
    struct rt_bytes id;

    /* SUB, UNSUB: one pattern at least, each valid; PUB: one topic. */
    struct rt_bytes topics[RT_SELECTOR_PATTERNS_MAX];
    uint32_t topic_count;
    bool has_topics; /* they were in `topics`, were it only one */

    /* SUB; the texts are not looked into, as their like in a query's. */
    struct rt_bytes since;
    struct rt_bytes gap;
    enum rt_ack visible; /* how far events have come when they are given */
    bool echo; /* wants the events of its own connection; if it does not say */

    /* PUB: a string as `data` is text, any other JSON is the payload as it
     * stands, and `data_base64` is binary. */
    struct rt_bytes payload;
    enum rt_content content;
    struct rt_bytes type;
    struct rt_bytes idempotency_key; /* printable ASCII */
    enum rt_ack ack;

    struct rt_bytes token; /* AUTH: visible ASCII */
};

/*
 * Reads a whole text, any bytes; `memory` has room for text.len bytes. 0, or
 * RT_EINVAL with the refusal, whose subject is the member that is wrong; then
 * of the operation only its id is set, for the answer. A member that is unknown
 * or repeated, or means nothing to the operation, is wrong too: what is spelt
 * badly must not be lost.
 */
RT_MUST_USE int rt_operation_parse(struct rt_bytes text,
                                   char *memory,
                                   struct rt_operation *operation,
                                   struct rt_refusal *refusal);

#endif
