#include "protocol/if_match.h"

#include "base/error.h"
#include "tests/support/test.h"

static struct rt_if_match parsed(struct rt_bytes value)
{
    struct rt_if_match condition;
    const char *reason = NULL;
    EXPECT_INT(rt_if_match_parse(value, &condition, &reason), 0);
    EXPECT(reason == NULL);
    return condition;
}

static void expect_fault(struct rt_bytes value, const char *expected)
{
    struct rt_if_match condition = {.kind = RT_IF_MATCH_NOTHING};
    const char *reason = NULL;
    EXPECT_INT(rt_if_match_parse(value, &condition, &reason), RT_EINVAL);
    EXPECT_TEXT(rt_bytes_of(reason), expected);
    EXPECT_INT(condition.kind, RT_IF_MATCH_NOTHING);
}

TEST("a condition is a cursor in quotes, or a star")
{
    struct rt_if_match condition = parsed(RT_BYTES("\"7f3a9c21-1042\""));
    EXPECT_INT(condition.kind, RT_IF_MATCH_CURSOR);
    EXPECT_INT(condition.cursor.epoch, 0x7f3a9c21);
    EXPECT_INT(condition.cursor.offset, 1042);
    EXPECT_INT(parsed(RT_BYTES("*")).kind, RT_IF_MATCH_ANY);
    EXPECT_INT(parsed(RT_BYTES("\"00000000-0\"")).cursor.offset, 0);
}

TEST("a weak tag is refused")
{
    expect_fault(RT_BYTES("W/\"7f3a9c21-1042\""), "a weak tag never matches");
}

TEST("what is no single cursor in quotes is refused")
{
    static const char *const values[] = {
        "",
        "\"",
        "\"\"",
        "7f3a9c21-1042",
        "\"7f3a9c21-1042",
        "7f3a9c21-1042\"",
        "\"7f3a9c21\"",
        "\"7f3a9c21-\"",
        "\"7F3A9C21-1\"",
        "\"*7f3a9c21-1\"",
        "\"7f3a9c21--1\"",
        "\"7f3a9c21-1 \"",
        "\"7f3a9c21-99999999999999999999\"",
        "\"7f3a9c21-1\", \"7f3a9c21-2\"",
        "\"7f3a9c21-1\"x",
        "\"*\"",
        "**",
        "* ",
        "w/\"7f3a9c21-1\"",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(values); i++) {
        expect_fault(rt_bytes_of(values[i]),
                     "it is one cursor in quotes, or *");
    }
}

TEST("without a condition everything holds")
{
    struct rt_if_match nothing = {.kind = RT_IF_MATCH_NOTHING};
    struct rt_cursor latest = {.epoch = 1, .offset = 2};
    EXPECT(rt_if_match_holds(&nothing, &latest));
    EXPECT(rt_if_match_holds(&nothing, NULL));
}

TEST("a star holds for a log that has had an event")
{
    struct rt_if_match any = parsed(RT_BYTES("*"));
    EXPECT(rt_if_match_holds(&any, &(struct rt_cursor){1, 1}));
    EXPECT(!rt_if_match_holds(&any, &(struct rt_cursor){1, 0}));
    EXPECT(!rt_if_match_holds(&any, NULL));
}

TEST("a cursor holds for the position of the last event alone")
{
    struct rt_if_match cursor = parsed(RT_BYTES("\"7f3a9c21-5\""));
    EXPECT(rt_if_match_holds(&cursor, &(struct rt_cursor){0x7f3a9c21, 5}));
    EXPECT(!rt_if_match_holds(&cursor, &(struct rt_cursor){0x7f3a9c21, 4}));
    EXPECT(!rt_if_match_holds(&cursor, &(struct rt_cursor){0x7f3a9c21, 6}));
    EXPECT(!rt_if_match_holds(&cursor, &(struct rt_cursor){0x7f3a9c22, 5}));
    EXPECT(!rt_if_match_holds(&cursor, NULL));
    struct rt_if_match start = parsed(RT_BYTES("\"7f3a9c21-0\""));
    EXPECT(rt_if_match_holds(&start, &(struct rt_cursor){0x7f3a9c21, 0}));
}
