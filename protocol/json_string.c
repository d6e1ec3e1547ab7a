#include "protocol/json_string.h"

#include <string.h>

#include "base/error.h"

#define BLOCK_BYTES 32

/* --- Writing --- */

/*
 * How many bytes longer a byte is escaped: `\n` by one, `\u0001` by five. No
 * table, so that compilers make vector code of the loops over blocks.
 */
static inline uint8_t growth_of(uint8_t byte)
{
    bool is_short = (byte >= '\b' && byte <= '\r' && byte != '\v') ||
                    byte == '"' || byte == '\\';
    return is_short ? 1 : byte < ' ' ? 5 : 0;
}

static inline uint8_t growth_of_block(const uint8_t *at)
{
    uint8_t growth = 0;
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        growth = (uint8_t)(growth + growth_of(at[i]));
    }
    return growth;
}

_Static_assert(BLOCK_BYTES * 5 <= UINT8_MAX, "the growth of a block is a byte");

size_t rt_json_string_size(struct rt_bytes text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    size_t size = 2 + text.len;
    size_t left = text.len;
    for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, at += BLOCK_BYTES) {
        size += growth_of_block(at);
    }
    for (; left > 0; left--) {
        size += growth_of(*at++);
    }
    return size;
}

/* How many bytes from the first one on need no escape. */
static size_t plain_len(struct rt_bytes text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t len = 0;
    while (text.len - len >= BLOCK_BYTES && growth_of_block(bytes + len) == 0) {
        len += BLOCK_BYTES;
    }
    while (len < text.len && growth_of(bytes[len]) == 0) {
        len++;
    }
    return len;
}

static void write_escape(struct rt_writer *writer, char c)
{
    static const char plain[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *found = c == '\0' ? NULL : strchr(plain, c);
    if (found != NULL) {
        char escape[] = {'\\', letters[found - plain]};
        rt_write_bytes(writer, (struct rt_bytes){escape, sizeof(escape)});
        return;
    }
    char escape[] = {'\\', 'u', '0', '0', '0', '0'};
    escape[4] = c < 0x10 ? '0' : '1';
    escape[5] = "0123456789abcdef"[c & 15];
    rt_write_bytes(writer, (struct rt_bytes){escape, sizeof(escape)});
}

void rt_json_string_write(struct rt_writer *writer, struct rt_bytes text)
{
    RT_WRITE(writer, "\"");
    while (text.len > 0) {
        size_t len = plain_len(text);
        rt_write_bytes(writer, (struct rt_bytes){text.data, len});
        if (len == text.len) {
            break;
        }
        write_escape(writer, text.data[len]);
        text.data += len + 1;
        text.len -= len + 1;
    }
    RT_WRITE(writer, "\"");
}

/* --- Reading --- */

static uint32_t hex_value(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The four digits that follow `\u`. */
static uint32_t code_unit(const char *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | hex_value(digits[i]);
    }
    return unit;
}

static bool is_between(uint32_t value, uint32_t low, uint32_t high)
{
    return value >= low && value <= high;
}

static void write_utf8(struct rt_writer *writer, uint32_t code)
{
    char bytes[4];
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(leads[len] | code);
    rt_write_bytes(writer, (struct rt_bytes){bytes, len});
}

/* Takes the digits of `\u`, and the second half of a surrogate pair. */
static int take_code(struct rt_bytes *rest, uint32_t *code)
{
    uint32_t unit = code_unit(rest->data);
    size_t len = 4;
    if (is_between(unit, 0xd800, 0xdbff)) {
        struct rt_bytes second = {rest->data + 4, rest->len - 4};
        if (second.len < 6 || second.data[0] != '\\' || second.data[1] != 'u') {
            return RT_EINVAL;
        }
        uint32_t low = code_unit(second.data + 2);
        if (!is_between(low, 0xdc00, 0xdfff)) {
            return RT_EINVAL;
        }
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        len = 10;
    } else if (is_between(unit, 0xdc00, 0xdfff)) {
        return RT_EINVAL;
    }
    rest->data += len;
    rest->len -= len;
    *code = unit;
    return 0;
}

/* Takes what follows a backslash. */
static int take_escape(struct rt_bytes *rest, struct rt_writer *writer)
{
    static const char letters[] = "bfnrt";
    static const char plain[] = "\b\f\n\r\t";
    char kind = *rest->data++;
    rest->len--;
    if (kind == 'u') {
        uint32_t code = 0;
        int err = take_code(rest, &code);
        if (err < 0) {
            return err;
        }
        write_utf8(writer, code);
        return 0;
    }
    const char *found = strchr(letters, kind);
    char byte = found != NULL ? plain[found - letters] : kind;
    rt_write_bytes(writer, (struct rt_bytes){&byte, 1});
    return 0;
}

static size_t len_to_escape(struct rt_bytes text)
{
    const char *found = memchr(text.data, '\\', text.len);
    return found == NULL ? text.len : (size_t)(found - text.data);
}

static int unescape(struct rt_bytes rest, struct rt_writer *writer)
{
    while (rest.len > 0) {
        size_t len = len_to_escape(rest);
        rt_write_bytes(writer, (struct rt_bytes){rest.data, len});
        if (len == rest.len) {
            break;
        }
        rest.data += len + 1;
        rest.len -= len + 1;
        int err = take_escape(&rest, writer);
        if (err < 0) {
            return err;
        }
    }
    return writer->overflowed ? RT_ERANGE : 0;
}

int rt_json_string_read(struct rt_bytes string,
                        char *memory,
                        size_t size,
                        struct rt_bytes *text)
{
    if (string.len < 2 || string.data[0] != '"') {
        return RT_EINVAL;
    }
    struct rt_bytes inside = {string.data + 1, string.len - 2};
    if (len_to_escape(inside) == inside.len) {
        *text = inside;
        return 0;
    }
    struct rt_writer writer;
    rt_writer_init(&writer, memory, size);
    int err = unescape(inside, &writer);
    if (err < 0) {
        return err;
    }
    *text = rt_writer_bytes(&writer);
    return 0;
}
