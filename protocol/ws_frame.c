#include "protocol/ws_frame.h"

#include <string.h>

#include "base/check.h"

#define FINAL    0x80
#define LEN_IS16 126
#define LEN_IS64 127

size_t rt_frame_header(uint8_t *memory, enum rt_opcode opcode, uint64_t len)
{
    memory[0] = (uint8_t)(FINAL | opcode);
    if (len < LEN_IS16) {
        memory[1] = (uint8_t)len;
        return 2;
    }
    if (len <= UINT16_MAX) {
        memory[1] = LEN_IS16;
        rt_store_be16(memory + 2, (uint16_t)len);
        return 4;
    }
    memory[1] = LEN_IS64;
    rt_store_be64(memory + 2, len);
    return RT_FRAME_HEADER_MAX;
}

struct rt_bytes rt_frame_payload(struct rt_bytes frame)
{
    uint8_t len = frame.len < 2 ? 0 : (uint8_t)frame.data[1];
    size_t header = len < LEN_IS16 ? 2 : len == LEN_IS16 ? 4 : 10;
    if (frame.len < header) {
        return (struct rt_bytes){NULL, 0};
    }
    return (struct rt_bytes){frame.data + header, frame.len - header};
}

void rt_control_frame_init(struct rt_control_frame *frame,
                           enum rt_opcode opcode,
                           struct rt_bytes payload)
{
    RT_CHECK(payload.len <= RT_FRAME_CONTROL_MAX);
    size_t header = rt_frame_header(frame->bytes, opcode, payload.len);
    if (payload.len > 0) {
        memcpy(frame->bytes + header, payload.data, payload.len);
    }
    frame->len = (uint8_t)(header + payload.len);
}

void rt_close_frame_init(struct rt_control_frame *frame,
                         uint16_t code,
                         struct rt_bytes text)
{
    char payload[RT_FRAME_CONTROL_MAX];
    RT_CHECK(text.len <= sizeof(payload) - 2);
    rt_store_be16((uint8_t *)payload, code);
    if (text.len > 0) {
        memcpy(payload + 2, text.data, text.len);
    }
    rt_control_frame_init(frame, RT_OPCODE_CLOSE,
                          (struct rt_bytes){payload, 2 + text.len});
}

/*
 * 1004 is reserved, 1005, 1006 and 1015 must not be sent; 1012 to 1014 were
 * registered later; 3000 to 4999 belong to libraries and applications.
 */
bool rt_close_code_is_valid(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}
