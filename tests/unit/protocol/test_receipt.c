#include "protocol/receipt.h"

#include <string.h>

#include "protocol/json.h"
#include "tests/support/test.h"

static struct rt_bytes
written(char *memory, struct rt_bytes topic, struct rt_receipt receipt)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_RECEIPT_BYTES_MAX);
    rt_receipt_write(&writer, topic, &receipt);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

TEST("a receipt is the topic, the cursor, the offset and the time")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_receipt receipt = {.cursor = {0x7f3a9c21, 1042},
                                 .wall_ms = 1787000000123};
    EXPECT_TEXT(written(memory, RT_BYTES("chat.42"), receipt),
                "{\"topic\":\"chat.42\",\"cursor\":\"7f3a9c21-1042\","
                "\"offset\":1042,\"ts\":1787000000123}");
}

TEST("the receipt of a batch says which events it has become")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_receipt receipt = {
        .cursor = {0x7f3a9c21, 1042}, .wall_ms = 5, .first = 1040, .count = 3};
    EXPECT_TEXT(written(memory, RT_BYTES("chat.42"), receipt),
                "{\"topic\":\"chat.42\",\"cursor\":\"7f3a9c21-1042\","
                "\"offset\":1042,\"ts\":5,\"first\":1040,\"last\":1042,"
                "\"count\":3}");
}

TEST("a receipt says how far the event has come, where that may differ")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_receipt receipt = {.cursor = {1, 1}, .ack = RT_ACK_DISK};
    EXPECT_TEXT(written(memory, RT_BYTES("a"), receipt),
                "{\"topic\":\"a\",\"cursor\":\"00000001-1\","
                "\"offset\":1,\"ts\":0,\"ack\":\"disk\"}");
}

TEST("the first event of a log with a small epoch is written in full")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    struct rt_receipt receipt = {.cursor = {1, 1}};
    EXPECT_TEXT(written(memory, RT_BYTES("a"), receipt),
                "{\"topic\":\"a\",\"cursor\":\"00000001-1\","
                "\"offset\":1,\"ts\":0}");
}

TEST("the longest receipt fits, digit for digit")
{
    char memory[RT_RECEIPT_BYTES_MAX];
    char topic[RT_TOPIC_BYTES_MAX];
    memset(topic, 'a', sizeof(topic));
    struct rt_receipt receipt = {.cursor = {UINT32_MAX, UINT64_MAX},
                                 .wall_ms = UINT64_MAX,
                                 .first = UINT64_MAX,
                                 .count = UINT32_MAX,
                                 .ack = RT_ACK_QUORUM};
    struct rt_bytes bytes =
        written(memory, (struct rt_bytes){topic, sizeof(topic)}, receipt);
    EXPECT(rt_json_is_valid(bytes));
    struct rt_bytes end = {bytes.data + RT_TOPIC_BYTES_MAX,
                           bytes.len - RT_TOPIC_BYTES_MAX};
    EXPECT_TEXT(end,
                "aaaaaaaaaa\",\"cursor\":\"ffffffff-18446744073709551615\","
                "\"offset\":18446744073709551615,"
                "\"ts\":18446744073709551615,\"first\":18446744073709551615,"
                "\"last\":18446744073709551615,\"count\":4294967295,"
                "\"ack\":\"quorum\"}");
}
