/*
 * When events are meant to be sent: so many a second from a moment on, whatever
 * the server does. A rate of 0 is no schedule.
 */
#ifndef BENCH_LOAD_SCHEDULE_H
#define BENCH_LOAD_SCHEDULE_H

#include <stdint.h>

#define LOAD_SECOND_NS 1000000000u

struct load_schedule {
    uint64_t rate; /* events a second */
    uint64_t begun_ns;
    uint64_t issued; /* events */
};

/* When the next event is meant to be sent. */
static inline uint64_t
load_schedule_next_ns(const struct load_schedule *schedule)
{
    return schedule->begun_ns +
           schedule->issued * LOAD_SECOND_NS / schedule->rate;
}

/* How many events should have been sent and were not. */
static inline uint64_t load_schedule_due(const struct load_schedule *schedule,
                                         uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - schedule->begun_ns;
    return passed_ns * schedule->rate / LOAD_SECOND_NS + 1 - schedule->issued;
}

#endif
