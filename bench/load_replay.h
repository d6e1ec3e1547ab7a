/*
 * Subscribers who want all that a topic ever had, from its first event on, all
 * at once. Every event has to come, in order.
 */
#ifndef BENCH_LOAD_REPLAY_H
#define BENCH_LOAD_REPLAY_H

#include "bench/load.h"

/* Runs until each has as many events as the options say, and reports. */
void load_replay_run(struct load *load);

#endif
