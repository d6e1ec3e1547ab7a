#include "base/buffer.h"

#include "base/error.h"
#include "tests/support/test.h"

TEST("a buffer holds what was appended and drops what was consumed")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_buffer buffer = {0};
    EXPECT_INT(rt_buffer_append(&buffer, &heap, RT_BYTES("hello ")), 0);
    EXPECT_INT(rt_buffer_append(&buffer, &heap, RT_BYTES("world")), 0);
    rt_buffer_consume(&buffer, 6);
    EXPECT_TEXT(((struct rt_bytes){buffer.data, buffer.len}), "world");
    rt_buffer_finish(&buffer, &heap);
    EXPECT_INT(heap.used, 0);
}

TEST("a buffer that cannot grow keeps what it has")
{
    struct rt_heap heap;
    rt_heap_init(&heap, RT_BUFFER_FIRST);
    struct rt_buffer buffer = {0};
    EXPECT_INT(rt_buffer_append(&buffer, &heap, RT_BYTES("kept")), 0);
    EXPECT(rt_buffer_reserve(&buffer, &heap, RT_BUFFER_FIRST) == NULL);
    EXPECT_TEXT(((struct rt_bytes){buffer.data, buffer.len}), "kept");
    rt_buffer_finish(&buffer, &heap);
}
