#include "protocol/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/idempotency_key.h"
#include "protocol/notice.h"
#include "tests/support/test.h"

#define MEMORY 4096

/* Memory of the text's size, so that a sanitizer sees the end; freed by the
 * next call. */
static char *memory_of(size_t len)
{
    static char *memory;
    free(memory);
    memory = malloc(len > 0 ? len : 1);
    RT_CHECK(memory != NULL);
    return memory;
}

static struct rt_operation parsed(const char *text)
{
    struct rt_operation operation = {.kind = RT_OPERATION_COUNT};
    struct rt_refusal refusal = {.detail = "none"};
    struct rt_bytes bytes = rt_bytes_of(text);
    int err =
        rt_operation_parse(bytes, memory_of(bytes.len), &operation, &refusal);
    if (err < 0) {
        test_fail(__FILE__, __LINE__, "refused: %s: %s", text, refusal.detail);
    }
    return operation;
}

static struct rt_refusal refused_bytes(struct rt_bytes text, const char *id)
{
    struct rt_operation operation = {.kind = RT_OPERATION_COUNT};
    struct rt_refusal refusal = {.detail = "none"};
    EXPECT_INT(
        rt_operation_parse(text, memory_of(text.len), &operation, &refusal),
        RT_EINVAL);
    EXPECT_TEXT(operation.id, id);
    EXPECT_INT(operation.kind, RT_OPERATION_COUNT);
    return refusal;
}

static struct rt_refusal expect_problem(const char *text,
                                        enum rt_problem problem,
                                        const char *subject,
                                        const char *detail)
{
    struct rt_refusal refusal = refused_bytes(rt_bytes_of(text), "");
    EXPECT_TEXT(refusal.subject, subject);
    EXPECT_TEXT(rt_bytes_of(refusal.detail), detail);
    EXPECT_INT(refusal.problem, problem);
    return refusal;
}

/* A text that is no operation. */
static void
expect_none(const char *text, const char *subject, const char *detail)
{
    (void)expect_problem(text, RT_PROBLEM_BAD_REQUEST, subject, detail);
}

/* A member that is wrong. */
static void
expect_refused(const char *text, const char *subject, const char *detail)
{
    (void)expect_problem(text, RT_PROBLEM_BAD_PARAMETER, subject, detail);
}

static void
expect_bad_topic(const char *text, const char *subject, const char *detail)
{
    (void)expect_problem(text, RT_PROBLEM_BAD_TOPIC, subject, detail);
}

static void expect_bad_element(const char *text, uint32_t index)
{
    struct rt_refusal refusal = refused_bytes(rt_bytes_of(text), "");
    EXPECT_TEXT(refusal.subject, "topics");
    EXPECT(refusal.has_index);
    EXPECT_INT(refusal.index, index);
}

TEST("a subscription names a topic, and says the rest by default")
{
    struct rt_operation operation =
        parsed("{\"op\":\"sub\",\"topic\":\"a.>\"}");
    EXPECT_INT(operation.kind, RT_OPERATION_SUB);
    EXPECT_INT(operation.topic_count, 1);
    EXPECT_TEXT(operation.topics[0], "a.>");
    EXPECT_INT(operation.id.len, 0);
    EXPECT_INT(operation.since.len, 0);
    EXPECT_INT(operation.gap.len, 0);
    EXPECT(operation.echo);
}

TEST("a subscription may say where it starts, and what it does without")
{
    struct rt_operation operation =
        parsed("{\"since\":\"7f3a9c21-17\",\"gap\":\"skip\",\"echo\":false,"
               "\"topics\":[\"a\", \"b.*\"],\"op\":\"sub\"}");
    EXPECT_INT(operation.topic_count, 2);
    EXPECT_TEXT(operation.topics[0], "a");
    EXPECT_TEXT(operation.topics[1], "b.*");
    EXPECT_TEXT(operation.since, "7f3a9c21-17");
    EXPECT_TEXT(operation.gap, "skip");
    EXPECT(!operation.echo);
    EXPECT(parsed("{\"op\":\"sub\",\"topic\":\"a\",\"echo\":true}").echo);
}

