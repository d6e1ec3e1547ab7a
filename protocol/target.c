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

/*
 * A recipient must reject an empty host, and should treat user information as
 * an error (RFC 9110, sections 4.2.1 and 4.2.4).
 */
static bool is_authority(struct rt_bytes text)
{
    return text.len > 0 && text.data[0] != ':' &&
           memchr(text.data, '@', text.len) == NULL;
}

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
    if (!is_authority(take_authority(&rest))) {
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
