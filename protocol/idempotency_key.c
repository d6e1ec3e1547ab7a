#include "protocol/idempotency_key.h"

#include "base/error.h"

_Static_assert(RT_IDEMPOTENCY_KEY_BYTES_MAX == 255,
               "the reason below says this number");

static const char malformed[] = "it is visible ASCII, or a string in quotes";
static const char too_long[] = "it has at most 255 bytes";

static bool is_visible(struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Takes one byte of what is between quotes off the text, which is not empty. */
static bool take_quoted_byte(struct rt_bytes *text, char *byte)
{
    bool is_escaped = text->data[0] == '\\';
    size_t len = is_escaped ? 2 : 1;
    if (text->len < len) {
        return false;
    }
    *byte = text->data[len - 1];
    text->data += len;
    text->len -= len;
    bool needs_escape = *byte == '"' || *byte == '\\';
    return *byte >= ' ' && *byte <= '~' && needs_escape == is_escaped;
}

/* What is wrong with a value that begins with a quote, or NULL. */
static const char *
unquote(struct rt_bytes value, char *memory, struct rt_bytes *key)
{
    if (value.len < 2 || value.data[value.len - 1] != '"') {
        return malformed;
    }
    struct rt_bytes inside = {value.data + 1, value.len - 2};
    size_t len = 0;
    while (inside.len > 0) {
        char byte = 0;
        if (!take_quoted_byte(&inside, &byte)) {
            return malformed;
        }
        if (len == RT_IDEMPOTENCY_KEY_BYTES_MAX) {
            return too_long;
        }
        memory[len++] = byte;
    }
    *key = (struct rt_bytes){memory, len};
    return NULL;
}

static const char *
find_fault(struct rt_bytes value, char *memory, struct rt_bytes *key)
{
    const char *fault = NULL;
    *key = value;
    if (value.len > 0 && value.data[0] == '"') {
        fault = unquote(value, memory, key);
    } else if (!is_visible(value)) {
        fault = malformed;
    }
    if (fault != NULL) {
        return fault;
    }
    if (key->len > RT_IDEMPOTENCY_KEY_BYTES_MAX) {
        return too_long;
    }
    return key->len == 0 ? "it is empty" : NULL;
}

int rt_idempotency_key_parse(struct rt_bytes value,
                             char *memory,
                             struct rt_bytes *key,
                             const char **reason)
{
    struct rt_bytes found;
    const char *fault = find_fault(value, memory, &found);
    if (fault != NULL) {
        *reason = fault;
        return RT_EINVAL;
    }
    *key = found;
    return 0;
}
