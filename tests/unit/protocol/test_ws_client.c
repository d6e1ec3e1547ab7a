#include "protocol/ws_client.h"

#include "base/error.h"
#include "tests/support/test.h"

static int parse(struct rt_bytes bytes, struct rt_ws_header *header)
{
    return rt_ws_header_parse(bytes, header);
}

TEST("a server's own headers are read back, at every length of length")
{
    static const uint64_t lens[] = {0, 1, 125, 126, 65535, 65536, INT64_MAX};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(lens); i++) {
        uint8_t memory[RT_FRAME_HEADER_MAX];
        struct rt_ws_header header;
        size_t size = rt_frame_header(memory, RT_OPCODE_BINARY, lens[i]);
        struct rt_bytes bytes = {(const char *)memory, size};
        EXPECT_INT(parse(bytes, &header), 1);
        EXPECT_INT(header.opcode, RT_OPCODE_BINARY);
        EXPECT(header.is_final);
        EXPECT_INT(header.header_bytes, size);
        EXPECT_INT(header.payload_bytes, lens[i]);
        for (bytes.len = 0; bytes.len < size; bytes.len++) {
            EXPECT_INT(parse(bytes, &header), 0);
        }
    }
}

TEST("a fragment is not final")
{
    struct rt_ws_header header;
    EXPECT_INT(parse((struct rt_bytes){"\x01\x00", 2}, &header), 1);
    EXPECT(!header.is_final);
    EXPECT_INT(header.opcode, RT_OPCODE_TEXT);
}

/* RFC 6455, sections 5.1, 5.2 and 5.5. */
TEST("what no server may send is refused")
{
    static const struct rt_bytes bad[] = {
        {"\xc1\x00", 2}, /* a reserved bit */
        {"\x83\x00", 2}, /* a reserved opcode */
        {"\x8b\x00", 2}, /* a reserved control opcode */
        {"\x81\x80", 2}, /* masked */
        {"\x09\x00", 2}, /* a ping in fragments */
        {"\x89\x7e", 2}, /* a long ping */
        {"\x81\x7e\x00\x7d", 4},
        {"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10},
        {"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(bad); i++) {
        struct rt_ws_header header;
        EXPECT_INT(parse(bad[i], &header), RT_EINVAL);
    }
}

/* RFC 6455, section 5.7: a masked "Hello", here in a pong. */
TEST("a client's control frame is the server's, but masked")
{
    static const uint8_t mask[RT_FRAME_MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
    struct rt_control_frame frame;
    struct rt_masked_frame masked;
    rt_control_frame_init(&frame, RT_OPCODE_PONG, RT_BYTES("Hello"));
    rt_masked_frame_init(&masked, &frame, mask);
    struct rt_bytes bytes = {(const char *)masked.bytes, masked.len};
    EXPECT_BYTES(bytes,
                 RT_BYTES("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"));
}
