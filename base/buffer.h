/*
 * A growable run of bytes on a heap. It grows with what is written, never with
 * what somebody announces.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/heap.h"

#define RT_BUFFER_FIRST 512 /* bytes of the first allocation */

struct rt_buffer {
    char *data;
    size_t len;
    size_t capacity;
};

/* All zeroes is an empty buffer. Frees the memory; NULL is fine. */
void rt_buffer_finish(struct rt_buffer *buffer, struct rt_heap *heap);

/*
 * Makes room for `len` more bytes and returns where they go, or NULL. The
 * caller writes there and adds what it wrote to buffer->len.
 */
RT_MUST_USE char *
rt_buffer_reserve(struct rt_buffer *buffer, struct rt_heap *heap, size_t len);

/* Copies bytes to the end: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_buffer_append(struct rt_buffer *buffer,
                                 struct rt_heap *heap,
                                 struct rt_bytes bytes);

/* Drops the first `len` bytes. */
void rt_buffer_consume(struct rt_buffer *buffer, size_t len);

#endif
