#include "base/writer.h"

void rt_writer_init(struct rt_writer *writer, char *memory, size_t size)
{
    *writer = (struct rt_writer){memory, memory, memory + size, false};
}

struct rt_bytes rt_writer_bytes(const struct rt_writer *writer)
{
    return (struct rt_bytes){writer->start,
                             (size_t)(writer->at - writer->start)};
}

/* Two digits a division: this is on the path of every receipt. */
void rt_write_u64(struct rt_writer *writer, uint64_t value)
{
    static const char pairs[] = "00010203040506070809"
                                "10111213141516171819"
                                "20212223242526272829"
                                "30313233343536373839"
                                "40414243444546474849"
                                "50515253545556575859"
                                "60616263646566676869"
                                "70717273747576777879"
                                "80818283848586878889"
                                "90919293949596979899";
    char digits[RT_U64_DIGITS];
    char *at = digits + sizeof(digits);
    for (; value >= 100; value /= 100) {
        at -= 2;
        memcpy(at, pairs + 2 * (value % 100), 2);
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, pairs + 2 * value, 2);
    } else {
        *--at = (char)('0' + value);
    }
    size_t len = (size_t)(digits + sizeof(digits) - at);
    rt_write_bytes(writer, (struct rt_bytes){at, len});
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
