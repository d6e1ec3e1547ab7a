/*
 * Subscribers of several topics, in any format but raw. One is given the events
 * of its topics in the order of the node, each once: those that are in memory,
 * on disk or on the way there. Of all others it is told that there is a gap in
 * their topic, before the next event, or it does not want to be.
 */
#ifndef TESTS_SIMULATOR_DISK_SEVERAL_H
#define TESTS_SIMULATOR_DISK_SEVERAL_H

#include "broker/core/subscriber.h"
#include "protocol/pattern.h"
#include "tests/simulator/disk/reader.h"

/* Of a topic it knows that events up to an offset are missed. */
struct told {
    uint32_t era;
    uint64_t offset;
    bool is_damaged; /* a bit has cost it events that the log still counts */
};

#define SELECTOR_COUNT 5

struct several {
    struct rt_subscriber subscriber;
    struct world *world;
    enum reader_state state;
    enum rt_format format;
    uint32_t selector;
    uint64_t since_ms; /* it wants what was stamped then or later */
    uint64_t last;     /* it was given or told all up to this number */
    uint64_t cut;      /* the event of which a part is not taken; 0: none */
    size_t cut_len;
    struct told told[TRUTH_TOPIC_MAX];
    uint64_t told_of_any; /* the same up to a number, of it knows not which */
    uint64_t refused;     /* and that cannot be read up to there */
    bool is_at_start;     /* it has got nothing yet of all there is */
    struct line line;
    struct rt_cursor cursor; /* when it was open last */
};

extern const struct rt_sink_ops several_sink;

/* A free one comes, one that was here before with its cursor; and it goes. */
void several_come(struct several *several);
void several_return(struct several *several);
void several_leave(struct several *several, enum reader_state state);

/* The connection has taken what was queued; what it is like from now on. */
void several_drain(struct several *several);
void several_temper(struct several *several);

/* What it may have waited for was said to be lost. */
void several_refuse(struct several *several);

/* Looks at it between two calls of the core; and when it should have all. */
void several_check(const struct several *several);
void several_expect_all(const struct several *several);

/* --- what there is for it: several_log.c --- */

/* An event of one of its topics, or, without an event, the end of one. */
struct item {
    struct truth_topic *topic;
    uint32_t era;
    const struct event *event;
    uint64_t sequence;
};

/* The first one behind a number; false: there is none. */
bool several_next(const struct several *several,
                  uint64_t sequence,
                  struct item *item);

/* Whether it is an event that can be had, now or when it is on disk. */
bool several_is_there(const struct several *several, const struct item *item);

/* Whether it is given that by now: who is given what is on disk waits for it.
 */
bool several_sees(const struct several *several, const struct item *item);

/* Whether it need not be given to it. */
bool several_may_lack(const struct several *several, const struct item *item);

/* As its format has it; valid until the next call. */
struct rt_bytes several_encode(const struct several *several,
                               const struct item *item);

/* What it is told of a topic, or of all that is gone. */
void several_tell(struct several *several, const struct rt_gap *gap);
void several_tell_all(struct several *several);
void several_tell_damage(struct several *several, const struct rt_gap *gap);

/* The selector that it has. */
void several_selector(const struct several *several,
                      struct rt_selector *selector);

#endif
