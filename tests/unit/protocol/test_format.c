#include "protocol/format.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/event_type.h"
#include "protocol/json.h"
#include "protocol/topic.h"
#include "tests/support/test.h"

#define MEMORY 4096

static const struct rt_item news = {
    .topic = {"chat.42", 7},
    .cursor = {0x7f3a9c21, 1042},
    .wall_ms = UINT64_C(1787000000123),
    .content = RT_CONTENT_TEXT,
    .payload = {"hi", 2},
};

static struct rt_item item_of(enum rt_content content, struct rt_bytes payload)
{
    struct rt_item item = news;
    item.content = content;
    item.payload = payload;
    return item;
}

/* Into memory of exactly the size that was told; valid until the next call. */
static struct rt_bytes written(enum rt_format format, struct rt_item item)
{
    static char memory[MEMORY];
    struct rt_writer writer;
    size_t size = rt_format_size(format, &item);
    RT_CHECK(size <= sizeof(memory));
    rt_writer_init(&writer, memory, size);
    rt_format_write(&writer, format, &item);
    EXPECT(!writer.overflowed);
    EXPECT_INT(rt_writer_bytes(&writer).len, size);
    return rt_writer_bytes(&writer);
}

/* What is in a frame of at most 65,535 bytes. */
static struct rt_bytes in_frame(uint8_t opcode, struct rt_bytes frame)
{
    EXPECT(frame.len >= 2 && (uint8_t)frame.data[0] == (0x80 | opcode));
    size_t len = (uint8_t)frame.data[1];
    size_t head = len < 126 ? 2 : 4;
    if (head == 4) {
        len = rt_load_be16((const uint8_t *)frame.data + 2);
    }
    EXPECT_INT(head + len, frame.len);
    return (struct rt_bytes){frame.data + head, len};
}

/* What is in one chunk and fills it. */
static struct rt_bytes in_chunk(struct rt_bytes chunk)
{
    char *end = NULL;
    size_t len = strtoul(chunk.data, &end, 16);
    size_t head = (size_t)(end - chunk.data) + 2;
    struct rt_bytes around = {end, 2};
    EXPECT_TEXT(around, "\r\n");
    EXPECT_INT(head + len + 2, chunk.len);
    around.data = chunk.data + head + len;
    EXPECT_TEXT(around, "\r\n");
    return (struct rt_bytes){chunk.data + head, len};
}

static void expect_json(struct rt_item item, const char *expected)
{
    struct rt_bytes json = in_frame(1, written(RT_FORMAT_JSON, item));
    EXPECT_TEXT(json, expected);
    EXPECT(rt_json_is_valid(json));
}

static void expect_ndjson(struct rt_item item, const char *expected)
{
    EXPECT_TEXT(in_chunk(written(RT_FORMAT_NDJSON, item)), expected);
}

static void expect_sse(struct rt_item item, const char *expected)
{
    EXPECT_TEXT(in_chunk(written(RT_FORMAT_SSE, item)), expected);
}

#define HEAD                                   \
    "{\"op\":\"event\",\"topic\":\"chat.42\"," \
    "\"cursor\":\"7f3a9c21-1042\",\"ts\":1787000000123,"

TEST("raw is a frame of the payload alone, binary if the payload is")
{
    EXPECT_TEXT(in_frame(1, written(RT_FORMAT_RAW, news)), "hi");
    struct rt_item item = item_of(RT_CONTENT_JSON, RT_BYTES("{\n}"));
    EXPECT_TEXT(in_frame(1, written(RT_FORMAT_RAW, item)), "{\n}");
    item = item_of(RT_CONTENT_BINARY, RT_BYTES("\0\xff"));
    EXPECT_BYTES(in_frame(2, written(RT_FORMAT_RAW, item)), RT_BYTES("\0\xff"));
}

TEST("an envelope carries JSON verbatim")
{
    expect_json(
        item_of(RT_CONTENT_JSON, RT_BYTES("{\"a\": [1.50e0, \"\\n\"]}")),
        HEAD "\"data\":{\"a\": [1.50e0, \"\\n\"]}}");
    expect_json(item_of(RT_CONTENT_JSON, RT_BYTES(" {\r\n} ")),
                HEAD "\"data\": {\r\n} }");
}

