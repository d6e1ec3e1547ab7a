/*
 * The line of a connection: how many bytes it takes, and whether it breaks; and
 * what is queued before it.
 */
#ifndef TESTS_SIMULATOR_DISK_LINE_H
#define TESTS_SIMULATOR_DISK_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rt_segment;
struct world;

struct line {
    uint64_t room;           /* bytes that it takes before it blocks */
    bool is_lost;            /* writes fail */
    bool refuses_queue;      /* there is no memory to queue anything */
    struct rt_segment *held; /* what of it is queued */
    size_t queued;
};

/* It takes everything; or what it is like from now on. */
void line_init(struct line *line);
void line_temper(struct world *world, struct line *line);

/* So much was written, of what there is room for; what the sink says of it. */
ssize_t line_take(struct line *line, size_t len);

/* Queues bytes of a segment: 0 or RT_ENOMEM; and lets go of them. */
int line_queue(struct line *line, struct rt_segment *segment, size_t len);
void line_drop(struct world *world, struct line *line);

#endif
