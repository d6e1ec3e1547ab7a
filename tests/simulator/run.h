/*
 * What main.c runs: one world after the other. Each of the simulators has its
 * own.
 */
#ifndef TESTS_SIMULATOR_RUN_H
#define TESTS_SIMULATOR_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* How far it is, for the process that waits. */
struct progress {
    uint64_t seed;
    uint64_t step;
    uint64_t events;
};

/* Runs the world of the seed, for so many steps, and to its end. */
void run_world(struct progress *progress, uint64_t steps, bool is_verbose);

#endif
