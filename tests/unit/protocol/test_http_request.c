/* What a head says, once it is accepted: the values of a request. */
#include <stdio.h>

#include "base/error.h"
#include "protocol/http_parser.h"
#include "tests/support/test.h"

#define HEAD_MAX 512

/* A head with these lines after its first; requests point into `memory`. */
static struct rt_http_request
parsed(char *memory, const char *line, const char *fields)
{
    struct rt_http_parser parser;
    struct rt_http_request request;
    struct rt_refusal refusal;
    int len =
        snprintf(memory, HEAD_MAX, "%s\r\nHost: a\r\n%s\r\n", line, fields);
    struct rt_bytes head = {memory, (size_t)len};
    if (rt_http_parse_head(&parser, head, &request, &refusal) < 0) {
        test_fail(__FILE__, __LINE__, "refused: %s", memory);
    }
    return request;
}

static struct rt_http_request get(char *memory, const char *fields)
{
    return parsed(memory, "GET / HTTP/1.1", fields);
}

TEST("the methods of the resources are told apart, all others are one")
{
    static const struct {
        const char *line;
        enum rt_http_method method;
    } lines[] = {
        {"GET / HTTP/1.1", RT_HTTP_GET},
        {"HEAD / HTTP/1.1", RT_HTTP_HEAD},
        {"POST / HTTP/1.1", RT_HTTP_POST},
        {"OPTIONS * HTTP/1.1", RT_HTTP_OPTIONS},
        {"PUT / HTTP/1.1", RT_HTTP_PUT},
        {"DELETE / HTTP/1.0", RT_HTTP_DELETE},
        {"TRACE / HTTP/1.1", RT_HTTP_TRACE},
        {"M-SEARCH / HTTP/1.1", RT_HTTP_OTHER},
    };
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(lines); i++) {
        EXPECT_INT(parsed(memory, lines[i].line, "").method, lines[i].method);
    }
}

TEST("a target is given as it came")
{
    char memory[HEAD_MAX];
    EXPECT_TEXT(parsed(memory, "GET /a/%62?c=d&e HTTP/1.1", "").target,
                "/a/%62?c=d&e");
    EXPECT_TEXT(parsed(memory, "GET http://a/b HTTP/1.1", "").target,
                "http://a/b");
    EXPECT_TEXT(parsed(memory, "OPTIONS * HTTP/1.1", "").target, "*");
}

TEST("a field is found by its name in any case, and trimmed")
{
    char memory[HEAD_MAX];
    struct rt_http_request request =
        get(memory, "CONTENT-type: \t text/plain \t\r\n"
                    "if-MATCH:\"1-1\"\r\nPrefer:  \r\n");
    EXPECT_TEXT(request.fields[RT_HTTP_CONTENT_TYPE], "text/plain");
    EXPECT_TEXT(request.fields[RT_HTTP_IF_MATCH], "\"1-1\"");
    EXPECT_TEXT(request.fields[RT_HTTP_HOST], "a");
}

TEST("an absent field and an empty one are told apart")
{
    char memory[HEAD_MAX];
    struct rt_http_request request = get(memory, "Prefer:\r\nUpgrade: \r\n");
    EXPECT(request.fields[RT_HTTP_PREFER].data != NULL);
    EXPECT_INT(request.fields[RT_HTTP_PREFER].len, 0);
    EXPECT(request.fields[RT_HTTP_UPGRADE].data != NULL);
    EXPECT(request.fields[RT_HTTP_CONTENT_TYPE].data == NULL);
}

TEST("a field whose name only begins or ends like a known one is another")
{
    char memory[HEAD_MAX];
    struct rt_http_request request =
        get(memory, "Content-Typ: a\r\nContent-Types: b\r\n"
                    "X-Content-Type: c\r\nContent-Length-X: 5\r\n"
                    "Transfer-Encodings: chunked\r\nUpgrades: websocket\r\n");
    EXPECT(request.fields[RT_HTTP_CONTENT_TYPE].data == NULL);
    EXPECT(!request.has_content_length && !request.is_chunked);
    EXPECT(!request.asks_upgrade);
}