TEST("a subscription is taken back by the same names")
{
    struct rt_operation operation =
        parsed("{\"op\":\"unsub\",\"topics\":[\"a\",\"b\",\"c\"]}");
    EXPECT_INT(operation.kind, RT_OPERATION_UNSUB);
    EXPECT_INT(operation.topic_count, 3);
    EXPECT_TEXT(operation.topics[2], "c");
}

TEST("JSON is published as it is written")
{
    struct rt_operation operation =
        parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\": {\"x\" : 1.50e0} }");
    EXPECT_INT(operation.kind, RT_OPERATION_PUB);
    EXPECT_INT(operation.content, RT_CONTENT_JSON);
    EXPECT_INT(operation.topic_count, 1);
    EXPECT_TEXT(operation.topics[0], "a");
    EXPECT_TEXT(operation.payload, "{\"x\" : 1.50e0}");
    operation = parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\":null}");
    EXPECT_TEXT(operation.payload, "null");
}

TEST("a string is published as the text that it is")
{
    struct rt_operation operation =
        parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\":\"x\\n\\u00e4\"}");
    EXPECT_INT(operation.content, RT_CONTENT_TEXT);
    EXPECT_TEXT(operation.payload, "x\n\xc3\xa4");
    operation = parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\":\"\"}");
    EXPECT_INT(operation.content, RT_CONTENT_TEXT);
    EXPECT_INT(operation.payload.len, 0);
}

TEST("other bytes are published in base64")
{
    struct rt_operation operation =
        parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data_base64\":\"AP8=\"}");
    EXPECT_INT(operation.content, RT_CONTENT_BINARY);
    EXPECT_BYTES(operation.payload, RT_BYTES("\0\xff"));
    operation = parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data_base64\":"
                       "\"\\u0041P8\\u003d\"}");
    EXPECT_BYTES(operation.payload, RT_BYTES("\0\xff"));
}

TEST("an event may have a type, and a request a key")
{
    struct rt_operation operation =
        parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
               "\"type\":\"msg\",\"idempotency_key\":\"k 1\"}");
    EXPECT_TEXT(operation.type, "msg");
    EXPECT_TEXT(operation.idempotency_key, "k 1");
}

TEST("a token is given, and a ping is nothing else")
{
    struct rt_operation operation =
        parsed("{\"op\":\"auth\",\"token\":\"a.b-c==\"}");
    EXPECT_INT(operation.kind, RT_OPERATION_AUTH);
    EXPECT_TEXT(operation.token, "a.b-c==");
    EXPECT_INT(parsed(" {\"op\":\"ping\"}\n").kind, RT_OPERATION_PING);
}

TEST("escapes in several members share the memory")
{
    struct rt_operation operation =
        parsed("{\"op\":\"pub\",\"topic\":\"\\u0061.b\",\"data\":\"\\t\\t\","
               "\"type\":\"\\u006dsg\",\"idempotency_key\":\"\\u006b\"}");
    EXPECT_TEXT(operation.topics[0], "a.b");
    EXPECT_TEXT(operation.payload, "\t\t");
    EXPECT_TEXT(operation.type, "msg");
    EXPECT_TEXT(operation.idempotency_key, "k");
}

static void expect_id(const char *text, const char *id)
{
    EXPECT_TEXT(parsed(text).id, id);
}

TEST("an id is a number or a string, and stays as it is written")
{
    expect_id("{\"op\":\"ping\",\"id\":7}", "7");
    expect_id("{\"op\":\"ping\",\"id\": -1.0E+2 }", "-1.0E+2");
    expect_id("{\"id\":\"a\\u0041\\n\",\"op\":\"ping\"}", "\"a\\u0041\\n\"");
    expect_id("{\"op\":\"ping\",\"id\":\"\"}", "\"\"");
    expect_id("{\"op\":\"ping\",\"id\":18446744073709551617}",
              "18446744073709551617");
}

#define BAD_ID "it is a number or a string of at most 64 bytes"

