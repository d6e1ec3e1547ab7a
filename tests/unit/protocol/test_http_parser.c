/* What a head may not be. Refusals close connections, so each has its reason
 * in RFC 9112 or in a way of smuggling requests. */
#include "protocol/http_parser.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define GET         "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST        "POST / HTTP/1.1\r\nHost: a\r\n"
#define LINE(line)  RT_BYTES(line "\r\nHost: a\r\n\r\n")
#define FIELD(text) RT_BYTES(GET text "\r\n\r\n")
#define BODY(text)  RT_BYTES(POST text "\r\n\r\n")
#define HOST(text)  RT_BYTES("GET / HTTP/1.1\r\n" text "\r\n\r\n")

/* The head as a connection parses it: first its lines, then what they say. */
static int parse(struct rt_bytes head,
                 struct rt_http_request *request,
                 struct rt_refusal *refusal)
{
    struct rt_http_parser parser;
    size_t scanned = 0;
    *refusal = (struct rt_refusal){.problem = RT_PROBLEM_BAD_REQUEST};
    ssize_t length = rt_http_head_length(head, &scanned);
    if (length < 0) {
        return (int)length;
    }
    EXPECT_INT(length, head.len);
    return rt_http_parse_head(&parser, head, request, refusal);
}

static bool is_accepted(struct rt_bytes head)
{
    struct rt_http_request request;
    struct rt_refusal refusal;
    int err = parse(head, &request, &refusal);
    EXPECT(err == 0 || err == RT_EINVAL);
    return err == 0;
}

static void accept(struct rt_bytes head)
{
    if (!is_accepted(head)) {
        test_fail(__FILE__, __LINE__, "refused: %.*s", (int)head.len,
                  head.data);
    }
}

static void refuse_with(enum rt_problem problem, struct rt_bytes head)
{
    struct rt_http_request request;
    struct rt_refusal refusal;
    if (parse(head, &request, &refusal) == 0) {
        test_fail(__FILE__, __LINE__, "accepted: %.*s", (int)head.len,
                  head.data);
    }
    if (refusal.problem != problem) {
        test_fail(__FILE__, __LINE__, "%s: %.*s",
                  rt_problem_slug(refusal.problem), (int)head.len, head.data);
    }
}

static void refuse(struct rt_bytes head)
{
    refuse_with(RT_PROBLEM_BAD_REQUEST, head);
}

/* --- the request line --- */

TEST("a request line is a method, a target and a version")
{
    accept(LINE("GET / HTTP/1.1"));
    accept(LINE("GET / HTTP/1.0"));
    refuse(LINE("GET"));
    refuse(LINE("GET /"));
    refuse(LINE("GET HTTP/1.1"));
    refuse(LINE("/ HTTP/1.1"));
    refuse(LINE("GET / HTTP/1.1 x"));
    refuse(LINE("GET / / HTTP/1.1"));
    refuse(RT_BYTES("GET /\r\n\r\n"));
}

TEST("single spaces separate them, and nothing else")
{
    refuse(LINE(" GET / HTTP/1.1"));
    refuse(LINE("GET  / HTTP/1.1"));
    refuse(LINE("GET /  HTTP/1.1"));
    refuse(LINE("GET / HTTP/1.1 "));
    refuse(LINE("\tGET / HTTP/1.1"));
    refuse(LINE("GET\t/ HTTP/1.1"));
    refuse(LINE("GET /\tHTTP/1.1"));
}

TEST("a protocol other than HTTP is no request")
{
    refuse(LINE("SOURCE / ICE/1.0"));
    refuse(LINE("DESCRIBE / RTSP/1.0"));
    refuse(LINE("GET / RTSP/1.0"));
    refuse(LINE("GET / http/1.1"));
    refuse(LINE("GET / HTTP 1.1"));
    refuse(LINE("GET / HTTPS/1.1"));
}