TEST("of a list in several lines the first line is given")
{
    char memory[HEAD_MAX];
    struct rt_http_request request =
        get(memory, "Upgrade: a\r\nUpgrade: b\r\nContent-Encoding:\r\n"
                    "Content-Encoding: gzip\r\n");
    EXPECT_TEXT(request.fields[RT_HTTP_UPGRADE], "a");
    EXPECT(request.fields[RT_HTTP_CONTENT_ENCODING].data != NULL);
}

TEST("the length of a body is known, or chunked, or there is none")
{
    char memory[HEAD_MAX];
    struct rt_http_request request = get(memory, "");
    EXPECT(!request.has_content_length && !request.is_chunked);
    request = get(memory, "Content-Length: 0\r\n");
    EXPECT(request.has_content_length && request.content_length == 0);
    request = get(memory, "Content-Length:  42 \r\n");
    EXPECT(request.has_content_length && request.content_length == 42);
    request = get(memory, "Content-Length: 18446744073709551615\r\n");
    EXPECT(request.content_length == UINT64_MAX);
    request = get(memory, "Transfer-Encoding: Chunked\r\n");
    EXPECT(request.is_chunked && !request.has_content_length);
    EXPECT_INT(request.content_length, 0);
}

/* RFC 9112, section 9.3: close wins; HTTP/1.0 must ask for more. */
static const struct {
    const char *fields;
    bool kept11;
    bool kept10;
} connections[] = {
    {"", true, false},
    {"Connection: close\r\n", false, false},
    {"Connection: CLOSE\r\n", false, false},
    {"Connection:close\r\n", false, false},
    {"Connection: close \r\n", false, false},
    {"Connection: close\t\r\n", false, false},
    {"Connection: \t close \t \r\n", false, false},
    {"Connection: keep-alive\r\n", true, true},
    {"Connection: Keep-Alive\r\n", true, true},
    {"Connection: keep-alive\t\r\n", true, true},
    {"Connection: keep-alive\t, Upgrade\r\n", true, true},
    {"Connection: Upgrade, Keep-Alive\r\n", true, true},
    {"Connection: keep-alive, close\r\n", false, false},
    {"Connection: close, keep-alive\r\n", false, false},
    {"Connection: close\t,a\r\n", false, false},
    {"Connection: a,close\r\n", false, false},
    {"Connection: a ,\t close , b\r\n", false, false},
    {"Connection: ,,close,,\r\n", false, false},
    {"Connection: keep-alive\r\nConnection: close\r\n", false, false},
    {"Connection: close\r\nConnection: keep-alive\r\n", false, false},
    {"Connection: a\r\nConnection: close\r\n", false, false},
    {"Connection: closed\r\n", true, false},
    {"Connection: clos, e\r\n", true, false},
    {"Connection: close x\r\n", true, false},
    {"Connection: x close\r\n", true, false},
    {"Connection: close=1\r\n", true, false},
    {"Connection: keep-alive-not\r\n", true, false},
    {"Connection: \"close\"\r\n", true, false},
    {"Connection:\r\n", true, false},
    {"Connection-X: close\r\n", true, false},
    /* RFC 9112, appendix C.2.2: it is for a proxy that did not look. */
    {"Proxy-Connection: close\r\n", true, false},
    {"Proxy-Connection: keep-alive\r\n", true, false},
};

TEST("a connection goes on if the version and the Connection field say so")
{
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(connections); i++) {
        const char *fields = connections[i].fields;
        struct rt_http_request request = get(memory, fields);
        EXPECT(!request.is_http10);
        if (request.keep_alive != connections[i].kept11) {
            test_fail(__FILE__, __LINE__, "HTTP/1.1 with %s", fields);
        }
        request = parsed(memory, "GET / HTTP/1.0", fields);
        EXPECT(request.is_http10);
        if (request.keep_alive != connections[i].kept10) {
            test_fail(__FILE__, __LINE__, "HTTP/1.0 with %s", fields);
        }
    }
}

TEST("a body changes nothing about whether the connection goes on")
{
    static const char *const lengths[] = {"Content-Length: 5\r\n",
                                          "Transfer-Encoding: chunked\r\n"};
    char memory[HEAD_MAX];
    char fields[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(lengths); i++) {
        EXPECT(parsed(memory, "POST / HTTP/1.1", lengths[i]).keep_alive);
        (void)snprintf(fields, sizeof(fields), "%sConnection: close\r\n",
                       lengths[i]);
        EXPECT(!parsed(memory, "POST / HTTP/1.1", fields).keep_alive);
    }
}

