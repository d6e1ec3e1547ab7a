/* The end of a head, however the head arrives. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "protocol/http_parser.h"
#include "tests/support/test.h"

#define HEAD_MAX 256 /* bytes of the heads below */

static ssize_t length_of(struct rt_bytes bytes)
{
    size_t scanned = 0;
    return rt_http_head_length(bytes, &scanned);
}

TEST("a head ends with its first empty line")
{
    EXPECT_INT(length_of(RT_BYTES("GET / HTTP/1.1\r\n\r\n")), 18);
    EXPECT_INT(length_of(RT_BYTES("GET / HTTP/1.1\r\nA: b\r\n\r\n")), 24);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\r\nB\r\n\r\n")), 5);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\r\nB\n\n")), 5);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\r\n ")), 5);
}

TEST("an empty line before the request is a length of 2")
{
    EXPECT_INT(length_of(RT_BYTES("\r\n")), 2);
    EXPECT_INT(length_of(RT_BYTES("\r\nGET / HTTP/1.1\r\n\r\n")), 2);
}

TEST("a head without its empty line is not whole")
{
    EXPECT_INT(length_of(RT_BYTES("")), 0);
    EXPECT_INT(length_of(RT_BYTES("\r")), 0);
    EXPECT_INT(length_of(RT_BYTES("GET / HTTP/1.1\r\n")), 0);
    EXPECT_INT(length_of(RT_BYTES("GET / HTTP/1.1\r\n\r")), 0);
    EXPECT_INT(length_of(RT_BYTES("GET / HTTP/1.1\r\nA: b\r")), 0);
}

TEST("a line ends with CRLF, and CR stands nowhere else")
{
    EXPECT_INT(length_of(RT_BYTES("\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("\r\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\rB\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\nB: c\nD: e\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\nB: c\rD: e\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\rB")), RT_EINVAL);
}

/* RFC 9112, section 5.2. The first line is for the parser to judge. */
TEST("a line that goes on from the one before is refused")
{
    EXPECT_INT(length_of(RT_BYTES("A\r\n B\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\n\tB\r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\nB: c\r\n \r\n\r\n")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\nB: c\r\n ")), RT_EINVAL);
    EXPECT_INT(length_of(RT_BYTES("A\r\nB:\r\n\tc\r\n\r\n")), RT_EINVAL);
}

/*
 * The same verdict, by the definition: the first byte that is out of place, or
 * the first empty line.
 */
static ssize_t expected_length(struct rt_bytes bytes)
{
    size_t line = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];
        bool after_cr = i > 0 && bytes.data[i - 1] == '\r';
        bool is_fold = i == line && i > 0 && (c == ' ' || c == '\t');
        if ((c == '\n') != after_cr || is_fold) {
            return RT_EINVAL;
        }
        if (c == '\n' && i == line + 1) {
            return (ssize_t)(i + 1);
        }
        line = c == '\n' ? i + 1 : line;
    }
    return 0;
}

/* What arrives of a head, in memory that ends with it. */
static ssize_t
arrive(struct rt_bytes head, size_t begin, size_t step, size_t *scanned)
{
    ssize_t length = 0;
    for (size_t len = begin; length == 0; len += step) {
        len = len < head.len ? len : head.len;
        char *memory = malloc(len + 1);
        RT_CHECK(memory != NULL);
        memcpy(memory, head.data, len);
        length = rt_http_head_length((struct rt_bytes){memory, len}, scanned);
        free(memory);
        RT_CHECK(*scanned <= len);
        if (len == head.len) {
            break;
        }
    }
    return length;
}

/* Whole, byte by byte, and in two parts, split at every position. */
static void expect_same_verdict(struct rt_bytes head)
{
    size_t scanned = 0;
    ssize_t expected = expected_length(head);
    EXPECT_INT(length_of(head), expected);
    EXPECT_INT(arrive(head, 1, 1, &scanned), expected);
    for (size_t split = 0; split <= head.len; split++) {
        scanned = 0;
        EXPECT_INT(arrive(head, split, head.len, &scanned), expected);
    }
}

static const struct rt_bytes heads[] = {
#define HEAD(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }
    HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    HEAD("POST /produce/a HTTP/1.0\r\nContent-Length: 5\r\nB:\r\n\r\nhello"),
    HEAD("\r\nGET / HTTP/1.1\r\n\r\n"),
    HEAD("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
    HEAD("GET / HTTP/1.1\nA: b\n\n"),
    HEAD("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"),
    HEAD("GET / HTTP/1.1\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    HEAD(" \r\n\r\n"),
    HEAD("\r\r\n\n\r\n"),
    HEAD("A\r\n\r\r\n"),
    HEAD(""),
#undef HEAD
};

TEST("a head has the same verdict however it arrives")
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(heads); i++) {
        expect_same_verdict(heads[i]);
    }
}

TEST("so has a head with any byte of it changed")
{
    static const char changed[] = "\r\n \t:\0";
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(heads); i++) {
        struct rt_bytes head = {memory, heads[i].len};
        for (size_t at = 0; at < head.len; at++) {
            for (size_t c = 0; c < sizeof(changed); c++) {
                memcpy(memory, heads[i].data, head.len);
                memory[at] = changed[c];
                expect_same_verdict(head);
            }
        }
    }
}

TEST("so has a head that lacks a byte")
{
    char memory[HEAD_MAX];
    for (size_t i = 0; i < RT_ARRAY_LENGTH(heads); i++) {
        for (size_t at = 0; at < heads[i].len; at++) {
            size_t rest = heads[i].len - at - 1;
            memcpy(memory, heads[i].data, at);
            memcpy(memory + at, heads[i].data + at + 1, rest);
            expect_same_verdict((struct rt_bytes){memory, at + rest});
        }
    }
}

/* Lines are gone through once; only the last one is looked at again. */
TEST("what was scanned is whole lines, and is not scanned again")
{
    struct rt_bytes head = RT_BYTES("GET / HTTP/1.1\r\nA: b\r\nC");
    size_t scanned = 0;
    EXPECT_INT(rt_http_head_length(head, &scanned), 0);
    EXPECT_INT(scanned, 22);
    char memory[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nC: d\r\n\r\n";
    struct rt_bytes later = {memory, sizeof(memory) - 1};
    EXPECT_INT(rt_http_head_length(later, &scanned), 30);
}
