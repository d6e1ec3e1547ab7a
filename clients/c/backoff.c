#include "clients/c/backoff.h"

static uint64_t bound_ms(const struct rt_backoff *backoff)
{
    uint64_t bound = backoff->min_ms;
    for (unsigned i = 0; i < backoff->failures; i++) {
        if (bound >= backoff->max_ms / 2) {
            return backoff->max_ms;
        }
        bound *= 2;
    }
    return bound < backoff->max_ms ? bound : backoff->max_ms;
}

uint64_t rt_backoff_next_ms(struct rt_backoff *backoff, uint64_t random)
{
    uint64_t bound = bound_ms(backoff);
    backoff->failures++;
    return bound == UINT64_MAX ? random : random % (bound + 1);
}
