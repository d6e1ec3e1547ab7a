#include "base/writer.h"

#include "tests/support/test.h"

TEST("numbers are written in full")
{
    char memory[64];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_u64(&writer, 0);
    RT_WRITE(&writer, " ");
    rt_write_u64(&writer, UINT64_MAX);
    RT_WRITE(&writer, " ");
    rt_write_hex32(&writer, 0x7f3a9c);
    EXPECT_TEXT(rt_writer_bytes(&writer), "0 18446744073709551615 007f3a9c");
}

TEST("a full writer says so and writes nothing more")
{
    char memory[4];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    RT_WRITE(&writer, "abc");
    RT_WRITE(&writer, "de");
    RT_WRITE(&writer, "f");
    EXPECT(writer.overflowed);
    EXPECT_TEXT(rt_writer_bytes(&writer), "abc");
}

TEST("JSON text never carries raw control or foreign bytes")
{
    char memory[64];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_json_escaped(&writer, RT_BYTES("a\"\\\n\xff"));
    EXPECT_TEXT(rt_writer_bytes(&writer), "a\\\"\\\\\\u000a\\u00ff");
}
