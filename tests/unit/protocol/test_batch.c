#include "protocol/batch.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define EVENT_MAX 100

static void expect_next(struct rt_bytes *rest, const char *expected)
{
    struct rt_bytes line;
    EXPECT(rt_batch_next(rest, &line));
    EXPECT_TEXT(line, expected);
}

static void expect_end(struct rt_bytes *rest)
{
    struct rt_bytes line = RT_BYTES("untouched");
    EXPECT(!rt_batch_next(rest, &line));
    EXPECT_TEXT(line, "untouched");
}

TEST("lines end with LF, CRLF or the body")
{
    struct rt_bytes rest = RT_BYTES("1\n2\r\n3");
    expect_next(&rest, "1");
    expect_next(&rest, "2");
    expect_next(&rest, "3");
    expect_end(&rest);
    rest = RT_BYTES("1\n");
    expect_next(&rest, "1");
    expect_end(&rest);
    expect_end(&rest);
}

TEST("blank lines are skipped, wherever they stand")
{
    struct rt_bytes rest = RT_BYTES("\n\r\n \t\n1\n\n \r\n2\n\n");
    expect_next(&rest, "1");
    expect_next(&rest, "2");
    expect_end(&rest);
    rest = (struct rt_bytes){NULL, 0};
    expect_end(&rest);
}

TEST("a line keeps its blanks, and all but the last CR")
{
    struct rt_bytes rest = RT_BYTES(" 1 \r\r\n\r1");
    expect_next(&rest, " 1 \r");
    expect_next(&rest, "\r1");
    expect_end(&rest);
}

static void expect_batch(struct rt_bytes body, uint32_t expected)
{
    uint32_t count = 0;
    struct rt_batch_fault fault = {.index = 77};
    EXPECT_INT(rt_batch_check(body, EVENT_MAX, &count, &fault), 0);
    EXPECT_INT(count, expected);
    EXPECT_INT(fault.index, 77);
}

static struct rt_batch_fault expect_fault(struct rt_bytes body,
                                          uint32_t index,
                                          enum rt_problem problem,
                                          const char *detail)
{
    uint32_t count = 77;
    struct rt_batch_fault fault = {.index = 77};
    EXPECT_INT(rt_batch_check(body, EVENT_MAX, &count, &fault), RT_EINVAL);
    EXPECT_INT(count, 77);
    EXPECT_INT(fault.index, index);
    EXPECT_INT(fault.refusal.problem, problem);
    if (detail != NULL) {
        EXPECT_TEXT(rt_bytes_of(fault.refusal.detail), detail);
    }
    return fault;
}

TEST("a batch for one topic has an event of JSON in each line")
{
    expect_batch(RT_BYTES("1"), 1);
    expect_batch(RT_BYTES("{\"a\":1}\n\n[2]\r\n\"\xc3\xa9\"\n"), 3);
}

TEST("the event that is wrong is told by its number, blank lines not counted")
{
    (void)expect_fault(RT_BYTES("\n1\n\n2\n{\n3\n"), 2, RT_PROBLEM_BAD_BATCH,
                       "a line is not JSON");
    (void)expect_fault(RT_BYTES("1 2"), 0, RT_PROBLEM_BAD_BATCH,
                       "a line is not JSON");
    (void)expect_fault(RT_BYTES("1\n\"\xff\"\n"), 1, RT_PROBLEM_BAD_BATCH,
                       "a line is not UTF-8");
    (void)expect_fault(RT_BYTES("[1,\n2]"), 0, RT_PROBLEM_BAD_BATCH,
                       "a line is not JSON");
}

TEST("a batch is not empty")
{
    const char *detail = "a batch has one event at least";
    (void)expect_fault((struct rt_bytes){NULL, 0}, 0, RT_PROBLEM_BAD_BATCH,
                       detail);
    (void)expect_fault(RT_BYTES("\n \r\n"), 0, RT_PROBLEM_BAD_BATCH, detail);
}

/* `count` lines with an event each; valid until the next call. */
static struct rt_bytes many_lines(size_t count)
{
    static char memory[2 * (RT_BATCH_EVENTS_MAX + 1)];
    for (size_t i = 0; i < count; i++) {
        memcpy(memory + 2 * i, "1\n", 2);
    }
    return (struct rt_bytes){memory, 2 * count};
}

TEST("a batch has at most 10000 events")
{
    expect_batch(many_lines(RT_BATCH_EVENTS_MAX), RT_BATCH_EVENTS_MAX);
    struct rt_batch_fault fault = expect_fault(
        many_lines(RT_BATCH_EVENTS_MAX + 1), RT_BATCH_EVENTS_MAX,
        RT_PROBLEM_PAYLOAD_TOO_LARGE, "a batch has at most 10000 events");
    EXPECT_INT(fault.refusal.limit, RT_BATCH_EVENTS_MAX);
}

