#include "protocol/timestamp.h"

#include <time.h>

#include "base/error.h"
#include "tests/support/test.h"

static void expect(const char *text, uint64_t expected)
{
    uint64_t wall_ms = 7;
    EXPECT_INT(rt_timestamp_parse(rt_bytes_of(text), &wall_ms), 0);
    EXPECT_INT(wall_ms, expected);
}

static void expect_error(const char *text, int expected)
{
    uint64_t wall_ms = 7;
    EXPECT_INT(rt_timestamp_parse(rt_bytes_of(text), &wall_ms), expected);
    EXPECT_INT(wall_ms, 7);
}

static void expect_http_date(uint64_t wall_ms, const char *expected)
{
    char memory[RT_HTTP_DATE_BYTES];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_http_date_write(&writer, wall_ms);
    EXPECT(!writer.overflowed);
    EXPECT_TEXT(rt_writer_bytes(&writer), expected);
}

TEST("the examples of RFC 3339, section 5.8, are read")
{
    expect("1985-04-12T23:20:50.52Z", 482196050520);
    expect("1996-12-19T16:39:57-08:00", 851042397000);
    expect("1990-12-31T23:59:60Z", 662687999999);
    expect("1990-12-31T15:59:60-08:00", 662687999999);
    expect_error("1937-01-01T12:00:27.87+00:20", RT_ERANGE);
}

TEST("time begins in 1970 and ends with the year 9999")
{
    expect("1970-01-01T00:00:00Z", 0);
    expect_error("1969-12-31T23:59:59.999Z", RT_ERANGE);
    expect_error("0000-01-01T00:00:00Z", RT_ERANGE);
    expect("9999-12-31T23:59:59.999Z", RT_TIMESTAMP_MS_MAX);
}

TEST("an offset can move a moment over the borders of time")
{
    expect("1969-12-31T23:30:00-01:00", 30 * 60 * 1000);
    expect_error("1970-01-01T00:30:00+01:00", RT_ERANGE);
    expect("1970-01-01T01:00:00+01:00", 0);
    expect_error("9999-12-31T23:59:59-00:01", RT_ERANGE);
}

TEST("the letters T and Z may be in lower case, and nothing else stands there")
{
    expect("1970-01-01t00:00:01z", 1000);
    expect_error("1970-01-01 00:00:01Z", RT_EINVAL);
    expect_error("1970-01-01_00:00:01Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:01", RT_EINVAL);
    expect_error("1970-01-01T00:00:01X", RT_EINVAL);
    expect_error("1970-01-01", RT_EINVAL);
}

TEST("a fraction has any length and is cut to milliseconds")
{
    expect("1970-01-01T00:00:00.5Z", 500);
    expect("1970-01-01T00:00:00.05Z", 50);
    expect("1970-01-01T00:00:00.001Z", 1);
    expect("1970-01-01T00:00:00.0019999999999999999999999999999999Z", 1);
    expect("1970-01-01T00:00:00.999999999+00:00", 999);
}

TEST("a fraction has at least one digit, after a point")
{
    expect_error("1970-01-01T00:00:00.Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:00,5Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:00.5", RT_EINVAL);
    expect_error("1970-01-01T00:00:00.-5Z", RT_EINVAL);
}

TEST("an offset has hours and minutes, with a colon between")
{
    expect("1970-01-02T00:00:00+23:59", 60 * 1000);
    expect("1970-01-01T00:00:00-23:59", (23 * 60 + 59) * 60 * 1000);
    expect("1970-01-01T00:00:00-00:00", 0);
    expect_error("1970-01-02T00:00:00+24:00", RT_EINVAL);
    expect_error("1970-01-02T00:00:00+00:60", RT_EINVAL);
    expect_error("1970-01-02T00:00:00+0100", RT_EINVAL);
    expect_error("1970-01-02T00:00:00+01", RT_EINVAL);
    expect_error("1970-01-02T00:00:00+1:00", RT_EINVAL);
    expect_error("1970-01-02T00:00:00Z+01:00", RT_EINVAL);
    expect_error("1970-01-02T00:00:00-+01:00", RT_EINVAL);
}

TEST("hours, minutes and seconds have their limits")
{
    expect("1970-01-01T23:59:59Z", 24 * 60 * 60 * 1000 - 1000);
    expect_error("1970-01-01T24:00:00Z", RT_EINVAL);
    expect_error("1970-01-01T00:60:00Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:61Z", RT_EINVAL);
}

