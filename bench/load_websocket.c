#include "bench/load_websocket.h"

#include <string.h>
#include <sys/socket.h>

#include "bench/load_report.h"
#include "bench/wire.h"

#define FRAME_CLOSE    0x88
#define FRAME_PING     0x89
#define FRAME_PONG     0x8a
#define FRAME_MASKED   0x80
#define FRAME_RESERVED 0x70
#define FRAME_OPCODE   0x0f
#define MASK_LEN       4
#define PAYLOAD_MAX    (LOAD_CONTROL_MAX - 2)

void load_upgrade(struct load_dialog *dialog,
                  const char *target,
                  const char *subprotocol)
{
    struct load_step *step =
        load_dialog_step(dialog, WIRE_HEAD_END, strlen(WIRE_HEAD_END));
    step->begins = "HTTP/1.1 101 ";
    step->holds = WIRE_ACCEPT;
    load_step_print(step,
                    "GET %s HTTP/1.1\r\n"
                    "Host: 127.0.0.1\r\n"
                    "Upgrade: websocket\r\n"
                    "Connection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: " WIRE_KEY "\r\n",
                    target);
    if (subprotocol != NULL) {
        load_step_print(step, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    }
    load_step_print(step, "\r\n");
}

size_t load_frame_head(char *head, unsigned kind, size_t payload_len)
{
    size_t width = payload_len < 126 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
    head[0] = (char)kind;
    head[1] = (char)(width == 0 ? payload_len : width == 2 ? 126 : 127);
    for (size_t i = 0; i < width; i++) {
        head[2 + i] = (char)(payload_len >> (8 * (width - 1 - i)));
    }
    return 2 + width;
}

static uint64_t read_number(const char *at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return value;
}

size_t load_frame_head_take(const char *data, size_t len, uint64_t *payload_len)
{
    unsigned short_len = len < 2 ? 0 : (unsigned char)data[1];
    size_t width = short_len < 126 ? 0 : short_len == 126 ? 2 : 8;
    if (len < 2 || len < 2 + width) {
        return 0;
    }
    if ((short_len & FRAME_MASKED) != 0) {
        load_fail("a server's frame is masked");
    }
    *payload_len = width == 0 ? short_len : read_number(data + 2, width);
    return 2 + width;
}

/* The mask is 0, which leaves the payload as it is. */
size_t load_masked_head(char *head, unsigned kind, size_t payload_len)
{
    size_t len = load_frame_head(head, kind, payload_len);
    head[1] = (char)(head[1] | (char)FRAME_MASKED);
    memset(head + len, 0, MASK_LEN);
    return len + MASK_LEN;
}

void load_step_frame(struct load_step *step, const void *bytes, size_t len)
{
    char head[LOAD_FRAME_HEAD_MAX];
    load_step_add(step, head, load_masked_head(head, LOAD_FRAME_BINARY, len));
    load_step_add(step, bytes, len);
}

static void answer_ping(int fd, const char *payload, size_t len)
{
    char pong[LOAD_FRAME_HEAD_MAX + PAYLOAD_MAX];
    size_t head_len = load_masked_head(pong, FRAME_PONG, len);
    memcpy(pong + head_len, payload, len);
    (void)send(fd, pong, head_len + len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool load_is_close(const char *data, size_t len, unsigned code)
{
    return len >= 4 && (unsigned char)data[0] == FRAME_CLOSE &&
           (unsigned char)data[2] == code >> 8 &&
           (unsigned char)data[3] == (code & 0xff);
}

size_t load_control_take(int fd, const char *data, size_t len)
{
    unsigned kind = (unsigned char)data[0];
    size_t payload_len = len < 2 ? 0 : (unsigned char)data[1];
    if ((kind != FRAME_CLOSE && kind != FRAME_PING && kind != FRAME_PONG) ||
        payload_len > PAYLOAD_MAX) {
        load_fail("a frame %02x %02zx came", kind, payload_len);
    }
    if (len < 2 || len < 2 + payload_len) {
        return 0;
    }
    if (kind == FRAME_CLOSE) {
        unsigned high = payload_len < 2 ? 1005 / 256 : (unsigned char)data[2];
        unsigned low = payload_len < 2 ? 1005 % 256 : (unsigned char)data[3];
        load_fail("the server closed: %u %.*s", high * 256 + low,
                  payload_len < 2 ? 0 : (int)payload_len - 2, data + 4);
    }
    if (kind == FRAME_PING) {
        answer_ping(fd, data + 2, payload_len);
    }
    return 2 + payload_len;
}

size_t load_frames_resume(struct load_frames *frames, char *data)
{
    memcpy(data, frames->bytes, frames->held);
    return frames->held;
}

/* Takes a head, or a control frame; its length, 0 while it is unfinished. */
static size_t
take_head(struct load_frames *frames, int fd, const char *data, size_t len)
{
    unsigned kind = (unsigned char)data[0];
    if ((kind & FRAME_RESERVED) != 0 || (kind & FRAME_OPCODE) > 2) {
        return load_control_take(fd, data, len);
    }
    return load_frame_head_take(data, len, &frames->left);
}

size_t
load_frames_strip(struct load_frames *frames, int fd, char *data, size_t len)
{
    size_t from = 0;
    size_t to = 0;
    for (;;) {
        size_t count = frames->left < len - from ? frames->left : len - from;
        memmove(data + to, data + from, count);
        to += count;
        from += count;
        frames->left -= count;
        size_t taken =
            from < len ? take_head(frames, fd, data + from, len - from) : 0;
        if (taken == 0) {
            break;
        }
        from += taken;
    }
    frames->held = len - from;
    memcpy(frames->bytes, data + from, frames->held);
    return to;
}
