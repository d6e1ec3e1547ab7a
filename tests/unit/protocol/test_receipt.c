#include "protocol/receipt.h"

#include <string.h>

#include "protocol/json.h"
#include "tests/support/test.h"

static struct rt_bytes written(char *memory,
                               struct rt_bytes topic,
                               struct rt_cursor cursor,
                               uint64_t wall_ms)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_RECEIPT_BYTES_MAX);
    rt_receipt_write(&writer, topic, cursor, wall_ms);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

TEST("a receipt is the topic, the cursor, the offset and the time on a line")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_cursor cursor = {.epoch = 0x7f3a9c21, .offset = 1042};
    EXPECT_TEXT(written(memory, RT_BYTES("chat.42"), cursor, 1787000000123),
                "{\"topic\":\"chat.42\",\"cursor\":\"7f3a9c21-1042\","
                "\"offset\":1042,\"ts\":1787000000123}\n");
}

TEST("the first event of a log with a small epoch is written in full")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_cursor cursor = {.epoch = 1, .offset = 1};
    EXPECT_TEXT(written(memory, RT_BYTES("a"), cursor, 0),
                "{\"topic\":\"a\",\"cursor\":\"00000001-1\","
                "\"offset\":1,\"ts\":0}\n");
}

TEST("the longest receipt fits, digit for digit")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    char topic[RT_TOPIC_BYTES_MAX];
    memset(topic, 'a', sizeof(topic));
    struct rt_cursor cursor = {.epoch = UINT32_MAX, .offset = UINT64_MAX};
    struct rt_bytes bytes = written(
        memory, (struct rt_bytes){topic, sizeof(topic)}, cursor, UINT64_MAX);
    EXPECT(rt_json_is_valid(bytes));
    struct rt_bytes end = {bytes.data + RT_TOPIC_BYTES_MAX,
                           bytes.len - RT_TOPIC_BYTES_MAX};
    EXPECT_TEXT(end,
                "aaaaaaaaaa\",\"cursor\":\"ffffffff-18446744073709551615\","
                "\"offset\":18446744073709551615,"
                "\"ts\":18446744073709551615}\n");
}
