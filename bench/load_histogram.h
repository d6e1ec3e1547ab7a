/*
 * How durations are distributed, in memory that does not depend on how many
 * there are: exact below 2,048 ns, to a thousandth above, up to 18 minutes.
 */
#ifndef BENCH_LOAD_HISTOGRAM_H
#define BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_BITS    10 /* of a value that are told apart, and one */
#define LOAD_HISTOGRAM_SHIFTS  30
#define LOAD_HISTOGRAM_BUCKETS ((LOAD_HISTOGRAM_SHIFTS + 1) * 1024)

struct load_histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[LOAD_HISTOGRAM_BUCKETS];
};

void load_histogram_reset(struct load_histogram *histogram);

/* A duration that is too long for the last bucket counts as one that fits. */
void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns);

/* The least value that `permille` of all do not exceed; 0 if there are none. */
uint64_t load_histogram_value_ns(const struct load_histogram *histogram,
                                 uint64_t permille);

/* Reports PREFIX_p50_us, PREFIX_p99_us, PREFIX_p999_us and PREFIX_max_us. */
void load_histogram_report(const struct load_histogram *histogram,
                           const char *prefix);

#endif
