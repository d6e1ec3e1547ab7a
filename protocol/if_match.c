#include "protocol/if_match.h"

#include "base/error.h"

static bool is_quoted(struct rt_bytes value)
{
    return value.len >= 2 && value.data[0] == '"' &&
           value.data[value.len - 1] == '"';
}

int rt_if_match_parse(struct rt_bytes value,
                      struct rt_if_match *condition,
                      const char **reason)
{
    struct rt_if_match parsed = {.kind = RT_IF_MATCH_ANY};
    if (rt_bytes_equal(value, RT_BYTES("*"))) {
        *condition = parsed;
        return 0;
    }
    if (rt_bytes_starts_with(value, RT_BYTES("W/"))) {
        *reason = "a weak tag never matches";
        return RT_EINVAL;
    }
    parsed.kind = RT_IF_MATCH_CURSOR;
    if (!is_quoted(value) ||
        rt_cursor_parse((struct rt_bytes){value.data + 1, value.len - 2},
                        &parsed.cursor) < 0) {
        *reason = "it is one cursor in quotes, or *";
        return RT_EINVAL;
    }
    *condition = parsed;
    return 0;
}

bool rt_if_match_holds(const struct rt_if_match *condition,
                       const struct rt_cursor *latest)
{
    switch (condition->kind) {
    case RT_IF_MATCH_NOTHING:
        return true;
    case RT_IF_MATCH_ANY:
        return latest != NULL && latest->offset > 0;
    case RT_IF_MATCH_CURSOR:
        return latest != NULL && latest->epoch == condition->cursor.epoch &&
               latest->offset == condition->cursor.offset;
    }
    return false;
}
