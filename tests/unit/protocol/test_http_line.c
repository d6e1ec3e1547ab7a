/* The first line of a request, before anything else of it is believed. */
#include "protocol/http_line.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define END "\r\nHost: a\r\n\r\n"

static void expect(struct rt_bytes head, enum rt_problem problem)
{
    struct rt_bytes method = {0};
    struct rt_refusal refusal = {.problem = RT_PROBLEM_COUNT};
    EXPECT_INT(rt_http_line_check(head, &method, &refusal), RT_EINVAL);
    EXPECT_INT(refusal.problem, problem);
    EXPECT(method.data == NULL);
}

static void expect_method(struct rt_bytes head, const char *expected)
{
    struct rt_bytes method;
    struct rt_refusal refusal;
    EXPECT_INT(rt_http_line_check(head, &method, &refusal), 0);
    EXPECT_BYTES(method, rt_bytes_of(expected));
}

TEST("a method is any token")
{
    expect_method(RT_BYTES("GET / HTTP/1.1" END), "GET");
    expect_method(RT_BYTES("get / HTTP/1.0" END), "get");
    expect_method(RT_BYTES("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1" END),
                  "!#$%&'*+-.^_`|~09azAZ");
    expect(RT_BYTES("G\tET / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("G(ET / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("G\0T / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("\xc3\xa9 / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES(" / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("\r\nGET / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
}

TEST("there are three words with single blanks between them")
{
    expect(RT_BYTES("GET" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET /" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / " END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET  / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET /  HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1.1 " END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / / HTTP/1.1" END), RT_PROBLEM_BAD_REQUEST);
}

TEST("a version is a digit, a dot and a digit")
{
    expect(RT_BYTES("GET / HTTP/" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1." END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1,1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/x.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1.x" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1.10" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/01.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTP/1.1\0" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / http/1.1" END), RT_PROBLEM_BAD_REQUEST);
    expect(RT_BYTES("GET / HTTQ/1.1" END), RT_PROBLEM_BAD_REQUEST);
}

TEST("a version that is one, but not 1.1 or 1.0, is 505")
{
    expect(RT_BYTES("GET / HTTP/0.9" END), RT_PROBLEM_HTTP_VERSION);
    expect(RT_BYTES("GET / HTTP/1.2" END), RT_PROBLEM_HTTP_VERSION);
    expect(RT_BYTES("GET / HTTP/2.0" END), RT_PROBLEM_HTTP_VERSION);
    expect(RT_BYTES("GET / HTTP/2.1" END), RT_PROBLEM_HTTP_VERSION);
    expect(RT_BYTES("PRI * HTTP/2.0\r\n\r\n"), RT_PROBLEM_HTTP_VERSION);
}

TEST("bytes may begin a request if they are the beginning of a method")
{
    char method[RT_HTTP_METHOD_MAX + 2];
    memset(method, 'A', sizeof(method));
    for (size_t len = 1; len <= sizeof(method); len++) {
        struct rt_bytes bytes = {method, len};
        EXPECT(rt_http_may_begin(bytes) == (len <= RT_HTTP_METHOD_MAX));
    }
    method[RT_HTTP_METHOD_MAX] = ' ';
    EXPECT(rt_http_may_begin((struct rt_bytes){method, sizeof(method)}));
    EXPECT(rt_http_may_begin(RT_BYTES("G")));
    EXPECT(rt_http_may_begin(RT_BYTES("GET ")));
    EXPECT(rt_http_may_begin(RT_BYTES("\r")));
    EXPECT(!rt_http_may_begin(RT_BYTES("\n")));
    EXPECT(!rt_http_may_begin(RT_BYTES(" GET")));
    EXPECT(!rt_http_may_begin(RT_BYTES("GET\t")));
    EXPECT(!rt_http_may_begin(RT_BYTES("GET\r")));
    EXPECT(!rt_http_may_begin(RT_BYTES("\x16\x03\x01")));
}

static void expect_long(const char *before, size_t len, enum rt_problem problem)
{
    char memory[RT_HTTP_HEAD_MAX];
    struct rt_refusal refusal;
    memset(memory, 'a', sizeof(memory));
    memcpy(memory, before, strlen(before));
    rt_http_refuse_long((struct rt_bytes){memory, len}, &refusal);
    EXPECT_INT(refusal.problem, problem);
    EXPECT_INT(refusal.limit, problem == RT_PROBLEM_URI_TOO_LONG
                                  ? RT_HTTP_TARGET_MAX
                                  : RT_HTTP_HEAD_MAX);
}

TEST("of a head that is too long it is said whether its target is")
{
    expect_long("GET /", RT_HTTP_HEAD_MAX, RT_PROBLEM_URI_TOO_LONG);
    expect_long("GET /", RT_HTTP_TARGET_MAX + 5, RT_PROBLEM_URI_TOO_LONG);
    expect_long("GET /", RT_HTTP_TARGET_MAX + 4, RT_PROBLEM_HEAD_TOO_LARGE);
    expect_long("GET / HTTP/1.1\r\nX: ", RT_HTTP_HEAD_MAX,
                RT_PROBLEM_HEAD_TOO_LARGE);
}