TEST("months have their days")
{
    expect_error("2023-00-01T00:00:00Z", RT_EINVAL);
    expect_error("2023-13-01T00:00:00Z", RT_EINVAL);
    expect_error("2023-01-00T00:00:00Z", RT_EINVAL);
    expect_error("2023-01-32T00:00:00Z", RT_EINVAL);
    expect_error("2023-04-31T00:00:00Z", RT_EINVAL);
    expect("2023-04-30T00:00:00Z", 1682812800000);
    expect("2023-12-31T00:00:00Z", 1703980800000);
}

TEST("a leap year is every fourth, but of the centuries every fourth only")
{
    expect("2024-02-29T00:00:00Z", 1709164800000);
    expect("2000-02-29T00:00:00Z", 951782400000);
    expect_error("2023-02-29T00:00:00Z", RT_EINVAL);
    expect_error("2100-02-29T00:00:00Z", RT_EINVAL);
    expect_error("2024-02-30T00:00:00Z", RT_EINVAL);
}

TEST("a date that cannot be is malformed in any year")
{
    expect_error("1969-02-29T00:00:00Z", RT_EINVAL);
    expect_error("0000-00-00T00:00:00Z", RT_EINVAL);
    expect_error("0000-02-30T00:00:00Z", RT_EINVAL);
    expect_error("0000-02-29T00:00:00Z", RT_ERANGE);
}

TEST("a leap second is the last millisecond of a month in UTC")
{
    expect("2016-12-31T23:59:60Z", 1483228799999);
    expect("2016-12-31T23:59:60.5Z", 1483228799999);
    expect("2017-01-01T05:29:60+05:30", 1483228799999);
    expect("2023-02-28T23:59:60Z", 1677628799999);
    expect("9999-12-31T23:59:60Z", RT_TIMESTAMP_MS_MAX);
}

TEST("a leap second is nowhere else")
{
    expect_error("2016-12-31T23:58:60Z", RT_EINVAL);
    expect_error("2016-12-30T23:59:60Z", RT_EINVAL);
    expect_error("2024-02-28T23:59:60Z", RT_EINVAL);
    expect_error("2016-12-31T23:59:60+01:00", RT_EINVAL);
    expect_error("1969-12-31T23:59:60Z", RT_ERANGE);
}

TEST("every part has its exact width, and nothing stands around it")
{
    expect_error("", RT_EINVAL);
    expect_error("970-01-01T00:00:00Z", RT_EINVAL);
    expect_error("+1970-01-01T00:00:00Z", RT_EINVAL);
    expect_error("10000-01-01T00:00:00Z", RT_EINVAL);
    expect_error("1970-1-01T00:00:00Z", RT_EINVAL);
    expect_error("1970-01-01T0:00:00Z", RT_EINVAL);
    expect_error("1970-01-01T00:00Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:0aZ", RT_EINVAL);
    expect_error(" 1970-01-01T00:00:00Z", RT_EINVAL);
    expect_error("1970-01-01T00:00:00Z ", RT_EINVAL);
}

TEST("a timestamp cut short anywhere is malformed")
{
    struct rt_bytes whole = RT_BYTES("1996-12-19T16:39:57.25-08:00");
    for (size_t len = 0; len < whole.len; len++) {
        uint64_t wall_ms = 0;
        struct rt_bytes part = {whole.data, len};
        EXPECT_INT(rt_timestamp_parse(part, &wall_ms), RT_EINVAL);
    }
}

/* The calendar repeats after 400 years, so these stand for all. */
TEST("every day of 400 years agrees with the C library, both ways")
{
    uint64_t ms = 45296789;
    for (int day_number = 0; day_number <= 146097; day_number++) {
        time_t seconds = (time_t)(ms / 1000);
        struct tm day;
        EXPECT(gmtime_r(&seconds, &day) != NULL);
        char text[64];
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.789Z", &day);
        expect(text, ms);
        (void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &day);
        expect_http_date(ms, text);
        ms += 86400000;
    }
}

TEST("an HTTP date is the one of RFC 9110")
{
    expect_http_date(784111777000, "Sun, 06 Nov 1994 08:49:37 GMT");
    expect_http_date(784111777999, "Sun, 06 Nov 1994 08:49:37 GMT");
    expect_http_date(784162800000, "Sun, 06 Nov 1994 23:00:00 GMT");
    expect_http_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST("an HTTP date stops at the last moment of 9999")
{
    expect_http_date(RT_TIMESTAMP_MS_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    expect_http_date(UINT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
}
