/*
 * What is put around bytes on their way to a subscriber: a WebSocket frame
 * (RFC 6455, section 5.2), or a chunk of an HTTP body without an end (RFC 9112,
 * section 7.1). Both need to know the length first.
 */
#ifndef PROTOCOL_WRAP_H
#define PROTOCOL_WRAP_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/writer.h"

enum rt_wrap {
    RT_WRAP_TEXT,   /* a text frame */
    RT_WRAP_BINARY, /* a binary frame */
    RT_WRAP_CHUNK,
};

/* The most bytes that a wrap adds: a chunk's 16 digits, and two line ends. */
#define RT_WRAP_BYTES_MAX (16 + 2 + 2)

/* How many bytes `len` bytes are with what is around them. A chunk has one at
 * least, for an empty one would be the last. */
size_t rt_wrap_size(enum rt_wrap wrap, size_t len);

/* Writes what comes before `len` bytes, and what comes after them. */
void rt_wrap_begin(struct rt_writer *writer, enum rt_wrap wrap, size_t len);
void rt_wrap_end(struct rt_writer *writer, enum rt_wrap wrap);

#endif
