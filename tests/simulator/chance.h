/*
 * Chance, of which both simulators' worlds are made, and with which they begin:
 * what happens follows from the seed. Memory is short when chance has it.
 */
#ifndef TESTS_SIMULATOR_CHANCE_H
#define TESTS_SIMULATOR_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "tests/support/random.h"

#define ACTION_MAX 40

/* A heap whose k-th allocation from now fails; 0: none does. */
struct memory {
    struct rt_heap heap;
    uint64_t fail_in;
};

/* The first member of a world. */
struct chance {
    struct test_random random;
    bool is_verbose;
    uint32_t weights[ACTION_MAX]; /* how often what happens, of this seed */
    struct memory memory;
};

struct world;

/* For the world of a seed. */
void chance_init(struct chance *chance, uint64_t seed);

uint32_t below(struct world *world, uint32_t bound);
bool one_in(struct world *world, uint32_t bound);

/* Which of so many actions is next. */
uint32_t chance_action(struct world *world, uint32_t count);

/* For whoever looks at one seed. */
void world_say(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Epochs of the core, each another one: the next, and the last. */
uint32_t chance_next_epoch(void);
uint32_t chance_last_epoch(void);

#endif
