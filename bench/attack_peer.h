/*
 * A hostile connection: over loopback, never waited for. Failing to connect or
 * to send is no error of the attacker's: it is counted, and the next one tried.
 */
#ifndef BENCH_ATTACK_PEER_H
#define BENCH_ATTACK_PEER_H

#include "bench/attack.h"

/* Begins to connect the peer, from one of many source addresses. */
void attack_peer_open(struct attack *attack, struct attack_peer *peer);

/* It is connected: from now on what comes is read. */
void attack_peer_wait(struct attack *attack, struct attack_peer *peer);

/* Closes with a reset, and gives the place back. */
void attack_peer_reset(struct attack *attack, struct attack_peer *peer);

/* Says that no more comes; the place is given back when the broker closes. */
void attack_peer_leave(struct attack *attack, struct attack_peer *peer);

/* From now on `writable` is called whenever the socket takes something. */
void attack_peer_flood(struct attack *attack, struct attack_peer *peer);

/* The same, and nothing is read. */
void attack_peer_pour(struct attack *attack, struct attack_peer *peer);

/* From now on nothing is read. */
void attack_peer_stall(struct attack *attack, struct attack_peer *peer);

/* Sends what the socket takes at once; returns how much, 0 when it is gone. */
size_t attack_peer_send(struct attack *attack,
                        struct attack_peer *peer,
                        const char *data,
                        size_t len);

/* Reads once; counts the answers, and tells the kind of each. */
void attack_peer_read(struct attack *attack, struct attack_peer *peer);

#endif
