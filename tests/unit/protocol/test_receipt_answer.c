#include "protocol/receipt_answer.h"

#include <string.h>

#include "tests/support/random.h"
#include "tests/support/test.h"

#define DATE       RT_BYTES("Sun, 06 Nov 1994 08:49:37 GMT")
#define OTHER_DATE RT_BYTES("Sun, 06 Nov 1994 08:49:38 GMT")
#define WALL_MS    UINT64_C(1787000000123)

struct event {
    struct rt_bytes topic;
    struct rt_cursor cursor;
    uint64_t wall_ms;
    struct rt_bytes date;
};

static struct rt_bytes write_event(struct rt_receipt_answer *answer,
                                   const struct event *event)
{
    struct rt_receipt receipt = {.cursor = event->cursor,
                                 .wall_ms = event->wall_ms};
    return rt_receipt_answer_write(answer, event->topic, &receipt, event->date);
}

/* What was kept is as good as what is written anew. */
static void expect_same(struct rt_receipt_answer *kept,
                        const struct event *event)
{
    struct rt_receipt_answer fresh = {.len = 0};
    EXPECT_BYTES(write_event(kept, event), write_event(&fresh, event));
}

TEST("the answer has the cursor in its head, and the receipt")
{
    static struct rt_receipt_answer answer;
    struct event event = {RT_BYTES("a.b"), {0x7f3a9c21, 9}, WALL_MS, DATE};
    EXPECT_TEXT(write_event(&answer, &event),
                "HTTP/1.1 200 OK\r\n"
                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Content-Type: application/json\r\n"
                "X-Content-Type-Options: nosniff\r\n"
                "Content-Length: 68\r\n"
                "Ringtail-Cursor: 7f3a9c21-9\r\n\r\n"
                "{\"topic\":\"a.b\",\"cursor\":\"7f3a9c21-9\","
                "\"offset\":9,\"ts\":1787000000123}\n");
}

TEST("whatever changes from one answer to the next, it says so")
{
    static struct rt_receipt_answer answer;
    const struct event events[] = {
        {RT_BYTES("a.b"), {0x7f3a9c21, 8}, WALL_MS, DATE},
        {RT_BYTES("a.b"), {0x7f3a9c21, 9}, WALL_MS, DATE},
        {RT_BYTES("a.b"), {0x7f3a9c21, 10}, WALL_MS, DATE},
        {RT_BYTES("a.b"), {0x7f3a9c21, 99}, WALL_MS + 1, DATE},
        {RT_BYTES("a.b"), {0x7f3a9c21, 99}, WALL_MS + 1, OTHER_DATE},
        {RT_BYTES("a.b"), {0x7f3a9c22, 98}, WALL_MS + 1, OTHER_DATE},
        {RT_BYTES("a.c"), {0x7f3a9c22, 98}, WALL_MS + 1, OTHER_DATE},
        {RT_BYTES("a.c.d"), {0x7f3a9c22, 98}, WALL_MS + 1, OTHER_DATE},
        {RT_BYTES("a.c"), {0x7f3a9c22, 98}, 999, OTHER_DATE},
        {RT_BYTES("a.c"), {0x7f3a9c22, 98}, 1000, OTHER_DATE},
        {RT_BYTES("a.c"), {0x7f3a9c22, UINT64_MAX}, UINT64_MAX, OTHER_DATE},
        {RT_BYTES("a.c"), {0x7f3a9c22, 1}, 0, OTHER_DATE},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(events); i++) {
        expect_same(&answer, &events[i]);
    }
}

TEST("the answer says how far the event has come, whatever the last one said")
{
    static struct rt_receipt_answer answer;
    const enum rt_ack acks[] = {RT_ACK_MEMORY, RT_ACK_DISK, RT_ACK_DISK,
                                RT_ACK_UNSAID, RT_ACK_DISK, RT_ACK_MEMORY};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(acks); i++) {
        struct rt_receipt_answer fresh = {.len = 0};
        struct rt_receipt receipt = {
            .cursor = {1, 10 + i}, .wall_ms = WALL_MS, .ack = acks[i]};
        EXPECT_BYTES(
            rt_receipt_answer_write(&answer, RT_BYTES("a"), &receipt, DATE),
            rt_receipt_answer_write(&fresh, RT_BYTES("a"), &receipt, DATE));
    }
}

TEST("the longest answer fits")
{
    static struct rt_receipt_answer answer;
    char topic[RT_TOPIC_BYTES_MAX];
    memset(topic, 't', sizeof(topic));
    struct event event = {
        {topic, sizeof(topic)}, {UINT32_MAX, UINT64_MAX}, UINT64_MAX, DATE};
    EXPECT(write_event(&answer, &event).len > 2 * RT_TOPIC_BYTES_MAX);
    expect_same(&answer, &event);
}

TEST("offsets of every length may follow one another")
{
    static struct rt_receipt_answer answer;
    struct test_random random = test_random_seed(1);
    struct event event = {RT_BYTES("a"), {1, 0}, WALL_MS, DATE};
    for (int i = 0; i < 2000; i++) {
        uint64_t any = (uint64_t)test_random_below(&random, UINT32_MAX) << 32 |
                       test_random_below(&random, UINT32_MAX);
        event.cursor.offset = any >> test_random_below(&random, 64);
        expect_same(&answer, &event);
    }
}

TEST("a minimal answer has the cursor, how far the event has come, and no body")
{
    char memory[RT_MINIMAL_ANSWER_BYTES_MAX];
    struct rt_writer writer;
    struct rt_receipt receipt = {.cursor = {0x7f3a9c21, UINT64_MAX},
                                 .ack = RT_ACK_QUORUM};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_minimal_answer_write(&writer, &receipt, DATE);
    EXPECT_TEXT(rt_writer_bytes(&writer),
                "HTTP/1.1 204 No Content\r\n"
                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Ringtail-Cursor: 7f3a9c21-18446744073709551615\r\n"
                "Ringtail-Ack: quorum\r\n"
                "Preference-Applied: return=minimal\r\n\r\n");
}
