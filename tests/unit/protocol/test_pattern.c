#include "protocol/pattern.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

static void expect_good(struct rt_bytes pattern, bool has_wildcards)
{
    const char *reason = "untouched";
    EXPECT_INT(rt_pattern_check(pattern, &reason), 0);
    EXPECT_TEXT(rt_bytes_of(reason), "untouched");
    EXPECT_INT(rt_pattern_has_wildcards(pattern), has_wildcards);
}

static void expect_bad(struct rt_bytes pattern, const char *expected)
{
    const char *reason = "untouched";
    EXPECT_INT(rt_pattern_check(pattern, &reason), RT_EINVAL);
    EXPECT_TEXT(rt_bytes_of(reason), expected);
}

static void expect_match(const char *pattern, const char *topic)
{
    if (!rt_pattern_matches(rt_bytes_of(pattern), rt_bytes_of(topic))) {
        test_fail(__FILE__, __LINE__, "%s has not %s", pattern, topic);
    }
}

static void expect_no_match(const char *pattern, const char *topic)
{
    if (rt_pattern_matches(rt_bytes_of(pattern), rt_bytes_of(topic))) {
        test_fail(__FILE__, __LINE__, "%s has %s", pattern, topic);
    }
}

/* `count` times the same text; valid until the next call. */
static struct rt_bytes repeat(const char *text, size_t count)
{
    static char memory[2 * RT_SELECTOR_BYTES_MAX];
    size_t len = strlen(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(memory + i * len, text, len);
    }
    return (struct rt_bytes){memory, count * len};
}

TEST("a topic is a pattern without wildcards")
{
    expect_good(RT_BYTES("a"), false);
    expect_good(RT_BYTES("chat.42"), false);
}

TEST("a pattern has * for any token, and > for the last ones")
{
    expect_good(RT_BYTES("*"), true);
    expect_good(RT_BYTES(">"), true);
    expect_good(RT_BYTES("*.*"), true);
    expect_good(RT_BYTES("a.*.b"), true);
    expect_good(RT_BYTES("*.a.>"), true);
}

TEST("a > is the last token")
{
    expect_bad(RT_BYTES(">.a"), "a > is the last token");
    expect_bad(RT_BYTES("a.>.>"), "a > is the last token");
    expect_bad(RT_BYTES("a.>."), "a > is the last token");
}

TEST("a wildcard is a token of its own")
{
    const char *reason = "a wildcard is a token of its own";
    expect_bad(RT_BYTES("a*"), reason);
    expect_bad(RT_BYTES("**"), reason);
    expect_bad(RT_BYTES("a.>b"), reason);
    expect_bad(RT_BYTES("*>"), reason);
}

TEST("a pattern may begin with a dollar sign and has no other one")
{
    expect_good(RT_BYTES("$sys.>"), true);
    expect_good(RT_BYTES("$sys.*.>"), true);
    expect_bad(RT_BYTES("$"), "a token is empty");
    expect_bad(RT_BYTES("$.a"), "a token is empty");
    expect_bad(RT_BYTES("$*"), "a wildcard is a token of its own");
    expect_bad(RT_BYTES("$>"), "a wildcard is a token of its own");
    expect_bad(RT_BYTES("$$a"), "only the first byte may be $");
    expect_bad(RT_BYTES("a$"), "only the first byte may be $");
    expect_bad(RT_BYTES("a.$b"), "only the first byte may be $");
}

TEST("a topic of the broker's own is no pattern")
{
    const char *reason = "topics that begin with $ are the broker's own";
    expect_bad(RT_BYTES("$sys"), reason);
    expect_bad(RT_BYTES("$sys.load"), reason);
}

TEST("a pattern is wrong where a topic is")
{
    expect_bad((struct rt_bytes){NULL, 0}, "the topic is missing");
    expect_bad(RT_BYTES("*..a"), "a token is empty");
    expect_bad(RT_BYTES("*."), "a token is empty");
    expect_bad(RT_BYTES(".>"), "a token is empty");
    expect_bad(RT_BYTES("*.a/b"),
               "a token has only letters, digits and _ = ~ -");
    expect_bad(RT_BYTES("*.a\0b"),
               "a token has only letters, digits and _ = ~ -");
    expect_bad(repeat("a", 65), "a token has at most 64 bytes");
}

TEST("a pattern is no longer than a topic")
{
    struct rt_bytes pattern = repeat("*.", 101);
    pattern.len = 199;
    expect_good(pattern, true);
    pattern.len = 201;
    expect_bad(pattern, "a topic has at most 200 bytes");
}

TEST("a pattern without wildcards has the one topic that is the same")
{
    expect_match("a", "a");
    expect_match("chat.42", "chat.42");
    expect_no_match("a", "b");
    expect_no_match("chat.42", "chat");
    expect_no_match("chat.42", "chat.420");
    expect_no_match("chat.42", "chat.42.a");
    expect_no_match("chat.42", "Chat.42");
}

TEST("a * has any token, and exactly one")
{
    expect_match("*", "a");
    expect_match("a.*", "a.b");
    expect_match("*.b", "a.b");
    expect_match("a.*.c", "a.b.c");
    expect_match("*.*", "a.b");
    expect_no_match("*", "a.b");
    expect_no_match("a.*", "a");
    expect_no_match("a.*", "a.b.c");
    expect_no_match("a.*.c", "a.c");
    expect_no_match("a.*.c", "a.b.b.c");
    expect_no_match("*.b", "a.c");
}

