/*
 * The measured window: what the counters say when it begins and when it ends.
 * Both moments are quiet, so that the difference belongs to exactly the events
 * that were counted.
 */
#ifndef BENCH_LOAD_WINDOW_H
#define BENCH_LOAD_WINDOW_H

#include "bench/load.h"
#include "bench/load_server.h"

struct load_snapshot {
    uint64_t at_us;
    uint64_t published;
    uint64_t delivered;
    uint64_t reads;
    uint64_t held;
    uint64_t spun_ns;
    uint64_t answer_bytes;
    struct load_cpu server;
    struct load_cpu own;
    uint64_t allocations;
    uint64_t private_bytes;
};

struct load_snapshot load_snapshot_take(const struct load *load);

void load_window_report(const struct load_snapshot *from,
                        const struct load_snapshot *to);

#endif
