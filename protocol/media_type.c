#include "protocol/media_type.h"

#include <string.h>

#include "base/error.h"
#include "protocol/json.h"
#include "protocol/utf8.h"

/*
 * What each byte is in a header value: 't' part of a token (RFC 9110, section
 * 5.6.2), 'q' allowed in a quoted string only (section 5.6.4), 'x' neither. One
 * line per 32 bytes.
 */
static const char classes[256 + 1] =
    /* */ "xxxxxxxxxqxxxxxxxxxxxxxxxxxxxxxx"
          /*  !"#$%&'()*+,-./0123456789:;<=>?  */
          /* */ "qtqtttttqqttqttqttttttttttqqqqqq"
          /* @ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_  */
          /* */ "qttttttttttttttttttttttttttqqqtt"
          /* `abcdefghijklmnopqrstuvwxyz{|}~   */
          /* */ "tttttttttttttttttttttttttttqtqtx"
          /* */ "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
          /* */ "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
          /* */ "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
          /* */ "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

static void skip(struct rt_bytes *rest, size_t len)
{
    rest->data += len;
    rest->len -= len;
}

static bool take_char(struct rt_bytes *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c) {
        return false;
    }
    skip(rest, 1);
    return true;
}

static void skip_blanks(struct rt_bytes *rest)
{
    while (take_char(rest, ' ') || take_char(rest, '\t')) {
    }
}

/* At least one byte. */
static bool take_token(struct rt_bytes *rest, struct rt_bytes *token)
{
    size_t len = 0;
    while (len < rest->len && classes[(uint8_t)rest->data[len]] == 't') {
        len++;
    }
    *token = (struct rt_bytes){rest->data, len};
    skip(rest, len);
    return len > 0;
}

/* *inside is what is between the quotes, with its escapes still there. */
static bool take_quoted(struct rt_bytes *rest, struct rt_bytes *inside)
{
    if (!take_char(rest, '"')) {
        return false;
    }
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '"') {
        len += rest->data[len] == '\\' ? 1 : 0;
        if (len == rest->len || classes[(uint8_t)rest->data[len]] == 'x') {
            return false;
        }
        len++;
    }
    *inside = (struct rt_bytes){rest->data, len};
    skip(rest, len);
    return take_char(rest, '"');
}

struct media_type {
    struct rt_bytes type;
    struct rt_bytes subtype;
    bool is_foreign; /* in a charset other than UTF-8 */
};

static bool is_utf8_charset(struct rt_bytes charset)
{
    return rt_bytes_equal_nocase(charset, RT_BYTES("utf-8")) ||
           rt_bytes_equal_nocase(charset, RT_BYTES("us-ascii"));
}

/* Blanks may stand around ';' but not '=', and nothing may follow a ';'. */
static bool take_parameter(struct rt_bytes *rest, struct media_type *media)
{
    struct rt_bytes name;
    struct rt_bytes value;
    skip_blanks(rest);
    if (!take_char(rest, ';')) {
        return false;
    }
    skip_blanks(rest);
    if (!take_token(rest, &name)) {
        return rest->len == 0 || rest->data[0] == ';';
    }
    if (!take_char(rest, '=') ||
        (!take_token(rest, &value) && !take_quoted(rest, &value))) {
        return false;
    }
    if (rt_bytes_equal_nocase(name, RT_BYTES("charset")) &&
        !is_utf8_charset(value)) {
        media->is_foreign = true;
    }
    return true;
}

static bool parse(struct rt_bytes value, struct media_type *media)
{
    struct rt_bytes rest = value;
    media->is_foreign = false;
    if (!take_token(&rest, &media->type) || !take_char(&rest, '/') ||
        !take_token(&rest, &media->subtype)) {
        return false;
    }
    while (rest.len > 0) {
        if (!take_parameter(&rest, media)) {
            return false;
        }
    }
    return true;
}

static bool has_json_suffix(struct rt_bytes subtype)
{
    struct rt_bytes suffix = RT_BYTES("+json");
    if (subtype.len < suffix.len) {
        return false;
    }
    skip(&subtype, subtype.len - suffix.len);
    return rt_bytes_equal_nocase(subtype, suffix);
}

static enum rt_media application_media(struct rt_bytes subtype)
{
    if (rt_bytes_equal_nocase(subtype, RT_BYTES("json"))) {
        return RT_MEDIA_JSON;
    }
    if (rt_bytes_equal_nocase(subtype, RT_BYTES("x-ndjson"))) {
        return RT_MEDIA_NDJSON;
    }
    if (rt_bytes_equal_nocase(subtype, RT_BYTES("x-www-form-urlencoded"))) {
        return RT_MEDIA_GUESS;
    }
    return RT_MEDIA_BINARY;
}

enum rt_media rt_media_type_classify(struct rt_bytes value)
{
    struct media_type media;
    value = rt_bytes_trim(value);
    if (value.len == 0) {
        return RT_MEDIA_GUESS;
    }
    if (!parse(value, &media)) {
        return RT_MEDIA_MALFORMED;
    }
    if (has_json_suffix(media.subtype)) {
        return RT_MEDIA_JSON;
    }
    if (rt_bytes_equal_nocase(media.type, RT_BYTES("text"))) {
        return media.is_foreign ? RT_MEDIA_BINARY : RT_MEDIA_TEXT;
    }
    if (rt_bytes_equal_nocase(media.type, RT_BYTES("application"))) {
        return application_media(media.subtype);
    }
    return RT_MEDIA_BINARY;
}

static int check(bool is_valid, enum rt_content found, enum rt_content *content)
{
    if (!is_valid) {
        return RT_EINVAL;
    }
    *content = found;
    return 0;
}

int rt_media_content(enum rt_media media,
                     struct rt_bytes payload,
                     enum rt_content *content)
{
    switch (media) {
    case RT_MEDIA_GUESS:
        *content =
            rt_utf8_is_valid(payload) ? RT_CONTENT_TEXT : RT_CONTENT_BINARY;
        return 0;
    case RT_MEDIA_TEXT:
        return check(rt_utf8_is_valid(payload), RT_CONTENT_TEXT, content);
    case RT_MEDIA_JSON:
    case RT_MEDIA_NDJSON:
        return check(rt_utf8_is_valid(payload) && rt_json_is_valid(payload),
                     RT_CONTENT_JSON, content);
    case RT_MEDIA_BINARY:
        *content = RT_CONTENT_BINARY;
        return 0;
    default:
        return RT_EINVAL;
    }
}
