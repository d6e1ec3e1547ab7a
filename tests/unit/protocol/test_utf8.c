#include "protocol/utf8.h"

#include <string.h>

#include "tests/support/test.h"

#define LEN_MAX 100

/* The form of a code point as the bit patterns of RFC 3629, section 3, say. */
static struct rt_bytes encode(uint32_t code, char memory[4])
{
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        memory[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    memory[0] = (char)(marks[len] | code);
    return (struct rt_bytes){memory, len};
}

static bool is_scalar(uint32_t code)
{
    return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/*
 * Decides in another way than the code under test: reads a sequence without
 * looking closely, writes what it found, and compares.
 */
static bool is_one_character(struct rt_bytes text)
{
    char memory[4];
    uint32_t code = (uint8_t)text.data[0];
    if (text.len > 1) {
        code &= 0x7fU >> text.len;
    }
    for (size_t i = 1; i < text.len; i++) {
        code = code << 6 | ((uint8_t)text.data[i] & 0x3f);
    }
    return is_scalar(code) && rt_bytes_equal(encode(code, memory), text);
}

/* Whether one character or several fill the text. */
static bool is_text(struct rt_bytes text)
{
    if (text.len == 0) {
        return true;
    }
    for (size_t len = 1; len <= 4 && len <= text.len; len++) {
        struct rt_bytes rest = {text.data + len, text.len - len};
        if (is_one_character((struct rt_bytes){text.data, len})) {
            return is_text(rest);
        }
    }
    return false;
}

static void expect_as_oracle(const char *memory, size_t len)
{
    struct rt_bytes text = {memory, len};
    if (rt_utf8_is_valid(text) != is_text(text)) {
        test_fail(__FILE__, __LINE__,
                  "wrong for %02x %02x %02x %02x, %zu bytes",
                  (uint8_t)memory[0], (uint8_t)memory[1], (uint8_t)memory[2],
                  (uint8_t)memory[3], len);
    }
}

TEST("no bytes are valid, with and without an address")
{
    EXPECT(rt_utf8_is_valid((struct rt_bytes){NULL, 0}));
    EXPECT(rt_utf8_is_valid(RT_BYTES("")));
}

TEST("every code point is valid, except surrogates and those past the last")
{
    char memory[4];
    for (uint32_t code = 0; code < 0x1fffff; code++) {
        bool valid = rt_utf8_is_valid(encode(code, memory));
        if (valid != is_scalar(code)) {
            test_fail(__FILE__, __LINE__, "wrong for U+%04X", code);
        }
    }
}

TEST("every pair of bytes with every kind of bytes after it is as the oracle")
{
    static const char kinds[] = {'a',    '\x7f', '\x80', '\x8f', '\x90',
                                 '\x9f', '\xa0', '\xbf', '\xc0'};
    for (int pair = 0; pair < 0x10000; pair++) {
        char text[4] = {(char)(pair >> 8), (char)pair, 0, 0};
        expect_as_oracle(text, 1);
        expect_as_oracle(text, 2);
        for (size_t i = 0; i < sizeof(kinds); i++) {
            text[2] = kinds[i];
            expect_as_oracle(text, 3);
            text[3] = '\x7f';
            expect_as_oracle(text, 4);
            text[3] = '\x80';
            expect_as_oracle(text, 4);
            text[3] = '\xbf';
            expect_as_oracle(text, 4);
            text[3] = '\xc0';
            expect_as_oracle(text, 4);
        }
    }
}

TEST("a byte that is not UTF-8 is found at any place in ASCII of any length")
{
    char memory[LEN_MAX];
    for (size_t len = 1; len <= LEN_MAX; len++) {
        memset(memory, '\0', len);
        EXPECT(rt_utf8_is_valid((struct rt_bytes){memory, len}));
        for (size_t i = 0; i < len; i++) {
            memory[i] = '\x80';
            EXPECT(!rt_utf8_is_valid((struct rt_bytes){memory, len}));
            memory[i] = '\0';
        }
    }
}

/* Puts a character between `before` bytes of ASCII and ASCII to the end. */
static void expect_whole_or_not(struct rt_bytes character, size_t before)
{
    char memory[LEN_MAX];
    size_t after = before + character.len;
    memset(memory, 'a', LEN_MAX);
    memcpy(memory + before, character.data, character.len);
    EXPECT(rt_utf8_is_valid((struct rt_bytes){memory, LEN_MAX}));
    EXPECT(rt_utf8_is_valid((struct rt_bytes){memory, after}));
    for (size_t len = before + 1; len < after; len++) {
        EXPECT(!rt_utf8_is_valid((struct rt_bytes){memory, len}));
    }
    memory[after] = '\x80';
    EXPECT(!rt_utf8_is_valid((struct rt_bytes){memory, after + 1}));
    memory[after] = 'a';
    memory[after - 1] = 'a';
    EXPECT(!rt_utf8_is_valid((struct rt_bytes){memory, LEN_MAX}));
}

TEST("a character is valid at any place in ASCII, but not cut or too long")
{
    for (size_t before = 0; before < LEN_MAX - 4; before++) {
        expect_whole_or_not(RT_BYTES("\xc3\xa9"), before);
        expect_whole_or_not(RT_BYTES("\xe4\xbd\xa0"), before);
        expect_whole_or_not(RT_BYTES("\xf0\x9f\x98\x80"), before);
    }
}

TEST("the check does not depend on where the bytes are in memory")
{
    char memory[LEN_MAX + 8];
    memset(memory, 'a', sizeof(memory));
    memory[LEN_MAX - 1] = '\xff';
    for (size_t i = 0; i < 8; i++) {
        EXPECT(rt_utf8_is_valid((struct rt_bytes){memory + i, 90}));
        EXPECT(!rt_utf8_is_valid((struct rt_bytes){memory + i, LEN_MAX}));
    }
}

TEST("text of several scripts is valid")
{
    EXPECT(rt_utf8_is_valid(RT_BYTES("na\xc3\xafve \xce\xba\xe1\xbd\xb9\xcf"
                                     "\x83\xce\xbc\xce\xb5 \xe4\xbd\xa0\xe5"
                                     "\xa5\xbd \xf0\x9f\x98\x80 end")));
}

/* --- text in pieces --- */

static bool prefix(const char *bytes, size_t len, size_t *whole)
{
    return rt_utf8_is_prefix((struct rt_bytes){bytes, len}, whole);
}

TEST("text cut anywhere is a prefix, of so many whole characters")
{
    /* Characters of 1, 2, 3 and 4 bytes; the first and last of each length. */
    static const char *const characters[] = {"a",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xed\x9f\xbf",
                                             "\xef\xbf\xbf",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(characters); i++) {
        struct rt_bytes character = rt_bytes_of(characters[i]);
        for (size_t len = 0; len <= character.len; len++) {
            size_t whole = 99;
            EXPECT(prefix(characters[i], len, &whole));
            EXPECT_INT(whole, len < character.len ? 0 : len);
        }
    }
}

TEST("what cannot become text is known with its first wrong byte")
{
    static const char *const wrong[] = {
        "\x80",        "\xc0",     "\xc1",         "\xf5",
        "\xff",        "\xc2\x41", "\xe0\x9f",     "\xed\xa0",
        "\xf0\x8f",    "\xf4\x90", "\xe1\x80\xc0", "\xf1\x80\x80\x7f",
        "\xf1\x80\xc0"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(wrong); i++) {
        size_t len = rt_bytes_of(wrong[i]).len;
        size_t whole = 99;
        EXPECT(!prefix(wrong[i], len, &whole));
        EXPECT_INT(whole, 0);
        EXPECT(len == 1 || prefix(wrong[i], len - 1, &whole));
    }
}

TEST("nothing is a prefix")
{
    size_t whole = 99;
    EXPECT(prefix(NULL, 0, &whole));
    EXPECT_INT(whole, 0);
}
