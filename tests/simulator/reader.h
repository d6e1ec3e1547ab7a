/*
 * Readers: connections that read in one of the formats, several topics or one.
 * What one is given are the events from its start on that its selector has, in
 * their order, but its own if it does not want those; of all others that are
 * missing it was told.
 *
 * Its events have numbers: those of one topic are its offsets, those of several
 * the sequences among all events of the node.
 */
#ifndef TESTS_SIMULATOR_READER_H
#define TESTS_SIMULATOR_READER_H

#include "broker/core/subscriber.h"
#include "tests/simulator/model.h"

#define READER_MAX        24
#define READER_NOTICE_LEN 150 /* bytes that it takes to be told of a gap */

struct rt_topic;
struct world;

/* What a connection has not taken yet. */
struct stall {
    struct rt_segment *held; /* NULL: what is queued is a notice */
    struct rt_bytes queued;
    uint64_t since_ms; /* when the queue was last seen, */
    size_t len;        /* how long it was, */
    uint64_t order;    /* and in what order */
    bool is_shed;      /* to be closed, for what it keeps in memory */
    bool is_slow;      /* to be closed, for it takes nothing */
};

enum sink_state {
    SINK_FREE,
    SINK_OPEN,
    SINK_ENDING, /* detached; what is queued goes first */
};

/* Of a topic, a reader knows that what is gone up to here is gone. */
struct told {
    uint32_t birth;
    uint64_t offset;
};

struct reader {
    struct rt_subscriber subscriber;
    struct world *world;
    enum sink_state state;
    const char *selector;
    bool has[TOPIC_MAX];   /* which topics that means */
    bool names[TOPIC_MAX]; /* and which of them without a wildcard */
    struct topic *topic;   /* the one that it is; NULL: it is several */
    uint32_t owner;        /* whose events it does not want; 0: it wants all */
    uint64_t asked;        /* which of them come next, from here on */
    enum rt_format format;
    uint64_t last; /* the last event that was handed over */
    uint64_t seen; /* up to here there is nothing to hand over */
    struct told told[TOPIC_MAX];
    uint64_t told_of_gone;  /* the same, for topics that are gone */
    uint64_t told_removals; /* of those until then */
    uint64_t room;          /* bytes it takes before it blocks */
    uint64_t cut;           /* the event it took a part of, */
    uint64_t cut_count;     /* how many that are with those before it, */
    size_t cut_rest;        /* and the bytes of it that it did not take */
    bool is_short;          /* it took a part: the rest must be queued */
    bool has_kept_up;       /* so it must not lose anything */
    bool is_replaying;      /* to be told when it has caught up */
    bool is_passed;         /* to be closed for a gap that it was told of */
    uint64_t missed;        /* in that */
    bool is_leaving;        /* to be closed by the host */
    bool is_lost;           /* writes fail */
    bool refuses_queue;     /* there is no memory to queue anything */
    bool is_failing;        /* it did one of these: a close must follow */
    struct stall stall;
};

/* A connection waits with what is queued from now on. */
void stall_begin(struct stall *stall,
                 struct world *world,
                 struct rt_segment *held,
                 struct rt_bytes queued);

/* --- what it must be given --- */

/* The number of the last event, whether it is for the reader or not. */
uint64_t reader_latest(const struct reader *reader);

/* Whether it is for the reader; or would be, but that it is its own. */
bool reader_wants(const struct reader *reader, uint64_t number);
bool reader_is_own(const struct reader *reader, uint64_t number);

/* The first event from a number on that it must be given; behind the last one
 * if there is none. What is passed over is not for it, or gone, and it knows.
 */
uint64_t reader_next(const struct reader *reader, uint64_t number);

/* What is next was dropped with all the rest, and it does not know. */
bool reader_is_purged(const struct reader *reader);

/* Of several topics: it knows what is gone of one, or of all, until now; or
 * does not want to. */
bool reader_is_told(const struct reader *reader, uint64_t number);
void reader_tell(struct reader *reader, const struct topic *topic);
void reader_tell_all(struct reader *reader);

/* One that is not told of gaps goes on with what is left, if it lost any. */
void reader_skip(struct reader *reader);

/* A cursor says the same as what was handed over: nothing is repeated after
 * it, and nothing is lost before it. */
void reader_expect_cursor(struct reader *reader, struct rt_cursor cursor);

/* An event as the reader's format has it; valid until the next call. */
struct rt_bytes reader_encode(const struct reader *reader, uint64_t number);

/* --- what the core calls --- */

bool reader_is(const struct rt_subscriber *subscriber);
ssize_t reader_write(struct rt_subscriber *subscriber,
                     const struct rt_bytes *ranges,
                     unsigned range_count);
int reader_queue(struct rt_subscriber *subscriber,
                 struct rt_segment *segment,
                 struct rt_bytes bytes);
size_t reader_queued(struct rt_subscriber *subscriber);
bool reader_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap);
void reader_caught_up(struct rt_subscriber *subscriber);
bool reader_own(struct rt_subscriber *subscriber,
                uint64_t offset,
                struct rt_own *own);
void reader_close(struct rt_subscriber *subscriber,
                  enum rt_close_reason reason,
                  const struct rt_resume *resume);

/* --- what it does itself --- */

/* Chooses what it reads, and how. */
void reader_choose(struct reader *reader);

/* A free one comes. */
void reader_subscribe(struct reader *reader);

/* Whether each of its topics is closed, and no other can come. */
bool reader_is_over(const struct reader *reader);

/* It has come or gone: the topics that it names are of use. */
void reader_touch(const struct reader *reader);

/* Comes, if it is free, or now and then leaves; and is like this from now on.
 */
void reader_act(struct reader *reader);
void reader_temper(struct reader *reader);
void reader_leave(struct reader *reader);
void reader_detached(struct reader *reader);

/* The connection takes so much of what is queued. */
void reader_take(struct reader *reader, size_t len);

/* --- what must be true --- */

/* Looks at it between two calls of the core. */
void reader_check(struct reader *reader);

/* After a flush: all that can have everything, unless there is more to do. */
void readers_expect_served(const struct world *world, bool has_more);

/* Whether one that has kept up lacks an event of the topic up to an offset. */
bool readers_want(const struct world *world,
                  const struct topic *topic,
                  uint64_t offset);

/* The last event of a topic, up to an offset, that all of those who are many in
 * reading it have. */
uint64_t readers_sent(const struct world *world,
                      const struct topic *topic,
                      uint64_t offset);

/* How many read a topic, and whether any of them names it. */
uint32_t readers_of(const struct world *world, const struct topic *topic);
bool readers_name(const struct world *world, const struct topic *topic);

/* What the core knows of those that read a topic: whether any may lack
 * something of it, also of what comes before an offset; and whether they are
 * many, and behind. */
bool readers_are_behind(const struct rt_topic *found);
bool readers_need(const struct rt_topic *found, uint64_t offset);
bool readers_are_many(const struct rt_topic *found);

#endif