TEST("an envelope carries text as a string, escaped where it must be")
{
    expect_json(news, HEAD "\"data\":\"hi\"}");
    expect_json(item_of(RT_CONTENT_TEXT, RT_BYTES("a\"b\\\r\n\x01\xc3\xa4")),
                HEAD "\"data\":\"a\\\"b\\\\\\r\\n\\u0001\xc3\xa4\"}");
    expect_json(item_of(RT_CONTENT_TEXT, (struct rt_bytes){NULL, 0}),
                HEAD "\"data\":\"\"}");
}

TEST("an envelope carries other bytes in base64")
{
    expect_json(item_of(RT_CONTENT_BINARY, RT_BYTES("\xff\x00\xfe\x01")),
                HEAD "\"data_base64\":\"/wD+AQ==\"}");
    expect_json(item_of(RT_CONTENT_BINARY, (struct rt_bytes){NULL, 0}),
                HEAD "\"data_base64\":\"\"}");
}

TEST("an envelope says the type, and where to resume, if there is one")
{
    struct rt_item item = news;
    item.type = RT_BYTES("msg/new");
    item.has_resume = true;
    item.resume = (struct rt_cursor){0x0badcafe, 99};
    expect_json(item, HEAD "\"type\":\"msg/new\",\"data\":\"hi\","
                           "\"resume\":\"*0badcafe-99\"}");
    item.content = RT_CONTENT_BINARY;
    expect_json(item, HEAD "\"type\":\"msg/new\",\"data_base64\":\"aGk=\","
                           "\"resume\":\"*0badcafe-99\"}");
}

TEST("ndjson is the envelope on one line, whatever line ends are in JSON")
{
    expect_ndjson(news, HEAD "\"data\":\"hi\"}\n");
    expect_ndjson(item_of(RT_CONTENT_JSON, RT_BYTES("\n[1,\r\n2,\t3]\r")),
                  HEAD "\"data\": [1,  2,\t3] }\n");
    expect_ndjson(item_of(RT_CONTENT_TEXT, RT_BYTES("a\r\nb\n")),
                  HEAD "\"data\":\"a\\r\\nb\\n\"}\n");
    expect_ndjson(item_of(RT_CONTENT_BINARY, RT_BYTES("\n")),
                  HEAD "\"data_base64\":\"Cg==\"}\n");
}

TEST("a server-sent event has the cursor, the type and the bare payload")
{
    struct rt_item item = news;
    expect_sse(item, "id: 7f3a9c21-1042\ndata: hi\n\n");
    item.type = RT_BYTES("msg");
    expect_sse(item, "id: 7f3a9c21-1042\nevent: msg\ndata: hi\n\n");
    expect_sse(item_of(RT_CONTENT_JSON, RT_BYTES("{\"a\":1}")),
               "id: 7f3a9c21-1042\ndata: {\"a\":1}\n\n");
}

TEST("a line of a payload is a field of a server-sent event")
{
    expect_sse(item_of(RT_CONTENT_TEXT, RT_BYTES("a\nb\r\nc\rd")),
               "id: 7f3a9c21-1042\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    expect_sse(item_of(RT_CONTENT_JSON, RT_BYTES("[\n 1\n]")),
               "id: 7f3a9c21-1042\ndata: [\ndata:  1\ndata: ]\n\n");
}

TEST("empty lines are lines too, at the end as well")
{
    expect_sse(item_of(RT_CONTENT_TEXT, (struct rt_bytes){NULL, 0}),
               "id: 7f3a9c21-1042\ndata: \n\n");
    expect_sse(item_of(RT_CONTENT_TEXT, RT_BYTES("\n")),
               "id: 7f3a9c21-1042\ndata: \ndata: \n\n");
    expect_sse(item_of(RT_CONTENT_TEXT, RT_BYTES("a\r\n\n\r\r\n")),
               "id: 7f3a9c21-1042\n"
               "data: a\ndata: \ndata: \ndata: \ndata: \n\n");
}

