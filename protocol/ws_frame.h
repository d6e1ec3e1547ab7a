/*
 * WebSocket frames from the server's side: always final, never masked
 * (RFC 6455, section 5.2). An event's frame is encoded once and shared by all
 * who receive it.
 */
#ifndef PROTOCOL_WS_FRAME_H
#define PROTOCOL_WS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define RT_FRAME_HEADER_MAX  10  /* bytes before a server's payload */
#define RT_FRAME_CONTROL_MAX 125 /* payload of a control frame, section 5.5 */
#define RT_FRAME_MASK_BYTES  4

enum rt_opcode {
    RT_OPCODE_CONTINUATION = 0x0,
    RT_OPCODE_TEXT = 0x1,
    RT_OPCODE_BINARY = 0x2,
    RT_OPCODE_CLOSE = 0x8,
    RT_OPCODE_PING = 0x9,
    RT_OPCODE_PONG = 0xa,
};

/* Control frames have the highest bit of the opcode set, section 5.5. */
static inline bool rt_opcode_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

/*
 * Writes the header of a frame with `len` bytes of payload into at most
 * RT_FRAME_HEADER_MAX bytes. Returns its length: 2, 4 or 10.
 */
size_t rt_frame_header(uint8_t *memory, enum rt_opcode opcode, uint64_t len);

/* The payload of a frame that such a header begins; empty if it is shorter than
 * its header, as only a disk could have it. */
struct rt_bytes rt_frame_payload(struct rt_bytes frame);

/* A whole control frame. */
struct rt_control_frame {
    uint8_t bytes[2 + RT_FRAME_CONTROL_MAX];
    uint8_t len;
};

/* A control frame with a payload of at most RT_FRAME_CONTROL_MAX bytes. */
void rt_control_frame_init(struct rt_control_frame *frame,
                           enum rt_opcode opcode,
                           struct rt_bytes payload);

/* A close frame: the code, then at most 123 bytes of UTF-8, section 5.5.1. */
void rt_close_frame_init(struct rt_control_frame *frame,
                         uint16_t code,
                         struct rt_bytes text);

/* Whether a peer may send this code in a close frame, section 7.4. */
bool rt_close_code_is_valid(uint16_t code);

#endif
