#include "protocol/json_string.h"

#include <string.h>

#include "base/error.h"
#include "protocol/word.h"

/* --- Writing --- */

/* What stands for a byte after a backslash, or NUL if no letter does. */
static char letter_of(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    default:
        return '\0';
    }
}

/* How many bytes longer a byte is escaped: `\n` by one, `\u0001` by five. */
static size_t growth_of(char c)
{
    if (letter_of(c) != '\0') {
        return 1;
    }
    return (uint8_t)c < ' ' ? 5 : 0;
}

static bool is_plain_word(uint64_t word)
{
    return !rt_word_has_less(word, ' ') && !rt_word_has(word, '"') &&
           !rt_word_has(word, '\\');
}

/* How many bytes from the first one on need no escape. */
static size_t plain_len(struct rt_bytes text)
{
    size_t len = 0;
    while (text.len - len >= RT_WORD_BYTES &&
           is_plain_word(rt_word_load(text.data + len))) {
        len += RT_WORD_BYTES;
    }
    while (len < text.len && growth_of(text.data[len]) == 0) {
        len++;
    }
    return len;
}

size_t rt_json_string_size(struct rt_bytes text)
{
    size_t size = 2 + text.len;
    while (text.len > 0) {
        size_t len = plain_len(text);
        if (len == text.len) {
            break;
        }
        size += growth_of(text.data[len]);
        text.data += len + 1;
        text.len -= len + 1;
    }
    return size;
}

static void write_escape(struct rt_writer *writer, char c)
{
    char letter = letter_of(c);
    char escape[] = {'\\', letter, '0', '0', '0', '0'};
    size_t len = 2;
    if (letter == '\0') {
        escape[1] = 'u';
        escape[4] = c < 0x10 ? '0' : '1';
        escape[5] = "0123456789abcdef"[c & 15];
        len = sizeof(escape);
    }
    rt_write_bytes(writer, (struct rt_bytes){escape, len});
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
