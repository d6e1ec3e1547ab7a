#include "protocol/since.h"

#include "base/error.h"
#include "tests/support/test.h"

#define NOW_MS UINT64_C(1787000000000)

static struct rt_since parsed(const char *text)
{
    struct rt_since since = {0};
    EXPECT_INT(rt_since_parse(rt_bytes_of(text), NOW_MS, &since), 0);
    return since;
}

static void expect_error(const char *text, int expected)
{
    struct rt_since since = {.kind = RT_SINCE_LAST, .count = 7};
    EXPECT_INT(rt_since_parse(rt_bytes_of(text), NOW_MS, &since), expected);
    EXPECT_INT(since.kind, RT_SINCE_LAST);
    EXPECT_INT(since.count, 7);
}

TEST("the two words stand for the two ends of the log")
{
    EXPECT_INT(parsed("now").kind, RT_SINCE_NOW);
    EXPECT_INT(parsed("earliest").kind, RT_SINCE_EARLIEST);
    expect_error("Now", RT_EINVAL);
    expect_error("latest", RT_EINVAL);
    expect_error("", RT_EINVAL);
}

TEST("a cursor is a position")
{
    struct rt_since since = parsed("7f3a9c21-1042");
    EXPECT_INT(since.kind, RT_SINCE_CURSOR);
    EXPECT_INT(since.cursor.epoch, 0x7f3a9c21);
    EXPECT_INT(since.cursor.offset, 1042);
    expect_error("7f3a9c21-18446744073709551616", RT_ERANGE);
}

TEST("a position in several topics is one among all events of the node")
{
    struct rt_since since = parsed("*7f3a9c21-90210");
    EXPECT_INT(since.kind, RT_SINCE_NODE);
    EXPECT_INT(since.cursor.epoch, 0x7f3a9c21);
    EXPECT_INT(since.cursor.offset, 90210);
    expect_error("*7f3a9c21", RT_EINVAL);
    expect_error("*now", RT_EINVAL);
    expect_error("*", RT_EINVAL);
    expect_error("*7f3a9c21-18446744073709551616", RT_ERANGE);
}

TEST("a time is a moment")
{
    struct rt_since since = parsed("2026-08-17T12:00:00.5+02:00");
    EXPECT_INT(since.kind, RT_SINCE_TIME);
    EXPECT_INT(since.wall_ms, 1786960800500);
    expect_error("2026-02-29T00:00:00Z", RT_EINVAL);
    expect_error("1969-01-01T00:00:00Z", RT_ERANGE);
}

TEST("a duration counts back from now")
{
    struct rt_since since = parsed("10m");
    EXPECT_INT(since.kind, RT_SINCE_TIME);
    EXPECT_INT(since.wall_ms, NOW_MS - 10 * 60 * 1000);
    expect_error("0s", RT_EINVAL);
    expect_error("36526d", RT_ERANGE);
}

TEST("a duration that goes back before 1970 stops there")
{
    struct rt_since since = {0};
    EXPECT_INT(rt_since_parse(RT_BYTES("1s"), 1001, &since), 0);
    EXPECT_INT(since.wall_ms, 1);
    EXPECT_INT(rt_since_parse(RT_BYTES("1s"), 1000, &since), 0);
    EXPECT_INT(since.wall_ms, 0);
    EXPECT_INT(rt_since_parse(RT_BYTES("1s"), 999, &since), 0);
    EXPECT_INT(since.wall_ms, 0);
}

TEST("a number below zero asks for that many events from the end")
{
    struct rt_since since = parsed("-50");
    EXPECT_INT(since.kind, RT_SINCE_LAST);
    EXPECT_INT(since.count, 50);
    EXPECT_INT(parsed("-1").count, 1);
    expect_error("-0", RT_EINVAL);
    expect_error("-", RT_EINVAL);
    expect_error("--1", RT_EINVAL);
    expect_error("-10m", RT_EINVAL);
    expect_error("50", RT_EINVAL);
    expect_error("-18446744073709551616", RT_ERANGE);
}

TEST("an absent text is malformed")
{
    struct rt_since since;
    struct rt_bytes absent = {NULL, 0};
    EXPECT_INT(rt_since_parse(absent, NOW_MS, &since), RT_EINVAL);
}

TEST("members of other kinds are 0")
{
    EXPECT_INT(parsed("10m").cursor.epoch, 0);
    EXPECT_INT(parsed("10m").count, 0);
    EXPECT_INT(parsed("7f3a9c21-1").wall_ms, 0);
    EXPECT_INT(parsed("now").wall_ms, 0);
}
