/*
 * The receiving side of a WebSocket connection, on wslay's frame layer: bytes
 * in, checked control frames and messages out (RFC 6455, section 5). A receiver
 * exists only from the first byte of a frame, or of a message in fragments, to
 * the last; between them a connection needs none. Nothing is ever allocated by
 * a length that a frame declares.
 */
#ifndef PROTOCOL_WS_RECEIVE_H
#define PROTOCOL_WS_RECEIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "protocol/ws_frame.h"

struct rt_ws_receiver;

/* What is put together of a message that comes in pieces. */
struct rt_ws_limits {
    uint64_t message_bytes; /* 0: messages are not taken at all */
    uint64_t frame_count;   /* in which one message comes */
};

/* What the peer sent, or what is wrong with it. */
struct rt_ws_frame {
    uint8_t opcode;
    struct rt_bytes payload; /* valid until the next call */
    uint64_t declared_bytes; /* how long a data frame says it is */
    uint16_t close_code;     /* of a close frame; 1005: it has none */
};

enum rt_ws_result {
    RT_WS_MORE,     /* the bytes are used up in the middle of a frame */
    RT_WS_BOUNDARY, /* the bytes are used up, and so is the frame */
    RT_WS_CONTROL,  /* a whole control frame */
    RT_WS_DATA,     /* the beginning of a data frame; none is taken */
    RT_WS_MESSAGE,  /* a whole message: the opcode says of what kind */
    RT_WS_PROTOCOL, /* the peer broke the protocol: close with 1002 */
    RT_WS_BAD_UTF8, /* text that is not UTF-8: close with 1007 */
    RT_WS_TOO_BIG,  /* a message beyond the limits: close with 1009 */
    RT_WS_NO_MEMORY,
};

/* A receiver at the beginning of a frame, or NULL. Takes memory from the heap,
 * which outlives it. */
RT_MUST_USE struct rt_ws_receiver *
rt_ws_receiver_create(struct rt_heap *heap, struct rt_ws_limits limits);

/* NULL is fine. */
void rt_ws_receiver_destroy(struct rt_ws_receiver *receiver);

/* The memory that a message takes which is not whole yet. */
size_t rt_ws_receiver_begun_bytes(const struct rt_ws_receiver *receiver);

/*
 * Goes on to the next frame in `*bytes`, which is moved past what was used.
 * Call until RT_WS_MORE or RT_WS_BOUNDARY; after an error not again.
 */
enum rt_ws_result rt_ws_receive(struct rt_ws_receiver *receiver,
                                struct rt_bytes *bytes,
                                struct rt_ws_frame *frame);

#endif
