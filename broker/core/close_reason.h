/*
 * Why a subscription ends: one table for the close code, the slug in the close
 * frame's reason, and the label in the metrics. Codes are the registered one
 * where one fits (RFC 6455, section 7.4.1), otherwise 4000 plus an HTTP status.
 */
#ifndef BROKER_CORE_CLOSE_REASON_H
#define BROKER_CORE_CLOSE_REASON_H

#include <stdint.h>

#include "base/writer.h"
#include "protocol/cursor.h"

/* A control frame's payload is at most 125 bytes, 2 of them the code. */
#define RT_CLOSE_TEXT_MAX 123

#define RT_CLOSE_MAP(X)                         \
    X(PEER, 1000, "closed-by-peer")             \
    X(TOPIC_CLOSED, 1000, "topic-closed")       \
    X(LEAVING, 1001, "leaving")                 \
    X(PROTOCOL, 1002, "protocol-error")         \
    X(UNEXPECTED_DATA, 1003, "unexpected-data") \
    X(BAD_UTF8, 1007, "bad-utf8")               \
    X(TOO_BIG, 1009, "too-big")                 \
    X(OVERLOAD, 1013, "overload")               \
    X(REFUSED, 4400, "refused")                 \
    X(SLOW_CONSUMER, 4408, "slow-consumer")     \
    X(PONG_MISSED, 4408, "pong-missed")         \
    X(CURSOR_EVICTED, 4410, "cursor-evicted")   \
    X(EPOCH_CHANGED, 4410, "epoch-changed")     \
    X(EVENTS_LOST, 4410, "events-lost")         \
    X(LOST, 1006, "connection-lost")

enum rt_close_reason {
#define X(name, code, slug) RT_CLOSE_##name,
    RT_CLOSE_MAP(X)
#undef X
        RT_CLOSE_COUNT
};

/* Where a subscriber that is closed goes on, and what it lost on the way. */
struct rt_resume {
    struct rt_cursor cursor;
    uint64_t missed;
    bool has_cursor;
    bool is_node; /* the cursor's position is one among all of the node */
};

uint16_t rt_close_code(enum rt_close_reason reason);
const char *rt_close_slug(enum rt_close_reason reason);

/* Writes `slug; cursor=...; missed=...`, at most RT_CLOSE_TEXT_MAX bytes. */
void rt_close_write(struct rt_writer *writer,
                    enum rt_close_reason reason,
                    const struct rt_resume *resume);

#endif
