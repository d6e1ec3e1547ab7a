/*
 * Connects everybody that takes part in a run, and has the poller watch them.
 * Tags tell who is who: first the subscribers, then the publishers, then those
 * who come late.
 */
#ifndef BENCH_LOAD_OPEN_H
#define BENCH_LOAD_OPEN_H

#include "bench/load.h"

#define LOAD_TAG_PROBE UINT64_MAX

uint64_t load_tag_of_publishers(const struct load *load);
uint64_t load_tag_of_late(const struct load *load);

/* The subscribers alone, and those who stop at once. */
void load_open_subscribers(struct load *load);

/* Everybody; the late are only prepared. */
void load_open(struct load *load);

#endif
