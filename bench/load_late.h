/*
 * Those who come late: each subscribes from the earliest event on, reads until
 * it has all that was published when it came, and leaves; then it comes again.
 * What a topic's ring holds has to come without a hole, and not much less. Who
 * reads the oldest events just when they are evicted is told, and comes again.
 */
#ifndef BENCH_LOAD_LATE_H
#define BENCH_LOAD_LATE_H

#include "bench/load_subscriber.h"
#include "bench/load_visitor.h"

struct load_reader {
    struct load_visitor visitor;
    bool is_in;
    uint64_t target; /* sequence of the first event it need not have */
};

struct load_late {
    const struct load_options *options;
    const struct load_topic *topic;
    struct load_dialog dialog;
    struct load_subscribers subscribers;
    struct load_reader *readers;
    uint32_t present;
    bool is_over; /* nobody comes again */
    uint64_t replays;
    uint64_t evicted; /* readers whom the ring passed before they had it all */
    int poller;
    uint64_t tag; /* of the first reader */
};

void load_late_init(struct load_late *late,
                    const struct load_options *options,
                    struct load_topics *topics,
                    int poller,
                    uint64_t tag);

/* Everybody comes. */
void load_late_start(struct load_late *late);

/* The poller told of the index-th reader. */
void load_late_handle(struct load_late *late, uint32_t index);

/* Who is there stays to the end. */
void load_late_stop(struct load_late *late);

bool load_late_is_quiet(const struct load_late *late);

void load_late_report(const struct load_late *late);

#endif
