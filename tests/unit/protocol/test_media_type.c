#include "protocol/media_type.h"

#include "base/error.h"
#include "tests/support/test.h"

static void expect(const char *value, enum rt_media expected)
{
    enum rt_media found = rt_media_type_classify(rt_bytes_of(value));
    if (found != expected) {
        test_fail(__FILE__, __LINE__, "%s is %d, not %d", value, found,
                  expected);
    }
}

TEST("nothing and curl's default say nothing")
{
    EXPECT_INT(rt_media_type_classify((struct rt_bytes){NULL, 0}),
               RT_MEDIA_GUESS);
    expect("", RT_MEDIA_GUESS);
    expect(" \t", RT_MEDIA_GUESS);
    expect("application/x-www-form-urlencoded", RT_MEDIA_GUESS);
    expect("application/x-www-form-urlencoded; charset=UTF-8", RT_MEDIA_GUESS);
}

TEST("every subtype of text is text")
{
    expect("text/plain", RT_MEDIA_TEXT);
    expect("text/x.anything-at_all", RT_MEDIA_TEXT);
    expect("texts/plain", RT_MEDIA_BINARY);
}

TEST("JSON is one type and every type with its suffix")
{
    expect("application/json", RT_MEDIA_JSON);
    expect("application/cloudevents+json", RT_MEDIA_JSON);
    expect("model/gltf+json", RT_MEDIA_JSON);
    expect("text/x+json", RT_MEDIA_JSON);
    expect("application/json+xml", RT_MEDIA_BINARY);
    expect("application/xjson", RT_MEDIA_BINARY);
    expect("application/json5", RT_MEDIA_BINARY);
    expect("image/json", RT_MEDIA_BINARY);
}

TEST("NDJSON is itself")
{
    expect("application/x-ndjson", RT_MEDIA_NDJSON);
    expect("application/x-ndjson; charset=utf-8", RT_MEDIA_NDJSON);
}

TEST("anything else is binary")
{
    expect("application/octet-stream", RT_MEDIA_BINARY);
    expect("image/png", RT_MEDIA_BINARY);
    expect("multipart/form-data; boundary=abc", RT_MEDIA_BINARY);
    expect("x/y", RT_MEDIA_BINARY);
}

TEST("the case of a media type does not matter")
{
    expect("TEXT/Plain", RT_MEDIA_TEXT);
    expect("Application/JSON", RT_MEDIA_JSON);
    expect("application/vnd.X+Json", RT_MEDIA_JSON);
    expect("APPLICATION/X-NDJSON", RT_MEDIA_NDJSON);
    expect("Application/X-WWW-Form-URLencoded", RT_MEDIA_GUESS);
}

TEST("text in UTF-8 or US-ASCII is text, in another charset binary")
{
    expect("text/plain; charset=utf-8", RT_MEDIA_TEXT);
    expect("text/plain;charset=UTF-8", RT_MEDIA_TEXT);
    expect("text/plain; Charset=\"Utf-8\"", RT_MEDIA_TEXT);
    expect("text/plain; charset=us-ascii", RT_MEDIA_TEXT);
    expect("text/plain; charset=iso-8859-1", RT_MEDIA_BINARY);
    expect("text/plain; charset=\"utf-16\"", RT_MEDIA_BINARY);
    expect("text/plain; charset=\"\"", RT_MEDIA_BINARY);
}

TEST("one foreign charset among several is enough")
{
    expect("text/plain; charset=utf-8; charset=latin1", RT_MEDIA_BINARY);
    expect("text/plain; charset=latin1; charset=utf-8", RT_MEDIA_BINARY);
    expect("text/plain; xcharset=latin1", RT_MEDIA_TEXT);
}

TEST("a charset matters to text only")
{
    expect("application/json; charset=latin1", RT_MEDIA_JSON);
    expect("text/x+json; charset=latin1", RT_MEDIA_JSON);
}

TEST("parameters may have blanks around the semicolon, and may be missing")
{
    expect(" text/plain\t;\ta=b ; c=d ", RT_MEDIA_TEXT);
    expect("text/plain;", RT_MEDIA_TEXT);
    expect("text/plain;;a=b; ;", RT_MEDIA_TEXT);
}

TEST("a type has two tokens with a slash between")
{
    expect("text", RT_MEDIA_MALFORMED);
    expect("text/", RT_MEDIA_MALFORMED);
    expect("/plain", RT_MEDIA_MALFORMED);
    expect("/", RT_MEDIA_MALFORMED);
    expect("text/plain/x", RT_MEDIA_MALFORMED);
    expect("text /plain", RT_MEDIA_MALFORMED);
    expect("text/ plain", RT_MEDIA_MALFORMED);
    expect("text/plain x", RT_MEDIA_MALFORMED);
    expect("text/plain, text/html", RT_MEDIA_MALFORMED);
    expect("te(t/plain", RT_MEDIA_MALFORMED);
    expect("text/pl\xc3\xa4in", RT_MEDIA_MALFORMED);
    expect(";charset=utf-8", RT_MEDIA_MALFORMED);
}

