#include "protocol/notice.h"

#include <string.h>

#include "protocol/json.h"
#include "tests/support/test.h"

/* What is in the frame or the chunk; valid until the next call. */
static struct rt_bytes written(enum rt_format format,
                               const struct rt_notice *notice)
{
    static char memory[RT_NOTICE_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_notice_write(&writer, format, notice);
    EXPECT(!writer.overflowed);
    struct rt_bytes whole = rt_writer_bytes(&writer);
    size_t head = format != RT_FORMAT_JSON   ? strcspn(memory, "\n") + 1
                  : (uint8_t)memory[1] < 126 ? 2
                                             : 4;
    size_t tail = format == RT_FORMAT_JSON ? 0 : 2;
    return (struct rt_bytes){whole.data + head, whole.len - head - tail};
}

static void expect(struct rt_notice notice, const char *expected)
{
    struct rt_bytes json = written(RT_FORMAT_JSON, &notice);
    EXPECT_TEXT(json, expected);
    EXPECT(rt_json_is_valid(json));
}

static void expect_sse(struct rt_notice notice, const char *expected)
{
    EXPECT_TEXT(written(RT_FORMAT_SSE, &notice), expected);
}

static struct rt_selector selector_of(const char *text)
{
    struct rt_selector selector;
    struct rt_refusal refusal;
    EXPECT_INT(rt_selector_parse(rt_bytes_of(text), &selector, &refusal), 0);
    return selector;
}

static struct rt_notice gap(void)
{
    return (struct rt_notice){.kind = RT_NOTICE_GAP,
                              .topic = RT_BYTES("chat.42"),
                              .after = {0x7f3a9c21, 17},
                              .next = {0x7f3a9c21, 902},
                              .has_missed = true,
                              .missed = 884,
                              .reason = RT_GAP_REASON_EVICTED};
}

TEST("who subscribes to a topic is told where in it")
{
    struct rt_selector selector = selector_of("chat.42");
    expect((struct rt_notice){.kind = RT_NOTICE_OPEN,
                              .connection = RT_BYTES("c9k2"),
                              .selector = &selector,
                              .has_cursor = true,
                              .cursor = {0x7f3a9c21, 1041},
                              .has_earliest = true,
                              .earliest = {0x7f3a9c21, 18},
                              .heartbeat_s = 25,
                              .wall_ms = UINT64_C(1787000000123)},
           "{\"op\":\"open\",\"conn\":\"c9k2\",\"topics\":[\"chat.42\"],"
           "\"cursor\":\"7f3a9c21-1041\",\"earliest\":\"7f3a9c21-18\","
           "\"heartbeat\":25,\"ts\":1787000000123}");
}

TEST("who subscribes to several is told where in the node")
{
    struct rt_selector selector = selector_of("a.*,b.>");
    expect((struct rt_notice){.kind = RT_NOTICE_OPEN,
                              .connection = RT_BYTES("c"),
                              .selector = &selector,
                              .has_resume = true,
                              .resume = {0x0badcafe, 7},
                              .heartbeat_s = 25},
           "{\"op\":\"open\",\"conn\":\"c\",\"topics\":[\"a.*\",\"b.>\"],"
           "\"cursor\":\"*0badcafe-7\",\"heartbeat\":25}");
}

TEST("a connection may be opened without a topic yet")
{
    expect((struct rt_notice){.kind = RT_NOTICE_OPEN,
                              .connection = RT_BYTES("c"),
                              .heartbeat_s = 25},
           "{\"op\":\"open\",\"conn\":\"c\",\"topics\":[],\"heartbeat\":25}");
}

TEST("a gap says what was missed, and why")
{
    struct rt_notice notice = gap();
    expect(notice, "{\"op\":\"gap\",\"topic\":\"chat.42\","
                   "\"after\":\"7f3a9c21-17\",\"next\":\"7f3a9c21-902\","
                   "\"missed\":884,\"reason\":\"evicted\"}");
    notice.has_missed = false;
    notice.reason = RT_GAP_REASON_EPOCH_CHANGED;
    notice.has_resume = true;
    notice.resume = (struct rt_cursor){0x0badcafe, 7};
    expect(notice, "{\"op\":\"gap\",\"topic\":\"chat.42\","
                   "\"next\":\"7f3a9c21-902\","
                   "\"reason\":\"epoch_changed\",\"resume\":\"*0badcafe-7\"}");
    notice.topic = (struct rt_bytes){0};
    expect(notice, "{\"op\":\"gap\",\"reason\":\"epoch_changed\","
                   "\"resume\":\"*0badcafe-7\"}");
}

TEST("a gap has one of four reasons")
{
    static const char *const reasons[] = {"evicted", "epoch_changed", "skipped",
                                          "engine"};
    for (int i = 0; i < RT_GAP_REASON_COUNT; i++) {
        struct rt_notice notice = gap();
        notice.reason = (enum rt_gap_reason)i;
        struct rt_bytes json = written(RT_FORMAT_JSON, &notice);
        size_t len = strlen(reasons[i]);
        struct rt_bytes end = {json.data + json.len - len - 2, len};
        EXPECT_TEXT(end, reasons[i]);
    }
}

TEST("the other notices are short")
{
    expect((struct rt_notice){.kind = RT_NOTICE_CAUGHT_UP,
                              .has_cursor = true,
                              .cursor = {0x7f3a9c21, 1042}},
           "{\"op\":\"caught_up\",\"cursor\":\"7f3a9c21-1042\"}");
    expect((struct rt_notice){.kind = RT_NOTICE_OK,
                              .detail = RT_BYTES("not needed")},
           "{\"op\":\"ok\",\"detail\":\"not needed\"}");
    expect((struct rt_notice){.kind = RT_NOTICE_OK, .ack = RT_ACK_DISK},
           "{\"op\":\"ok\",\"ack\":\"disk\"}");
    expect((struct rt_notice){.kind = RT_NOTICE_CAUGHT_UP,
                              .topic = RT_BYTES("a"),
                              .has_cursor = true,
                              .cursor = {0x7f3a9c21, 2}},
           "{\"op\":\"caught_up\",\"topic\":\"a\","
           "\"cursor\":\"7f3a9c21-2\"}");
    expect((struct rt_notice){.kind = RT_NOTICE_DRAIN,
                              .reconnect_after_ms = 18250},
           "{\"op\":\"drain\",\"reconnect_after_ms\":18250}");
}

TEST("what one of several subscriptions needs to go on says which it is")
{
    struct rt_selector selector;
    struct rt_notice notice = {.kind = RT_NOTICE_DRAIN,
                               .topic = RT_BYTES("a"),
                               .has_cursor = true,
                               .cursor = {1, 2}};
    expect(notice, "{\"op\":\"drain\",\"topic\":\"a\","
                   "\"cursor\":\"00000001-2\"}");
    selector.count = 0;
    rt_selector_add(&selector, RT_BYTES("a"));
    rt_selector_add(&selector, RT_BYTES("b.*"));
    notice = (struct rt_notice){.kind = RT_NOTICE_DRAIN,
                                .selector = &selector,
                                .has_resume = true,
                                .resume = {3, 4}};
    expect(notice, "{\"op\":\"drain\",\"topics\":[\"a\",\"b.*\"],"
                   "\"cursor\":\"*00000003-4\"}");
}

TEST("the end of a topic says which, and where it was")
{
    struct rt_notice notice = {.kind = RT_NOTICE_CLOSED,
                               .topic = RT_BYTES("chat.42"),
                               .cursor = {0x7f3a9c21, 1050}};
    expect(notice, "{\"op\":\"closed\",\"topic\":\"chat.42\","
                   "\"cursor\":\"7f3a9c21-1050\"}");
    notice.has_resume = true;
    notice.resume = (struct rt_cursor){0x0badcafe, 7};
    expect(notice, "{\"op\":\"closed\",\"topic\":\"chat.42\","
                   "\"cursor\":\"7f3a9c21-1050\","
                   "\"resume\":\"*0badcafe-7\"}");
}

TEST("an error has the problem, and what the client calls its request")
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_BAD_PARAMETER,
                                 .subject = RT_BYTES("si\nce"),
                                 .detail = "x"};
    struct rt_notice notice = {.kind = RT_NOTICE_ERROR,
                               .id = RT_BYTES("\"a\\\"b\""),
                               .refusal = &refusal};
    expect(notice, "{\"op\":\"error\",\"id\":\"a\\\"b\",\"problem\":{"
                   "\"type\":\"urn:ringtail:problem:bad-parameter\","
                   "\"title\":\"A parameter is not valid\",\"status\":400,"
                   "\"detail\":\"si\\u000ace: x\"}}");
    notice.id.len = 0;
    refusal.detail = NULL;
    expect(notice, "{\"op\":\"error\",\"problem\":{"
                   "\"type\":\"urn:ringtail:problem:bad-parameter\","
                   "\"title\":\"A parameter is not valid\",\"status\":400}}");
}