TEST("each event of a batch is no larger than an event may be")
{
    char body[EVENT_MAX + 5];
    memset(body, '1', sizeof(body));
    body[1] = '\n';
    expect_batch((struct rt_bytes){body, EVENT_MAX + 2}, 2);
    struct rt_batch_fault fault =
        expect_fault((struct rt_bytes){body, EVENT_MAX + 3}, 1,
                     RT_PROBLEM_PAYLOAD_TOO_LARGE, NULL);
    EXPECT_INT(fault.refusal.limit, EVENT_MAX);
}

struct expected {
    const char *topic;
    const char *type;
    const char *payload;
    enum rt_content content;
};

static void expect_item(const char *line, struct expected expected)
{
    char memory[256];
    struct rt_batch_item item;
    struct rt_refusal refusal = {.detail = ""};
    if (rt_batch_item_parse(rt_bytes_of(line), EVENT_MAX, memory, &item,
                            &refusal) < 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", line, refusal.detail);
    }
    EXPECT_TEXT(item.topic, expected.topic);
    EXPECT_TEXT(item.type, expected.type);
    EXPECT_TEXT(item.payload, expected.payload);
    EXPECT_INT(item.content, expected.content);
}

static void expect_refusal(const char *line,
                           enum rt_problem problem,
                           const char *subject,
                           const char *detail)
{
    char memory[256];
    struct rt_batch_item item = {.topic = RT_BYTES("untouched")};
    struct rt_refusal refusal;
    EXPECT_INT(rt_batch_item_parse(rt_bytes_of(line), EVENT_MAX, memory, &item,
                                   &refusal),
               RT_EINVAL);
    EXPECT_INT(refusal.problem, problem);
    EXPECT_TEXT(refusal.subject, subject);
    EXPECT_TEXT(rt_bytes_of(refusal.detail), detail);
    EXPECT_TEXT(item.topic, "untouched");
}

TEST("JSON as data is the payload as it stands")
{
    expect_item(
        "{\"topic\":\"a\",\"data\":{\"b\": [1, 2.50]}}",
        (struct expected){"a", "", "{\"b\": [1, 2.50]}", RT_CONTENT_JSON});
    expect_item(" {\"data\" : null , \"topic\" : \"chat.42\" } ",
                (struct expected){"chat.42", "", "null", RT_CONTENT_JSON});
    expect_item("{\"topic\":\"a\",\"data\":-1e5}",
                (struct expected){"a", "", "-1e5", RT_CONTENT_JSON});
}

TEST("a string as data is text")
{
    expect_item("{\"topic\":\"a\",\"data\":\"hi\"}",
                (struct expected){"a", "", "hi", RT_CONTENT_TEXT});
    expect_item("{\"topic\":\"a\",\"data\":\"\"}",
                (struct expected){"a", "", "", RT_CONTENT_TEXT});
    expect_item("{\"topic\":\"a\",\"data\":\"a\\n\\u00e9\\ud83d\\ude00\"}",
                (struct expected){"a", "", "a\n\xc3\xa9\xf0\x9f\x98\x80",
                                  RT_CONTENT_TEXT});
}

TEST("bytes in base64 are binary")
{
    expect_item("{\"topic\":\"a\",\"data_base64\":\"Zm9vYg==\"}",
                (struct expected){"a", "", "foob", RT_CONTENT_BINARY});
    expect_item("{\"topic\":\"a\",\"data_base64\":\"\"}",
                (struct expected){"a", "", "", RT_CONTENT_BINARY});
    expect_item("{\"topic\":\"a\",\"data_base64\":\"Pz8\\/\"}",
                (struct expected){"a", "", "???", RT_CONTENT_BINARY});
}

TEST("an event may have a type")
{
    expect_item("{\"topic\":\"a\",\"type\":\"msg\",\"data\":1}",
                (struct expected){"a", "msg", "1", RT_CONTENT_JSON});
}

TEST("all strings may be escaped, side by side in the memory")
{
    expect_item("{\"topic\":\"\\u0061.b\",\"type\":\"m\\u0073g\","
                "\"data\":\"\\u0031\\u0032\"}",
                (struct expected){"a.b", "msg", "12", RT_CONTENT_TEXT});
    expect_item("{\"data_base64\":\"\\u005am9v\",\"type\":\"\\u006d\","
                "\"topic\":\"\\u0061\"}",
                (struct expected){"a", "m", "foo", RT_CONTENT_BINARY});
}

