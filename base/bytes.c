#include "base/bytes.h"

#include <string.h>

#include "base/error.h"

struct rt_bytes rt_bytes_of(const char *text)
{
    return (struct rt_bytes){text, strlen(text)};
}

bool rt_bytes_equal(struct rt_bytes a, struct rt_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Not strncasecmp: that one follows the locale of the host program. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool rt_bytes_equal_nocase(struct rt_bytes a, struct rt_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool rt_bytes_starts_with(struct rt_bytes whole, struct rt_bytes prefix)
{
    return whole.len >= prefix.len &&
           memcmp(whole.data, prefix.data, prefix.len) == 0;
}

bool rt_bytes_ends_with(struct rt_bytes whole, struct rt_bytes suffix)
{
    if (whole.len < suffix.len) {
        return false;
    }
    struct rt_bytes end = {whole.data + (whole.len - suffix.len), suffix.len};
    return rt_bytes_equal(end, suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct rt_bytes rt_bytes_trim(struct rt_bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

struct rt_bytes rt_bytes_split(struct rt_bytes *rest, char separator)
{
    const char *found =
        rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);
    if (found == NULL) {
        struct rt_bytes all = *rest;
        *rest = (struct rt_bytes){NULL, 0};
        return all;
    }
    struct rt_bytes part = {rest->data, (size_t)(found - rest->data)};
    rest->data = found + 1;
    rest->len -= part.len + 1;
    return part;
}

int rt_bytes_to_u64(struct rt_bytes text, uint64_t *value)
{
    if (text.len == 0) {
        return RT_EINVAL;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return RT_EINVAL;
        }
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return RT_ERANGE;
        }
        number = number * 10 + digit;
    }
    *value = number;
    return 0;
}
