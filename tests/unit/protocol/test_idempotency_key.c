#include "protocol/idempotency_key.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define MALFORMED "it is visible ASCII, or a string in quotes"

static void expect_key(struct rt_bytes value, struct rt_bytes expected)
{
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_bytes key;
    const char *reason = "untouched";
    EXPECT_INT(rt_idempotency_key_parse(value, memory, &key, &reason), 0);
    EXPECT_BYTES(key, expected);
    EXPECT_TEXT(rt_bytes_of(reason), "untouched");
}

static void expect_bad(struct rt_bytes value, const char *expected)
{
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_bytes key = RT_BYTES("untouched");
    const char *reason = NULL;
    EXPECT_INT(rt_idempotency_key_parse(value, memory, &key, &reason),
               RT_EINVAL);
    EXPECT_TEXT(rt_bytes_of(reason), expected);
    EXPECT_TEXT(key, "untouched");
}

/* The same byte `len` times, maybe between quotes; valid until the next call.*/
static struct rt_bytes run_of(size_t len, bool is_quoted)
{
    static char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX + 3];
    memset(memory, 'k', sizeof(memory));
    memory[0] = '"';
    memory[len + 1] = '"';
    return is_quoted ? (struct rt_bytes){memory, len + 2}
                     : (struct rt_bytes){memory + 1, len};
}

TEST("a bare key is taken as it is")
{
    expect_key(RT_BYTES("k"), RT_BYTES("k"));
    expect_key(RT_BYTES("8e03978e-40d5-43e8-bc93-6894a57f9324"),
               RT_BYTES("8e03978e-40d5-43e8-bc93-6894a57f9324"));
    expect_key(RT_BYTES("a\"b\\c/d"), RT_BYTES("a\"b\\c/d"));
}

TEST("a key in quotes is what is between them")
{
    expect_key(RT_BYTES("\"k\""), RT_BYTES("k"));
    expect_key(RT_BYTES("\"a key\""), RT_BYTES("a key"));
    expect_key(RT_BYTES("\" \""), RT_BYTES(" "));
    expect_key(RT_BYTES("\"a\\\"b\\\\c\""), RT_BYTES("a\"b\\c"));
}

TEST("a key is not empty")
{
    expect_bad((struct rt_bytes){NULL, 0}, "it is empty");
    expect_bad(RT_BYTES("\"\""), "it is empty");
}

TEST("a key has at most 255 bytes, quotes not counted")
{
    expect_key(run_of(255, false), run_of(255, false));
    expect_bad(run_of(256, false), "it has at most 255 bytes");
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_bytes key;
    const char *reason;
    EXPECT_INT(
        rt_idempotency_key_parse(run_of(255, true), memory, &key, &reason), 0);
    EXPECT_INT(key.len, 255);
    expect_bad(run_of(256, true), "it has at most 255 bytes");
}

TEST("quotes come in pairs, and nothing follows them")
{
    char alone[] = {'"'}; /* nothing behind it may be read */
    expect_bad((struct rt_bytes){alone, sizeof(alone)}, MALFORMED);
    expect_bad(RT_BYTES("\"k"), MALFORMED);
    expect_bad(RT_BYTES("\"k\"\""), MALFORMED);
    expect_bad(RT_BYTES("\"k\";a=1"), MALFORMED);
    expect_bad(RT_BYTES("\"k\" "), MALFORMED);
    expect_bad(RT_BYTES("\"k\\\""), MALFORMED);
}

TEST("a backslash in quotes escapes two bytes and no other")
{
    for (int byte = 1; byte < 256; byte++) {
        char value[] = {'"', '\\', (char)byte, '"'};
        struct rt_bytes text = {value, sizeof(value)};
        if (byte == '"' || byte == '\\') {
            expect_key(text, (struct rt_bytes){value + 2, 1});
        } else {
            expect_bad(text, MALFORMED);
        }
    }
}

TEST("of all 256 bytes, those from the blank to the tilde can be in a key")
{
    for (int byte = 0; byte < 256; byte++) {
        char bare[] = {'k', (char)byte};
        char quoted[] = {'"', (char)byte, '"'};
        char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
        struct rt_bytes key;
        const char *reason;
        bool is_visible = byte > ' ' && byte < 0x7f;
        bool is_plain =
            byte == ' ' || (is_visible && byte != '"' && byte != '\\');
        EXPECT_INT(rt_idempotency_key_parse((struct rt_bytes){bare, 2}, memory,
                                            &key, &reason) == 0,
                   is_visible);
        EXPECT_INT(rt_idempotency_key_parse((struct rt_bytes){quoted, 3},
                                            memory, &key, &reason) == 0,
                   is_plain);
    }
}
