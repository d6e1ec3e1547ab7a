#include "storage/log/loss.h"

/* What is gone came before the last event of the first place that is left. */
static struct rt_log_loss bound_of(const struct rt_log_shelf *shelf,
                                   const struct rt_log_loss *now)
{
    if (shelf->place_count == 0) {
        return *now;
    }
    const struct rt_log_span *span = &shelf->places[0].span;
    return (struct rt_log_loss){.sequence = span->sequence - 1,
                                .wall_ms = span->wall_ms};
}

/* Behind the last event that is gone, also of those that were purged, which may
 * never have been written; 1: there is none. */
static uint64_t end_of_lost(const struct rt_log_shelf *shelf)
{
    uint64_t end =
        shelf->place_count == 0 ? shelf->end : shelf->places[0].span.before;
    return end > shelf->floor ? end : shelf->floor;
}

static void settle(struct rt_log_shelf *shelf, const struct rt_log_loss *now)
{
    uint64_t end = end_of_lost(shelf);
    if (shelf->state == RT_LOG_SHELF_DAMAGED) {
        shelf->loss = *now;
    } else if (end > 1 && end > shelf->loss.end) {
        shelf->loss = bound_of(shelf, now);
    }
}

void rt_log_loss_settle(struct rt_log_index *index,
                        const struct rt_log_loss *now)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        settle(index->shelves[i], now);
    }
}
