#include "base/buffer.h"

#include <string.h>

#include "base/error.h"

void rt_buffer_finish(struct rt_buffer *buffer, struct rt_heap *heap)
{
    if (buffer == NULL) {
        return;
    }
    rt_heap_free(heap, buffer->data, buffer->capacity);
    *buffer = (struct rt_buffer){0};
}

static size_t grown(size_t capacity, size_t needed)
{
    size_t size = capacity < RT_BUFFER_FIRST ? RT_BUFFER_FIRST : capacity;
    while (size < needed) {
        size *= 2;
    }
    return size;
}

char *
rt_buffer_reserve(struct rt_buffer *buffer, struct rt_heap *heap, size_t len)
{
    RT_CHECK(len <= SIZE_MAX / 4 && buffer->len <= SIZE_MAX / 4);
    size_t needed = buffer->len + len;
    if (needed > buffer->capacity) {
        size_t capacity = grown(buffer->capacity, needed);
        char *data =
            rt_heap_resize(heap, buffer->data, buffer->capacity, capacity);
        if (data == NULL) {
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->len;
}

int rt_buffer_append(struct rt_buffer *buffer,
                     struct rt_heap *heap,
                     struct rt_bytes bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    char *at = rt_buffer_reserve(buffer, heap, bytes.len);
    if (at == NULL) {
        return RT_ENOMEM;
    }
    memcpy(at, bytes.data, bytes.len);
    buffer->len += bytes.len;
    return 0;
}

void rt_buffer_consume(struct rt_buffer *buffer, size_t len)
{
    RT_CHECK(len <= buffer->len);
    buffer->len -= len;
    if (buffer->len > 0) {
        memmove(buffer->data, buffer->data + len, buffer->len);
    }
}