TEST("no other value is an id")
{
    expect_refused("{\"op\":\"ping\",\"id\":null}", "id", BAD_ID);
    expect_refused("{\"op\":\"ping\",\"id\":true}", "id", BAD_ID);
    expect_refused("{\"op\":\"ping\",\"id\":[1]}", "id", BAD_ID);
    expect_refused("{\"op\":\"ping\",\"id\":{}}", "id", BAD_ID);
}

/* A ping whose id is as many bytes, between quotes if there are any. */
static const char *ping_of(char byte, int count, const char *quote)
{
    static char text[MEMORY];
    char id[128];
    memset(id, byte, (size_t)count);
    id[count] = '\0';
    (void)snprintf(text, sizeof(text), "{\"op\":\"ping\",\"id\":%s%s%s}", quote,
                   id, quote);
    return text;
}

TEST("an id has at most 64 bytes, and quotes do not count")
{
    EXPECT_INT(parsed(ping_of('a', 64, "\"")).id.len, RT_NOTICE_ID_BYTES_MAX);
    expect_refused(ping_of('a', 65, "\""), "id", BAD_ID);
    EXPECT_INT(parsed(ping_of('1', 64, "")).id.len, 64);
    expect_refused(ping_of('1', 65, ""), "id", BAD_ID);
}

TEST("an escape in an id counts as it is written")
{
    EXPECT_INT(parsed(ping_of('\\', 64, "\"")).id.len, RT_NOTICE_ID_BYTES_MAX);
    expect_refused(ping_of('\\', 66, "\""), "id", BAD_ID);
}

TEST("whatever is wrong, the id is there for the answer")
{
    (void)refused_bytes(RT_BYTES("{\"op\":\"x\",\"id\":7}"), "7");
    (void)refused_bytes(RT_BYTES("{\"id\":\"a\"}"), "\"a\"");
    (void)refused_bytes(RT_BYTES("{\"oops\":1,\"op\":\"ping\",\"id\":7}"), "7");
    (void)refused_bytes(RT_BYTES("{\"op\":\"sub\",\"op\":\"ping\",\"id\":7}"),
                        "7");
    (void)refused_bytes(RT_BYTES("{\"op\":\"sub\",\"id\":7}"), "7");
    (void)refused_bytes(RT_BYTES("{\"id\":7"), "");
}

TEST("a message is an object in JSON in UTF-8")
{
    expect_none("", "", "a message is not JSON");
    expect_none("{\"op\":\"ping\"", "", "a message is not JSON");
    expect_none("{\"op\":\"ping\"}{}", "", "a message is not JSON");
    expect_none("{\"op\":\"\xff\"}", "", "a message is not UTF-8");
    expect_none("[\"op\",\"ping\"]", "", "a message is not an object");
    expect_none("\"ping\"", "", "a message is not an object");
    expect_none(" 1 ", "", "a message is not an object");
}

TEST("an operation has a name that is known")
{
    expect_none("{}", "op", "it is missing");
    expect_none("{\"op\":1}", "op", "it is not a string");
    expect_none("{\"op\":\"\"}", "op", "it is empty");
    expect_none("{\"op\":\"subscribe\"}", "subscribe",
                "there is no such operation");
    expect_none("{\"op\":\"Ping\"}", "Ping", "there is no such operation");
    EXPECT_INT(parsed("{\"op\":\"\\u0070ing\"}").kind, RT_OPERATION_PING);
}

TEST("a member that is not known is named")
{
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"sinse\":\"now\"}",
                   "sinse", "there is no such member");
    expect_refused("{\"op\":\"ping\",\"\":1}", "", "there is no such member");
    expect_refused("{\"op\":\"ping\",\"\\u0069d\":1}", "\\u0069d",
                   "there is no such member");
    expect_refused("{\"op\":\"ping\",\"ID\":1}", "ID",
                   "there is no such member");
}

TEST("a member that is there twice is named")
{
    expect_none("{\"op\":\"ping\",\"op\":\"ping\"}", "op", "it is there twice");
    expect_refused("{\"op\":\"pub\",\"data\":1,\"topic\":\"a\",\"data\":1}",
                   "data", "it is there twice");
}

