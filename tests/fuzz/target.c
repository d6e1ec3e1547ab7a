/*
 * The target of a request: its parts, its percent-encoding, its query. All
 * parts lie inside of it and, put together, are the whole again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/target.h"
#include "tests/fuzz/fuzz.h"

static bool is_inside(struct rt_bytes part, struct rt_bytes whole)
{
    return part.len == 0 || (part.data >= whole.data &&
                             part.data + part.len <= whole.data + whole.len);
}

/* Encodes every byte: three of them for each. */
static void encode(struct rt_bytes bytes, char *memory)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        memory[3 * i] = '%';
        memory[3 * i + 1] = digits[byte >> 4];
        memory[3 * i + 2] = digits[byte & 15];
    }
}

/* What was decoded, encoded and decoded again. */
static void check_decoded(struct rt_bytes decoded)
{
    char *encoded = malloc(4 * decoded.len + 1);
    struct rt_bytes again;
    RT_CHECK(encoded != NULL);
    encode(decoded, encoded);
    struct rt_bytes text = {encoded, 3 * decoded.len};
    RT_CHECK(rt_percent_decode(text, encoded + text.len, decoded.len, &again) ==
             0);
    RT_CHECK(rt_bytes_equal(again, decoded));
    free(encoded);
}

static void try_percent(struct rt_bytes text)
{
    char *memory = malloc(text.len + 1);
    struct rt_bytes decoded = {NULL, 0};
    RT_CHECK(memory != NULL);
    int err = rt_percent_decode(text, memory, text.len, &decoded);
    RT_CHECK(err == 0 || (err == RT_EINVAL && decoded.data == NULL));
    if (err == 0) {
        RT_CHECK(decoded.len <= text.len);
        check_decoded(decoded);
        if (decoded.len > 0) {
            err = rt_percent_decode(text, memory, decoded.len - 1, &decoded);
            RT_CHECK(err == RT_ERANGE);
        }
    }
    free(memory);
}

static void try_query(struct rt_bytes query)
{
    struct rt_bytes rest = query;
    struct rt_bytes name;
    struct rt_bytes value;
    size_t len = 0;
    while (rt_query_next(&rest, &name, &value)) {
        RT_CHECK(is_inside(name, query) && is_inside(value, query));
        RT_CHECK(memchr(name.data, '=', name.len) == NULL);
        len += name.len + value.len + 1;
        try_percent(value);
    }
    RT_CHECK(len <= query.len + 1);
}

static void check_target(struct rt_bytes text, const struct rt_target *target)
{
    static const struct rt_bytes root = {"/", 1};
    RT_CHECK(rt_bytes_equal(target->path, root) ||
             is_inside(target->path, text));
    RT_CHECK(is_inside(target->query, text));
    RT_CHECK(target->has_query || target->query.len == 0);
    if (text.data[0] == '/') {
        RT_CHECK(target->path.len + target->query.len + target->has_query ==
                 text.len);
    }
    for (size_t i = 0; i < text.len; i++) {
        RT_CHECK(text.data[i] > ' ' && text.data[i] <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_bytes text = {(const char *)data, size};
    struct rt_target target;
    try_percent(text);
    try_query(text);
    if (rt_target_parse(text, &target) == 0) {
        check_target(text, &target);
        try_percent(target.path);
        try_query(target.query);
    }
    return 0;
}
