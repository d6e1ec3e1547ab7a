#include "protocol/topic.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

static void expect_good(struct rt_bytes name)
{
    const char *reason = "untouched";
    EXPECT_INT(rt_topic_check(name, &reason), 0);
    EXPECT_TEXT(rt_bytes_of(reason), "untouched");
}

static void expect_bad(struct rt_bytes name, const char *expected)
{
    const char *reason = "untouched";
    EXPECT_INT(rt_topic_check(name, &reason), RT_EINVAL);
    EXPECT_TEXT(rt_bytes_of(reason), expected);
}

/* `len` bytes that are all the same; valid until the next call. */
static struct rt_bytes run_of(char c, size_t len)
{
    static char memory[RT_TOPIC_BYTES_MAX + 1];
    memset(memory, c, len);
    return (struct rt_bytes){memory, len};
}

/* Tokens of one byte with dots between them; valid until the next call. */
static struct rt_bytes many_tokens(size_t len)
{
    static char memory[RT_TOPIC_BYTES_MAX + 1];
    for (size_t i = 0; i < len; i++) {
        memory[i] = i % 2 == 0 ? 'a' : '.';
    }
    memory[len - 1] = 'z';
    return (struct rt_bytes){memory, len};
}

TEST("a topic is one token or several with dots between them")
{
    expect_good(RT_BYTES("a"));
    expect_good(RT_BYTES("chat.42"));
    expect_good(RT_BYTES("A-Z.a_z.0=9.~"));
}

TEST("a topic is not missing")
{
    expect_bad((struct rt_bytes){NULL, 0}, "the topic is missing");
}

TEST("a token is not empty, wherever it stands")
{
    expect_bad(RT_BYTES("."), "a token is empty");
    expect_bad(RT_BYTES(".a"), "a token is empty");
    expect_bad(RT_BYTES("a."), "a token is empty");
    expect_bad(RT_BYTES("a..b"), "a token is empty");
}

TEST("a token has at most 64 bytes, the last one too")
{
    expect_good(run_of('a', 64));
    expect_bad(run_of('a', 65), "a token has at most 64 bytes");
}

TEST("the count of a token's bytes begins anew with every token")
{
    expect_good(RT_BYTES("0123456789012345678901234567890123456789"
                         ".0123456789012345678901234567890123456789"));
}

TEST("a topic has at most 200 bytes")
{
    expect_good(many_tokens(200));
    expect_bad(many_tokens(201), "a topic has at most 200 bytes");
}

TEST("topics that begin with a dollar sign are the broker's own")
{
    const char *reason = "topics that begin with $ are the broker's own";
    expect_bad(RT_BYTES("$"), reason);
    expect_bad(RT_BYTES("$sys.load"), reason);
}

TEST("patterns are not published to")
{
    expect_bad(RT_BYTES("*"), "wildcards are for subscribing");
    expect_bad(RT_BYTES("chat.*"), "wildcards are for subscribing");
    expect_bad(RT_BYTES("chat.>"), "wildcards are for subscribing");
}

TEST("of all 256 bytes, 66 can be a token")
{
    const char *reason = NULL;
    int good = 0;
    for (int byte = 0; byte < 256; byte++) {
        char name[] = {'a', (char)byte, 'a'};
        bool named = strchr("_=~-", byte) != NULL && byte != 0;
        bool expected = (byte >= '0' && byte <= '9') ||
                        (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || byte == '.' || named;
        int err = rt_topic_check((struct rt_bytes){name, 3}, &reason);
        EXPECT_INT(err == 0, expected);
        good += err == 0 && byte != '.' ? 1 : 0;
    }
    EXPECT_INT(good, 26 + 26 + 10 + 4);
}

TEST("other bytes are named as such")
{
    const char *reason = "a token has only letters, digits and _ = ~ -";
    expect_bad(RT_BYTES("a/b"), reason);
    expect_bad(RT_BYTES("a\0b"), reason);
    expect_bad(RT_BYTES("a b"), reason);
    expect_bad(RT_BYTES("a$"), reason);
    expect_bad(RT_BYTES("caf\xc3\xa9"), reason);
}

TEST("a prefix is what topics may begin with")
{
    static const struct {
        const char *text;
        int err;
    } cases[] = {
        {"", 0},
        {"a", 0},
        {"a.", 0},
        {".", 0},
        {"chat.4", 0},
        {"a*", RT_EINVAL},
        {">", RT_EINVAL},
        {"$s", RT_EINVAL},
        {"a b", RT_EINVAL},
        {"/", RT_EINVAL},
        {"\xc3", RT_EINVAL},
    };
    char longest[RT_TOPIC_BYTES_MAX + 1];
    memset(longest, 'p', sizeof(longest));
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        const char *reason = NULL;
        EXPECT_INT(rt_topic_check_prefix(rt_bytes_of(cases[i].text), &reason),
                   cases[i].err);
        EXPECT_INT(reason != NULL, cases[i].err < 0);
    }
    const char *reason = NULL;
    EXPECT_INT(rt_topic_check_prefix(
                   (struct rt_bytes){longest, RT_TOPIC_BYTES_MAX}, &reason),
               0);
    EXPECT_INT(rt_topic_check_prefix(
                   (struct rt_bytes){longest, sizeof(longest)}, &reason),
               RT_EINVAL);
}
