/* What a hostile peer asks for when it begins like any other. */
#ifndef BENCH_ATTACK_REQUEST_H
#define BENCH_ATTACK_REQUEST_H

#include "bench/attack.h"

/* How many POSTs are sent at a time. */
#define ATTACK_BATCH 64

/* Sends all of a text, which is short. */
void attack_say(struct attack *attack,
                struct attack_peer *peer,
                const char *text);

/* Asks to be upgraded. */
void attack_subscribe(struct attack *attack,
                      struct attack_peer *peer,
                      const char *topic);

/* Publishes events of so many bytes, with one send: ATTACK_BATCH of them. */
void attack_publish(struct attack *attack,
                    struct attack_peer *peer,
                    const char *topic,
                    int payload_len);

/* The same, each to a topic that nobody has named before. */
void attack_publish_apart(struct attack *attack, struct attack_peer *peer);

#endif
