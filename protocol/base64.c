#include "protocol/base64.h"

#include "base/error.h"

/* Of bytes at one time; a multiple of 3. */
#define PIECE_BYTES 48

#define INVALID 0xff

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz"
                             "0123456789+/";

/* Up to three bytes as four digits; what is missing of them is padding. */
static void encode_group(const char *bytes, size_t len, char group[4])
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++) {
        bits = bits << 8 | (i < len ? (uint8_t)bytes[i] : 0);
    }
    for (size_t i = 0; i < 4; i++) {
        group[i] = i <= len ? digits[bits >> (18 - 6 * i) & 63] : '=';
    }
}

static void write_piece(struct rt_writer *writer, struct rt_bytes piece)
{
    char encoded[RT_BASE64_LEN(PIECE_BYTES)];
    char *at = encoded;
    size_t i = 0;
    for (; i + 3 <= piece.len; i += 3, at += 4) {
        encode_group(piece.data + i, 3, at);
    }
    if (i < piece.len) {
        encode_group(piece.data + i, piece.len - i, at);
        at += 4;
    }
    size_t len = (size_t)(at - encoded);
    rt_write_bytes(writer, (struct rt_bytes){encoded, len});
}

void rt_base64_write(struct rt_writer *writer, struct rt_bytes bytes)
{
    while (bytes.len > 0) {
        size_t len = bytes.len < PIECE_BYTES ? bytes.len : PIECE_BYTES;
        write_piece(writer, (struct rt_bytes){bytes.data, len});
        bytes.data += len;
        bytes.len -= len;
    }
}

static uint8_t digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(c - 'a' + 26);
    }
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0' + 52);
    }
    return c == '+' ? 62 : c == '/' ? 63 : INVALID;
}

/* How many of the four digits of a text's last group are padding. */
static size_t padding_of(const char *group)
{
    return group[3] != '=' ? 0 : group[2] != '=' ? 1 : 2;
}

/* Decodes four digits of which the last ones are padding. */
static int decode_group(const char *group, size_t padding, char *bytes)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        uint8_t value = digit_value(group[i]);
        if (value == INVALID) {
            return RT_EINVAL;
        }
        bits |= (uint32_t)value << (18 - 6 * i);
    }
    if ((bits & ((1U << 8 * padding) - 1)) != 0) {
        return RT_EINVAL;
    }
    for (size_t i = 0; i < 3 - padding; i++) {
        bytes[i] = (char)(bits >> (16 - 8 * i) & 0xff);
    }
    return 0;
}

int rt_base64_decode(struct rt_bytes text,
                     char *memory,
                     size_t size,
                     struct rt_bytes *decoded)
{
    if (text.len % 4 != 0) {
        return RT_EINVAL;
    }
    const char *end = text.len == 0 ? text.data : text.data + text.len;
    size_t padding = text.len == 0 ? 0 : padding_of(end - 4);
    size_t len = text.len / 4 * 3 - padding;
    if (len > size) {
        return RT_ERANGE;
    }
    char *to = memory;
    for (const char *at = text.data; at != end; at += 4, to += 3) {
        int err = decode_group(at, at + 4 == end ? padding : 0, to);
        if (err < 0) {
            return err;
        }
    }
    *decoded = (struct rt_bytes){memory, len};
    return 0;
}