TEST("a payload cannot end its event, or begin one")
{
    expect_sse(item_of(RT_CONTENT_TEXT, RT_BYTES("x\n\nid: 1\rdata: y")),
               "id: 7f3a9c21-1042\n"
               "data: x\ndata: \ndata: id: 1\ndata: data: y\n\n");
}

TEST("line ends are found anywhere in a long line")
{
    char text[100];
    for (size_t i = 0; i < sizeof(text); i++) {
        memset(text, '.', sizeof(text));
        text[i] = i % 2 == 0 ? '\n' : '\r';
        struct rt_item item =
            item_of(RT_CONTENT_TEXT, (struct rt_bytes){text, sizeof(text)});
        struct rt_bytes event = in_chunk(written(RT_FORMAT_SSE, item));
        size_t begin = strlen("id: 7f3a9c21-1042\ndata: ");
        struct rt_bytes field = {event.data + begin + i, 7};
        EXPECT_TEXT(field, "\ndata: ");
        EXPECT_INT(event.len, begin + sizeof(text) - 1 + 7 + 2);
    }
}

TEST("bytes that are no text come to server-sent events in the envelope")
{
    struct rt_item item = item_of(RT_CONTENT_BINARY, RT_BYTES("\n\n"));
    item.type = RT_BYTES("msg");
    expect_sse(item, "id: 7f3a9c21-1042\nevent: msg\ndata: " HEAD
                     "\"type\":\"msg\",\"data_base64\":\"Cgo=\"}\n\n");
}

TEST("with several topics a server-sent event is the envelope, on one line")
{
    struct rt_item item = item_of(RT_CONTENT_JSON, RT_BYTES("[\r\n]"));
    item.has_resume = true;
    item.resume = (struct rt_cursor){0x0badcafe, 7};
    expect_sse(item, "id: *0badcafe-7\ndata: " HEAD
                     "\"data\":[  ],\"resume\":\"*0badcafe-7\"}\n\n");
    item.content = RT_CONTENT_TEXT;
    expect_sse(item, "id: *0badcafe-7\ndata: " HEAD
                     "\"data\":\"[\\r\\n]\",\"resume\":\"*0badcafe-7\"}\n\n");
}

/* Everything as long as it can be. */
static struct rt_item longest(void)
{
    static char topic[RT_TOPIC_BYTES_MAX];
    static char type[RT_EVENT_TYPE_BYTES_MAX];
    memset(topic, 't', sizeof(topic));
    memset(type, 'y', sizeof(type));
    return (struct rt_item){
        .topic = {topic, sizeof(topic)},
        .cursor = {UINT32_MAX, UINT64_MAX},
        .wall_ms = UINT64_MAX,
        .type = {type, sizeof(type)},
        .has_resume = true,
        .resume = {UINT32_MAX, UINT64_MAX},
    };
}

TEST("in every format the size is what is written, for payloads of any size")
{
    char payload[300];
    memset(payload, '\n', sizeof(payload));
    for (int format = 0; format < RT_FORMAT_COUNT; format++) {
        for (size_t len = 0; len <= sizeof(payload); len++) {
            struct rt_item item = longest();
            item.payload = (struct rt_bytes){payload, len};
            item.content = len % 2 == 0 ? RT_CONTENT_TEXT : RT_CONTENT_BINARY;
            EXPECT(written((enum rt_format)format, item).len > len);
        }
    }
}

TEST("without room nothing is written past the end")
{
    char memory[64];
    for (int format = 0; format < RT_FORMAT_COUNT; format++) {
        for (size_t size = 0; size < sizeof(memory); size++) {
            struct rt_item item = item_of(RT_CONTENT_JSON, RT_BYTES("[\n]"));
            struct rt_writer writer;
            rt_writer_init(&writer, memory, size);
            memset(memory, '#', sizeof(memory));
            rt_format_write(&writer, (enum rt_format)format, &item);
            EXPECT(size >= 5 || writer.overflowed);
            EXPECT(memory[size] == '#');
        }
    }
}