TEST("an answer has what there is to say")
{
    struct rt_notice notice = {.kind = RT_NOTICE_OK, .id = RT_BYTES("-7.0")};
    expect(notice, "{\"op\":\"ok\",\"id\":-7.0}");
    notice.id.len = 0;
    expect(notice, "{\"op\":\"ok\"}");
    notice.wall_ms = 5;
    expect(notice, "{\"op\":\"ok\",\"ts\":5}");
    notice.topic = RT_BYTES("a");
    notice.has_cursor = true;
    notice.cursor = (struct rt_cursor){1, 2};
    expect(notice, "{\"op\":\"ok\",\"topic\":\"a\","
                   "\"cursor\":\"00000001-2\",\"ts\":5}");
    notice.has_offset = true;
    expect(notice, "{\"op\":\"ok\",\"topic\":\"a\","
                   "\"cursor\":\"00000001-2\",\"offset\":2,\"ts\":5}");
}

TEST("ndjson is the same on a line")
{
    struct rt_notice notice = {.kind = RT_NOTICE_DRAIN,
                               .reconnect_after_ms = 1};
    EXPECT_TEXT(written(RT_FORMAT_NDJSON, &notice),
                "{\"op\":\"drain\",\"reconnect_after_ms\":1}\n");
}

TEST("a server-sent notice is an event with a type of the broker's")
{
    expect_sse((struct rt_notice){.kind = RT_NOTICE_CLOSED,
                                  .topic = RT_BYTES("a"),
                                  .cursor = {1, 2}},
               "event: ringtail.closed\ndata: {\"op\":\"closed\","
               "\"topic\":\"a\",\"cursor\":\"00000001-2\"}\n\n");
    expect_sse((struct rt_notice){.kind = RT_NOTICE_CLOSED,
                                  .topic = RT_BYTES("a"),
                                  .cursor = {1, 2},
                                  .has_resume = true,
                                  .resume = {3, 4}},
               "event: ringtail.closed\nid: *00000003-4\n"
               "data: {\"op\":\"closed\",\"topic\":\"a\","
               "\"cursor\":\"00000001-2\",\"resume\":\"*00000003-4\"}\n\n");
    expect_sse(
        (struct rt_notice){.kind = RT_NOTICE_DRAIN, .reconnect_after_ms = 1500},
        "event: ringtail.drain\nretry: 1500\n"
        "data: {\"op\":\"drain\",\"reconnect_after_ms\":1500}\n\n");
}

