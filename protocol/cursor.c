#include "protocol/cursor.h"

#include "base/error.h"

#define EPOCH_DIGITS 8

/* The value of a lower-case hexadecimal digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_epoch(const char *digits, uint32_t *epoch)
{
    uint32_t value = 0;
    for (int i = 0; i < EPOCH_DIGITS; i++) {
        int digit = digit_value(digits[i]);
        if (digit < 0) {
            return RT_EINVAL;
        }
        value = value << 4 | (uint32_t)digit;
    }
    *epoch = value;
    return 0;
}

int rt_cursor_parse(struct rt_bytes text, struct rt_cursor *cursor)
{
    size_t prefix = EPOCH_DIGITS + 1;
    if (text.len <= prefix || text.len > RT_CURSOR_BYTES_MAX ||
        text.data[EPOCH_DIGITS] != '-') {
        return RT_EINVAL;
    }
    struct rt_cursor parsed;
    int err = parse_epoch(text.data, &parsed.epoch);
    if (err < 0) {
        return err;
    }
    struct rt_bytes offset = {text.data + prefix, text.len - prefix};
    err = rt_bytes_to_u64(offset, &parsed.offset);
    if (err < 0) {
        return err;
    }
    *cursor = parsed;
    return 0;
}

int rt_node_cursor_parse(struct rt_bytes text, struct rt_cursor *cursor)
{
    if (text.len == 0 || text.data[0] != '*') {
        return RT_EINVAL;
    }
    struct rt_bytes rest = {text.data + 1, text.len - 1};
    return rt_cursor_parse(rest, cursor);
}

void rt_cursor_write(struct rt_writer *writer, struct rt_cursor cursor)
{
    rt_write_hex32(writer, cursor.epoch);
    RT_WRITE(writer, "-");
    rt_write_u64(writer, cursor.offset);
}

void rt_node_cursor_write(struct rt_writer *writer, struct rt_cursor cursor)
{
    RT_WRITE(writer, "*");
    rt_cursor_write(writer, cursor);
}
