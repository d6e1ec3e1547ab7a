#include "bench/load_histogram.h"

#include <stdio.h>
#include <string.h>

#include "bench/load_report.h"

void load_histogram_reset(struct load_histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

/* How many low bits of a value do not matter. */
static uint64_t shift_of(uint64_t value)
{
    uint64_t width = 64 - (uint64_t)__builtin_clzll(value | 1);
    return width > LOAD_HISTOGRAM_BITS + 1 ? width - LOAD_HISTOGRAM_BITS - 1
                                           : 0;
}

/* Twice 1,024 buckets for the exact values, then 1,024 for each shift. */
static uint64_t bucket_of(uint64_t value)
{
    uint64_t shift = shift_of(value);
    uint64_t bucket = (shift << LOAD_HISTOGRAM_BITS) + (value >> shift);
    return bucket < LOAD_HISTOGRAM_BUCKETS ? bucket
                                           : LOAD_HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t value_of(uint64_t bucket)
{
    uint64_t row = bucket >> LOAD_HISTOGRAM_BITS;
    uint64_t shift = row > 0 ? row - 1 : 0;
    uint64_t value = bucket - (shift << LOAD_HISTOGRAM_BITS);
    return ((value + 1) << shift) - 1;
}

void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns)
{
    histogram->count++;
    histogram->buckets[bucket_of(value_ns)]++;
    if (value_ns > histogram->max_ns) {
        histogram->max_ns = value_ns;
    }
}

uint64_t load_histogram_value_ns(const struct load_histogram *histogram,
                                 uint64_t permille)
{
    uint64_t rank = (histogram->count * permille + 999) / 1000;
    uint64_t passed = 0;
    for (uint64_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
        passed += histogram->buckets[i];
        if (passed >= rank && passed > 0) {
            uint64_t value_ns = value_of(i);
            return value_ns < histogram->max_ns ? value_ns : histogram->max_ns;
        }
    }
    return 0;
}

static void
report_us(const char *prefix, const char *measure, uint64_t value_ns)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s_%s_us", prefix, measure);
    load_report_double(name, (double)value_ns / 1e3);
}

void load_histogram_report(const struct load_histogram *histogram,
                           const char *prefix)
{
    report_us(prefix, "p50", load_histogram_value_ns(histogram, 500));
    report_us(prefix, "p99", load_histogram_value_ns(histogram, 990));
    report_us(prefix, "p999", load_histogram_value_ns(histogram, 999));
    report_us(prefix, "max", histogram->max_ns);
}