TEST("HTTP/1.1 may wait for a 100, HTTP/1.0 may not")
{
    char memory[HEAD_MAX];
    const char *fields = "Expect: 100-Continue\r\nContent-Length: 5\r\n";
    EXPECT(parsed(memory, "POST / HTTP/1.1", fields).expects_continue);
    EXPECT(!parsed(memory, "POST / HTTP/1.0", fields).expects_continue);
    EXPECT(!get(memory, "").expects_continue);
}

/* RFC 6455, section 4.2.1; HTTP/1.0 knows no upgrade: RFC 9110, 7.8. */
static const struct {
    const char *fields;
    bool asks;
} upgrades[] = {
    {"Connection: Upgrade\r\nUpgrade: websocket\r\n", true},
    {"connection: upgrade\r\nupgrade: WebSocket\r\n", true},
    {"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n", true},
    {"Upgrade: websocket\r\nConnection: Upgrade\t\r\n", true},
    {"Upgrade: websocket\r\nConnection: a\t,\tUpgrade\t, b\r\n", true},
    {"Upgrade: websocket\r\nConnection: a\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: websocket\r\nConnection: Upgrade\r\nConnection: a\r\n", true},
    {"Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: websocket\r\n", false},
    {"Connection: Upgrade\r\n", false},
    {"Upgrade:\r\nConnection: Upgrade\r\n", false},
    {"Upgrade: h2c\r\nConnection: Upgrade\r\n", false},
    {"Upgrade: websockets\r\nConnection: Upgrade\r\n", false},
    {"Upgrade: websocket/13\r\nConnection: Upgrade\r\n", false},
    {"Upgrade: web socket\r\nConnection: Upgrade\r\n", false},
    {"Upgrade: websocket\r\nConnection: Upgraded\r\n", false},
    {"Upgrade: websocket\r\nConnection: keep-alive\r\n", false},
    {"Upgrade: websocket\r\nConnection: not upgrade\r\n", false},
    {"Upgrade: websocket\r\nProxy-Connection: Upgrade\r\n", false},
};

TEST("an upgrade takes both header fields")
{
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(upgrades); i++) {
        struct rt_http_request request = get(memory, upgrades[i].fields);
        if (request.asks_upgrade != upgrades[i].asks) {
            test_fail(__FILE__, __LINE__, "%s", upgrades[i].fields);
        }
    }
}

TEST("an upgrade is for GET on HTTP/1.1 alone, and else changes nothing")
{
    char memory[HEAD_MAX];
    const char *fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Content-Length: 5\r\n";
    EXPECT(parsed(memory, "GET / HTTP/1.1", fields).asks_upgrade);
    struct rt_http_request request = parsed(memory, "POST / HTTP/1.1", fields);
    EXPECT(!request.asks_upgrade);
    EXPECT(request.keep_alive && request.content_length == 5);
    EXPECT(!parsed(memory, "OPTIONS * HTTP/1.1", fields).asks_upgrade);
    EXPECT(!parsed(memory, "GET / HTTP/1.0", fields).asks_upgrade);
}

TEST("a minimal answer is preferred by name, among other preferences")
{
    char memory[HEAD_MAX];
    EXPECT(get(memory, "Prefer: return=minimal\r\n").prefers_minimal);
    EXPECT(get(memory, "prefer: Return=Minimal\r\n").prefers_minimal);
    EXPECT(get(memory, "Prefer: a, return=minimal ,b\r\n").prefers_minimal);
    EXPECT(
        get(memory, "Prefer: a\r\nPrefer: return=minimal\r\n").prefers_minimal);
    EXPECT(
        get(memory, "Prefer: return=minimal\r\nPrefer: a\r\n").prefers_minimal);
    EXPECT(!get(memory, "").prefers_minimal);
    EXPECT(!get(memory, "Prefer:\r\n").prefers_minimal);
    EXPECT(!get(memory, "Prefer: return=representation\r\n").prefers_minimal);
    EXPECT(!get(memory, "Prefer: return=minimalist\r\n").prefers_minimal);
    EXPECT(!get(memory, "Prefer: return\r\n").prefers_minimal);
    EXPECT(!get(memory, "Preferred: return=minimal\r\n").prefers_minimal);
}
