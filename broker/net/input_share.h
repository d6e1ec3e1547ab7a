/*
 * How the input of one turn is divided. Whoever sends without end would
 * otherwise be read for as long as libuv likes, and everyone else would wait: a
 * thousand of them, for seconds. A turn takes so many bytes, and each reader
 * its part of them, as many parts as there were readers in the turn before. As
 * a thousand small parts may hold thirty thousand requests, these are divided
 * in the same way.
 */
#ifndef BROKER_NET_INPUT_SHARE_H
#define BROKER_NET_INPUT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_INPUT_TURN_BYTES ((size_t)64 * 1024)
#define RT_INPUT_PART_MIN   ((size_t)1024) /* for whoever comes late, too */

#define RT_REQUESTS_TURN     4096
#define RT_REQUESTS_PART_MIN 2

struct rt_input_share {
    const void *reader; /* who has its part now */
    size_t part;        /* what is left of it */
    size_t bytes;       /* left of the turn's */
    uint32_t parts;     /* given in this turn */
    uint32_t parts_before;
    uint32_t askers; /* who had a request in this turn */
    uint32_t askers_before;
    uint32_t turn;
};

/* The requests that a reader has had in a turn. */
struct rt_request_share {
    uint32_t turn;
    uint32_t count;
};

/* A turn begins. */
void rt_input_share_renew(struct rt_input_share *share);

/*
 * How much `reader` may read at once; 0: no more in this turn. However many
 * came before it in the turn, its part is `part_min` at least.
 */
size_t rt_input_share_take(struct rt_input_share *share,
                           const void *reader,
                           size_t part_min);

/* One more request in this turn: whether the reader may have it. */
bool rt_input_share_take_request(struct rt_input_share *share,
                                 struct rt_request_share *requests);

#endif