TEST("a line that names its topic is an object")
{
    expect_refusal("{", RT_PROBLEM_BAD_BATCH, "", "a line is not JSON");
    expect_refusal("{\"topic\":\"\xff\"}", RT_PROBLEM_BAD_BATCH, "",
                   "a line is not UTF-8");
    expect_refusal("[]", RT_PROBLEM_BAD_BATCH, "", "a line is not an object");
    expect_refusal("\"{}\"", RT_PROBLEM_BAD_BATCH, "",
                   "a line is not an object");
}

TEST("a topic is there, a string, and one to publish to")
{
    expect_refusal("{}", RT_PROBLEM_BAD_BATCH, "topic", "it is missing");
    expect_refusal("{\"topic\":1,\"data\":1}", RT_PROBLEM_BAD_BATCH, "topic",
                   "it is not a string");
    expect_refusal("{\"topic\":\"a..b\",\"data\":1}", RT_PROBLEM_BAD_BATCH,
                   "topic", "a token is empty");
    expect_refusal("{\"topic\":\"a.*\",\"data\":1}", RT_PROBLEM_BAD_BATCH,
                   "topic", "wildcards are for subscribing");
    expect_refusal("{\"topic\":\"\\ud800\",\"data\":1}", RT_PROBLEM_BAD_BATCH,
                   "topic", "half a surrogate is no text");
}

TEST("there is data in one form, and not in both")
{
    expect_refusal("{\"topic\":\"a\"}", RT_PROBLEM_BAD_BATCH, "data",
                   "it is missing");
    expect_refusal("{\"topic\":\"a\",\"data\":1,\"data_base64\":\"\"}",
                   RT_PROBLEM_BAD_BATCH, "data_base64",
                   "it is there beside data");
    expect_refusal("{\"topic\":\"a\",\"data_base64\":1}", RT_PROBLEM_BAD_BATCH,
                   "data_base64", "it is not a string");
    expect_refusal("{\"topic\":\"a\",\"data_base64\":\"Zg\"}",
                   RT_PROBLEM_BAD_BATCH, "data_base64", "it is not base64");
    expect_refusal("{\"topic\":\"a\",\"data\":\"\\udc00\"}",
                   RT_PROBLEM_BAD_BATCH, "data", "half a surrogate is no text");
}

TEST("a type that is there is one")
{
    expect_refusal("{\"topic\":\"a\",\"type\":null,\"data\":1}",
                   RT_PROBLEM_BAD_BATCH, "type", "it is not a string");
    char memory[64];
    struct rt_batch_item item;
    struct rt_refusal refusal;
    struct rt_bytes line =
        RT_BYTES("{\"topic\":\"a\",\"type\":\"\\n\",\"data\":1}");
    EXPECT_INT(rt_batch_item_parse(line, EVENT_MAX, memory, &item, &refusal),
               RT_EINVAL);
    EXPECT_TEXT(refusal.subject, "type");
}

TEST("members are known, and there once")
{
    expect_refusal("{\"topic\":\"a\",\"date\":1}", RT_PROBLEM_BAD_BATCH, "date",
                   "there is no such member");
    expect_refusal("{\"topic\":\"a\",\"\":1}", RT_PROBLEM_BAD_BATCH, "",
                   "there is no such member");
    expect_refusal("{\"topic\":\"a\",\"topic\":\"b\",\"data\":1}",
                   RT_PROBLEM_BAD_BATCH, "topic", "it is there twice");
    expect_refusal("{\"topic\":\"a\",\"data\":1,\"data\":2}",
                   RT_PROBLEM_BAD_BATCH, "data", "it is there twice");
}

TEST("a payload is measured as it is when it is read")
{
    char line[2 * EVENT_MAX];
    char memory[2 * EVENT_MAX];
    struct rt_batch_item item;
    struct rt_refusal refusal;
    struct rt_writer writer;
    rt_writer_init(&writer, line, sizeof(line));
    RT_WRITE(&writer, "{\"topic\":\"a\",\"data\":\"\\u0061");
    for (size_t i = 1; i < EVENT_MAX; i++) {
        RT_WRITE(&writer, "b");
    }
    RT_WRITE(&writer, "\"}");
    struct rt_bytes text = rt_writer_bytes(&writer);
    EXPECT_INT(rt_batch_item_parse(text, EVENT_MAX, memory, &item, &refusal),
               0);
    EXPECT_INT(item.payload.len, EVENT_MAX);
    EXPECT_INT(
        rt_batch_item_parse(text, EVENT_MAX - 1, memory, &item, &refusal),
        RT_EINVAL);
    EXPECT_INT(refusal.problem, RT_PROBLEM_PAYLOAD_TOO_LARGE);
    EXPECT_INT(refusal.limit, EVENT_MAX - 1);
}
