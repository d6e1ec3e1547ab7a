/*
 * WebSocket frames from the client's side: headers of a server's frames, which
 * are never masked, and control frames of a client's own, which always are
 * (RFC 6455, section 5).
 */
#ifndef PROTOCOL_WS_CLIENT_H
#define PROTOCOL_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/ws_frame.h"

struct rt_ws_header {
    uint8_t opcode;
    bool is_final;
    size_t header_bytes;
    uint64_t payload_bytes;
};

/*
 * Reads the header of a server's frame: 1 if it is whole, 0 when more must
 * arrive, or RT_EINVAL for what no server may send: a mask, a reserved bit or
 * opcode, a control frame that is long or in fragments, or a length in more
 * bytes than it needs.
 */
RT_MUST_USE int rt_ws_header_parse(struct rt_bytes bytes,
                                   struct rt_ws_header *header);

struct rt_masked_frame {
    uint8_t bytes[2 + RT_FRAME_MASK_BYTES + RT_FRAME_CONTROL_MAX];
    uint8_t len;
};

/* Makes a client's control frame of a server's: the same, but masked. */
void rt_masked_frame_init(struct rt_masked_frame *masked,
                          const struct rt_control_frame *frame,
                          const uint8_t mask[RT_FRAME_MASK_BYTES]);

#endif
