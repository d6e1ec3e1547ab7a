#include "protocol/http_answer.h"

#include <string.h>

#include "protocol/problem.h"
#include "protocol/timestamp.h"
#include "tests/support/test.h"

#define DATE      "Sun, 06 Nov 1994 08:49:37 GMT"
#define DATE_LINE "Date: " DATE "\r\n"
#define TYPE_LINES                 \
    "Content-Type: text/plain\r\n" \
    "X-Content-Type-Options: nosniff\r\n"

#define HEAD_MAX 1024

/* Writes an answer into memory of its promised size. */
static struct rt_bytes written(char *memory,
                               const struct rt_http_answer *answer)
{
    struct rt_writer writer;
    size_t size = rt_http_answer_size(answer);
    RT_CHECK(size <= HEAD_MAX);
    rt_writer_init(&writer, memory, size);
    rt_http_answer_write(&writer, answer, RT_BYTES(DATE));
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static void expect(struct rt_http_answer answer, const char *expected)
{
    char memory[HEAD_MAX];
    EXPECT_TEXT(written(memory, &answer), expected);
}

TEST("a date of the clock is as long as the one in these answers")
{
    EXPECT_INT(sizeof(DATE) - 1, RT_HTTP_DATE_BYTES);
}

TEST("an answer that keeps the connection says nothing about it")
{
    expect((struct rt_http_answer){.status = 200,
                                   .content_type = "text/plain",
                                   .body = RT_BYTES("ok\n")},
           "HTTP/1.1 200 OK\r\n" DATE_LINE TYPE_LINES
           "Content-Length: 3\r\n\r\nok\n");
}

TEST("an answer tells an HTTP/1.0 client that the connection goes on")
{
    expect((struct rt_http_answer){.status = 200,
                                   .content_type = "text/plain",
                                   .body = RT_BYTES("ok\n"),
                                   .persistence = RT_HTTP_KEEP_HTTP10},
           "HTTP/1.1 200 OK\r\n" DATE_LINE TYPE_LINES
           "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n");
}

TEST("the last answer says so")
{
    expect((struct rt_http_answer){.status = 400,
                                   .content_type = "text/plain",
                                   .body = RT_BYTES("no\n"),
                                   .persistence = RT_HTTP_CLOSE},
           "HTTP/1.1 400 Bad Request\r\n" DATE_LINE TYPE_LINES
           "Content-Length: 3\r\nConnection: close\r\n\r\nno\n");
}

TEST("more headers follow the usual ones")
{
    expect(
        (struct rt_http_answer){.status = 405,
                                .content_type = "text/plain",
                                .headers = RT_BYTES("Allow: GET\r\nA: b\r\n"),
                                .body = RT_BYTES("no\n"),
                                .persistence = RT_HTTP_CLOSE},
        "HTTP/1.1 405 Method Not Allowed\r\n" DATE_LINE TYPE_LINES
        "Content-Length: 3\r\nAllow: GET\r\nA: b\r\n"
        "Connection: close\r\n\r\nno\n");
}

/* RFC 9110, section 9.3.2. */
TEST("the answer to HEAD is as for GET, without the body")
{
    expect((struct rt_http_answer){.status = 200,
                                   .content_type = "text/plain",
                                   .body = RT_BYTES("ok\n"),
                                   .is_head = true},
           "HTTP/1.1 200 OK\r\n" DATE_LINE TYPE_LINES
           "Content-Length: 3\r\n\r\n");
}

TEST("an empty body has a length, too")
{
    expect((struct rt_http_answer){.status = 200, .content_type = "text/plain"},
           "HTTP/1.1 200 OK\r\n" DATE_LINE TYPE_LINES
           "Content-Length: 0\r\n\r\n");
}

/* RFC 9110, section 8.6: 1xx and 204 have no Content-Length. */
TEST("an answer without a body has no length")
{
    expect((struct rt_http_answer){.status = 100},
           "HTTP/1.1 100 Continue\r\n" DATE_LINE "\r\n");
    expect((struct rt_http_answer){.status = 101,
                                   .headers = RT_BYTES("Upgrade: a\r\n")},
           "HTTP/1.1 101 Switching Protocols\r\n" DATE_LINE
           "Upgrade: a\r\n\r\n");
    expect((struct rt_http_answer){.status = 204},
           "HTTP/1.1 204 No Content\r\n" DATE_LINE "\r\n");
    expect((struct rt_http_answer){.status = 204,
                                   .headers = RT_BYTES("Allow: GET\r\n"),
                                   .persistence = RT_HTTP_CLOSE},
           "HTTP/1.1 204 No Content\r\n" DATE_LINE
           "Allow: GET\r\nConnection: close\r\n\r\n");
}

static const uint16_t statuses[] = {
#define X(status, phrase) status,
    RT_HTTP_STATUS_MAP(X)
#undef X
};

/* Whatever is said about the connection. */
static void expect_fits(struct rt_http_answer answer)
{
    static const enum rt_http_persistence persistences[] = {
        RT_HTTP_KEEP, RT_HTTP_KEEP_HTTP10, RT_HTTP_CLOSE};
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(persistences); i++) {
        answer.persistence = persistences[i];
        struct rt_bytes bytes = written(memory, &answer);
        EXPECT(bytes.len <= rt_http_answer_size(&answer));
        EXPECT(bytes.len - answer.headers.len - answer.body.len <=
               RT_HTTP_ANSWER_HEAD_MAX);
    }
}

TEST("every answer fits the size it promises")
{
    static char headers[HEAD_MAX / 2];
    memset(headers, 'a', sizeof(headers));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(statuses); i++) {
        struct rt_http_answer answer = {.status = statuses[i]};
        expect_fits(answer);
        answer.content_type = "application/problem+json; charset=utf-8";
        expect_fits(answer);
        answer.headers = (struct rt_bytes){headers, sizeof(headers)};
        answer.body = RT_BYTES("{\"type\":\"urn:ringtail:problem:a\"}");
        expect_fits(answer);
    }
}

TEST("a length of many digits fits as well")
{
    static char body[HEAD_MAX * HEAD_MAX];
    struct rt_http_answer answer = {.status = 431,
                                    .content_type = "application/problem+json",
                                    .body = {body, sizeof(body)},
                                    .persistence = RT_HTTP_KEEP_HTTP10,
                                    .is_head = true};
    char memory[RT_HTTP_ANSWER_HEAD_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_http_answer_write(&writer, &answer, RT_BYTES(DATE));
    EXPECT(!writer.overflowed);
    EXPECT_INT(rt_http_answer_size(&answer),
               RT_HTTP_ANSWER_HEAD_MAX + sizeof(body));
}

TEST("every problem has a status line")
{
    char memory[HEAD_MAX];
    for (int i = 0; i < RT_PROBLEM_COUNT; i++) {
        struct rt_http_answer answer = {
            .status = rt_problem_status((enum rt_problem)i)};
        EXPECT(rt_bytes_starts_with(written(memory, &answer),
                                    RT_BYTES("HTTP/1.1 ")));
    }
}
