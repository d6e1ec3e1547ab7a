/*
 * Requests under a key, which are done once: whoever repeats one is given its
 * first answer, also after an end, unless that cost what the request did, and
 * whatever became of its events since. A key belongs to a topic, or to requests
 * for several.
 */
#ifndef TESTS_SIMULATOR_DISK_KEYED_H
#define TESTS_SIMULATOR_DISK_KEYED_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/receipt.h"
#include "tests/simulator/disk/truth.h"

#define KEY_MS        60000
#define KEY_NAMES     2
#define KEY_PLACES    ((TRUTH_TOPIC_MAX + 1) * KEY_NAMES)
#define KEY_DONE_MAX  32
#define KEY_PARTS_MAX TRUTH_TOPIC_MAX

struct world;

/* A request that was done. */
struct keyed_done {
    uint8_t body;
    uint64_t since_ms;
    uint64_t ticket; /* 0: it is of an earlier life */
    uint32_t part_count;
    struct rt_receipt receipts[KEY_PARTS_MAX];
};

/* What was done under a key. */
struct keyed {
    uint32_t
        known; /* the core knows it for the one before this place; 0: none */
    uint32_t count;
    uint32_t forgotten; /* so many of them, with the last purge */
    uint64_t purge;     /* its ticket; 0: it is of an earlier life */
    struct keyed_done done[KEY_DONE_MAX];
};

/* Does a request under any key, or repeats it. */
void keyed_publish(struct world *world);

/* The topic was purged; or time has gone by, and the core has noticed. */
void keyed_forget(struct world *world, const struct truth_topic *topic);
void keyed_expire(struct world *world);

/* It began again, and `done` was the last batch that was acknowledged before.
 * The topics are known. */
void keyed_restart(struct world *world, uint64_t done);

#endif