#define MEANS_NOTHING "it means nothing to this operation"

TEST("a member that means nothing to the operation is named")
{
    expect_refused("{\"op\":\"ping\",\"topic\":\"a\"}", "topic", MEANS_NOTHING);
    expect_refused("{\"op\":\"unsub\",\"topic\":\"a\",\"since\":\"now\"}",
                   "since", MEANS_NOTHING);
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"data\":1}", "data",
                   MEANS_NOTHING);
    expect_refused("{\"op\":\"pub\",\"topics\":[\"a\"],\"data\":1}", "topics",
                   MEANS_NOTHING);
    expect_refused("{\"op\":\"auth\",\"token\":\"a\",\"type\":\"b\"}", "type",
                   MEANS_NOTHING);
}

TEST("what an operation needs is there, once")
{
    expect_refused("{\"op\":\"sub\"}", "topic", "it is missing");
    expect_refused("{\"op\":\"unsub\"}", "topic", "it is missing");
    expect_refused("{\"op\":\"pub\",\"data\":1}", "topic", "it is missing");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\"}", "data", "it is missing");
    expect_refused("{\"op\":\"auth\"}", "token", "it is missing");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"topics\":[\"b\"]}",
                   "topics", "it is there beside topic");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
                   "\"data_base64\":\"AA==\"}",
                   "data_base64", "it is there beside data");
}

TEST("values are of their kind")
{
    expect_refused("{\"op\":\"sub\",\"topic\":[\"a\"]}", "topic",
                   "it is not a string");
    expect_refused("{\"op\":\"sub\",\"topics\":\"a\"}", "topics",
                   "it is not an array");
    expect_refused("{\"op\":\"sub\",\"topics\":{\"a\":1}}", "topics",
                   "it is not an array");
    expect_refused("{\"op\":\"sub\",\"topics\":[\"a\",1]}", "topics",
                   "it is not a string");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"since\":-10}", "since",
                   "it is not a string");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"gap\":false}", "gap",
                   "it is not a string");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"echo\":\"true\"}", "echo",
                   "it is true or false");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"echo\":null}", "echo",
                   "it is true or false");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data_base64\":1}",
                   "data_base64", "it is not a string");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data_base64\":\"AA=\"}",
                   "data_base64", "it is not base64");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":\"\\ud83d\"}",
                   "data", "half a surrogate is no text");
}

TEST("what is there says something")
{
    expect_refused("{\"op\":\"sub\",\"topics\":[]}", "topics", "it is empty");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"since\":\"\"}", "since",
                   "it is empty");
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"gap\":\"\"}", "gap",
                   "it is empty");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,\"type\":\"\"}",
                   "type", "it is empty");
    expect_refused("{\"op\":\"auth\",\"token\":\"\"}", "token", "it is empty");
}

TEST("topics are checked, and patterns are for subscribing")
{
    expect_bad_topic("{\"op\":\"sub\",\"topic\":\"a..b\"}", "topic",
                     "a token is empty");
    expect_bad_topic("{\"op\":\"sub\",\"topic\":\"\"}", "topic",
                     "the topic is missing");
    expect_bad_topic("{\"op\":\"sub\",\"topics\":[\"a\",\">.b\"]}", "topics",
                     "a > is the last token");
    expect_bad_topic("{\"op\":\"pub\",\"topic\":\"a.*\",\"data\":1}", "topic",
                     "wildcards are for subscribing");
    expect_bad_topic("{\"op\":\"pub\",\"topic\":\"a\\u0020\",\"data\":1}",
                     "topic", "a token has only letters, digits and _ = ~ -");
}

TEST("of several topics the one that is none has a number")
{
    expect_bad_element("{\"op\":\"sub\",\"topics\":[\"\"]}", 0);
    expect_bad_element("{\"op\":\"sub\",\"topics\":[\"a\",\"b..\",\"\"]}", 1);
    expect_bad_element("{\"op\":\"unsub\",\"topics\":[\"a\",\"b\",1]}", 2);
}

