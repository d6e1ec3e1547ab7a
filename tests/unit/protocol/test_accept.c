#include "protocol/accept.h"

#include "tests/support/test.h"

static enum rt_format format_of(const char *accept)
{
    return rt_accept_format(rt_bytes_of(accept));
}

TEST("who says nothing gets lines of JSON")
{
    EXPECT_INT(rt_accept_format((struct rt_bytes){NULL, 0}), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of(""), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("*/*"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("application/*"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("application/json"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/html,application/xhtml+xml,*/*;q=0.8"),
               RT_FORMAT_NDJSON);
}

TEST("who names server-sent events gets them")
{
    EXPECT_INT(format_of("text/event-stream"), RT_FORMAT_SSE);
    EXPECT_INT(format_of("Text/Event-Stream; charset=utf-8"), RT_FORMAT_SSE);
    EXPECT_INT(format_of("text/*"), RT_FORMAT_SSE);
    EXPECT_INT(format_of("text/html, text/event-stream"), RT_FORMAT_SSE);
    EXPECT_INT(format_of("text/event-stream,*/*"), RT_FORMAT_SSE);
}

TEST("of two that are named the one of higher quality is meant")
{
    EXPECT_INT(format_of("text/event-stream;q=0.5, application/x-ndjson"),
               RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream; q=0.9, application/x-ndjson;q=.8"),
               RT_FORMAT_SSE);
    EXPECT_INT(format_of("text/event-stream;q=1.000, */*;Q=0.999"),
               RT_FORMAT_SSE);
    EXPECT_INT(format_of("text/event-stream;q=0.001, */*;q=0.002"),
               RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream, application/x-ndjson"),
               RT_FORMAT_NDJSON);
}

TEST("a quality of 0 means not at all, and the more precise range decides")
{
    EXPECT_INT(format_of("text/event-stream;q=0"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/*, text/event-stream;q=0"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream, text/*;q=0"), RT_FORMAT_SSE);
    EXPECT_INT(format_of("*/*, application/x-ndjson;q=0"), RT_FORMAT_SSE);
}

TEST("what is malformed is passed over")
{
    EXPECT_INT(format_of(",,;,"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q=2"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q=0.0001"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q=x"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q=-1"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q="), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("text/event-stream;q"), RT_FORMAT_NDJSON);
    EXPECT_INT(format_of("event-stream;q=x,,text/event-stream"), RT_FORMAT_SSE);
}

TEST("who rather has lines than an array gets them")
{
    static const struct {
        const char *accept;
        bool has_lines;
    } cases[] = {
        {"", false},
        {"*/*", false},
        {"application/*", false},
        {"application/json", false},
        {"text/event-stream", false},
        {"application/x-ndjson", true},
        {"application/x-ndjson, */*", true},
        {"application/x-ndjson, application/json", false},
        {"application/x-ndjson, application/json;q=0.9", true},
        {"application/x-ndjson;q=0.5, */*", false},
        {"application/x-ndjson;q=0", false},
    };
    EXPECT(!rt_accept_has_lines((struct rt_bytes){NULL, 0}));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        EXPECT_INT(rt_accept_has_lines(rt_bytes_of(cases[i].accept)),
                   cases[i].has_lines);
    }
}
