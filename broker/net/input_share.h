/*
 * How the input of one turn is divided. Whoever sends without end would
 * otherwise be read for as long as libuv likes, and everyone else would wait: a
 * thousand of them, for seconds. A turn takes so many bytes, and each reader
 * its part of them, as many parts as there were readers in the turn before.
 *
 * However many there are, a part is enough for a request of the usual size. But
 * a thousand such parts full of the shortest requests are thirty thousand of
 * them: when a turn had more than it should, the least part is made smaller.
 */
#ifndef BROKER_NET_INPUT_SHARE_H
#define BROKER_NET_INPUT_SHARE_H

#include <stddef.h>
#include <stdint.h>

#define RT_INPUT_TURN_BYTES ((size_t)64 * 1024)
#define RT_INPUT_PART_MIN   ((size_t)1024) /* for whoever comes late, too */
#define RT_INPUT_PART_FLOOR ((size_t)64)   /* after too many requests */
#define RT_TURN_REQUESTS    2048           /* so many are not too many */

struct rt_input_share {
    const void *reader; /* who has its part now */
    size_t part;        /* what is left of it */
    size_t bytes;       /* left of the turn's */
    uint32_t parts;     /* given in this turn */
    uint32_t parts_before;
    uint32_t requests; /* in this turn */
    size_t part_min;
};

void rt_input_share_init(struct rt_input_share *share);

/* A turn begins. */
void rt_input_share_renew(struct rt_input_share *share);

/*
 * How much `reader` may read at once; 0: no more in this turn. However many
 * came before it in the turn, its part is `part_min` at least, which is 0 for
 * who is to have as little as anybody.
 */
size_t rt_input_share_take(struct rt_input_share *share,
                           const void *reader,
                           size_t part_min);

#endif