TEST("a parameter is a token, an equals sign, and a token or quoted string")
{
    expect("text/plain; a", RT_MEDIA_MALFORMED);
    expect("text/plain; a=", RT_MEDIA_MALFORMED);
    expect("text/plain; =b", RT_MEDIA_MALFORMED);
    expect("text/plain; a =b", RT_MEDIA_MALFORMED);
    expect("text/plain; a= b", RT_MEDIA_MALFORMED);
    expect("text/plain; a=b c=d", RT_MEDIA_MALFORMED);
    expect("text/plain; a=b/c", RT_MEDIA_MALFORMED);
    expect("text/plain a=b", RT_MEDIA_MALFORMED);
}

TEST("a quoted string may hold separators, escapes and foreign bytes")
{
    expect("text/plain; a=\"b; c=/\"; d=e", RT_MEDIA_TEXT);
    expect("text/plain; a=\"\\\"\\\\\"", RT_MEDIA_TEXT);
    expect("text/plain; a=\"\t\xff\"", RT_MEDIA_TEXT);
    expect("text/plain; a=\"; charset=latin1\"", RT_MEDIA_TEXT);
}

TEST("nothing is read past the end of the value")
{
    char value[] = {'a', '/', 'b', ';', 'c', '=', '"', 'd', '"'};
    EXPECT_INT(rt_media_type_classify((struct rt_bytes){value, 9}),
               RT_MEDIA_BINARY);
    for (size_t len = 5; len < sizeof(value); len++) {
        EXPECT_INT(rt_media_type_classify((struct rt_bytes){value, len}),
                   RT_MEDIA_MALFORMED);
    }
}

TEST("a quoted string ends, and has no control characters")
{
    expect("text/plain; a=\"", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"b", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"b\\", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"b\\\"", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"b\"c", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"\x01\"", RT_MEDIA_MALFORMED);
    expect("text/plain; a=\"\\\x7f\"", RT_MEDIA_MALFORMED);
}

TEST("of all 256 bytes, the 77 of RFC 9110 make a token")
{
    struct rt_bytes marks = RT_BYTES("!#$%&'*+-.^_`|~");
    int good = 0;
    for (int byte = 0; byte < 256; byte++) {
        char value[] = {'a', '/', 'b', (char)byte, 'b'};
        enum rt_media media =
            rt_media_type_classify((struct rt_bytes){value, sizeof(value)});
        bool expected = (byte >= '0' && byte <= '9') ||
                        (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z');
        for (size_t i = 0; i < marks.len; i++) {
            expected = expected || byte == marks.data[i];
        }
        EXPECT_INT(media == RT_MEDIA_BINARY, expected);
        good += expected ? 1 : 0;
    }
    EXPECT_INT(good, 77);
}

static void expect_content(enum rt_media media,
                           struct rt_bytes payload,
                           enum rt_content expected)
{
    /* Something else than expected, so that it has to be written. */
    enum rt_content content =
        expected == RT_CONTENT_TEXT ? RT_CONTENT_JSON : RT_CONTENT_TEXT;
    EXPECT_INT(rt_media_content(media, payload, &content), 0);
    EXPECT_INT(content, expected);
}

static void expect_refused(enum rt_media media, struct rt_bytes payload)
{
    enum rt_content content = RT_CONTENT_TEXT;
    EXPECT_INT(rt_media_content(media, payload, &content), RT_EINVAL);
    EXPECT_INT(content, RT_CONTENT_TEXT);
}

TEST("a guess is text when it is UTF-8, even when it looks like JSON")
{
    expect_content(RT_MEDIA_GUESS, RT_BYTES("hello"), RT_CONTENT_TEXT);
    expect_content(RT_MEDIA_GUESS, RT_BYTES("{}"), RT_CONTENT_TEXT);
    expect_content(RT_MEDIA_GUESS, RT_BYTES(""), RT_CONTENT_TEXT);
    expect_content(RT_MEDIA_GUESS, RT_BYTES("\xff"), RT_CONTENT_BINARY);
}

TEST("text is UTF-8 or refused")
{
    expect_content(RT_MEDIA_TEXT, RT_BYTES("caf\xc3\xa9"), RT_CONTENT_TEXT);
    expect_content(RT_MEDIA_TEXT, RT_BYTES(""), RT_CONTENT_TEXT);
    expect_refused(RT_MEDIA_TEXT, RT_BYTES("caf\xe9"));
}

TEST("JSON parses and is UTF-8, or is refused")
{
    expect_content(RT_MEDIA_JSON, RT_BYTES("[\"\xc3\xa9\"]"), RT_CONTENT_JSON);
    expect_refused(RT_MEDIA_JSON, RT_BYTES("[\"\xe9\"]"));
    expect_refused(RT_MEDIA_JSON, RT_BYTES("hello"));
    expect_refused(RT_MEDIA_JSON, RT_BYTES(""));
}

TEST("a line of NDJSON is JSON")
{
    expect_content(RT_MEDIA_NDJSON, RT_BYTES("{\"a\":1}"), RT_CONTENT_JSON);
    expect_refused(RT_MEDIA_NDJSON, RT_BYTES("{\"a\":1}\n{\"a\":2}"));
}

TEST("binary is binary, even when it could be text")
{
    expect_content(RT_MEDIA_BINARY, RT_BYTES("hello"), RT_CONTENT_BINARY);
    expect_content(RT_MEDIA_BINARY, RT_BYTES("\xff"), RT_CONTENT_BINARY);
}

TEST("a malformed media type refuses every payload")
{
    expect_refused(RT_MEDIA_MALFORMED, RT_BYTES("hello"));
}
