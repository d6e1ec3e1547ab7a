#include "clients/c/backoff.h"

#include "tests/support/test.h"

TEST("the bound of a wait doubles up to its maximum")
{
    static const uint64_t bounds[] = {100,  200,  400,   800,   1600,
                                      3200, 6400, 10000, 10000, 10000};
    struct rt_backoff low = {.min_ms = 100, .max_ms = 10000};
    struct rt_backoff high = low;
    for (size_t i = 0; i < RT_ARRAY_LENGTH(bounds); i++) {
        EXPECT_INT(rt_backoff_next_ms(&low, bounds[i] + 1), 0);
        EXPECT_INT(rt_backoff_next_ms(&high, bounds[i]), bounds[i]);
    }
}

TEST("a minimum beyond the maximum is the maximum")
{
    struct rt_backoff backoff = {.min_ms = 500, .max_ms = 50};
    EXPECT_INT(rt_backoff_next_ms(&backoff, 50), 50);
    EXPECT_INT(rt_backoff_next_ms(&backoff, 51), 0);
}

TEST("any limits and any number of failures are fine")
{
    struct rt_backoff backoff = {
        .min_ms = 1, .max_ms = UINT64_MAX, .failures = 100000};
    EXPECT_INT(rt_backoff_next_ms(&backoff, 77), 77);
    EXPECT_INT(backoff.failures, 100001);
}