TEST("a method is a known one, in its case")
{
    accept(LINE("DELETE / HTTP/1.1"));
    accept(LINE("PATCH / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("get / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("Get / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("GETX / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("GE / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("SETUP / HTTP/1.1"));
    refuse_with(RT_PROBLEM_NOT_IMPLEMENTED, LINE("PRI * HTTP/1.1"));
    refuse(LINE("\x16\x03\x01 / HTTP/1.1"));
}

TEST("CONNECT is refused, whatever its target")
{
    refuse(LINE("CONNECT a:80 HTTP/1.1"));
    refuse(LINE("CONNECT / HTTP/1.1"));
    refuse(RT_BYTES("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n"
                    "Content-Length: 5\r\n\r\n"));
    refuse(RT_BYTES("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"));
}

TEST("a target has visible ASCII only")
{
    char head[] = "GET /ab HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int byte = 0; byte < 256; byte++) {
        head[6] = (char)byte;
        bool accepted = is_accepted((struct rt_bytes){head, sizeof(head) - 1});
        EXPECT(!accepted || (byte > ' ' && byte < 0x7f));
    }
    head[6] = '%';
    accept((struct rt_bytes){head, sizeof(head) - 1});
}

/* --- limits --- */

static struct rt_bytes with_target(char *memory, size_t size, size_t target_len)
{
    static const char end[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    RT_CHECK(4 + target_len + sizeof(end) - 1 <= size);
    memset(memory, 'a', size);
    memcpy(memory, "GET /", 5);
    memcpy(memory + 4 + target_len, end, sizeof(end) - 1);
    return (struct rt_bytes){memory, 4 + target_len + sizeof(end) - 1};
}

TEST("a target beyond the limit is 414")
{
    char memory[RT_HTTP_HEAD_MAX];
    struct rt_http_request request;
    struct rt_refusal refusal;
    accept(with_target(memory, sizeof(memory), RT_HTTP_TARGET_MAX));
    struct rt_bytes head =
        with_target(memory, sizeof(memory), RT_HTTP_TARGET_MAX + 1);
    EXPECT_INT(parse(head, &request, &refusal), RT_EINVAL);
    EXPECT_INT(refusal.problem, RT_PROBLEM_URI_TOO_LONG);
    EXPECT_INT(refusal.limit, RT_HTTP_TARGET_MAX);
}

static struct rt_bytes
with_fields(char *memory, size_t size, const char *field, size_t count)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, size);
    RT_WRITE(&writer, GET);
    for (size_t i = 1; i < count; i++) { /* Host is the first */
        rt_write_bytes(&writer, rt_bytes_of(field));
    }
    RT_WRITE(&writer, "\r\n");
    RT_CHECK(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

TEST("a head with more fields than the limit is 431, empty ones included")
{
    static const char *const fields[] = {"a: b\r\n", "a:\r\n", "a: \t\r\n"};
    char memory[RT_HTTP_HEAD_MAX];
    struct rt_http_request request;
    struct rt_refusal refusal;
    for (size_t i = 0; i < RT_ARRAY_LENGTH(fields); i++) {
        accept(
            with_fields(memory, sizeof(memory), fields[i], RT_HTTP_FIELDS_MAX));
        struct rt_bytes head = with_fields(memory, sizeof(memory), fields[i],
                                           RT_HTTP_FIELDS_MAX + 1);
        EXPECT_INT(parse(head, &request, &refusal), RT_EINVAL);
        EXPECT_INT(refusal.problem, RT_PROBLEM_HEAD_TOO_LARGE);
        EXPECT_INT(refusal.limit, RT_HTTP_FIELDS_MAX);
    }
}

/* --- header fields --- */

TEST("a field's name is followed by its colon at once")
{
    refuse(FIELD("a : b"));
    refuse(FIELD("a\t: b"));
    refuse(FIELD("a b: c"));
    refuse(FIELD("a"));
    refuse(BODY("Content-Length : 5"));
    refuse(BODY("Transfer-Encoding : chunked"));
    refuse(BODY("Transfer-Encoding\t: chunked"));
    refuse(FIELD("Connection : close"));
    refuse(FIELD("Upgrade : websocket"));
}

TEST("a field has a name")
{
    refuse(FIELD(": b"));
    refuse(FIELD(":"));
    refuse(FIELD(" : b"));
    refuse(BODY("Content-Length: 5\r\n: b"));
    refuse(BODY(": b\r\nContent-Length: 5"));
}

TEST("a folded line is refused, wherever it stands")
{
    refuse(HOST(" Host: a"));
    refuse(HOST("\tHost: a"));
    refuse(FIELD("a: b\r\n c"));
    refuse(FIELD("a:\r\n\tb"));
    refuse(BODY("Content-Length:\r\n 5"));
    refuse(BODY("Transfer-Encoding:\r\n chunked"));
    refuse(BODY("Transfer-Encoding: chunked\r\n , gzip"));
    refuse(FIELD("Connection: close\r\n , upgrade"));
}

static bool is_token(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') ||
           (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

TEST("a field's name is a token")
{
    char head[] = GET "xyz: b\r\n\r\n";
    size_t at = sizeof(GET);
    for (int byte = 0; byte < 256; byte++) {
        head[at] = (char)byte;
        bool expected = is_token(byte) || byte == ':';
        bool accepted = is_accepted((struct rt_bytes){head, sizeof(head) - 1});
        EXPECT_INT(accepted, expected);
    }
}

static void check_values(const char *name)
{
    char head[128];
    int len = snprintf(head, sizeof(head), GET "%s: x?z\r\n\r\n", name);
    char *at = strchr(head, '?');
    for (int byte = 0; byte < 256; byte++) {
        *at = (char)byte;
        bool expected = byte == '\t' || (byte >= ' ' && byte != 0x7f);
        EXPECT_INT(is_accepted((struct rt_bytes){head, (size_t)len}), expected);
    }
}

TEST("a field's value has no control bytes but tabs, whatever its name")
{
    check_values("a");
    check_values("Connection");
    check_values("Proxy-Connection");
    check_values("Upgrade");
    check_values("Content-Type");
    check_values("Prefer");
}

/* RFC 9110, section 5.3: what is no list stands once. */
static const struct {
    const char *line;
    bool is_list;
} fields[] = {
#define X(name, text, is_list) {text ": ", is_list},
    RT_HTTP_FIELD_MAP(X)
#undef X
};

static const char *value_of(enum rt_http_field field)
{
    switch (field) {
    case RT_HTTP_CONTENT_LENGTH:
        return "5";
    case RT_HTTP_EXPECT:
        return "100-continue";
    case RT_HTTP_TRANSFER_ENCODING:
        return "chunked";
    default:
        return "a";
    }
}

static struct rt_bytes repeated(char *memory,
                                size_t size,
                                enum rt_http_field field,
                                int count,
                                const char *last)
{
    const char *host = field == RT_HTTP_HOST ? "" : "Host: a\r\n";
    const char *line = fields[field].line;
    int len = snprintf(memory, size, "POST / HTTP/1.1\r\n%s", host);
    for (int i = 1; i < count; i++) {
        len += snprintf(memory + len, size - (size_t)len, "%s%s\r\n", line,
                        value_of(field));
    }
    len +=
        snprintf(memory + len, size - (size_t)len, "%s%s\r\n\r\n", line, last);
    return (struct rt_bytes){memory, (size_t)len};
}

TEST("a field that is no list may stand only once, alike or empty")
{
    char memory[256];
    for (int i = 0; i < RT_HTTP_FIELD_COUNT; i++) {
        enum rt_http_field field = (enum rt_http_field)i;
        const char *value = value_of(field);
        accept(repeated(memory, sizeof(memory), field, 1, value));
        if (fields[i].is_list) {
            accept(repeated(memory, sizeof(memory), field, 2, value));
            accept(repeated(memory, sizeof(memory), field, 2, ""));
        } else {
            refuse(repeated(memory, sizeof(memory), field, 2, value));
            refuse(repeated(memory, sizeof(memory), field, 2, ""));
            refuse(repeated(memory, sizeof(memory), field, 2, "b"));
        }
    }
}

/* --- Host --- */

TEST("HTTP/1.1 has a Host, and HTTP/1.0 may have one")
{
    refuse(HOST("a: b"));
    refuse(RT_BYTES("GET / HTTP/1.1\r\n\r\n"));
    accept(RT_BYTES("GET / HTTP/1.0\r\n\r\n"));
    accept(RT_BYTES("GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
    refuse(RT_BYTES("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"));
}

TEST("a Host is a host, maybe with a port")
{
    accept(HOST("Host: localhost:3030"));
    accept(HOST("host:[::1]:3030"));
    accept(HOST("HOST:\t127.0.0.1 "));
    refuse(HOST("Host:"));
    refuse(HOST("Host: "));
    refuse(HOST("Host: :80"));
    refuse(HOST("Host: a b"));
    refuse(HOST("Host: a, b"));
    refuse(HOST("Host: user@a"));
    refuse(HOST("Host: http://a"));
    refuse(HOST("Host: a/b"));
    refuse(HOST("Host: a?b"));
    refuse(HOST("Host: a#b"));
    refuse(HOST("Host: a:b"));
    refuse(HOST("Host: [::1"));
    refuse(HOST("Host: \xc3\xa9"));
}

/* --- how long a body is --- */

TEST("a Content-Length is one decimal number")
{
    accept(BODY("Content-Length: 0"));
    accept(BODY("Content-Length: 18446744073709551615"));
    refuse(BODY("Content-Length: 18446744073709551616"));
    refuse(BODY("Content-Length: 99999999999999999999999999"));
    refuse(BODY("Content-Length:"));
    refuse(BODY("Content-Length: \t"));
    refuse(BODY("Content-Length: +5"));
    refuse(BODY("Content-Length: -1"));
    refuse(BODY("Content-Length: 0x5"));
    refuse(BODY("Content-Length: 05"));
    refuse(BODY("Content-Length: 00"));
    refuse(BODY("Content-Length: 5 5"));
    refuse(BODY("Content-Length: 5\t5"));
    refuse(BODY("Content-Length: 5, 5"));
    refuse(BODY("Content-Length: 5,"));
    refuse(BODY("Content-Length: 5.0"));
    refuse(BODY("Content-Length: five"));
    refuse(BODY("Content-Length: \"5\""));
}

TEST("two Content-Lengths are refused, alike or not")
{
    refuse(BODY("Content-Length: 5\r\nContent-Length: 5"));
    refuse(BODY("Content-Length: 5\r\ncontent-length: 6"));
    refuse(BODY("Content-Length: 5\r\na: b\r\nContent-Length: 0"));
    refuse(BODY("Content-Length: 5\r\nContent-Length:"));
    refuse(BODY("Content-Length:\r\nContent-Length: 5"));
}

TEST("a Transfer-Encoding is chunked and nothing else")
{
    accept(BODY("Transfer-Encoding: chunked"));
    accept(BODY("transfer-encoding:CHUNKED "));
    refuse(BODY("Transfer-Encoding:"));
    refuse(BODY("Transfer-Encoding: identity"));
    refuse(BODY("Transfer-Encoding: gzip"));
    refuse(BODY("Transfer-Encoding: gzip, chunked"));
    refuse(BODY("Transfer-Encoding: chunked, gzip"));
    refuse(BODY("Transfer-Encoding: chunked, chunked"));
    refuse(BODY("Transfer-Encoding: , chunked"));
    refuse(BODY("Transfer-Encoding: chunked,"));
    refuse(BODY("Transfer-Encoding: xchunked"));
    refuse(BODY("Transfer-Encoding: chunkedx"));
    refuse(BODY("Transfer-Encoding: chunked;q=1"));
    refuse(BODY("Transfer-Encoding: \"chunked\""));
    refuse(BODY("Transfer-Encoding: chunked\v"));
    refuse(BODY("Transfer-Encoding: \vchunked"));
    refuse(BODY("Transfer-Encoding: pigeons"));
}

TEST("two Transfer-Encodings are refused, alike or not")
{
    refuse(BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"));
    refuse(BODY("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"));
    refuse(BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"));
    refuse(BODY("Transfer-Encoding: chunked\r\nTransfer-Encoding:"));
    refuse(BODY("Transfer-Encoding:\r\nTransfer-Encoding: chunked"));
}

TEST("a body has a length or chunks, not both")
{
    refuse(BODY("Content-Length: 5\r\nTransfer-Encoding: chunked"));
    refuse(BODY("Transfer-Encoding: chunked\r\nContent-Length: 5"));
    refuse(BODY("Transfer-Encoding: chunked\r\nContent-Length: 0"));
    refuse(BODY("Transfer-Encoding:\r\nContent-Length: 5"));
    refuse(BODY("Content-Length: 5\r\nTransfer-Encoding: identity"));
    refuse(BODY("Content-Length:\r\nTransfer-Encoding: chunked"));
}

/* RFC 9112, section 6.1. */
TEST("chunks are not for HTTP/1.0")
{
    refuse(RT_BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));
    refuse(RT_BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
                    "Content-Length: 5\r\n\r\n"));
}

TEST("an expectation other than 100-continue is 417")
{
    accept(BODY("Expect: 100-continue"));
    accept(BODY("Expect: 100-Continue"));
    refuse_with(RT_PROBLEM_EXPECTATION_FAILED, BODY("Expect: 200-ok"));
    refuse_with(RT_PROBLEM_EXPECTATION_FAILED, BODY("Expect:"));
    refuse_with(RT_PROBLEM_EXPECTATION_FAILED,
                BODY("Expect: 100-continue, 100-continue"));
    refuse_with(RT_PROBLEM_EXPECTATION_FAILED, BODY("Expect: 100-continue=1"));
}
