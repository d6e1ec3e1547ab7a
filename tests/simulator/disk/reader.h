/*
 * Readers: subscribers of one topic, over a connection in any format or in the
 * process, with any policy at a gap. After an end they come back with the
 * cursor that they had.
 *
 * One is given the events of its topic in their order, each once. What it is
 * not given it is told of, or does not want to be; and all of that is gone: in
 * no ring, nor on disk or on the way there.
 */
#ifndef TESTS_SIMULATOR_DISK_READER_H
#define TESTS_SIMULATOR_DISK_READER_H

#include "broker/core/local.h"
#include "broker/core/subscriber.h"
#include "tests/simulator/disk/line.h"
#include "tests/simulator/disk/truth.h"

struct world;

enum reader_state {
    READER_FREE,
    READER_OPEN,
    READER_AWAY, /* it will come back with its cursor */
};

struct reader {
    struct rt_subscriber subscriber; /* over a connection, */
    struct rt_local local;           /* or in the process */
    struct world *world;
    struct truth_topic *topic;
    enum reader_state state;
    enum rt_format format;
    bool is_local;
    uint32_t era;  /* in which it reads */
    uint64_t next; /* it was given or told all before this offset */
    size_t at;     /* and so many bytes of the next event */
    bool is_told;  /* of the gap for which it is to be closed */
    struct line line;
    struct rt_cursor cursor; /* when it was open last */
};

extern const struct rt_sink_ops reader_sink;

/* A free one comes, for all that there is or from some place on; or one that
 * was here before, with its cursor. */
void reader_come(struct reader *reader,
                 struct truth_topic *topic,
                 bool is_whole);
void reader_return(struct reader *reader);

/* It goes; and comes back if it is to. */
void reader_leave(struct reader *reader, enum reader_state state);

/* Whether it can be given more by now. */
bool reader_lacks(const struct reader *reader);

/* It is told that what comes next is what comes after a cursor, and why. */
void reader_pass(struct reader *reader,
                 struct rt_cursor last_lost,
                 enum rt_close_reason reason,
                 uint64_t missed);

/* The same, but nobody says why. */
void reader_skip(struct reader *reader, struct rt_cursor position);

/* What a local is handed. */
void reader_on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery);

/* The connection has taken what was queued. */
void reader_drain(struct reader *reader);

/* What it is like from now on. */
void reader_temper(struct reader *reader);

/* Looks at it between two calls of the core; and when it should have all. */
void reader_check(struct reader *reader);
void reader_expect_all(const struct reader *reader);

#endif
