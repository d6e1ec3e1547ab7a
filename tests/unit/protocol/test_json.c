#include "protocol/json.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/test.h"

#define DEEPER (RT_JSON_DEPTH_MAX + 1)

static void expect_valid(const char *text)
{
    if (!rt_json_is_valid(rt_bytes_of(text))) {
        test_fail(__FILE__, __LINE__, "refused: %s", text);
    }
}

static void expect_invalid(const char *text)
{
    if (rt_json_is_valid(rt_bytes_of(text))) {
        test_fail(__FILE__, __LINE__, "accepted: %s", text);
    }
}

TEST("a text is any one value")
{
    expect_valid("{}");
    expect_valid("[]");
    expect_valid("\"\"");
    expect_valid("0");
    expect_valid("true");
    expect_valid("false");
    expect_valid("null");
}

TEST("a text is not empty")
{
    EXPECT(!rt_json_is_valid((struct rt_bytes){NULL, 0}));
    expect_invalid("");
    expect_invalid(" \t\r\n");
}

TEST("a value has nothing but whitespace around it")
{
    expect_valid(" \t\r\n1 \t\r\n");
    expect_invalid("1 2");
    expect_invalid("{}}");
    expect_invalid("[],");
    expect_invalid("{} x");
    EXPECT(!rt_json_is_valid(RT_BYTES("1\0")));
    expect_invalid("\xef\xbb\xbf{}"); /* a byte order mark, section 8.1 */
    expect_invalid("\v1");
    expect_invalid("\f1");
    expect_invalid("\xc2\xa0"
                   "1");
}

TEST("literals are in lower case and whole")
{
    expect_invalid("True");
    expect_invalid("NULL");
    expect_invalid("tru");
    expect_invalid("t");
    expect_invalid("fals");
    expect_invalid("nul");
    expect_invalid("nulll");
    expect_invalid("NaN");
    expect_invalid("undefined");
}

TEST("numbers have an integer, maybe a fraction, maybe an exponent")
{
    expect_valid("-0");
    expect_valid("10");
    expect_valid("-12.50");
    expect_valid("0.0");
    expect_valid("0e0");
    expect_valid("1E+2");
    expect_valid("1.5e-10");
    expect_valid("123456789012345678901234567890123456789");
    expect_valid("1e999999");
}

TEST("numbers have no leading zeros, and digits wherever they are due")
{
    expect_invalid("01");
    expect_invalid("-01");
    expect_invalid("00");
    expect_invalid("-");
    expect_invalid("+1");
    expect_invalid(".5");
    expect_invalid("1.");
    expect_invalid("1.e5");
    expect_invalid("1e");
    expect_invalid("1e+");
    expect_invalid("1e5.5");
    expect_invalid("--1");
    expect_invalid("0x10");
    expect_invalid("1_000");
    expect_invalid("Infinity");
    expect_invalid("-Infinity");
}

TEST("strings hold every byte but quotes, backslashes and control characters")
{
    for (int byte = 0; byte < 256; byte++) {
        char text[] = {'"', (char)byte, '"'};
        bool expected = byte >= ' ' && byte != '"' && byte != '\\';
        EXPECT_INT(rt_json_is_valid((struct rt_bytes){text, 3}), expected);
    }
}

TEST("a backslash escapes eight bytes and no other")
{
    for (int byte = 0; byte < 256; byte++) {
        char text[] = {'"', '\\', (char)byte, '"'};
        bool expected = byte != 0 && strchr("\"\\/bfnrt", byte) != NULL;
        EXPECT_INT(rt_json_is_valid((struct rt_bytes){text, 4}), expected);
    }
}

TEST("a code point escaped has four hexadecimal digits of either case")
{
    expect_valid("\"\\u0000\"");
    expect_valid("\"\\u09aF\"");
    expect_invalid("\"\\u\"");
    expect_invalid("\"\\u123\"");
    expect_invalid("\"\\u123g\"");
    expect_invalid("\"\\u12:4\"");
    expect_invalid("\"\\u1/34\"");
    expect_invalid("\"\\u@123\"");
    expect_invalid("\"\\U0041\"");
    expect_invalid("\"\\x41\"");
}

