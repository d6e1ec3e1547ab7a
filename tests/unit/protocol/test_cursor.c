#include "protocol/cursor.h"

#include "base/error.h"
#include "tests/support/test.h"

static void expect_error(struct rt_bytes text, int expected)
{
    struct rt_cursor cursor = {1, 2};
    EXPECT_INT(rt_cursor_parse(text, &cursor), expected);
    EXPECT_INT(cursor.epoch, 1);
    EXPECT_INT(cursor.offset, 2);
}

static struct rt_cursor parsed(struct rt_bytes text)
{
    struct rt_cursor cursor = {0, 0};
    EXPECT_INT(rt_cursor_parse(text, &cursor), 0);
    return cursor;
}

TEST("a cursor is an epoch and an offset")
{
    EXPECT_INT(parsed(RT_BYTES("7f3a9c21-1042")).epoch, 0x7f3a9c21);
    EXPECT_INT(parsed(RT_BYTES("7f3a9c21-1042")).offset, 1042);
    EXPECT_INT(parsed(RT_BYTES("ffffffff-0")).epoch, UINT32_MAX);
    EXPECT_INT(parsed(RT_BYTES("00000000-0")).offset, 0);
}

TEST("an offset has the whole range of 64 bits and not more")
{
    EXPECT(parsed(RT_BYTES("7f3a9c21-18446744073709551615")).offset ==
           UINT64_MAX);
    expect_error(RT_BYTES("7f3a9c21-18446744073709551616"), RT_ERANGE);
}

TEST("an offset may be padded with zeros to 20 digits")
{
    EXPECT_INT(parsed(RT_BYTES("7f3a9c21-00000000000000001042")).offset, 1042);
    expect_error(RT_BYTES("7f3a9c21-000000000000000001042"), RT_EINVAL);
}

TEST("an epoch has 8 lower-case hexadecimal digits")
{
    expect_error(RT_BYTES("7F3A9C21-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c2-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c211-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c2g-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c2/-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c2:-1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c2`-1"), RT_EINVAL);
}

TEST("a cursor is whole and has nothing around it")
{
    expect_error((struct rt_bytes){NULL, 0}, RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c21"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c21-"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c21+1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c21--1"), RT_EINVAL);
    expect_error(RT_BYTES("7f3a9c21-1 "), RT_EINVAL);
    expect_error(RT_BYTES(" 7f3a9c21-1"), RT_EINVAL);
    expect_error(RT_BYTES("*7f3a9c21-1"), RT_EINVAL);
}

TEST("the longest cursor fits the bound exactly and comes back the same")
{
    char memory[RT_CURSOR_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_cursor_write(&writer, (struct rt_cursor){0xfffffffe, UINT64_MAX});
    EXPECT(!writer.overflowed);
    EXPECT_TEXT(rt_writer_bytes(&writer), "fffffffe-18446744073709551615");
    EXPECT_INT(rt_writer_bytes(&writer).len, RT_CURSOR_BYTES_MAX);
    EXPECT(parsed(rt_writer_bytes(&writer)).offset == UINT64_MAX);
}

TEST("an epoch is written with its zeros and an offset without")
{
    char memory[RT_CURSOR_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_cursor_write(&writer, (struct rt_cursor){0x2a, 7});
    EXPECT_TEXT(rt_writer_bytes(&writer), "0000002a-7");
}

TEST("a position among all events of a node has a star before it")
{
    char memory[RT_NODE_CURSOR_BYTES_MAX];
    struct rt_cursor cursor = {1, 2};
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_node_cursor_write(&writer, (struct rt_cursor){0xfffffffe, UINT64_MAX});
    EXPECT_TEXT(rt_writer_bytes(&writer), "*fffffffe-18446744073709551615");
    EXPECT_INT(rt_node_cursor_parse(rt_writer_bytes(&writer), &cursor), 0);
    EXPECT_INT(cursor.epoch, 0xfffffffe);
    EXPECT(cursor.offset == UINT64_MAX);
    EXPECT_INT(rt_node_cursor_parse(RT_BYTES("7f3a9c21-1"), &cursor),
               RT_EINVAL);
    EXPECT_INT(rt_node_cursor_parse(RT_BYTES("**7f3a9c21-1"), &cursor),
               RT_EINVAL);
    EXPECT_INT(rt_node_cursor_parse(RT_BYTES("*"), &cursor), RT_EINVAL);
    EXPECT_INT(rt_node_cursor_parse(RT_BYTES(""), &cursor), RT_EINVAL);
    EXPECT_INT(cursor.epoch, 0xfffffffe);
}
