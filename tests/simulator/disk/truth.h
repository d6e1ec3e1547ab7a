/*
 * The truth: every event that was ever published, and what is known of where it
 * must be. A topic has eras, each with an epoch; in one an offset is one event,
 * for ever, also if the end of a process costs it.
 */
#ifndef TESTS_SIMULATOR_DISK_TRUTH_H
#define TESTS_SIMULATOR_DISK_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "protocol/format.h"

#define TRUTH_TOPIC_MAX 4
#define TRUTH_ERA_MAX   128
#define TRUTH_JUMP_MAX  12

enum fate {
    FATE_PENDING, /* nobody was told yet that it is on disk */
    FATE_WRITTEN, /* a batch with it was acknowledged, or found on disk */
    FATE_LOST,
};

struct event {
    uint64_t offset;   /* as cursors have it */
    uint64_t sequence; /* its number among all */
    uint64_t ticket; /* the batch that it is in; 0: it is of an earlier life */
    uint64_t wall_ms;
    uint32_t len;
    uint32_t noise; /* where in the noise its payload begins */
    enum rt_content content;
    struct rt_bytes type;
    enum fate fate;
};

/* Offsets that are not given again after an end that was not clean: from the
 * first one that was not on disk, up to another. */
struct jump {
    uint64_t first;
    uint64_t end;
};

struct era {
    uint32_t epoch;
    struct event *events; /* in the order of their offsets */
    uint64_t count;
    uint64_t capacity;
    struct jump jumps[TRUTH_JUMP_MAX];
    uint32_t jump_count;
};

/* What the log must know of a topic beside its events. */
struct standing {
    uint32_t era;
    bool is_known; /* to the log */
    bool is_closed;
    bool is_damaged; /* it takes no events */
    enum rt_ack ack;
    uint64_t ring_events; /* of its own retention; 0: it has none */
};

struct truth_topic {
    struct rt_bytes name;
    struct era eras[TRUTH_ERA_MAX];
    uint32_t era_count;
    struct standing now;
    struct standing on_disk; /* as a batch had it that was acknowledged */
    uint64_t changed;        /* in which batch `now` is */
    bool was_removed;        /* since `on_disk` */
};

/* The era of an epoch of the topic, which may begin with that. */
uint32_t truth_era(struct truth_topic *topic, uint32_t epoch);

/* Where a topic stands has changed: the batch of that number has it. */
void truth_change(struct truth_topic *topic,
                  struct standing standing,
                  uint64_t ticket);

/* Adds an event, whose offset nobody has been given before. */
void truth_add(struct era *era, const struct event *event);

/* The first event from an offset on, or NULL; and the last one's offset. */
struct event *truth_from(const struct era *era, uint64_t offset);
uint64_t truth_last(const struct era *era);

/* A batch of that number is on disk, and all before it. */
void truth_written(struct truth_topic *topic, uint64_t number);

/* The topic begins again as it stands now, in an era of which the log has what
 * is before `end`; it goes on with `next`. All else that was not acknowledged
 * is lost; without an era, all of it. */
void truth_restart(struct truth_topic *topic,
                   struct standing standing,
                   uint64_t end,
                   uint64_t next);
void truth_lose(struct truth_topic *topic);

/* What is from an offset on is no longer on disk, of a topic that takes no more
 * events; or of one that does, and then it must have been in the last batch. */
void truth_cut(struct era *era, uint64_t end);
void truth_cut_last(struct era *era, uint64_t end, uint64_t last);

/* Whether some of the offsets up to an end were not given for that reason. */
bool truth_has_jump(const struct era *era, uint64_t first, uint64_t end);

/* Numbers behind that one are given again: it has none of them any more. */
void truth_renumber(struct truth_topic *topic, uint64_t last);

/* The first event behind a number among all; NULL: there is none. */
const struct event *truth_after(const struct era *era, uint64_t sequence);

/* An event as a format has it, for one of several topics with the cursor to go
 * on from; valid until the next call. */
struct rt_bytes truth_encode(const struct truth_topic *topic,
                             const struct era *era,
                             const struct event *event,
                             enum rt_format format,
                             const struct rt_cursor *resume);

void truth_finish(struct truth_topic *topic);

#endif