TEST("an escaped surrogate needs no pair")
{
    expect_valid("\"\\ud83d\\ude00\"");
    expect_valid("\"\\ud83d\"");
    expect_valid("\"\\ude00\\ud83d\"");
}

TEST("strings end with a quote of their own")
{
    expect_invalid("\"");
    expect_invalid("\"a");
    expect_invalid("\"a\\\"");
    expect_invalid("\"a\\");
    expect_valid("\"a\\\\\"");
    expect_invalid("'a'");
}

TEST("arrays have values with commas between")
{
    expect_valid("[1]");
    expect_valid("[ 1 , [ ] , { } , \"\" ]");
    expect_invalid("[1,]");
    expect_invalid("[,1]");
    expect_invalid("[,]");
    expect_invalid("[1,,2]");
    expect_invalid("[1 2]");
    expect_invalid("[1:2]");
    expect_invalid("[");
    expect_invalid("[1");
    expect_invalid("[1,");
    expect_invalid("]");
}

TEST("objects have names and values with commas between")
{
    expect_valid("{\"a\":1}");
    expect_valid("{ \"a\" : 1 , \"\" : { \"b\" : [ ] } }");
    expect_valid("{\"a\":1,\"a\":2}");
    expect_invalid("{a:1}");
    expect_invalid("{1:1}");
    expect_invalid("{\"a\"}");
    expect_invalid("{\"a\":}");
    expect_invalid("{\"a\" 1}");
    expect_invalid("{\"a\":1,}");
    expect_invalid("{,}");
    expect_invalid("{,\"a\":1}");
    expect_invalid("{\"a\":1 \"b\":2}");
    expect_invalid("{\"a\":1:2}");
    expect_invalid("{\"a\",\"b\"}");
    expect_invalid("{");
    expect_invalid("{\"a\":1");
    expect_invalid("}");
}

TEST("brackets close what they opened")
{
    expect_invalid("[}");
    expect_invalid("{]");
    expect_invalid("[1}");
    expect_invalid("{\"a\":1]");
    expect_invalid("[{\"a\":1]}");
    expect_invalid("{\"a\":[1}]");
    expect_valid("[{\"a\":[{\"b\":{}}]},[]]");
}

TEST("there are no comments")
{
    expect_invalid("/* */1");
    expect_invalid("1//");
    expect_invalid("[1,#\n2]");
}

/* Brackets nested `depth` deep, closed again; valid until the next call. */
static struct rt_bytes nested(size_t depth, char opening, char closing)
{
    static char memory[2 * DEEPER];
    memset(memory, opening, depth);
    memset(memory + depth, closing, depth);
    return (struct rt_bytes){memory, 2 * depth};
}

TEST("arrays nest to the limit and no deeper")
{
    EXPECT(rt_json_is_valid(nested(RT_JSON_DEPTH_MAX, '[', ']')));
    EXPECT(!rt_json_is_valid(nested(DEEPER, '[', ']')));
    EXPECT(!rt_json_is_valid(nested(DEEPER, '[', '[')));
}

/* Bit i of `kinds` tells whether level i is an object; `depth` levels. */
static struct rt_bytes mixed(const bool *kinds, size_t depth)
{
    static char memory[DEEPER * 6];
    size_t len = 0;
    for (size_t i = 0; i < depth; i++) {
        const char *opening = kinds[i] ? "{\"a\":" : "[";
        memcpy(memory + len, opening, strlen(opening));
        len += strlen(opening);
    }
    memory[len++] = '1';
    for (size_t i = depth; i-- > 0;) {
        memory[len++] = kinds[i] ? '}' : ']';
    }
    return (struct rt_bytes){memory, len};
}

