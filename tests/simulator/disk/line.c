#include "tests/simulator/disk/line.h"

#include "base/error.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

void line_init(struct line *line)
{
    line->room = SIZE_MAX;
    line->is_lost = false;
    line->refuses_queue = false;
}

void line_temper(struct world *world, struct line *line)
{
    uint32_t patience = world->habits.patience;
    line_init(line);
    if (one_in(world, patience)) {
        line->room = below(world, 2 * world->habits.len_max);
    }
    line->is_lost = one_in(world, 8 * patience);
    line->refuses_queue = one_in(world, 8 * patience);
}

ssize_t line_take(struct line *line, size_t len)
{
    line->room -= line->room == SIZE_MAX ? 0 : len;
    return line->is_lost ? -EPIPE : (ssize_t)len;
}

int line_queue(struct line *line, struct rt_segment *segment, size_t len)
{
    EXPECT(line->queued == 0 && len > 0);
    if (line->refuses_queue) {
        return RT_ENOMEM;
    }
    rt_segment_ref(segment);
    line->held = segment;
    line->queued = len;
    return 0;
}

void line_drop(struct world *world, struct line *line)
{
    rt_segment_unref(&world->core.store, line->held);
    line->held = NULL;
    line->queued = 0;
}
