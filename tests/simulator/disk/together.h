/* Several events, which are published all together or not at all. */
#ifndef TESTS_SIMULATOR_DISK_TOGETHER_H
#define TESTS_SIMULATOR_DISK_TOGETHER_H

#include "broker/core/publication.h"
#include "tests/simulator/disk/truth.h"

#define TOGETHER_MAX 24

struct world;

struct together {
    struct rt_publication publication;
    struct truth_topic *topics[TOGETHER_MAX];
    struct event events[TOGETHER_MAX];
    uint32_t count;
};

/* Adds events of one topic, or, without one, of any; false: there will be none
 * of them. */
bool together_fill(struct world *world,
                   struct together *together,
                   struct truth_topic *topic);

/* There is all of it before anybody is given any of it. A receipt for each of
 * the topics. */
void together_commit(struct world *world,
                     struct together *together,
                     struct rt_receipt *receipts);

#endif
