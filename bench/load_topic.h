/*
 * How far a topic is: what was published, and how many of its events even the
 * slowest reader has. The latter is kept as readers advance, a few steps per
 * read, so that a run with 10,000 of them can ask for it all the time.
 */
#ifndef BENCH_LOAD_TOPIC_H
#define BENCH_LOAD_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_LAG_MAX (1u << 20) /* events a reader may be behind, at most */

struct load_topic {
    const char *name;
    uint32_t readers;
    uint64_t published; /* events */
    uint64_t delivered; /* events, summed over the readers */
    uint64_t slowest;   /* events that every reader has */
    uint32_t *standing; /* readers that have exactly n events, n modulo max */
};

void load_topic_init(struct load_topic *topic, const char *name);

/* A reader who is there from the first event. */
void load_topic_join(struct load_topic *topic);

/* A reader who had `before` events has `after` now. */
void load_topic_advance(struct load_topic *topic,
                        uint64_t before,
                        uint64_t after);

/* How many events may be published without the slowest lagging by more. */
uint64_t load_topic_room(const struct load_topic *topic, uint64_t lag_max);

/* Whether everything published has arrived everywhere. */
bool load_topic_is_quiet(const struct load_topic *topic);

#endif
