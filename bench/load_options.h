/* What a run of the load generator is told on its command line. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a topic's ring holds if the server is told nothing else. */
#define LOAD_RING_BYTES (1024 * 1024)

struct load_options {
    uint32_t protocol; /* the number of one in load_protocols */
    uint16_t port;
    pid_t pid; /* of the server */
    uint32_t subscribers;
    uint32_t stopped; /* more subscribers, who never read */
    uint32_t publishers;
    uint32_t topics; /* that the subscribers are spread over */
    uint32_t depth;  /* events in flight per publisher */
    uint32_t payload_len;
    uint64_t lag_max; /* events the slowest reader may be behind */
    double warmup_s;
    double seconds;
    uint64_t events; /* 0: as many as the seconds allow */
    uint32_t rate;   /* events a second; 0: as many as the answers allow */
    uint32_t probe_hz;
    uint32_t late;          /* subscribers that come late, at a time */
    uint64_t churn;         /* connections made and closed, instead of events */
    uint64_t replay;        /* events from the first on that readers want */
    bool idle;              /* connect, measure memory, and leave */
    const char *count_file; /* of count_allocations.c, or NULL */
};

/* Exits with a usage message when the arguments make no sense. */
struct load_options load_options_parse(int argc, char **argv);

#endif
