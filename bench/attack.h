/*
 * An attack: many hostile connections, driven by one thread. A peer is a place
 * for one of them; when its connection ends it makes the next one, until the
 * time is over or as many have been made as were asked for. What a peer does is
 * its kind's to say. A peer holds a descriptor and a few numbers, so that the
 * attacker never costs more than what it attacks.
 */
#ifndef BENCH_ATTACK_H
#define BENCH_ATTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/attack_options.h"

#define ATTACK_STATUS_CLASSES 6

enum attack_state {
    ATTACK_CLOSED,
    ATTACK_CONNECTING,
    ATTACK_OPEN,
    ATTACK_FLOODING, /* it sends whenever it can */
    ATTACK_LEAVING,  /* it waits for the end */
};

struct attack_peer {
    int fd;
    uint32_t number;     /* its place */
    uint64_t cycle;      /* its connection's number, of all */
    uint64_t sent;       /* bytes, or batches */
    uint32_t unanswered; /* requests */
    uint8_t state;
    uint8_t matched; /* bytes of the beginning of a status line */
    uint8_t answer;  /* the first digit of the latest status */
};

struct attack_counters {
    uint64_t opened;
    uint64_t unreachable; /* connections that could not be made */
    uint64_t ended;       /* by the broker */
    uint64_t requests;    /* POSTs */
    uint64_t done;        /* what the kind is about, as often as it happened */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t answers[ATTACK_STATUS_CLASSES]; /* by the status's first digit */
};

struct attack {
    struct attack_options options;
    const struct attack_kind *kind;
    int poller;
    struct attack_peer *peers;
    uint32_t *closed; /* places without a connection */
    uint32_t closed_count;
    uint64_t begun; /* connections */
    uint64_t named; /* topics */
    uint64_t begun_us;
    uint64_t ticks; /* peers that had their turn, in all */
    struct attack_counters counters;
};

/* What to do when something happens to a peer; NULL: nothing. */
struct attack_kind {
    const char *name;
    bool counts_requests; /* `cycles` is of POSTs, not of connections */
    void (*opened)(struct attack *attack, struct attack_peer *peer);
    void (*answered)(struct attack *attack, struct attack_peer *peer);
    void (*writable)(struct attack *attack, struct attack_peer *peer);
    void (*tick)(struct attack *attack, struct attack_peer *peer);
};

/* The kind of that name, or NULL. */
const struct attack_kind *attack_kind_find(const char *name);

/* Kinds that hold a connection, and kinds that send or come and go. */
extern const struct attack_kind attack_holds[];
extern const size_t attack_holds_count;
extern const struct attack_kind attack_floods[];
extern const size_t attack_floods_count;

#endif
