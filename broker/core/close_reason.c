#include "broker/core/close_reason.h"

#include "base/check.h"

static const struct {
    uint16_t code;
    const char *slug;
} reasons[RT_CLOSE_COUNT] = {
#define X(name, code, slug) [RT_CLOSE_##name] = {code, slug},
    RT_CLOSE_MAP(X)
#undef X
};

uint16_t rt_close_code(enum rt_close_reason reason)
{
    RT_CHECK(reason < RT_CLOSE_COUNT);
    return reasons[reason].code;
}

const char *rt_close_slug(enum rt_close_reason reason)
{
    RT_CHECK(reason < RT_CLOSE_COUNT);
    return reasons[reason].slug;
}

void rt_close_write(struct rt_writer *writer,
                    enum rt_close_reason reason,
                    const struct rt_resume *resume)
{
    rt_write_bytes(writer, rt_bytes_of(rt_close_slug(reason)));
    if (resume == NULL || !resume->has_cursor) {
        return;
    }
    RT_WRITE(writer, "; cursor=");
    if (resume->is_node) {
        rt_node_cursor_write(writer, resume->cursor);
    } else {
        rt_cursor_write(writer, resume->cursor);
    }
    if (resume->missed > 0) {
        RT_WRITE(writer, "; missed=");
        rt_write_u64(writer, resume->missed);
    }
}
