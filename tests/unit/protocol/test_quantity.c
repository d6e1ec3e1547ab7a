#include "protocol/quantity.h"

#include "base/error.h"
#include "tests/support/test.h"

typedef int (*parse_fn)(struct rt_bytes text, uint64_t *value);

static void expect(parse_fn parse, const char *text, uint64_t expected)
{
    uint64_t value = 0;
    EXPECT_INT(parse(rt_bytes_of(text), &value), 0);
    EXPECT(value == expected);
}

static void expect_error(parse_fn parse, const char *text, int expected)
{
    uint64_t value = 7;
    EXPECT_INT(parse(rt_bytes_of(text), &value), expected);
    EXPECT_INT(value, 7);
}

TEST("a duration is a number and one of five units")
{
    expect(rt_duration_parse, "1ms", 1);
    expect(rt_duration_parse, "250ms", 250);
    expect(rt_duration_parse, "30s", 30 * 1000);
    expect(rt_duration_parse, "10m", 10 * 60 * 1000);
    expect(rt_duration_parse, "1h", 60 * 60 * 1000);
    expect(rt_duration_parse, "7d", 7 * 24 * 60 * 60 * 1000);
}

TEST("a duration has a unit, in lower case and without blanks")
{
    expect_error(rt_duration_parse, "", RT_EINVAL);
    expect_error(rt_duration_parse, "30", RT_EINVAL);
    expect_error(rt_duration_parse, "30S", RT_EINVAL);
    expect_error(rt_duration_parse, "30 s", RT_EINVAL);
    expect_error(rt_duration_parse, "30s ", RT_EINVAL);
    expect_error(rt_duration_parse, "30sec", RT_EINVAL);
    expect_error(rt_duration_parse, "1w", RT_EINVAL);
    expect_error(rt_duration_parse, "1m30s", RT_EINVAL);
}

TEST("a duration has a whole positive number")
{
    expect_error(rt_duration_parse, "s", RT_EINVAL);
    expect_error(rt_duration_parse, "0s", RT_EINVAL);
    expect_error(rt_duration_parse, "-1s", RT_EINVAL);
    expect_error(rt_duration_parse, "+1s", RT_EINVAL);
    expect_error(rt_duration_parse, "1.5s", RT_EINVAL);
}

TEST("a duration is at most a hundred years")
{
    expect(rt_duration_parse, "36525d", RT_DURATION_MS_MAX);
    expect_error(rt_duration_parse, "36526d", RT_ERANGE);
    expect(rt_duration_parse, "3155760000000ms", RT_DURATION_MS_MAX);
    expect_error(rt_duration_parse, "3155760000001ms", RT_ERANGE);
}

TEST("a number too long for 64 bits is out of range, whatever its unit")
{
    expect_error(rt_duration_parse, "18446744073709551615d", RT_ERANGE);
    expect_error(rt_duration_parse, "18446744073709551616ms", RT_ERANGE);
    expect_error(rt_size_parse, "18446744073709551616", RT_ERANGE);
    expect_error(rt_count_parse, "18446744073709551616", RT_ERANGE);
}

TEST("an unknown unit is malformed even after a number out of range")
{
    expect_error(rt_duration_parse, "18446744073709551616y", RT_EINVAL);
}

TEST("a size is in bytes or in a binary unit")
{
    expect(rt_size_parse, "1", 1);
    expect(rt_size_parse, "4096", 4096);
    expect(rt_size_parse, "64KiB", 64 * 1024);
    expect(rt_size_parse, "1MiB", 1024 * 1024);
    expect(rt_size_parse, "2GiB", UINT64_C(2) << 30);
}

TEST("a size has no other units")
{
    expect_error(rt_size_parse, "", RT_EINVAL);
    expect_error(rt_size_parse, "KiB", RT_EINVAL);
    expect_error(rt_size_parse, "64K", RT_EINVAL);
    expect_error(rt_size_parse, "64KB", RT_EINVAL);
    expect_error(rt_size_parse, "64kib", RT_EINVAL);
    expect_error(rt_size_parse, "64 KiB", RT_EINVAL);
    expect_error(rt_size_parse, "unlimited", RT_EINVAL);
}

TEST("a size is positive and fits 64 bits")
{
    expect_error(rt_size_parse, "0", RT_EINVAL);
    expect_error(rt_size_parse, "0GiB", RT_EINVAL);
    expect(rt_size_parse, "18446744073709551615", UINT64_MAX);
    expect(rt_size_parse, "17179869183GiB", UINT64_C(17179869183) << 30);
    expect_error(rt_size_parse, "17179869184GiB", RT_ERANGE);
}

TEST("nothing is read past the end of the text")
{
    uint64_t value = 0;
    EXPECT_INT(rt_size_parse((struct rt_bytes){"4096", 3}, &value), 0);
    EXPECT_INT(value, 409);
    EXPECT_INT(rt_duration_parse((struct rt_bytes){"10ms", 3}, &value), 0);
    EXPECT_INT(value, 10 * 60 * 1000);
    EXPECT_INT(rt_size_parse((struct rt_bytes){NULL, 0}, &value), RT_EINVAL);
    EXPECT_INT(rt_count_parse((struct rt_bytes){NULL, 0}, &value), RT_EINVAL);
}

TEST("a count is a positive number alone")
{
    expect(rt_count_parse, "1", 1);
    expect(rt_count_parse, "18446744073709551615", UINT64_MAX);
    expect_error(rt_count_parse, "", RT_EINVAL);
    expect_error(rt_count_parse, "0", RT_EINVAL);
    expect_error(rt_count_parse, "00", RT_EINVAL);
    expect_error(rt_count_parse, "1s", RT_EINVAL);
    expect_error(rt_count_parse, "-1", RT_EINVAL);
}

TEST("a duration is written as it is read, in the largest unit")
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {1, "1ms"},        {250, "250ms"},    {1000, "1s"},    {1500, "1500ms"},
        {60000, "1m"},     {90000, "90s"},    {3600000, "1h"}, {86400000, "1d"},
        {90000000, "25h"}, {172800000, "2d"},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        char memory[RT_U64_DIGITS + 2];
        struct rt_writer writer;
        uint64_t ms = 0;
        rt_writer_init(&writer, memory, sizeof(memory));
        rt_duration_write(&writer, cases[i].ms);
        EXPECT_TEXT(rt_writer_bytes(&writer), cases[i].text);
        EXPECT_INT(rt_duration_parse(rt_writer_bytes(&writer), &ms), 0);
        EXPECT_INT(ms, cases[i].ms);
    }
}
