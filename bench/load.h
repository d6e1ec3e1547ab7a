/* A run of the load generator: everything it holds. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/load_histogram.h"
#include "bench/load_late.h"
#include "bench/load_options.h"
#include "bench/load_probe.h"
#include "bench/load_publisher.h"
#include "bench/load_schedule.h"
#include "bench/load_subscriber.h"
#include "bench/load_topic.h"

struct load {
    struct load_options options;
    int poller;
    struct load_topics topics;
    struct load_subscribers subscribers;
    int *stopped;
    struct load_publisher *publishers;
    uint32_t first_publisher; /* whose turn it is first */
    struct load_probe *probe; /* or NULL */
    struct load_late *late;   /* or NULL */
    struct load_schedule schedule;
    struct load_histogram delays; /* of events, on a schedule */
    struct load_histogram last;   /* until the last reader has one event */
    uint64_t to_publish;          /* events left in this phase */
    uint64_t held;                /* times that the lag held a publisher back */
    uint64_t spun_ns;             /* spent in turns in which nothing happened */
};

#endif
