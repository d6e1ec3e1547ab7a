#include "protocol/target.h"

#include "base/error.h"
#include "tests/support/test.h"

static struct rt_target parsed(const char *url)
{
    struct rt_target target = {0};
    EXPECT_INT(rt_target_parse(rt_bytes_of(url), &target), 0);
    return target;
}

static void expect_error(struct rt_bytes url)
{
    struct rt_target target = {.path = RT_BYTES("untouched")};
    if (rt_target_parse(url, &target) != RT_EINVAL) {
        test_fail(__FILE__, __LINE__, "accepted: %.*s", (int)url.len, url.data);
    }
    EXPECT_TEXT(target.path, "untouched");
}

TEST("the origin form is a path, maybe with a query")
{
    EXPECT_TEXT(parsed("/").path, "/");
    EXPECT_TEXT(parsed("/produce/news").path, "/produce/news");
    EXPECT(!parsed("/produce/news").has_query);
    EXPECT_TEXT(parsed("/produce/news?ack=disk").path, "/produce/news");
    EXPECT_TEXT(parsed("/produce/news?ack=disk").query, "ack=disk");
    EXPECT(parsed("/produce/news?ack=disk").has_query);
}

TEST("an empty query is still a query")
{
    EXPECT(parsed("/a?").has_query);
    EXPECT_TEXT(parsed("/a?").path, "/a");
    EXPECT_TEXT(parsed("/a?").query, "");
}

TEST("only the first question mark begins the query")
{
    EXPECT_TEXT(parsed("/a?b?c/d").path, "/a");
    EXPECT_TEXT(parsed("/a?b?c/d").query, "b?c/d");
}

TEST("a target is taken apart as it came, without decoding or tidying")
{
    EXPECT_TEXT(parsed("//a/../%62").path, "//a/../%62");
    EXPECT_TEXT(parsed("/http://a").path, "/http://a");
}

TEST("the absolute form loses its authority")
{
    EXPECT_TEXT(parsed("http://host/a?b=c").path, "/a");
    EXPECT_TEXT(parsed("http://host/a?b=c").query, "b=c");
    EXPECT_TEXT(parsed("HTTP://[::1]:3030/a").path, "/a");
    EXPECT_TEXT(parsed("http://host:/a").path, "/a");
    EXPECT_TEXT(parsed("http://h/a").path, "/a");
    EXPECT_TEXT(parsed("http://host/a@b").path, "/a@b");
}

TEST("an absent path in the absolute form is the root")
{
    EXPECT_TEXT(parsed("http://host").path, "/");
    EXPECT(!parsed("http://host").has_query);
    EXPECT_TEXT(parsed("http://host?a=b").path, "/");
    EXPECT_TEXT(parsed("http://host?a=b").query, "a=b");
}

TEST("an authority has a host and no user")
{
    expect_error(RT_BYTES("http://"));
    expect_error(RT_BYTES("http:///a"));
    expect_error(RT_BYTES("http://?a"));
    expect_error(RT_BYTES("http://:80/a"));
    expect_error(RT_BYTES("http://user@host/a"));
    expect_error(RT_BYTES("http://user:secret@host"));
}

static void expect_authority(const char *text, bool is_authority)
{
    if (rt_is_authority(rt_bytes_of(text)) != is_authority) {
        test_fail(__FILE__, __LINE__, "misjudged: %s", text);
    }
}

TEST("an authority is a name or an address in brackets, maybe with a port")
{
    static const char *const good[] = {
        "a",  "a.b-c_d~e", "127.0.0.1", "!$&'()*+,;=", "%61%2F", "a:80",
        "a:", "[::1]",     "[::1]:80",  "[::1]:",      "[v1.a]", "09azAZ:0099",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(good); i++) {
        expect_authority(good[i], true);
    }
}

TEST("an authority is nothing else")
{
    static const char *const bad[] = {
        "",      ":",        ":80",   "a:b",   "a:-1",   "a:80:80", "::1",
        "[::1",  "::1]",     "[]",    "[]:80", "[::1]a", "a[b]",    "[a]b:1",
        "[[a]]", "[%61]",    "a%zz",  "a%2",   "a b",    "a/b",     "a@b",
        "a\\b",  "\xc3\xa9", "a\x7f", "a\x01", "a:8 0",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(bad); i++) {
        expect_authority(bad[i], false);
    }
    EXPECT(!rt_is_authority(RT_BYTES("a\0b")));
    expect_error(RT_BYTES("http://a:b/c"));
}

TEST("the asterisk form is an asterisk alone")
{
    EXPECT_TEXT(parsed("*").path, "*");
    EXPECT(!parsed("*").has_query);
    expect_error(RT_BYTES("**"));
    expect_error(RT_BYTES("*?a"));
}

TEST("no other form is accepted")
{
    struct rt_target target;
    EXPECT_INT(rt_target_parse((struct rt_bytes){NULL, 0}, &target), RT_EINVAL);
    expect_error(RT_BYTES("produce/news"));
    expect_error(RT_BYTES("?a=b"));
    expect_error(RT_BYTES("host:3030"));
    expect_error(RT_BYTES("ftp://host/a"));
    expect_error(RT_BYTES("https://host/a"));
    expect_error(RT_BYTES("http:/host/a"));
    expect_error(RT_BYTES("http"));
}

