/*
 * The probe: one publisher and one subscriber of a topic of their own. It sends
 * at a fixed rate whatever the answers do, and counts how late an event is from
 * when it was meant to be sent, so that a server that stalls does not thereby
 * hide the stall. Its turn comes often; the load does not delay it.
 */
#ifndef BENCH_LOAD_PROBE_H
#define BENCH_LOAD_PROBE_H

#include "bench/load_histogram.h"
#include "bench/load_options.h"
#include "bench/load_publisher.h"
#include "bench/load_subscriber.h"

struct load_probe {
    struct load_topics topics;
    struct load_subscribers subscribers;
    struct load_publisher publisher;
    struct load_histogram delays;
    int poller;
    uint64_t tag;
    uint64_t period_us;
    uint64_t due_us; /* when the next event is to be sent; 0: not sending */
};

/* Connects both ends; their reads are reported to the poller under `tag`. */
void load_probe_open(struct load_probe *probe,
                     const struct load_options *options,
                     int poller,
                     uint64_t tag);

void load_probe_start(struct load_probe *probe);

/* Forgets what was timed so far. */
void load_probe_reset(struct load_probe *probe);

/* Sends what is due and reads what has come. */
void load_probe_turn(struct load_probe *probe);

/* No more sends; what is on its way still arrives. */
void load_probe_stop(struct load_probe *probe);

bool load_probe_is_quiet(const struct load_probe *probe);

/* Adds the delays to the report. */
void load_probe_report(const struct load_probe *probe);

#endif