TEST("a browser that comes back goes on where it was told that it is")
{
    struct rt_notice notice = {
        .kind = RT_NOTICE_OPEN, .connection = RT_BYTES("c"), .retry_ms = 2250};
    expect_sse(notice, "event: ringtail.open\nretry: 2250\ndata: {"
                       "\"op\":\"open\",\"conn\":\"c\",\"topics\":[]}\n\n");
    notice = (struct rt_notice){
        .kind = RT_NOTICE_CAUGHT_UP, .has_cursor = true, .cursor = {1, 2}};
    expect_sse(notice, "event: ringtail.caught_up\nid: 00000001-2\ndata: {"
                       "\"op\":\"caught_up\",\"cursor\":\"00000001-2\"}\n\n");
    notice.has_resume = true;
    notice.resume = (struct rt_cursor){3, 4};
    expect_sse(notice, "event: ringtail.caught_up\nid: *00000003-4\ndata: {"
                       "\"op\":\"caught_up\",\"cursor\":\"*00000003-4\"}\n\n");
}

static void expect_gap_id(const struct rt_notice *notice, const char *id)
{
    struct rt_bytes event = written(RT_FORMAT_SSE, notice);
    size_t before = strlen("event: ringtail.gap\nid: ");
    struct rt_bytes found = {event.data + before, strlen(id)};
    EXPECT_TEXT(found, id);
    EXPECT_INT(event.data[before + strlen(id)], '\n');
}