TEST("a target has visible ASCII only and no fragment, wherever it stands")
{
    for (int byte = 0; byte < 256; byte++) {
        bool expected = byte > ' ' && byte < 0x7f && byte != '#';
        struct rt_target target;
        char path[] = {'/', (char)byte};
        char query[] = {'/', '?', (char)byte};
        EXPECT_INT(rt_target_parse((struct rt_bytes){path, 2}, &target) == 0,
                   expected);
        EXPECT_INT(rt_target_parse((struct rt_bytes){query, 3}, &target) == 0,
                   expected);
    }
    expect_error(RT_BYTES("http://ho st/"));
    expect_error(RT_BYTES("http://host#/"));
}

static void expect_decoded(struct rt_bytes text, struct rt_bytes expected)
{
    char memory[32];
    struct rt_bytes decoded = {NULL, 0};
    EXPECT_INT(rt_percent_decode(text, memory, sizeof(memory), &decoded), 0);
    EXPECT_BYTES(decoded, expected);
}

static void expect_decode_error(const char *text, size_t size, int expected)
{
    char memory[32];
    struct rt_bytes decoded = RT_BYTES("untouched");
    EXPECT_INT(rt_percent_decode(rt_bytes_of(text), memory, size, &decoded),
               expected);
    EXPECT_TEXT(decoded, "untouched");
}

TEST("an escape is any byte, in digits of either case")
{
    expect_decoded(RT_BYTES("a%62%63d"), RT_BYTES("abcd"));
    expect_decoded(RT_BYTES("%2f%2F%7e%7E"), RT_BYTES("//~~"));
    expect_decoded(RT_BYTES("%00%ff%FF"), RT_BYTES("\0\xff\xff"));
    expect_decoded(RT_BYTES("%09%90%aA%aF%fA"), RT_BYTES("\t\x90\xaa\xaf\xfa"));
}

TEST("decoding happens exactly once")
{
    expect_decoded(RT_BYTES("%2541"), RT_BYTES("%41"));
    expect_decoded(RT_BYTES("%25"), RT_BYTES("%"));
}

TEST("what is not escaped stays as it is")
{
    expect_decoded((struct rt_bytes){NULL, 0}, RT_BYTES(""));
    expect_decoded(RT_BYTES("a+b c"), RT_BYTES("a+b c"));
}

TEST("an escape has two hexadecimal digits")
{
    expect_decode_error("%", 32, RT_EINVAL);
    expect_decode_error("%4", 32, RT_EINVAL);
    expect_decode_error("ab%", 32, RT_EINVAL);
    expect_decode_error("%%41", 32, RT_EINVAL);
    expect_decode_error("%g1", 32, RT_EINVAL);
    expect_decode_error("%1g", 32, RT_EINVAL);
    expect_decode_error("%/0", 32, RT_EINVAL);
    expect_decode_error("%:0", 32, RT_EINVAL);
    expect_decode_error("%@0", 32, RT_EINVAL);
    expect_decode_error("%`0", 32, RT_EINVAL);
    expect_decode_error("%u0041", 32, RT_EINVAL);
}

TEST("what is decoded fits exactly or is refused")
{
    char memory[3];
    struct rt_bytes decoded;
    EXPECT_INT(rt_percent_decode(RT_BYTES("a%62c"), memory, 3, &decoded), 0);
    EXPECT_TEXT(decoded, "abc");
    expect_decode_error("a%62c", 2, RT_ERANGE);
    expect_decode_error("a", 0, RT_ERANGE);
}

static void expect_pair(struct rt_bytes *rest,
                        const char *expected_name,
                        const char *expected_value)
{
    struct rt_bytes name;
    struct rt_bytes value;
    EXPECT(rt_query_next(rest, &name, &value));
    EXPECT_TEXT(name, expected_name);
    EXPECT_TEXT(value, expected_value);
}

static void expect_end(struct rt_bytes *rest)
{
    struct rt_bytes name;
    struct rt_bytes value;
    EXPECT(!rt_query_next(rest, &name, &value));
    EXPECT(!rt_query_next(rest, &name, &value));
}

TEST("a query is pairs in their order")
{
    struct rt_bytes rest = RT_BYTES("since=-5&gap=skip&since=now");
    expect_pair(&rest, "since", "-5");
    expect_pair(&rest, "gap", "skip");
    expect_pair(&rest, "since", "now");
    expect_end(&rest);
}

TEST("empty pairs are skipped")
{
    struct rt_bytes rest = RT_BYTES("&&a=1&&b=2&");
    expect_pair(&rest, "a", "1");
    expect_pair(&rest, "b", "2");
    expect_end(&rest);
    rest = RT_BYTES("&&");
    expect_end(&rest);
    rest = RT_BYTES("&c");
    expect_pair(&rest, "c", "");
    expect_end(&rest);
    rest = (struct rt_bytes){NULL, 0};
    expect_end(&rest);
}

TEST("a pair's value begins after its first equals sign and is not decoded")
{
    struct rt_bytes rest = RT_BYTES("a=b=c&d=%26+");
    expect_pair(&rest, "a", "b=c");
    expect_pair(&rest, "d", "%26+");
    expect_end(&rest);
}

TEST("an absent value and an empty one are told apart")
{
    struct rt_bytes rest = RT_BYTES("a&b=&=c");
    struct rt_bytes name;
    struct rt_bytes value;
    EXPECT(rt_query_next(&rest, &name, &value));
    EXPECT_TEXT(name, "a");
    EXPECT(value.data == NULL && value.len == 0);
    EXPECT(rt_query_next(&rest, &name, &value));
    EXPECT_TEXT(name, "b");
    EXPECT(value.data != NULL && value.len == 0);
    expect_pair(&rest, "", "c");
    expect_end(&rest);
}
