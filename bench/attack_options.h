/* The command line of the attacker. */
#ifndef BENCH_ATTACK_OPTIONS_H
#define BENCH_ATTACK_OPTIONS_H

#include <stdint.h>

struct attack_options {
    uint16_t port;
    const char *kind;
    uint32_t peers;
    uint64_t cycles; /* connections, or requests, in all; 0: no limit */
    uint64_t seconds;
    uint64_t pace_ms; /* from one turn of a peer to its next */
};

/* Ends the program, with the usage, when there is something wrong with it. */
struct attack_options attack_options_parse(int argc, char **argv);

#endif
