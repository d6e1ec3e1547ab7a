/*
 * The acknowledgement: how far an event has come when its publisher is told of
 * it. Each level includes those before it.
 */
#ifndef PROTOCOL_ACK_H
#define PROTOCOL_ACK_H

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* What it is called in `?ack=`, in a receipt and in a topic's configuration. */
#define RT_ACK_MAP(X)   \
    X(MEMORY, "memory") \
    X(DISK, "disk")     \
    X(QUORUM, "quorum")

enum rt_ack {
    RT_ACK_UNSAID, /* whoever might say it does not */
#define X(name, text) RT_ACK_##name,
    RT_ACK_MAP(X)
#undef X
        RT_ACK_COUNT
};

/* The longest name of one, and what a text should be that is none. */
#define RT_ACK_BYTES_MAX 6
extern const char rt_ack_expected[];

/* 0, or RT_EINVAL. */
RT_MUST_USE int rt_ack_parse(struct rt_bytes text, enum rt_ack *ack);

/* Of one that is said. */
struct rt_bytes rt_ack_name(enum rt_ack ack);

/* The header field that says it, if it is said. */
void rt_ack_write(struct rt_writer *headers, enum rt_ack ack);

#endif