TEST("a browser that comes back is not told of a gap again")
{
    struct rt_notice notice = gap();
    expect_gap_id(&notice, "7f3a9c21-901");
    notice.next.offset = 0;
    expect_gap_id(&notice, "7f3a9c21-0");
    notice.has_resume = true;
    notice.resume = (struct rt_cursor){0x0badcafe, 7};
    expect_gap_id(&notice, "*0badcafe-7");
}

/* As many patterns as there may be, of as many bytes. */
static struct rt_selector longest_selector(void)
{
    static char text[RT_SELECTOR_BYTES_MAX];
    struct rt_selector selector = {.count = RT_SELECTOR_PATTERNS_MAX};
    size_t len = sizeof(text) / RT_SELECTOR_PATTERNS_MAX;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < selector.count; i++) {
        selector.patterns[i] = (struct rt_bytes){text + i * len, len};
    }
    return selector;
}

TEST("the longest notices fit the bound")
{
    char filler[RT_TOPIC_BYTES_MAX];
    memset(filler, '1', sizeof(filler));
    struct rt_selector selector = longest_selector();
    struct rt_refusal refusal = {.problem = RT_PROBLEM_AUTHORIZATION_TIMEOUT,
                                 .subject = {filler, RT_SUBJECT_MAX},
                                 .limit = UINT64_MAX,
                                 .detail = "x"};
    struct rt_notice notice = {
        .id = {filler, RT_NOTICE_ID_BYTES_MAX},
        .topic = {filler, sizeof(filler)},
        .connection = {filler, RT_NOTICE_CONNECTION_MAX},
        .selector = &selector,
        .has_earliest = true,
        .has_resume = true,
        .resume = {UINT32_MAX, UINT64_MAX},
        .heartbeat_s = UINT64_MAX,
        .wall_ms = UINT64_MAX,
        .retry_ms = UINT64_MAX,
        .has_missed = true,
        .refusal = &refusal,
    };
    for (int kind = 0; kind < RT_NOTICE_COUNT; kind++) {
        notice.kind = (enum rt_notice_kind)kind;
        EXPECT(rt_json_is_valid(written(RT_FORMAT_JSON, &notice)));
        EXPECT(written(RT_FORMAT_SSE, &notice).len > 0);
        EXPECT(written(RT_FORMAT_NDJSON, &notice).len > 0);
    }
}

TEST("what keeps a stream alive is a chunk of a comment")
{
    EXPECT_TEXT(RT_SSE_KEEP_ALIVE, "3\r\n:\n\n\r\n");
}
