#include "protocol/json_string.h"

#include <string.h>

#include "base/error.h"
#include "protocol/json.h"
#include "tests/support/test.h"

#define MEMORY 1024

/* The text as a string; valid until the next call. */
static struct rt_bytes written(struct rt_bytes text)
{
    static char memory[MEMORY];
    struct rt_writer writer;
    size_t size = rt_json_string_size(text);
    RT_CHECK(size <= sizeof(memory));
    rt_writer_init(&writer, memory, size);
    rt_json_string_write(&writer, text);
    EXPECT(!writer.overflowed);
    EXPECT_INT(rt_writer_bytes(&writer).len, size);
    return rt_writer_bytes(&writer);
}

/* What a string says; valid until the next call. */
static struct rt_bytes read(struct rt_bytes string)
{
    static char memory[MEMORY];
    struct rt_bytes text = {NULL, 0};
    EXPECT(rt_json_is_valid(string));
    EXPECT_INT(rt_json_string_read(string, memory, string.len, &text), 0);
    return text;
}

static void expect_error(const char *string, size_t size, int expected)
{
    char memory[MEMORY];
    struct rt_bytes text = {NULL, 99};
    EXPECT(rt_json_is_valid(rt_bytes_of(string)));
    EXPECT_INT(rt_json_string_read(rt_bytes_of(string), memory, size, &text),
               expected);
    EXPECT_INT(text.len, 99);
}

TEST("a text is written between quotes")
{
    EXPECT_TEXT(written(RT_BYTES("hello")), "\"hello\"");
    EXPECT_TEXT(written((struct rt_bytes){NULL, 0}), "\"\"");
}

TEST("quotes, backslashes and control characters are escaped")
{
    EXPECT_TEXT(written(RT_BYTES("a\"b\\c")), "\"a\\\"b\\\\c\"");
    EXPECT_TEXT(written(RT_BYTES("\b\t\n\f\r")), "\"\\b\\t\\n\\f\\r\"");
    EXPECT_TEXT(written(RT_BYTES("\0\x01\v\x0e\x1f")),
                "\"\\u0000\\u0001\\u000b\\u000e\\u001f\"");
}

TEST("nothing else is: UTF-8, DEL and slashes stay as they are")
{
    EXPECT_TEXT(written(RT_BYTES("/\x7f\xc3\xa4\xf0\x9f\x98\x80\xe2\x80\xa8")),
                "\"/\x7f\xc3\xa4\xf0\x9f\x98\x80\xe2\x80\xa8\"");
}

TEST("each byte comes back, wherever it stands in a text of any length")
{
    char text[80];
    for (int byte = 0; byte < 256; byte++) {
        for (size_t len = 1; len <= sizeof(text); len++) {
            memset(text, 'a', sizeof(text));
            text[len / 2] = (char)byte;
            text[len - 1] = (char)byte;
            struct rt_bytes whole = {text, len};
            EXPECT_BYTES(read(written(whole)), whole);
        }
    }
}

TEST("a block of the worst bytes is counted in full")
{
    char text[170];
    memset(text, '\x01', sizeof(text));
    struct rt_bytes whole = {text, sizeof(text)};
    EXPECT_INT(rt_json_string_size(whole), 2 + 6 * sizeof(text));
}

TEST("a string without escapes is read where it is")
{
    struct rt_bytes string = RT_BYTES("\"ab\xc3\xa4\"");
    struct rt_bytes text;
    EXPECT_INT(rt_json_string_read(string, NULL, 0, &text), 0);
    EXPECT(text.data == string.data + 1);
    EXPECT_TEXT(text, "ab\xc3\xa4");
    EXPECT_TEXT(read(RT_BYTES("\"\"")), "");
}

TEST("escapes are read")
{
    EXPECT_TEXT(read(RT_BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")),
                "\"\\/\b\f\n\r\t");
    EXPECT_TEXT(read(RT_BYTES("\"a\\nb\\u0041c\"")), "a\nbAc");
    EXPECT_BYTES(read(RT_BYTES("\"\\u0000\"")), RT_BYTES("\0"));
}

TEST("code points are read into as many bytes as they take")
{
    EXPECT_TEXT(read(RT_BYTES("\"\\u007f\\u0080\\u07ff\\u0800\"")),
                "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80");
    EXPECT_TEXT(read(RT_BYTES("\"\\uD7FF\\ue000\\uffff\"")),
                "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
    EXPECT_TEXT(read(RT_BYTES("\"\\uaBcD\"")), "\xea\xaf\x8d");
}

TEST("a pair of surrogates is one character")
{
    EXPECT_TEXT(read(RT_BYTES("\"\\ud83d\\ude00\"")), "\xf0\x9f\x98\x80");
    EXPECT_TEXT(read(RT_BYTES("\"\\ud800\\udc00\"")), "\xf0\x90\x80\x80");
    EXPECT_TEXT(read(RT_BYTES("\"\\uDBFF\\uDFFF!\"")), "\xf4\x8f\xbf\xbf!");
}

TEST("half a pair cannot be UTF-8")
{
    expect_error("\"\\ud83d\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ude00\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ud83dx12345\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ud83d\\ndc00\"", MEMORY, RT_EINVAL);
    expect_error("\"\\udc00\"", MEMORY, RT_EINVAL);
    expect_error("\"\\udfff\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ud83d\\ud83d\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ud83d\\u0041\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ude00\\ud83d\"", MEMORY, RT_EINVAL);
    expect_error("\"\\ud83d\\ue000\"", MEMORY, RT_EINVAL);
}

TEST("a value that is no string is not read")
{
    expect_error("1", MEMORY, RT_EINVAL);
    expect_error("null", MEMORY, RT_EINVAL);
    expect_error("[\"a\"]", MEMORY, RT_EINVAL);
}

TEST("a text that has no room is not cut")
{
    struct rt_bytes text;
    char memory[3];
    expect_error("\"\\tabc\"", 3, RT_ERANGE);
    expect_error("\"\\u20ac\"", 2, RT_ERANGE);
    EXPECT_INT(rt_json_string_read(RT_BYTES("\"\\u20ac\""), memory, 3, &text),
               0);
    EXPECT_TEXT(text, "\xe2\x82\xac");
}
