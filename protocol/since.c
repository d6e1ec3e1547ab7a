#include "protocol/since.h"

#include "base/error.h"
#include "protocol/quantity.h"
#include "protocol/timestamp.h"

static int parse_last(struct rt_bytes text, struct rt_since *since)
{
    struct rt_bytes count = {text.data + 1, text.len - 1};
    since->kind = RT_SINCE_LAST;
    return rt_count_parse(count, &since->count);
}

static int
parse_ago(struct rt_bytes text, uint64_t now_wall_ms, struct rt_since *since)
{
    uint64_t ago_ms = 0;
    int err = rt_duration_parse(text, &ago_ms);
    if (err < 0) {
        return err;
    }
    since->kind = RT_SINCE_TIME;
    since->wall_ms = now_wall_ms > ago_ms ? now_wall_ms - ago_ms : 0;
    return 0;
}

/* No text is in two of these forms, so the first that fits decides. */
static int
parse_any(struct rt_bytes text, uint64_t now_wall_ms, struct rt_since *since)
{
    if (rt_bytes_equal(text, RT_BYTES("now"))) {
        since->kind = RT_SINCE_NOW;
        return 0;
    }
    if (rt_bytes_equal(text, RT_BYTES("earliest"))) {
        since->kind = RT_SINCE_EARLIEST;
        return 0;
    }
    if (text.len > 0 && text.data[0] == '-') {
        return parse_last(text, since);
    }
    if (text.len > 0 && text.data[0] == '*') {
        since->kind = RT_SINCE_NODE;
        return rt_node_cursor_parse(text, &since->cursor);
    }
    since->kind = RT_SINCE_CURSOR;
    int err = rt_cursor_parse(text, &since->cursor);
    if (err != RT_EINVAL) {
        return err;
    }
    since->kind = RT_SINCE_TIME;
    err = rt_timestamp_parse(text, &since->wall_ms);
    return err != RT_EINVAL ? err : parse_ago(text, now_wall_ms, since);
}

int rt_since_parse(struct rt_bytes text,
                   uint64_t now_wall_ms,
                   struct rt_since *since)
{
    struct rt_since parsed = {0};
    int err = parse_any(text, now_wall_ms, &parsed);
    if (err < 0) {
        return err;
    }
    *since = parsed;
    return 0;
}
