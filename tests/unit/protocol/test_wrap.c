#include "protocol/wrap.h"

#include "tests/support/test.h"

static struct rt_bytes
begun(char memory[RT_WRAP_BYTES_MAX], enum rt_wrap wrap, size_t len)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_WRAP_BYTES_MAX);
    rt_wrap_begin(&writer, wrap, len);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static void expect(enum rt_wrap wrap,
                   size_t len,
                   struct rt_bytes before,
                   struct rt_bytes after)
{
    char memory[RT_WRAP_BYTES_MAX];
    struct rt_writer writer;
    EXPECT_BYTES(begun(memory, wrap, len), before);
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_wrap_end(&writer, wrap);
    EXPECT_BYTES(rt_writer_bytes(&writer), after);
    EXPECT_INT(rt_wrap_size(wrap, len), before.len + len + after.len);
}

TEST("a frame is final, not masked, and of its kind")
{
    expect(RT_WRAP_TEXT, 0, RT_BYTES("\x81\x00"), RT_BYTES(""));
    expect(RT_WRAP_TEXT, 125, RT_BYTES("\x81\x7d"), RT_BYTES(""));
    expect(RT_WRAP_BINARY, 5, RT_BYTES("\x82\x05"), RT_BYTES(""));
}

TEST("a frame's length takes as few bytes as it can")
{
    expect(RT_WRAP_TEXT, 126, RT_BYTES("\x81\x7e\x00\x7e"), RT_BYTES(""));
    expect(RT_WRAP_TEXT, 65535, RT_BYTES("\x81\x7e\xff\xff"), RT_BYTES(""));
    expect(RT_WRAP_TEXT, 65536,
           RT_BYTES("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), RT_BYTES(""));
}

TEST("a chunk says its length in hexadecimal digits, without zeros before")
{
    expect(RT_WRAP_CHUNK, 1, RT_BYTES("1\r\n"), RT_BYTES("\r\n"));
    expect(RT_WRAP_CHUNK, 15, RT_BYTES("f\r\n"), RT_BYTES("\r\n"));
    expect(RT_WRAP_CHUNK, 16, RT_BYTES("10\r\n"), RT_BYTES("\r\n"));
    expect(RT_WRAP_CHUNK, 0xabc, RT_BYTES("abc\r\n"), RT_BYTES("\r\n"));
}

TEST("the longest chunk fits the bound")
{
    char memory[RT_WRAP_BYTES_MAX];
    struct rt_bytes head = begun(memory, RT_WRAP_CHUNK, SIZE_MAX);
    EXPECT_TEXT(head, "ffffffffffffffff\r\n");
    EXPECT_INT(head.len + 2, RT_WRAP_BYTES_MAX);
}
