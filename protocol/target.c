#include "protocol/target.h"

#include <string.h>

#include "base/error.h"

static bool is_visible(struct rt_bytes url)
{
    for (size_t i = 0; i < url.len; i++) {
        char c = url.data[i];
        if (c < '!' || c > '~' || c == '#') {
            return false;
        }
    }
    return true;
}

/* --- escapes --- */

/* The value of a hexadecimal digit of either case, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Takes one byte, or the three of an escape, off the non-empty text. */
static int take_byte(struct rt_bytes *text, char *byte)
{
    size_t len = text->data[0] == '%' ? 3 : 1;
    if (text->len < len) {
        return RT_EINVAL;
    }
    *byte = text->data[0];
    if (len == 3) {
        int high = digit_value(text->data[1]);
        int low = digit_value(text->data[2]);
        if (high < 0 || low < 0) {
            return RT_EINVAL;
        }
        *byte = (char)(high << 4 | low);
    }
    text->data += len;
    text->len -= len;
    return 0;
}

/* --- authorities --- */

/* Unreserved, or a delimiter within names: RFC 3986, section 2. */
static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

static bool is_name(struct rt_bytes text)
{
    bool is_valid = text.len > 0;
    while (is_valid && text.len > 0) {
        char byte = 0;
        bool is_escape = text.data[0] == '%';
        is_valid = (is_escape || is_name_byte(text.data[0])) &&
                   take_byte(&text, &byte) == 0;
    }
    return is_valid;
}

/* What is between brackets, without looking into addresses. */
static bool is_address(struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != ':' && !is_name_byte(text.data[i])) {
            return false;
        }
    }
    return text.len > 0;
}

/* Nothing, or a colon and digits, even none. */
static bool is_port(struct rt_bytes text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len == 0 || text.data[0] == ':';
}

/* RFC 3986, section 3.2.2. */
bool rt_is_authority(struct rt_bytes text)
{
    if (text.len > 0 && text.data[0] == '[') {
        struct rt_bytes rest = {text.data + 1, text.len - 1};
        struct rt_bytes address = rt_bytes_split(&rest, ']');
        return rest.data != NULL && is_address(address) && is_port(rest);
    }
    const char *colon = memchr(text.data, ':', text.len);
    size_t len = colon != NULL ? (size_t)(colon - text.data) : text.len;
    struct rt_bytes port = {text.data + len, text.len - len};
    return is_name((struct rt_bytes){text.data, len}) && is_port(port);
}

/* --- targets --- */

/* The bytes before the first '/' or '?'. */
static struct rt_bytes take_authority(struct rt_bytes *rest)
{
    struct rt_bytes authority = {rest->data, 0};
    while (rest->len > 0 && rest->data[0] != '/' && rest->data[0] != '?') {
        authority.len++;
        rest->data++;
        rest->len--;
    }
    return authority;
}

static struct rt_target split_query(struct rt_bytes text)
{
    struct rt_target target = {.path = rt_bytes_split(&text, '?')};
    if (text.data != NULL) {
        target.has_query = true;
        target.query = text;
    }
    if (target.path.len == 0) {
        target.path = RT_BYTES("/");
    }
    return target;
}

static int parse_absolute(struct rt_bytes rest, struct rt_target *target)
{
    struct rt_bytes scheme = RT_BYTES("http://");
    if (rest.len < scheme.len ||
        !rt_bytes_equal_nocase((struct rt_bytes){rest.data, scheme.len},
                               scheme)) {
        return RT_EINVAL;
    }
    rest.data += scheme.len;
    rest.len -= scheme.len;
    if (!rt_is_authority(take_authority(&rest))) {
        return RT_EINVAL;
    }
    *target = split_query(rest);
    return 0;
}

int rt_target_parse(struct rt_bytes url, struct rt_target *target)
{
    if (url.len == 0 || !is_visible(url)) {
        return RT_EINVAL;
    }
    if (url.data[0] == '/') {
        *target = split_query(url);
        return 0;
    }
    if (rt_bytes_equal(url, RT_BYTES("*"))) {
        *target = (struct rt_target){.path = url};
        return 0;
    }
    return parse_absolute(url, target);
}

/* --- parts --- */

int rt_percent_decode(struct rt_bytes text,
                      char *memory,
                      size_t size,
                      struct rt_bytes *decoded)
{
    size_t len = 0;
    while (text.len > 0) {
        char byte = 0;
        int err = take_byte(&text, &byte);
        if (err < 0) {
            return err;
        }
        if (len == size) {
            return RT_ERANGE;
        }
        memory[len++] = byte;
    }
    *decoded = (struct rt_bytes){memory, len};
    return 0;
}

bool rt_query_next(struct rt_bytes *rest,
                   struct rt_bytes *name,
                   struct rt_bytes *value)
{
    while (rest->len > 0) {
        struct rt_bytes pair = rt_bytes_split(rest, '&');
        if (pair.len > 0) {
            *name = rt_bytes_split(&pair, '=');
            *value = pair;
            return true;
        }
    }
    return false;
}
