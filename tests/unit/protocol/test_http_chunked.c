/* Bodies in chunks: the data and the verdict, however the bytes arrive. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/http_parser.h"
#include "tests/support/test.h"

#define HEAD                                 \
    "POST / HTTP/1.1\r\nHost: localhost\r\n" \
    "Transfer-Encoding: chunked\r\n\r\n"

#define DATA_MAX ((size_t)64 * 1024)

/* What came of a body: the last result, what it took, and the data. */
struct outcome {
    int result;
    size_t consumed;
    size_t calls;
    size_t fail_at; /* the call of on_data that fails; 0: none does */
    size_t len;
    char data[DATA_MAX];
};

static int on_data(void *context, struct rt_bytes data)
{
    struct outcome *outcome = context;
    RT_CHECK(data.len <= sizeof(outcome->data) - outcome->len);
    memcpy(outcome->data + outcome->len, data.data, data.len);
    outcome->len += data.len;
    return ++outcome->calls == outcome->fail_at ? RT_ERANGE : 0;
}

static void begin(struct rt_http_parser *parser)
{
    struct rt_http_request request;
    struct rt_refusal refusal;
    EXPECT_INT(rt_http_parse_head(parser, RT_BYTES(HEAD), &request, &refusal),
               0);
    EXPECT(request.is_chunked);
}

/* A piece of a body, in memory that ends with it. */
static void feed(struct rt_http_parser *parser,
                 struct rt_bytes piece,
                 struct outcome *outcome)
{
    size_t consumed = 0;
    char *memory = malloc(piece.len + 1);
    RT_CHECK(memory != NULL);
    memcpy(memory + 1, piece.data, piece.len);
    outcome->result =
        rt_http_parse_chunked(parser, (struct rt_bytes){memory + 1, piece.len},
                              on_data, outcome, &consumed);
    free(memory);
    EXPECT(outcome->result < 0 || consumed <= piece.len);
    EXPECT(outcome->result != 0 || consumed == piece.len);
    outcome->consumed += consumed;
}

/* The body in a first piece and then in pieces of `step` bytes. */
static void
run(struct outcome *outcome, struct rt_bytes body, size_t first, size_t step)
{
    struct rt_http_parser parser;
    begin(&parser);
    *outcome = (struct outcome){0};
    for (size_t at = 0; at < body.len && outcome->result == 0;) {
        size_t len = at == 0 && first > 0 ? first : step;
        len = len < body.len - at ? len : body.len - at;
        feed(&parser, (struct rt_bytes){body.data + at, len}, outcome);
        at += len;
    }
}

static void expect_like(const struct outcome *outcome,
                        const struct outcome *whole,
                        struct rt_bytes body)
{
    if (outcome->result != whole->result) {
        test_fail(__FILE__, __LINE__, "%d, not %d: %.*s", outcome->result,
                  whole->result, (int)body.len, body.data);
    }
    EXPECT(outcome->result < 0 || outcome->consumed == whole->consumed);
    EXPECT_BYTES(((struct rt_bytes){outcome->data, outcome->len}),
                 ((struct rt_bytes){whole->data, whole->len}));
}

/* Whole, byte by byte, and in two parts, split at every position. */
static int verdict(struct outcome *whole, struct rt_bytes body)
{
    static struct outcome outcome;
    run(whole, body, 0, body.len);
    run(&outcome, body, 0, 1);
    expect_like(&outcome, whole, body);
    for (size_t split = 1; split < body.len; split++) {
        run(&outcome, body, split, body.len);
        expect_like(&outcome, whole, body);
    }
    return whole->result;
}

static struct outcome seen;

static void accept(struct rt_bytes body, const char *data)
{
    if (verdict(&seen, body) != 1) {
        test_fail(__FILE__, __LINE__, "%d: %.*s", seen.result, (int)body.len,
                  body.data);
    }
    EXPECT_TEXT(((struct rt_bytes){seen.data, seen.len}), data);
}

static void accept_all_of(struct rt_bytes body, const char *data)
{
    accept(body, data);
    EXPECT_INT(seen.consumed, body.len);
}

static void refuse(struct rt_bytes body)
{
    if (verdict(&seen, body) != RT_EINVAL) {
        test_fail(__FILE__, __LINE__, "%d: %.*s", seen.result, (int)body.len,
                  body.data);
    }
}

