/*
 * The floor's topics: who subscribes to them, found by name or, of many, by the
 * number that their names end with. A topic keeps a log of its events from when
 * somebody first asked for the earliest: none is paid for by who does not.
 */
#ifndef BENCH_FLOOR_TOPIC_H
#define BENCH_FLOOR_TOPIC_H

#include <stddef.h>
#include <stdint.h>

#define FLOOR_NAME   64
#define FLOOR_DIGITS 5             /* of the number of a topic, after a dot */
#define FLOOR_LOG    (1024 * 1024) /* bytes, as a ring has by default */

/* Positions never are 0, and what lies before the first is gone. */
struct floor_log {
    uint64_t first; /* where the earliest whole frame begins */
    uint64_t end;
    char bytes[FLOOR_LOG]; /* position p at p modulo FLOOR_LOG */
};

struct floor_topic {
    char name[FLOOR_NAME];
    int *subscribers;
    size_t subscriber_count;
    size_t subscriber_room;
    struct floor_log *log; /* or NULL */
};

/* Zeroed memory; there always is some, or the floor ends. */
void *floor_allocate(size_t count, size_t size);

/* Whether a name ends with a number. */
int floor_has_number(const char *name, size_t len);

/* The topic whose name ends with these digits. */
struct floor_topic *floor_topic_numbered(const char *digits);

/* The topic of that name, made when it is new; NULL when the table is full. */
struct floor_topic *floor_topic_of(const char *name, size_t len);

/* Returns the index of the new subscriber. */
size_t floor_topic_join(struct floor_topic *topic, int fd);

/* The last subscriber takes the place of the one that leaves; it is returned.
 */
int floor_topic_leave(struct floor_topic *topic, size_t index);

/* Logs from now on. */
void floor_topic_keep_log(struct floor_topic *topic);

/* Adds a batch of frames of one length, as all in the log have. */
void floor_log_append(struct floor_log *log,
                      const char *batch,
                      size_t len,
                      size_t frame_len);

/* What lies at a position, up to the end or to where the log turns over. */
const char *
floor_log_at(const struct floor_log *log, uint64_t position, size_t *len);

#endif