TEST("a > has one token or more")
{
    expect_match(">", "a");
    expect_match(">", "a.b.c");
    expect_match("a.>", "a.b");
    expect_match("a.>", "a.b.c.d");
    expect_match("a.*.>", "a.b.c");
    expect_no_match("a.>", "a");
    expect_no_match("a.>", "b.a");
    expect_no_match("a.*.>", "a.b");
}

TEST("wildcards do not have the broker's own topics")
{
    expect_no_match(">", "$sys");
    expect_no_match("*", "$sys");
    expect_no_match("*.load", "$sys.load");
    expect_match("$sys", "$sys");
    expect_match("$sys.>", "$sys.load.now");
    expect_match("$sys.*", "$sys.load");
    expect_no_match("$sys.*", "$sys");
    expect_no_match("$other.>", "$sys.load");
}

static struct rt_bytes write_selector(const struct rt_selector *selector)
{
    static char memory[RT_SELECTOR_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_selector_write(&writer, selector);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static void expect_selector(struct rt_bytes text, const char *written)
{
    struct rt_selector selector;
    struct rt_refusal refusal;
    EXPECT_INT(rt_selector_parse(text, &selector, &refusal), 0);
    EXPECT_TEXT(write_selector(&selector), written);
}

static struct rt_refusal
expect_refusal(struct rt_bytes text, const char *subject, const char *detail)
{
    struct rt_selector selector;
    struct rt_refusal refusal = {.detail = ""};
    EXPECT_INT(rt_selector_parse(text, &selector, &refusal), RT_EINVAL);
    EXPECT_INT(refusal.problem, RT_PROBLEM_BAD_TOPIC);
    EXPECT_TEXT(refusal.subject, subject);
    EXPECT_TEXT(rt_bytes_of(refusal.detail), detail);
    return refusal;
}

static void expect_entry(struct rt_bytes text,
                         uint32_t index,
                         const char *subject,
                         const char *detail)
{
    struct rt_refusal refusal = expect_refusal(text, subject, detail);
    EXPECT(refusal.has_index);
    EXPECT_INT(refusal.index, index);
}

TEST("a selector is one pattern, or several with commas between")
{
    expect_selector(RT_BYTES("a"), "a");
    expect_selector(RT_BYTES("a.*,b.>"), "a.*,b.>");
}

TEST("a selector is sorted and has each pattern once")
{
    expect_selector(RT_BYTES("b,a"), "a,b");
    expect_selector(RT_BYTES("a,a"), "a");
    expect_selector(RT_BYTES("b,a,c,b,a"), "a,b,c");
    expect_selector(RT_BYTES("ab,a,abc,*,>"), "*,>,a,ab,abc");
    expect_selector(RT_BYTES("a-b,a.b,$a.>,a"), "$a.>,a,a-b,a.b");
}

TEST("each pattern of a selector is checked, and the wrong one named")
{
    EXPECT(!expect_refusal(RT_BYTES("a*"), "a*",
                           "a wildcard is a token of its own")
                .has_index);
    EXPECT(!expect_refusal(RT_BYTES(""), "", "the topic is missing").has_index);
    expect_entry(RT_BYTES("a,b..c,d"), 1, "b..c", "a token is empty");
    expect_entry(RT_BYTES("a,$sys"), 1, "$sys",
                 "topics that begin with $ are the broker's own");
    expect_entry(RT_BYTES("a, b"), 1, " b",
                 "a token has only letters, digits and _ = ~ -");
}

TEST("an empty pattern is named by its number and what is before it")
{
    expect_entry(RT_BYTES(","), 0, "", "the topic is missing");
    expect_entry(RT_BYTES("a,"), 1, "a,", "the topic is missing");
    expect_entry(RT_BYTES(",a"), 0, "", "the topic is missing");
    expect_entry(RT_BYTES("a,b,,c"), 2, "a,b,", "the topic is missing");
}

TEST("no text at all is no selector")
{
    (void)expect_refusal((struct rt_bytes){NULL, 0}, "",
                         "the topic is missing");
}

TEST("a selector has at most 64 patterns, repetitions included")
{
    struct rt_bytes text = repeat("a,", 65);
    text.len = 64 * 2 - 1;
    expect_selector(text, "a");
    text.len = 65 * 2 - 1;
    struct rt_refusal refusal =
        expect_refusal(text, "a", "there are at most 64 topics");
    EXPECT_INT(refusal.limit, 64);
}

TEST("a selector may have 64 patterns that all differ")
{
    char text[4 * RT_SELECTOR_PATTERNS_MAX];
    struct rt_writer writer;
    struct rt_selector selector;
    struct rt_refusal refusal;
    rt_writer_init(&writer, text, sizeof(text));
    for (uint64_t i = 0; i < RT_SELECTOR_PATTERNS_MAX; i++) {
        rt_write_u64(&writer, 99 - i);
        rt_write_bytes(&writer, i < 63 ? RT_BYTES(",") : RT_BYTES(""));
    }
    EXPECT_INT(rt_selector_parse(rt_writer_bytes(&writer), &selector, &refusal),
               0);
    EXPECT_INT(selector.count, 64);
    EXPECT_TEXT(selector.patterns[0], "36");
    EXPECT_TEXT(selector.patterns[63], "99");
}

TEST("a selector has at most 1024 bytes")
{
    struct rt_bytes text =
        repeat("0123456789012345678901234567890123456789,", 26);
    struct rt_selector selector;
    struct rt_refusal refusal;
    text.len = 1024;
    EXPECT_INT(rt_selector_parse(text, &selector, &refusal), 0);
    text.len = 1025;
    EXPECT_INT(rt_selector_parse(text, &selector, &refusal), RT_EINVAL);
    EXPECT_INT(refusal.limit, 1024);
}
