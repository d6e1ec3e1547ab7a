/*
 * A message of a WebSocket peer's, put together from the pieces of its frames
 * as they come in (RFC 6455, section 5.4). Text is checked as far as it is
 * there, so that a peer is told of bad UTF-8 with the first wrong byte and not
 * with the last one (section 8.1).
 */
#ifndef PROTOCOL_WS_MESSAGE_H
#define PROTOCOL_WS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "protocol/ws_receive.h"

struct rt_ws_message {
    struct rt_buffer payload;
    size_t checked; /* of text: bytes that are whole characters */
    uint64_t frame_count;
    uint8_t opcode; /* of the first frame; 0: no message has begun */
    bool is_whole;  /* and has been handed out */
};

/* A part of a data frame, or all of it. */
struct rt_ws_piece {
    uint8_t opcode;
    uint64_t frame_bytes; /* how long the frame says it is */
    struct rt_bytes bytes;
    bool is_first; /* in its frame */
    bool is_last;  /* in its message */
};

/*
 * Adds a piece. RT_WS_MORE; RT_WS_MESSAGE when the message is whole, which is
 * forgotten with the next piece; RT_WS_PROTOCOL, RT_WS_BAD_UTF8, RT_WS_TOO_BIG
 * or RT_WS_NO_MEMORY.
 */
enum rt_ws_result rt_ws_message_add(struct rt_ws_message *message,
                                    struct rt_heap *heap,
                                    const struct rt_ws_limits *limits,
                                    const struct rt_ws_piece *piece);

/* Whether a message has begun and is not whole. */
bool rt_ws_message_is_begun(const struct rt_ws_message *message);

void rt_ws_message_finish(struct rt_ws_message *message, struct rt_heap *heap);

#endif