/* --- what is a body --- */

TEST("a body is the data of its chunks")
{
    accept_all_of(RT_BYTES("0\r\n\r\n"), "");
    accept_all_of(RT_BYTES("5\r\nhello\r\n0\r\n\r\n"), "hello");
    accept_all_of(RT_BYTES("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "abc");
    accept_all_of(RT_BYTES("A\r\n0123456789\r\n0\r\n\r\n"), "0123456789");
    accept_all_of(RT_BYTES("a\r\n0123456789\r\n0\r\n\r\n"), "0123456789");
    accept_all_of(RT_BYTES("003\r\nabc\r\n000\r\n\r\n"), "abc");
}

TEST("data may look like anything")
{
    accept_all_of(RT_BYTES("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), "\r\n0\r\n\r\n");
    accept_all_of(RT_BYTES("2\r\n\n\r\r\n0\r\n\r\n"), "\n\r");
    accept_all_of(RT_BYTES("2\r\n:x\r\n0\r\n\r\n"), ":x");
    accept_all_of(RT_BYTES("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"), "\r\n");
}

TEST("extensions of chunks say nothing")
{
    accept_all_of(RT_BYTES("1;a\r\nx\r\n0;b\r\n\r\n"), "x");
    accept_all_of(RT_BYTES("1;a=b\r\nx\r\n0\r\n\r\n"), "x");
    accept_all_of(RT_BYTES("1;a=\"b c\"\r\nx\r\n0\r\n\r\n"), "x");
    accept_all_of(RT_BYTES("1;a;b\r\nx\r\n0\r\n\r\n"), "x");
}

TEST("trailers say nothing")
{
    accept_all_of(RT_BYTES("1\r\nx\r\n0\r\nA: b\r\n\r\n"), "x");
    accept_all_of(RT_BYTES("0\r\nA:\r\nBcd: e\r\nA: f\r\n\r\n"), "");
    accept_all_of(RT_BYTES("0\r\nTrailer: b\r\nTrailer: c\r\n\r\n"), "");
    accept_all_of(RT_BYTES("0\r\nProxy-Connection: close\r\n\r\n"), "");
}

TEST("what follows the last chunk is left alone")
{
    accept(RT_BYTES("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), "x");
    EXPECT_INT(seen.consumed, 11);
    accept(RT_BYTES("0\r\nA: b\r\n\r\n0\r\n\r\n"), "");
    EXPECT_INT(seen.consumed, 11);
    accept(RT_BYTES("0\r\n\r\n\r\n"), "");
    EXPECT_INT(seen.consumed, 5);
    accept(RT_BYTES("0\r\n\r\n\n"), "");
    EXPECT_INT(seen.consumed, 5);
    accept(RT_BYTES("0\r\n\r\n\0\xff"), "");
    EXPECT_INT(seen.consumed, 5);
}

TEST("a body that stops anywhere before its end is not whole")
{
    struct rt_bytes body =
        RT_BYTES("1;a=b\r\nx\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n");
    struct rt_http_parser parser;
    for (size_t len = 0; len < body.len; len++) {
        begin(&parser);
        seen = (struct outcome){0};
        feed(&parser, (struct rt_bytes){body.data, len}, &seen);
        EXPECT_INT(seen.result, 0);
    }
    accept_all_of(body, "xabc");
}

TEST("no bytes at all change nothing")
{
    struct rt_http_parser parser;
    size_t consumed = 1;
    begin(&parser);
    seen = (struct outcome){0};
    EXPECT_INT(
        rt_http_parse_chunked(&parser, RT_BYTES(""), on_data, &seen, &consumed),
        0);
    EXPECT_INT(consumed, 0);
    feed(&parser, RT_BYTES("1\r\nx\r\n0\r\n\r\n"), &seen);
    EXPECT_INT(seen.result, 1);
}

TEST("a parser reads the next request after a body")
{
    struct rt_http_parser parser;
    for (int i = 0; i < 3; i++) {
        begin(&parser);
        seen = (struct outcome){0};
        feed(&parser, RT_BYTES("1\r\nx\r\n0\r\nA: b\r\n\r\n"), &seen);
        EXPECT_INT(seen.result, 1);
        EXPECT_TEXT(((struct rt_bytes){seen.data, seen.len}), "x");
    }
}

TEST("an upgrade that is asked for does not end the body")
{
    struct rt_http_parser parser;
    struct rt_http_request request;
    struct rt_refusal refusal;
    struct rt_bytes head =
        RT_BYTES("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                 "Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_INT(rt_http_parse_head(&parser, head, &request, &refusal), 0);
    seen = (struct outcome){0};
    feed(&parser, RT_BYTES("1\r\nx\r\n0\r\n\r\nnext"), &seen);
    EXPECT_INT(seen.result, 1);
    EXPECT_INT(seen.consumed, 11);
}

/* --- what is none --- */

TEST("a chunk's size is hexadecimal digits alone")
{
    refuse(RT_BYTES("\r\n\r\n"));
    refuse(RT_BYTES("0x5\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("+5\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("-5\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES(" 5\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5 \r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5\t\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5g\r\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("five\r\n"));
    refuse(RT_BYTES(";a\r\n"));
    refuse(RT_BYTES(":5\r\n"));
    refuse(RT_BYTES("\0"));
}

TEST("a chunk's size fits 64 bits")
{
    refuse(RT_BYTES("10000000000000000\r\nx"));
    refuse(RT_BYTES("fffffffffffffffff\r\nx"));
    EXPECT_INT(verdict(&seen, RT_BYTES("ffffffffffffffff\r\nxyz")), 0);
    EXPECT_TEXT(((struct rt_bytes){seen.data, seen.len}), "xyz");
}

TEST("lines around chunks end with CRLF")
{
    refuse(RT_BYTES("5\nhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5\rhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5\r\rhello\r\n0\r\n\r\n"));
    refuse(RT_BYTES("5\r\nhello\n0\r\n\r\n"));
    refuse(RT_BYTES("5\r\nhello\r0\r\n\r\n"));
    refuse(RT_BYTES("5\r\nhello0\r\n\r\n"));
    refuse(RT_BYTES("5\r\nhelloX\r\n0\r\n\r\n"));
    refuse(RT_BYTES("0\n\n"));
    refuse(RT_BYTES("0\r\n\n"));
    refuse(RT_BYTES("0\r\n\r\r\n"));
    refuse(RT_BYTES("0\r\n\rA"));
    refuse(RT_BYTES("1;a\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;a=\"\n\"\r\nx\r\n0\r\n\r\n"));
}

TEST("an extension is a token, maybe with a value")
{
    refuse(RT_BYTES("1; a\r\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;\r\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;a b\r\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;a\0\r\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;a=\"b\r\nx\r\n0\r\n\r\n"));
    refuse(RT_BYTES("1;a\x80\r\nx\r\n0\r\n\r\n"));
}

TEST("trailers have the form of header fields")
{
    refuse(RT_BYTES("0\r\nA\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA : b\r\n\r\n"));
    refuse(RT_BYTES("0\r\n A: b\r\n\r\n"));
    refuse(RT_BYTES("0\r\n: b\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA: b\r\n: c\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA: b\n\r\n"));
    refuse(RT_BYTES("0\r\nA: b\r\n\n"));
    refuse(RT_BYTES("0\r\nA: b\rC: d\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA: \0\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA: b\r\n c\r\n\r\n"));
    refuse(RT_BYTES("0\r\nA:\r\n\tb\r\n\r\n"));
}

TEST("a trailer cannot say anew what the head has said")
{
    refuse(RT_BYTES("0\r\nTransfer-Encoding: chunked\r\n\r\n"));
    refuse(RT_BYTES("0\r\nTransfer-Encoding: identity\r\n\r\n"));
    refuse(RT_BYTES("0\r\nContent-Length: 3\r\n\r\nabc"));
    refuse(RT_BYTES("0\r\nContent-Length: -1\r\n\r\n"));
    refuse(RT_BYTES("0\r\nHOST: a\r\n\r\n"));
    refuse(RT_BYTES("0\r\na: b\r\nAuthorization: x\r\n\r\n"));
    refuse(RT_BYTES("0\r\nSec-WebSocket-Protocol: a\r\n\r\n"));
    accept(RT_BYTES("0\r\nHosts: a\r\nHos: b\r\nt: c\r\n\r\n"), "");
    accept(RT_BYTES("0\r\nSec-WebSocket-Protocol-Of-Tomorrow: a\r\n\r\n"), "");
}

TEST("any byte of a body that is changed keeps its verdict in any pieces")
{
    static const char changed[] = "\r\n :;0\0";
    struct rt_bytes body =
        RT_BYTES("2;a=b\r\nxy\r\n1\r\nz\r\n0\r\nA: b\r\nC:\r\n\r\nrest");
    char memory[64];
    struct rt_bytes mutant = {memory, body.len};
    for (size_t at = 0; at < body.len; at++) {
        for (size_t i = 0; i < sizeof(changed); i++) {
            memcpy(memory, body.data, body.len);
            memory[at] = changed[i];
            (void)verdict(&seen, mutant);
        }
    }
}

/* --- what takes the data --- */

TEST("an error of what takes the data ends the body with it")
{
    struct rt_http_parser parser;
    for (size_t k = 1; k <= 2; k++) {
        begin(&parser);
        seen = (struct outcome){.fail_at = k};
        feed(&parser, RT_BYTES("1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), &seen);
        EXPECT_INT(seen.result, RT_ERANGE);
        EXPECT_INT(seen.calls, k);
    }
}

TEST("what takes the data can see how much there has been")
{
    struct rt_http_parser parser;
    begin(&parser);
    EXPECT_INT(parser.body_bytes, 0);
    seen = (struct outcome){0};
    feed(&parser, RT_BYTES("3\r\nabc\r\n2\r\nde"), &seen);
    EXPECT_INT(parser.body_bytes, 5);
}

/* --- floods --- */

static struct rt_bytes
padded(char *memory, const char *before, size_t padding, const char *after)
{
    size_t before_len = strlen(before);
    size_t after_len = strlen(after);
    RT_CHECK(before_len + padding + after_len <= DATA_MAX);
    memcpy(memory, before, before_len);
    memset(memory + before_len, 'a', padding);
    memcpy(memory + before_len + padding, after, after_len);
    return (struct rt_bytes){memory, before_len + padding + after_len};
}

static void expect_limit(const char *before, const char *after)
{
    static char memory[DATA_MAX];
    size_t room = RT_HTTP_FRAMING_MAX - strlen(before) - strlen(after);
    run(&seen, padded(memory, before, room, after), 0, DATA_MAX);
    EXPECT_INT(seen.result, 1);
    run(&seen, padded(memory, before, room, after), 0, 1);
    EXPECT_INT(seen.result, 1);
    run(&seen, padded(memory, before, room + 1, after), 0, DATA_MAX);
    EXPECT_INT(seen.result, RT_EINVAL);
    run(&seen, padded(memory, before, room + 1, after), 0, 1);
    EXPECT_INT(seen.result, RT_EINVAL);
}

TEST("extensions and trailers have a limit, which fits exactly")
{
    expect_limit("0;", "\r\n\r\n");
    expect_limit("0;a=", "\r\n\r\n");
    expect_limit("0\r\nA: ", "\r\n\r\n");
    expect_limit("0\r\n", ":\r\n\r\n");
}

TEST("an extension without end is refused before its end")
{
    struct rt_http_parser parser;
    begin(&parser);
    seen = (struct outcome){0};
    feed(&parser, RT_BYTES("0;"), &seen);
    for (size_t i = 2; i < RT_HTTP_FRAMING_MAX; i++) {
        feed(&parser, RT_BYTES("a"), &seen);
        EXPECT_INT(seen.result, 0);
    }
    feed(&parser, RT_BYTES("a"), &seen);
    EXPECT_INT(seen.result, RT_EINVAL);
}

static size_t chunks_until_refused(struct rt_bytes chunk, size_t max)
{
    struct rt_http_parser parser;
    begin(&parser);
    seen = (struct outcome){0};
    for (size_t i = 0; i < max; i++) {
        feed(&parser, chunk, &seen);
        if (seen.result < 0) {
            return i + 1;
        }
    }
    return 0;
}

TEST("a byte a chunk may go on for ever, but not with more about it")
{
    size_t max = RT_HTTP_FRAMING_MAX + 2;
    EXPECT_INT(chunks_until_refused(RT_BYTES("1\r\nx\r\n"), max), 0);
    EXPECT_INT(chunks_until_refused(RT_BYTES("1;aa\r\nx\r\n"), max), 0);
    EXPECT(chunks_until_refused(RT_BYTES("1;aaa\r\nx\r\n"), max) > 0);
}
