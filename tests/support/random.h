/*
 * Random numbers for tests: the same seed, the same numbers. A test prints its
 * seed before it begins, so that what fails or aborts can be run again.
 */
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

struct test_random {
    uint64_t state;
};

static inline struct test_random test_random_seed(uint64_t seed)
{
    (void)printf("# seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return (struct test_random){seed};
}

/* The next number: splitmix64 (S. Vigna, prng.di.unimi.it). */
static inline uint64_t test_random_next(struct test_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = random->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* A number of 0 .. bound - 1. */
static inline uint32_t test_random_below(struct test_random *random,
                                         uint32_t bound)
{
    return (uint32_t)(test_random_next(random) % bound);
}

#endif
