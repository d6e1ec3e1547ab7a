/*
 * Writes text into a fixed span of memory. A writer that runs out of room
 * remembers it and writes nothing more, so a run of writes needs one check.
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define RT_U64_DIGITS 20 /* most digits of a 64-bit number */

struct rt_writer {
    char *start;
    char *at;
    char *end;
    bool overflowed;
};

void rt_writer_init(struct rt_writer *writer, char *memory, size_t size);

/* What was written so far; valid as long as the memory. */
struct rt_bytes rt_writer_bytes(const struct rt_writer *writer);

/* Inline: answers to publishers are put together from many short pieces. */
static inline void rt_write_bytes(struct rt_writer *writer,
                                  struct rt_bytes bytes)
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

void rt_write_u64(struct rt_writer *writer, uint64_t value);

/* Exactly 8 lower-case hexadecimal digits. */
void rt_write_hex32(struct rt_writer *writer, uint32_t value);

/*
 * The bytes as the inside of a JSON string (RFC 8259, section 7). Bytes outside
 * printable ASCII become \u00xx: what a peer sent is shown, never reflected.
 */
void rt_write_json_escaped(struct rt_writer *writer, struct rt_bytes bytes);

/* A string literal. */
#define RT_WRITE(writer, literal) rt_write_bytes((writer), RT_BYTES(literal))

#endif
