/*
 * The model: what the logs of all topics must look like, kept as plainly as can
 * be: every event ever published, with its length, its kind and its time stamp,
 * and which of them a ring must still have. It knows what storage/ring.h
 * promises and nothing of how that is kept.
 *
 * A topic that is purged goes on counting, with an event that nobody gets: what
 * cursors say counts from behind that one, the base.
 */
#ifndef TESTS_SIMULATOR_MODEL_H
#define TESTS_SIMULATOR_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "protocol/since.h"
#include "tests/simulator/noise.h"

#define TOPIC_MAX 12
#define OWNER_MAX 2 /* who may not want its own events */

struct event {
    uint64_t sequence; /* among all of the node; 0: it was not published */
    uint64_t position; /* of its frame in the topic's stream of bytes */
    uint64_t wall_ms;
    uint32_t len;   /* of the payload */
    uint32_t noise; /* where in the noise that begins */
    enum rt_content content;
    uint32_t owner; /* who published it: 0 or one who may not want it */
    struct rt_bytes type;
};

/* A block of the ring. */
struct block {
    uint64_t first; /* offset of its first event */
    uint64_t last;
    uint64_t used;  /* bytes of frames */
    uint64_t types; /* bytes of types beside them */
    uint64_t size;  /* memory, everything included */
    uint64_t opened_ms;
    uint64_t touched_ms;
};

struct topic {
    struct rt_bytes name;
    bool exists;
    bool is_closed;
    uint64_t closing;   /* the number that it was closed with */
    bool is_kept;       /* though idle: its retention is not the node's */
    uint32_t birth;     /* its first epoch since it exists */
    uint32_t epoch;     /* its last one if it does not exist */
    uint64_t base;      /* the offset before the epoch's first event */
    uint32_t old_epoch; /* and of the epoch before it */
    uint64_t old_base;
    uint64_t purged; /* the last event that a purge has dropped; 0: none */
    struct rt_retention retention;
    struct event *events; /* by offset - 1, all since its birth */
    uint64_t latest;
    uint64_t event_capacity;
    uint64_t head;        /* position after the last event */
    struct block *blocks; /* all since its birth */
    uint32_t block_count;
    uint32_t block_capacity;
    uint32_t oldest;     /* number of the oldest one retained */
    uint64_t bytes;      /* memory of the blocks retained */
    uint64_t touched_ms; /* last event, or coming or going of a subscriber */
    uint32_t sink_count; /* attached */
    uint32_t local_count;
    uint32_t reader_count; /* of it alone */
    uint64_t wanted;  /* the first event that a local lacked, and how many */
    uint32_t dropped; /* blocks from there on went, since locals had all */
    bool is_big;      /* too many subscribers for rt_core_flush_small */
    bool is_waiting;  /* for a turn in this flush */
    bool is_served;   /* its locals, in this delivery */
    uint64_t units;   /* of work for its active subscribers in this flush */
};

/* Where the next byte of a stream of frames stands. */
struct reading {
    uint64_t offset;
    uint64_t at; /* in the event's frame */
};

/* Where a subscriber begins. */
struct start {
    uint64_t offset; /* of its first event */
    bool is_gap;
    enum rt_close_reason reason;
    uint64_t missed;
};

/* The topic begins to exist, and ends; its memory is kept for the next time. */
void topic_begin(struct topic *topic,
                 uint32_t epoch,
                 const struct rt_retention *retention,
                 uint64_t now_ms);
void topic_end(struct topic *topic);
void topic_finish(struct topic *topic);

/* It begins anew, with another epoch. */
void topic_purge(struct topic *topic, uint32_t epoch);

/* Whether who comes to this event was there before, and has not been told. */
bool topic_is_purged(const struct topic *topic, uint64_t offset);

/* The offset that a cursor of this epoch has. */
uint64_t topic_offset(const struct topic *topic, uint64_t cursor_offset);

/* Expects that this is the cursor of an offset; of one before the last purge,
 * that it is of the epoch that ended with it: of what was before that, the
 * first. */
void topic_expect_cursor(const struct topic *topic,
                         struct rt_cursor cursor,
                         uint64_t offset);

/* Whether anybody subscribes to it alone. */
bool topic_is_followed(const struct topic *topic);

/* Whether the ring has more than its retention allows. */
bool topic_has_too_much(const struct topic *topic);

/* An event was published: the log grows; and the ring drops what is too much.
 */
void topic_extend(struct topic *topic,
                  uint64_t now_ms,
                  const struct event *event);
void topic_settle(struct topic *topic);

/* The first event that the ring will still have after that. */
uint64_t topic_low_after(const struct topic *topic,
                         uint64_t now_ms,
                         const struct event *event);

/* A local lacks events from this one on; and locals have everything. */
void topic_want(struct topic *topic, uint64_t offset);
void topic_calm(struct topic *topic);

/* The ring has dropped its oldest block. */
void topic_drop(struct topic *topic);

/* The oldest block; NULL if there is none. */
const struct block *topic_oldest(const struct topic *topic);

uint64_t topic_earliest(const struct topic *topic);
const struct event *topic_event(const struct topic *topic, uint64_t offset);

/* The last offset up to this one that has an event, for a purge counts one that
 * nobody published; 0: none has. */
uint64_t topic_newest(const struct topic *topic, uint64_t offset);

/* The position of an event, or of the head. */
uint64_t topic_position(const struct topic *topic, uint64_t offset);

uint64_t frame_len(const struct event *event);

/* Expects that these bytes are the topic's, and moves on behind them. */
void topic_match(const struct topic *topic,
                 struct reading *reading,
                 struct rt_bytes bytes);

/* Moves on by so many bytes. */
void topic_advance(const struct topic *topic,
                   struct reading *reading,
                   uint64_t len);

/* Where one who asks for this must begin. */
struct start topic_start(const struct topic *topic,
                         const struct rt_since *since);

#endif