TEST("it is known whether topics were a list, were it of one")
{
    EXPECT(parsed("{\"op\":\"sub\",\"topics\":[\"a\"]}").has_topics);
    EXPECT(!parsed("{\"op\":\"sub\",\"topic\":\"a\"}").has_topics);
}

/* A subscription to so many topics. */
static const char *subscription_to(size_t count)
{
    static char text[MEMORY];
    static const char before[] = "{\"op\":\"sub\",\"topics\":[";
    char *at = text + sizeof(before) - 1;
    memcpy(text, before, sizeof(before));
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "\"a\",", 4);
        at += 4;
    }
    memcpy(at - 1, "]}", 3);
    return text;
}

TEST("an operation has at most 64 topics")
{
    EXPECT_INT(parsed(subscription_to(64)).topic_count, 64);
    EXPECT_INT(expect_problem(subscription_to(65), RT_PROBLEM_BAD_PARAMETER,
                              "topics", "it has at most 64 topics")
                   .limit,
               64);
}

#define ACK(value) \
    "{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,\"ack\":" value "}"

TEST("pub says how far its event is to come, or leaves it open")
{
    EXPECT_INT(parsed(ACK("\"memory\"")).ack, RT_ACK_MEMORY);
    EXPECT_INT(parsed(ACK("\"disk\"")).ack, RT_ACK_DISK);
    EXPECT_INT(parsed(ACK("\"quorum\"")).ack, RT_ACK_QUORUM);
    EXPECT_INT(parsed("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1}").ack,
               RT_ACK_UNSAID);
    expect_refused(ACK("\"all\""), "ack", rt_ack_expected);
    expect_refused(ACK("\"\""), "ack", "it is empty");
    expect_refused(ACK("1"), "ack", "it is not a string");
    EXPECT_INT(
        parsed("{\"op\":\"sub\",\"topic\":\"a\",\"visible\":\"disk\"}").visible,
        RT_ACK_DISK);
    expect_refused("{\"op\":\"sub\",\"topic\":\"a\",\"visible\":\"no\"}",
                   "visible", rt_ack_expected);
    expect_refused("{\"op\":\"ping\",\"ack\":\"disk\"}", "ack",
                   "it means nothing to this operation");
}

TEST("a type is one that an event may have")
{
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
                   "\"type\":\"a\\nb\"}",
                   "type",
                   "a type has only letters, digits and !#$%&'*+-.^_`|~/:");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
                   "\"type\":\"ringtail.gap\"}",
                   "type",
                   "types that begin with ringtail. are the broker's own");
}

static void publish_with_key(char text[MEMORY], size_t len)
{
    static const char before[] =
        "{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,\"idempotency_key\":\"";
    memcpy(text, before, sizeof(before) - 1);
    memset(text + sizeof(before) - 1, 'k', len);
    memcpy(text + sizeof(before) - 1 + len, "\"}", 3);
}

TEST("a key is 1 to 255 bytes of printable ASCII, and a token is visible")
{
    char text[MEMORY];
    publish_with_key(text, RT_IDEMPOTENCY_KEY_BYTES_MAX);
    EXPECT_INT(parsed(text).idempotency_key.len, RT_IDEMPOTENCY_KEY_BYTES_MAX);
    publish_with_key(text, RT_IDEMPOTENCY_KEY_BYTES_MAX + 1);
    expect_refused(text, "idempotency_key", "a key has at most 255 bytes");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
                   "\"idempotency_key\":\"a\\u0000\"}",
                   "idempotency_key", "a key is printable ASCII");
    expect_refused("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1,"
                   "\"idempotency_key\":\"\xc3\xa4\"}",
                   "idempotency_key", "a key is printable ASCII");
    expect_refused("{\"op\":\"auth\",\"token\":\"a b\"}", "token",
                   "a token is visible ASCII");
    expect_refused("{\"op\":\"auth\",\"token\":\"a\\r\\nb\"}", "token",
                   "a token is visible ASCII");
    expect_refused("{\"op\":\"auth\",\"token\":\"\x7f\"}", "token",
                   "a token is visible ASCII");
}
