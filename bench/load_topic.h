/*
 * How far topics are: what was published, and how many of its events even the
 * slowest reader of a topic has. The latter is kept as readers advance, a few
 * steps per read, so that a run with 10,000 of them can ask for it all the
 * time.
 */
#ifndef BENCH_LOAD_TOPIC_H
#define BENCH_LOAD_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/load_histogram.h"

#define LOAD_LAG_MAX  (1u << 20) /* events a reader may be behind, at most */
#define LOAD_NAME_MAX 32

struct load_topic {
    char name[LOAD_NAME_MAX];
    uint32_t number;
    uint32_t readers;
    uint64_t published; /* events */
    uint64_t slowest;   /* events that every reader has */
    uint64_t sent_ns;   /* when the last of them was sent, if anybody asks */
    uint32_t *standing; /* readers that have exactly n events, n modulo span */
};

struct load_topics {
    struct load_topic *list;
    uint32_t count;
    uint32_t span;      /* a power of two */
    uint64_t published; /* events, of all topics */
    uint64_t owed;      /* the same, for each reader that its topic had */
    uint64_t delivered; /* events, summed over all readers */
    struct load_histogram *last; /* until the last reader has it; or NULL */
};

/*
 * `count` topics whose readers are at most lag_max events behind. A single one
 * has the name; of several, each has its number behind it, of fixed width.
 */
void load_topics_init(struct load_topics *topics,
                      const char *name,
                      uint32_t count,
                      uint64_t lag_max);

/* A reader who is there from the first event. */
void load_topic_join(struct load_topic *topic);

void load_topics_published(struct load_topics *topics,
                           struct load_topic *topic);

/* A reader who had `before` events has `after` now. */
void load_topics_advance(struct load_topics *topics,
                         struct load_topic *topic,
                         uint64_t before,
                         uint64_t after);

/* How many events may be published without the slowest lagging by more. */
uint64_t load_topic_room(const struct load_topic *topic, uint64_t lag_max);

/* Whether everything published has arrived everywhere. */
bool load_topics_are_quiet(const struct load_topics *topics);

#endif
