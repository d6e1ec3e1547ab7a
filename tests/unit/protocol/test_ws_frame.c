#include "protocol/ws_frame.h"

#include <string.h>

#include "tests/support/test.h"

static void
expect_header(enum rt_opcode opcode, uint64_t len, struct rt_bytes expected)
{
    uint8_t memory[RT_FRAME_HEADER_MAX + 1];
    memset(memory, 0xee, sizeof(memory));
    size_t size = rt_frame_header(memory, opcode, len);
    EXPECT_BYTES(((struct rt_bytes){(const char *)memory, size}), expected);
    EXPECT_INT(memory[size], 0xee);
}

/* RFC 6455, section 5.2: the shortest of three forms. */
TEST("a header's form follows the length of the payload")
{
    expect_header(RT_OPCODE_TEXT, 0, RT_BYTES("\x81\x00"));
    expect_header(RT_OPCODE_TEXT, 125, RT_BYTES("\x81\x7d"));
    expect_header(RT_OPCODE_TEXT, 126, RT_BYTES("\x81\x7e\x00\x7e"));
    expect_header(RT_OPCODE_TEXT, 256, RT_BYTES("\x81\x7e\x01\x00"));
    expect_header(RT_OPCODE_TEXT, 65535, RT_BYTES("\x81\x7e\xff\xff"));
    expect_header(RT_OPCODE_TEXT, 65536,
                  RT_BYTES("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"));
    expect_header(RT_OPCODE_TEXT, UINT64_C(1) << 32,
                  RT_BYTES("\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00"));
    expect_header(RT_OPCODE_TEXT, INT64_MAX,
                  RT_BYTES("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"));
}

TEST("the payload is what is behind the header")
{
    static const uint64_t lens[] = {0, 1, 125, 126, 65535, 65536, 70000};
    static char memory[RT_FRAME_HEADER_MAX + 70000];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(lens); i++) {
        size_t header =
            rt_frame_header((uint8_t *)memory, RT_OPCODE_BINARY, lens[i]);
        struct rt_bytes payload = rt_frame_payload(
            (struct rt_bytes){memory, header + (size_t)lens[i]});
        EXPECT(payload.data == memory + header);
        EXPECT_INT(payload.len, lens[i]);
    }
}

TEST("what is shorter than its header has no payload")
{
    static const char *const frames[] = {"", "\x81", "\x81\x7e\x01",
                                         "\x81\x7f\x01\x02\x03\x04\x05"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(frames); i++) {
        EXPECT_INT(rt_frame_payload(rt_bytes_of(frames[i])).len, 0);
    }
}

TEST("a frame is final and says what it is")
{
    expect_header(RT_OPCODE_CONTINUATION, 1, RT_BYTES("\x80\x01"));
    expect_header(RT_OPCODE_TEXT, 1, RT_BYTES("\x81\x01"));
    expect_header(RT_OPCODE_BINARY, 1, RT_BYTES("\x82\x01"));
    expect_header(RT_OPCODE_CLOSE, 1, RT_BYTES("\x88\x01"));
    expect_header(RT_OPCODE_PING, 1, RT_BYTES("\x89\x01"));
    expect_header(RT_OPCODE_PONG, 1, RT_BYTES("\x8a\x01"));
}

TEST("control frames are told from data frames")
{
    EXPECT(!rt_opcode_is_control(RT_OPCODE_CONTINUATION));
    EXPECT(!rt_opcode_is_control(RT_OPCODE_TEXT));
    EXPECT(!rt_opcode_is_control(RT_OPCODE_BINARY));
    EXPECT(rt_opcode_is_control(RT_OPCODE_CLOSE));
    EXPECT(rt_opcode_is_control(RT_OPCODE_PING));
    EXPECT(rt_opcode_is_control(RT_OPCODE_PONG));
}

static struct rt_bytes bytes_of(const struct rt_control_frame *frame)
{
    return (struct rt_bytes){(const char *)frame->bytes, frame->len};
}

TEST("a control frame holds its payload")
{
    struct rt_control_frame frame;
    rt_control_frame_init(&frame, RT_OPCODE_PING, (struct rt_bytes){NULL, 0});
    EXPECT_BYTES(bytes_of(&frame), RT_BYTES("\x89\x00"));
    rt_control_frame_init(&frame, RT_OPCODE_PONG, RT_BYTES("Hello"));
    EXPECT_BYTES(bytes_of(&frame), RT_BYTES("\x8a\x05Hello"));
}

TEST("the longest control frame fits")
{
    struct rt_control_frame frame;
    char payload[RT_FRAME_CONTROL_MAX];
    memset(payload, 'x', sizeof(payload));
    rt_control_frame_init(&frame, RT_OPCODE_PING,
                          (struct rt_bytes){payload, sizeof(payload)});
    EXPECT_INT(frame.len, 127);
    EXPECT_INT(frame.bytes[1], 125);
    EXPECT(memcmp(frame.bytes + 2, payload, sizeof(payload)) == 0);
}

TEST("a close frame is a code and maybe a text")
{
    struct rt_control_frame frame;
    rt_close_frame_init(&frame, 1000, (struct rt_bytes){NULL, 0});
    EXPECT_BYTES(bytes_of(&frame), RT_BYTES("\x88\x02\x03\xe8"));
    rt_close_frame_init(&frame, 4410, RT_BYTES("evicted"));
    EXPECT_BYTES(bytes_of(&frame), RT_BYTES("\x88\x09\x11\x3a"
                                            "evicted"));
}

TEST("the longest text of a close frame fits")
{
    struct rt_control_frame frame;
    char text[RT_FRAME_CONTROL_MAX - 2];
    memset(text, 'x', sizeof(text));
    rt_close_frame_init(&frame, 4408, (struct rt_bytes){text, sizeof(text)});
    EXPECT_INT(frame.len, 127);
    EXPECT_INT(frame.bytes[1], 125);
    EXPECT(memcmp(frame.bytes + 4, text, sizeof(text)) == 0);
}

/* RFC 6455, section 7.4, and the registry of IANA. */
static const struct {
    uint32_t first;
    uint32_t last;
    bool is_valid;
} codes[] = {
    {0, 999, false},      /* not used */
    {1000, 1003, true},   /* normal, leaving, protocol, kind of data */
    {1004, 1006, false},  /* reserved, none, abnormal: never sent */
    {1007, 1011, true},   /* data, policy, size, extension, error */
    {1012, 1014, true},   /* restart, later, gateway: registered since */
    {1015, 1015, false},  /* TLS: never sent */
    {1016, 2999, false},  /* not registered */
    {3000, 4999, true},   /* of libraries and applications */
    {5000, 65535, false}, /* beyond */
};

TEST("each of all close codes may or may not be sent")
{
    uint32_t next = 0;
    for (size_t i = 0; i < RT_ARRAY_LENGTH(codes); i++) {
        EXPECT_INT(codes[i].first, next);
        for (; next <= codes[i].last; next++) {
            EXPECT_INT(rt_close_code_is_valid((uint16_t)next),
                       codes[i].is_valid);
        }
    }
    EXPECT_INT(next, 65536);
}