TEST("the kind of every open bracket is remembered")
{
    bool kinds[DEEPER] = {false};
    for (size_t i = 0; i < RT_JSON_DEPTH_MAX; i++) {
        kinds[i] = i % 3 == 0 || i % 7 == 0;
    }
    struct rt_bytes text = mixed(kinds, RT_JSON_DEPTH_MAX);
    EXPECT(rt_json_is_valid(text));
    for (size_t i = text.len - RT_JSON_DEPTH_MAX; i < text.len; i++) {
        char *closing = (char *)(uintptr_t)&text.data[i];
        *closing ^= ']' ^ '}';
        EXPECT(!rt_json_is_valid(text));
        *closing ^= ']' ^ '}';
    }
    EXPECT(!rt_json_is_valid(mixed(kinds, DEEPER)));
}

TEST("a bracket is of its own kind, whatever was open at its level before")
{
    expect_valid("[{\"a\":1},[1,2],{\"a\":1,\"b\":2}]");
    expect_invalid("[{\"a\":1},[1,\"b\":2]]");
    expect_invalid("[[1],{\"a\":1,2}]");
}

static const char *const documents[] = {
    "{\"op\":\"event\",\"topic\":\"chat.42\",\"ts\":1787000000123,\"data\":{}}",
    "[ 0, -1.5e+3, 12E2, true, false, null, \"a\\n\\\"b\\\\/\" ]",
    "{\"a\":[[],[{}],{\"b\":[1,2,{\"c\":\"d\"}]}],\"\":-0.25}",
    " [[[[\"deep\",{\"x\":{\"y\":[1e9]}}]]]] ",
};

/* The same sequence on every run, so that a failure can be looked into. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static bool oracle_accepts(struct rt_bytes text)
{
    cJSON *tree = cJSON_ParseWithLength(text.data, text.len);
    cJSON_Delete(tree);
    return tree != NULL;
}

/*
 * One direction only, for cJSON takes much that is not JSON. The alphabet has
 * no `u`: of escapes cJSON refuses U+0000 and unpaired surrogates.
 */
TEST("what is accepted, however mangled, parses with another parser")
{
    static const char alphabet[] = "{}[]:,\"\\/ \t0123456789.eE+-truefalsnab";
    uint32_t random = 42;
    int accepted = 0;
    for (int i = 0; i < 400000; i++) {
        char memory[128];
        size_t which = next_random(&random) % RT_ARRAY_LENGTH(documents);
        struct rt_bytes text = {memory, strlen(documents[which])};
        memcpy(memory, documents[which], text.len);
        for (uint32_t left = next_random(&random) % 3 + 1; left > 0; left--) {
            char c = alphabet[next_random(&random) % (sizeof(alphabet) - 1)];
            memory[next_random(&random) % text.len] = c == 'u' ? 'x' : c;
        }
        if (rt_json_is_valid(text)) {
            accepted++;
            EXPECT(oracle_accepts(text));
        }
    }
    EXPECT(accepted > 10000);
}

TEST("nothing is read past the end of the text")
{
    EXPECT(rt_json_is_valid((struct rt_bytes){"12", 1}));
    EXPECT(rt_json_is_valid((struct rt_bytes){"1.25", 3}));
    EXPECT(rt_json_is_valid((struct rt_bytes){"[] ]", 2}));
    EXPECT(!rt_json_is_valid((struct rt_bytes){"true", 3}));
    EXPECT(!rt_json_is_valid((struct rt_bytes){"\"\\u1234\"", 6}));
    EXPECT(!rt_json_is_valid((struct rt_bytes){"\"\\n\"", 2}));
}

TEST("a document cut short anywhere is invalid")
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(documents); i++) {
        struct rt_bytes whole = rt_bytes_trim(rt_bytes_of(documents[i]));
        EXPECT(rt_json_is_valid(whole));
        for (size_t len = 0; len < whole.len; len++) {
            EXPECT(!rt_json_is_valid((struct rt_bytes){whole.data, len}));
        }
    }
}
