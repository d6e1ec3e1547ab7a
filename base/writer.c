#include "base/writer.h"

#include <string.h>

void rt_writer_init(struct rt_writer *writer, char *memory, size_t size)
{
    *writer = (struct rt_writer){memory, memory, memory + size, false};
}

struct rt_bytes rt_writer_bytes(const struct rt_writer *writer)
{
    return (struct rt_bytes){writer->start,
                             (size_t)(writer->at - writer->start)};
}

void rt_write_bytes(struct rt_writer *writer, struct rt_bytes bytes)
{
    if (writer->overflowed || bytes.len > (size_t)(writer->end - writer->at)) {
        writer->overflowed = true;
        return;
    }
    if (bytes.len > 0) {
        memcpy(writer->at, bytes.data, bytes.len);
        writer->at += bytes.len;
    }
}

void rt_write_u64(struct rt_writer *writer, uint64_t value)
{
    char digits[RT_U64_DIGITS];
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    rt_write_bytes(writer,
                   (struct rt_bytes){digits + first, sizeof(digits) - first});
}

void rt_write_hex32(struct rt_writer *writer, uint32_t value)
{
    char digits[8];
    for (int i = 7; i >= 0; i--) {
        digits[i] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
    rt_write_bytes(writer, (struct rt_bytes){digits, sizeof(digits)});
}

static void write_escape(struct rt_writer *writer, uint8_t byte)
{
    char escape[] = "\\u0000";
    escape[4] = "0123456789abcdef"[byte >> 4];
    escape[5] = "0123456789abcdef"[byte & 15];
    rt_write_bytes(writer, (struct rt_bytes){escape, 6});
}

void rt_write_json_escaped(struct rt_writer *writer, struct rt_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];
        if (c == '"' || c == '\\') {
            char escape[2] = {'\\', c};
            rt_write_bytes(writer, (struct rt_bytes){escape, 2});
        } else if (c < ' ' || c > '~') {
            write_escape(writer, (uint8_t)c);
        } else {
            rt_write_bytes(writer, (struct rt_bytes){&c, 1});
        }
    }
}
