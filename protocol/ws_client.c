#include "protocol/ws_client.h"

#include <string.h>

#include "base/error.h"

#define FINAL         0x80
#define RESERVED      0x70
#define OPCODE        0x0f
#define MASKED        0x80
#define LEN           0x7f
#define LEN_IS16      126
#define LEN_IS64      127
#define SHORT_HEADER  2
#define MEDIUM_HEADER 4

static bool is_opcode(uint8_t opcode)
{
    return opcode <= RT_OPCODE_BINARY ||
           (opcode >= RT_OPCODE_CLOSE && opcode <= RT_OPCODE_PONG);
}

/* What the first two bytes may say. */
static bool is_allowed(const uint8_t *bytes)
{
    uint8_t opcode = bytes[0] & OPCODE;
    bool is_whole = (bytes[0] & FINAL) != 0 && (bytes[1] & LEN) < LEN_IS16;
    return (bytes[0] & RESERVED) == 0 && (bytes[1] & MASKED) == 0 &&
           is_opcode(opcode) && (!rt_opcode_is_control(opcode) || is_whole);
}

/* The length behind the first two bytes, which fewer could not say. */
static int read_length(const uint8_t *bytes, struct rt_ws_header *header)
{
    uint8_t len = bytes[1] & LEN;
    uint64_t shorter_max = LEN_IS16 - 1;
    header->payload_bytes = len;
    if (len == LEN_IS16) {
        header->payload_bytes = rt_load_be16(bytes + SHORT_HEADER);
    } else if (len == LEN_IS64) {
        header->payload_bytes = rt_load_be64(bytes + SHORT_HEADER);
        shorter_max = UINT16_MAX;
    }
    bool is_padded = len >= LEN_IS16 && header->payload_bytes <= shorter_max;
    return is_padded || header->payload_bytes > INT64_MAX ? RT_EINVAL : 1;
}

int rt_ws_header_parse(struct rt_bytes bytes, struct rt_ws_header *header)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    if (bytes.len < SHORT_HEADER) {
        return 0;
    }
    if (!is_allowed(at)) {
        return RT_EINVAL;
    }
    uint8_t len = at[1] & LEN;
    size_t size = len < LEN_IS16    ? SHORT_HEADER
                  : len == LEN_IS16 ? MEDIUM_HEADER
                                    : RT_FRAME_HEADER_MAX;
    if (bytes.len < size) {
        return 0;
    }
    header->opcode = at[0] & OPCODE;
    header->is_final = (at[0] & FINAL) != 0;
    header->header_bytes = size;
    return read_length(at, header);
}

void rt_masked_frame_init(struct rt_masked_frame *masked,
                          const struct rt_control_frame *frame,
                          const uint8_t mask[RT_FRAME_MASK_BYTES])
{
    masked->bytes[0] = frame->bytes[0];
    masked->bytes[1] = frame->bytes[1] | MASKED;
    memcpy(masked->bytes + 2, mask, RT_FRAME_MASK_BYTES);
    uint8_t *payload = masked->bytes + 2 + RT_FRAME_MASK_BYTES;
    for (size_t i = 0; i + 2 < frame->len; i++) {
        payload[i] = frame->bytes[2 + i] ^ mask[i % RT_FRAME_MASK_BYTES];
    }
    masked->len = (uint8_t)(frame->len + RT_FRAME_MASK_BYTES);
}
