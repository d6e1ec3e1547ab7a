#include "protocol/base64.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define TEXT_MAX 400

/* The text of some bytes; valid until the next call. */
static struct rt_bytes text_of(struct rt_bytes bytes)
{
    static char memory[TEXT_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_BASE64_LEN(bytes.len));
    rt_base64_write(&writer, bytes);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static void expect_pair(const char *bytes, const char *text)
{
    char memory[TEXT_MAX];
    struct rt_bytes decoded;
    EXPECT_TEXT(text_of(rt_bytes_of(bytes)), text);
    EXPECT_INT(RT_BASE64_LEN(strlen(bytes)), strlen(text));
    EXPECT_INT(
        rt_base64_decode(rt_bytes_of(text), memory, strlen(bytes), &decoded),
        0);
    EXPECT_TEXT(decoded, bytes);
}

static void expect_bad(struct rt_bytes text)
{
    char memory[TEXT_MAX];
    struct rt_bytes decoded = RT_BYTES("untouched");
    EXPECT_INT(rt_base64_decode(text, memory, sizeof(memory), &decoded),
               RT_EINVAL);
    EXPECT_TEXT(decoded, "untouched");
}

TEST("the examples of RFC 4648, section 10, hold")
{
    expect_pair("", "");
    expect_pair("f", "Zg==");
    expect_pair("fo", "Zm8=");
    expect_pair("foo", "Zm9v");
    expect_pair("foob", "Zm9vYg==");
    expect_pair("fooba", "Zm9vYmE=");
    expect_pair("foobar", "Zm9vYmFy");
}

TEST("all 64 digits are read and written")
{
    char memory[TEXT_MAX];
    struct rt_bytes decoded;
    struct rt_bytes text = RT_BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
                                    "ghijklmnopqrstuvwxyz0123456789+/");
    EXPECT_INT(rt_base64_decode(text, memory, sizeof(memory), &decoded), 0);
    EXPECT_INT(decoded.len, 48);
    EXPECT_BYTES(text_of(decoded), text);
}

TEST("any bytes come back, also when they are decoded in place")
{
    char bytes[256];
    srand(1);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)rand();
        }
        struct rt_bytes text = text_of((struct rt_bytes){bytes, len});
        char *memory = (char *)(uintptr_t)text.data;
        struct rt_bytes decoded;
        EXPECT_INT(rt_base64_decode(text, memory, len, &decoded), 0);
        EXPECT_BYTES(decoded, ((struct rt_bytes){bytes, len}));
    }
}

TEST("of all 256 bytes, 64 are digits")
{
    char memory[3];
    int good = 0;
    for (int byte = 0; byte < 256; byte++) {
        char text[] = {'A', (char)byte, 'A', 'A'};
        struct rt_bytes decoded;
        good += rt_base64_decode((struct rt_bytes){text, 4}, memory,
                                 sizeof(memory), &decoded) == 0;
    }
    EXPECT_INT(good, 64);
}

TEST("padding is required, at the end, and no more than is due")
{
    expect_bad(RT_BYTES("Z"));
    expect_bad(RT_BYTES("Zg"));
    expect_bad(RT_BYTES("Zg="));
    expect_bad(RT_BYTES("Zm9vYg"));
    expect_bad(RT_BYTES("Z==="));
    expect_bad(RT_BYTES("===="));
    expect_bad(RT_BYTES("="));
    expect_bad(RT_BYTES("Zg==Zg=="));
    expect_bad(RT_BYTES("Z=g="));
    expect_bad(RT_BYTES("Zg=v"));
    expect_bad(RT_BYTES("Zm9v===="));
}

TEST("bits to spare are zero")
{
    expect_bad(RT_BYTES("Zh=="));
    expect_bad(RT_BYTES("Zm9="));
    expect_bad(RT_BYTES("Zv=="));
}

TEST("blanks, line ends and the digits for URLs are errors")
{
    expect_bad(RT_BYTES("Zm9v "));
    expect_bad(RT_BYTES("Zm 9v   "));
    expect_bad(RT_BYTES("Zm9v\r\nYm"));
    expect_bad(RT_BYTES("Zm9-"));
    expect_bad(RT_BYTES("Zm9_"));
}

TEST("what finds no room is neither decoded nor written")
{
    char memory[4];
    struct rt_writer writer;
    struct rt_bytes decoded;
    EXPECT_INT(rt_base64_decode(RT_BYTES("Zm8="), memory, 1, &decoded),
               RT_ERANGE);
    EXPECT_INT(rt_base64_decode(RT_BYTES("Zm8="), memory, 2, &decoded), 0);
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_base64_write(&writer, RT_BYTES("foob"));
    EXPECT(writer.overflowed);
    EXPECT_INT(rt_writer_bytes(&writer).len, 0);
}
