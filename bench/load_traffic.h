/*
 * The traffic of a run, in phases: publishing for a while, or so many events,
 * then waiting until everything published has arrived everywhere.
 */
#ifndef BENCH_LOAD_TRAFFIC_H
#define BENCH_LOAD_TRAFFIC_H

#include "bench/load.h"

/* As fast as the answers and the slowest reader allow, or as scheduled. */
void load_traffic_run(struct load *load, double seconds, uint64_t events);

/* So many events, whatever the schedule. */
void load_traffic_fill(struct load *load, uint64_t events);

/* Forgets what was timed so far. */
void load_traffic_reset(struct load *load);

#endif
