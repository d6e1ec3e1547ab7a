/*
 * What a payload is: its Content-Type, UTF-8 and JSON. An input is a
 * Content-Type, a line feed and a payload. UTF-8 is compared with a decoder
 * that takes one character at a time; JSON with itself, wrapped and cut.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/json.h"
#include "protocol/media_type.h"
#include "protocol/utf8.h"
#include "tests/fuzz/fuzz.h"

/* --- UTF-8 --- */

#define NO_CHARACTER 0

/* How many bytes the first byte says that its character has. */
static size_t announced(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xc0 ? NO_CHARACTER
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf8 ? 4
                          : NO_CHARACTER;
}

static bool is_character(uint32_t code, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return code >= least[len] && code <= 0x10ffff &&
           (code < 0xd800 || code > 0xdfff);
}

/* The length of the first character of at least one byte. */
static size_t character_len(struct rt_bytes text)
{
    uint8_t first = (uint8_t)text.data[0];
    size_t len = announced(first);
    if (len == NO_CHARACTER || len > text.len) {
        return NO_CHARACTER;
    }
    uint32_t code = len == 1 ? first : first & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if (((uint8_t)text.data[i] & 0xc0) != 0x80) {
            return NO_CHARACTER;
        }
        code = code << 6 | ((uint8_t)text.data[i] & 0x3f);
    }
    return is_character(code, len) ? len : NO_CHARACTER;
}

/* How many bytes are whole characters. */
static size_t whole_len(struct rt_bytes text)
{
    size_t whole = 0;
    while (whole < text.len) {
        struct rt_bytes rest = {text.data + whole, text.len - whole};
        size_t len = character_len(rest);
        if (len == NO_CHARACTER) {
            break;
        }
        whole += len;
    }
    return whole;
}

/* Whether some bytes behind `rest` make one character of it. */
static bool can_be_completed(struct rt_bytes rest)
{
    static const char next[] = {'\x80', '\x90', '\xa0', '\xbf'};
    char bytes[4];
    size_t missing = rest.len < 4 ? 4 - rest.len : 0;
    for (size_t choice = 0; missing > 0 && choice < sizeof(next); choice++) {
        memset(bytes, '\x80', sizeof(bytes));
        memcpy(bytes, rest.data, rest.len);
        bytes[rest.len] = next[choice];
        size_t len = character_len((struct rt_bytes){bytes, sizeof(bytes)});
        if (len > rest.len) {
            return true;
        }
    }
    return false;
}

static void try_utf8(struct rt_bytes text)
{
    size_t expected = whole_len(text);
    struct rt_bytes rest = {text.data + expected, text.len - expected};
    size_t whole = SIZE_MAX;
    RT_CHECK(rt_utf8_is_valid(text) == (rest.len == 0));
    bool is_prefix = rt_utf8_is_prefix(text, &whole);
    RT_CHECK(is_prefix == (rest.len == 0 || can_be_completed(rest)));
    RT_CHECK(!is_prefix || whole == expected);
}

/* --- JSON --- */

static bool
is_valid_inside(const char *before, struct rt_bytes text, const char *after)
{
    size_t before_len = strlen(before);
    size_t len = before_len + text.len + strlen(after);
    char *wrapped = malloc(len);
    RT_CHECK(wrapped != NULL);
    memcpy(wrapped, before, before_len);
    if (text.len > 0) {
        memcpy(wrapped + before_len, text.data, text.len);
    }
    memcpy(wrapped + before_len + text.len, after, strlen(after));
    bool is_valid = rt_json_is_valid((struct rt_bytes){wrapped, len});
    free(wrapped);
    return is_valid;
}

/* As deep as it may be, so that a wrapping can be too much. */
static bool is_deep(struct rt_bytes text)
{
    size_t opened = 0;
    for (size_t i = 0; i < text.len; i++) {
        opened += text.data[i] == '[' || text.data[i] == '{';
    }
    return opened >= RT_JSON_DEPTH_MAX;
}

/* A value that has brackets or quotes ends with the last of them. */
static void check_cuts(struct rt_bytes text)
{
    struct rt_bytes value = text;
    while (memchr(" \t\r\n", value.data[0], 4) != NULL) {
        value.data++;
        value.len--;
    }
    if (memchr("[{\"", value.data[0], 3) == NULL) {
        return;
    }
    size_t end = value.len;
    while (memchr(" \t\r\n", value.data[end - 1], 4) != NULL) {
        end--;
    }
    size_t step = 1 + end / 16; /* not every cut of a long one */
    for (value.len = 0; value.len < end; value.len += step) {
        RT_CHECK(!rt_json_is_valid(value));
    }
}

static void try_json(struct rt_bytes text)
{
    bool is_valid = rt_json_is_valid(text);
    RT_CHECK(is_valid_inside("\r\n", text, "\t ") == is_valid);
    RT_CHECK(!is_valid_inside("{\"", text, "\"]"));
    if (is_valid) {
        RT_CHECK(is_deep(text) || is_valid_inside("[", text, "]"));
        RT_CHECK(is_deep(text) || is_valid_inside("{\"a\":", text, "}"));
        RT_CHECK(!is_valid_inside("", text, ",") &&
                 !is_valid_inside("[", text, "}"));
        check_cuts(text);
    }
}

/* --- both, as a Content-Type asks for them --- */

static bool must_be_text(enum rt_media media)
{
    return media == RT_MEDIA_TEXT || media == RT_MEDIA_JSON ||
           media == RT_MEDIA_NDJSON;
}

static enum rt_content
expected_content(enum rt_media media, bool is_text, bool is_json)
{
    if (media == RT_MEDIA_JSON || media == RT_MEDIA_NDJSON) {
        return is_json ? RT_CONTENT_JSON : RT_CONTENT_BINARY;
    }
    return media != RT_MEDIA_BINARY && is_text ? RT_CONTENT_TEXT
                                               : RT_CONTENT_BINARY;
}

static void try_content(enum rt_media media, struct rt_bytes payload)
{
    enum rt_content content = RT_CONTENT_BINARY;
    bool is_text = rt_utf8_is_valid(payload);
    bool is_json = is_text && rt_json_is_valid(payload);
    enum rt_content expected = expected_content(media, is_text, is_json);
    bool is_refused = media == RT_MEDIA_MALFORMED ||
                      (must_be_text(media) && expected == RT_CONTENT_BINARY);
    int err = rt_media_content(media, payload, &content);
    RT_CHECK(err == (is_refused ? RT_EINVAL : 0));
    RT_CHECK(is_refused || content == expected);
}

/* Neither white space around it nor its case makes it another. */
static void check_same(struct rt_bytes value)
{
    char memory[256];
    size_t len = value.len < sizeof(memory) ? value.len : sizeof(memory);
    bool has_parameters = memchr(value.data, ';', value.len) != NULL;
    for (size_t i = 0; i < len; i++) {
        char c = value.data[i];
        memory[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    RT_CHECK(len < value.len || has_parameters ||
             rt_media_type_classify((struct rt_bytes){memory, len}) ==
                 rt_media_type_classify(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_bytes rest = {(const char *)data, size};
    struct rt_bytes type = rt_bytes_split(&rest, '\n');
    enum rt_media media = rt_media_type_classify(type);
    RT_CHECK(media <= RT_MEDIA_MALFORMED);
    if (type.len > 0) {
        check_same(type);
    }
    if (rest.data != NULL) {
        try_utf8(rest);
        try_json(rest);
        try_content(media, rest);
    }
    return 0;
}
