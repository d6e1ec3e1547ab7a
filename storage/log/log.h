/*
 * The commit log of a node: what makes events survive. It takes batches of
 * parts, of any number of topics, and each is on the disk when rt_log_append
 * returns 0, all of it. The log knows topics by numbers that its user gives,
 * and what it needs to keep and to find their events; names and states it
 * merely keeps. docs/STORAGE_FORMAT.md describes the files.
 *
 * One thread makes all calls but those that say otherwise. They wait for the
 * disk, so it is not the loop's.
 */
#ifndef STORAGE_LOG_LOG_H
#define STORAGE_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "storage/disk.h"
#include "storage/ring.h"

/* What a segment takes beside its snapshot, before the next. */
#define RT_LOG_SEGMENT_BYTES ((uint64_t)64 * 1024 * 1024)

/* An event is looked for from a place of its topic on: from where there are at
 * most so many bytes of the log before it, or so many of the topic's own, and
 * the batch that they are in. A place is kept in memory, so topics with little
 * have one in a segment. */
#define RT_LOG_PLACE_BYTES     ((uint64_t)256 * 1024)
#define RT_LOG_PLACE_BYTES_OWN ((uint64_t)4 * 1024)

#define RT_LOG_TOPIC_NAME_MAX 255                 /* bytes */
#define RT_LOG_STATE_MAX      64                  /* bytes, of a topic */
#define RT_LOG_NODE_MAX       256                 /* bytes, of the node */
#define RT_LOG_KEY_MAX        4096                /* bytes, of one key */
#define RT_LOG_PARTS_MAX      ((uint32_t)1 << 20) /* of a batch */

/* How much is read between two calls that tell of progress. */
#define RT_LOG_PROGRESS_BYTES ((uint64_t)16 * 1024 * 1024)

struct rt_log;

/* Which keys are kept, in memory and in the snapshot of each segment. */
struct rt_log_key_limits {
    uint64_t age_ms; /* how long they are of use */
    uint64_t bytes; /* the last ones; each takes 24 more than it has, at most */
};

struct rt_log_options {
    struct rt_disk *disk;
    struct rt_heap *heap; /* of the log's thread alone */
    uint64_t segment_bytes;
    struct rt_retention retention; /* of all topics together */
    struct rt_log_key_limits keys;
    uint64_t min_free; /* bytes that others may have of the disk */
    uint64_t wall_ms;  /* now */
    uint64_t identity; /* of a new log: random, the same never again */
    bool is_cut; /* it has no segments from one on, on purpose: they are written
                    anew */
};

enum rt_log_part_kind {
    RT_LOG_EVENTS = 1,
    RT_LOG_TOPIC,
    RT_LOG_REMOVED,
    RT_LOG_NODE,
    RT_LOG_KEY
};

/* Events of one topic, back to back, as one segment has them in memory. */
struct rt_log_events {
    uint64_t offset;         /* of the first one */
    uint32_t count;          /* > 0 */
    uint32_t start;          /* `start` of the first one's entry */
    uint32_t type;           /* the place in the segment of types.data */
    struct rt_bytes entries; /* the last one's first */
    struct rt_bytes types;   /* all that entries name; may be more */
    struct rt_bytes frames;
};

/* What a topic is. Its state is opaque here. */
struct rt_log_topic {
    struct rt_bytes name;          /* never changes */
    uint64_t next_offset;          /* of its next event; it may skip some */
    uint64_t floor;                /* what was before it does not count */
    struct rt_retention retention; /* on disk; UINT64_MAX: no limit */
    struct rt_bytes state;
};

/*
 * Something to be kept. A topic's first RT_LOG_TOPIC comes before its first
 * events, and tells of all that changes but by events; to purge is to raise
 * the floor. Topics are numbered from 1, in the order in which they come. A
 * topic's parts are in order, each event at the topic's next offset; where it
 * skips offsets it does so before its events in the batch.
 */
struct rt_log_part {
    enum rt_log_part_kind kind;
    uint64_t topic; /* 0 for RT_LOG_NODE and RT_LOG_KEY */
    union {
        struct rt_log_events events;
        struct rt_log_topic description;
        struct rt_bytes opaque; /* RT_LOG_NODE, RT_LOG_KEY */
    };
};

struct rt_log_batch {
    const struct rt_log_part *parts;
    uint32_t part_count; /* of 1 .. RT_LOG_PARTS_MAX */
    uint64_t sequence;   /* the last event's number among all, by then */
    uint64_t wall_ms;    /* now */
    bool is_end;         /* the log ends here on purpose */
};

/* How a topic was found. */
struct rt_log_standing {
    uint64_t earliest; /* its oldest event that counts; next_offset: none */
    uint64_t end;      /* behind its last event */
    uint64_t wall_ms;  /* time stamp of its last event, or later if that is no
                          more; 0: it had none */
    uint64_t sequence; /* the same of its number among all */
    bool is_damaged;   /* events are lost: it ends with what is before them, and
                          takes no more */
};

/*
 * What is told while a log is opened: each topic, as it was in the end; then
 * the events of the last segment, oldest first; all keys that are of
 * use still, the same; the node's state. Bytes are valid during the call. What
 * does not return 0 ends the opening with that. Calls may be NULL; without one
 * for events a start is faster.
 */
struct rt_log_visitor {
    void *context;
    int (*topic)(void *context,
                 uint64_t id,
                 const struct rt_log_topic *topic,
                 const struct rt_log_standing *standing);
    int (*events)(void *context,
                  uint64_t id,
                  const struct rt_log_events *events);
    int (*key)(void *context, struct rt_bytes state);
    int (*node)(void *context, struct rt_bytes state);
    void (*progress)(void *context, uint64_t done, uint64_t all); /* bytes */
};

/* What was found. */
struct rt_log_found {
    uint64_t sequence;   /* the last event's number among all */
    uint64_t next_topic; /* the lowest number that no topic ever had */
    uint64_t bytes;      /* of all segments */
    uint64_t segment_count;
    uint64_t torn_bytes; /* cut off, of a batch that nobody was told of */
    uint64_t removed;    /* segments behind the last one, which were about to
                            begin */
    uint64_t damages;    /* places of the last segment that are not what was
                            written, whether or not that damages a topic */
    uint64_t damaged_topics;
    bool is_clean; /* it had been ended on purpose, and not begun again */
};

/*
 * Opens the log of a directory, an empty one included, and makes it ready for
 * events. 0, also if parts of it are lost, as far as the rest tells what topics
 * there are; RT_EDAMAGED if it does not, or if it is of another
 * version; RT_EUNENDED if a repair has not been ended; RT_ENOMEM; or what the
 * disk or the visitor said.
 */
RT_MUST_USE int rt_log_open(struct rt_log **log,
                            const struct rt_log_options *options,
                            const struct rt_log_visitor *visitor,
                            struct rt_log_found *found);

/* Closes the files. Ending the log on purpose is a batch. NULL is fine. */
void rt_log_close(struct rt_log *log);

/*
 * Writes a batch and syncs it: when it returns 0, the batch is safe. RT_ENOSPC:
 * there is no room, and RT_ENOMEM: no memory; then the log is as before, and it
 * may be tried again. All else is the end: what the disk said, and RT_EFAILED
 * from then on. What had been appended before can be read.
 */
RT_MUST_USE int rt_log_append(struct rt_log *log,
                              const struct rt_log_batch *batch);

/* Whether that, or retention, has come to the end. */
bool rt_log_has_failed(const struct rt_log *log);

/*
 * What is to be done when a segment has begun, and now and then: seals the one
 * before it, which no batch waits for. Forgets keys that are of no use any
 * more, and what retention does not keep, of each topic by whole places, and of
 * all by whole segments; removes the segments that nothing needs then, and
 * never the last one. Costs a look at each topic. 0; what the disk said; or
 * RT_EFAILED if the log has failed, as it has when a segment could not be
 * sealed, but for lack of room, or when a name was removed and that could not
 * be synced.
 */
RT_MUST_USE int rt_log_retain(struct rt_log *log, uint64_t wall_ms);

/*
 * Hands over the file of the segment that was removed last, which is open
 * still, for rt_disk_discard on another thread; false if there is none. What
 * nobody takes is closed before the next one is removed, or with the log.
 */
bool rt_log_take_removed(struct rt_log *log, struct rt_file *file);

/* What a topic keeps on disk, and how it ends. Any thread, and so the next. */
struct rt_log_extent {
    uint64_t earliest; /* the oldest event that counts; next_offset: none */
    uint64_t end;      /* behind the last event */
    uint64_t next_offset;
    uint64_t bytes;
    uint64_t lost_ms; /* time stamp of the newest event that does not count any
                         more, or later; 0: there is none */
    bool is_damaged;
};

/* Whether there is a topic of that number, and what it keeps. Any thread; waits
 * for no disk. */
bool rt_log_extent(struct rt_log *log,
                   uint64_t topic,
                   struct rt_log_extent *extent);

/*
 * An offset at or before the topic's first event on disk that is stamped at
 * `wall_ms` or later; its next_offset if there is none. What lies between is a
 * place at most. Any thread; waits for no disk. 0 if there is no such topic.
 */
uint64_t
rt_log_offset_since(struct rt_log *log, uint64_t topic, uint64_t wall_ms);

/*
 * Of the topic's last `count` > 0 events on disk before an offset the first
 * one's; the oldest one's if there are fewer, and the offset if there is none.
 * Any thread; waits for no disk, and looks at the places of as many events.
 */
uint64_t rt_log_offset_before(struct rt_log *log,
                              uint64_t topic,
                              uint64_t offset,
                              uint64_t count);

/* How long the next segment's file will be at least, which depends on what its
 * snapshot has. Goes through all topics and keys. */
uint64_t rt_log_next_length(const struct rt_log *log);

/* Bytes that the active segment has left for batches. */
uint64_t rt_log_left(const struct rt_log *log);

/* What the disk is to have for the next segment, beside what retention removes
 * for it. Goes through all topics and keys, too. */
uint64_t rt_log_next_room(const struct rt_log *log);

/* What all of the log takes. */
struct rt_log_usage {
    uint64_t bytes;
    uint64_t segment_count;
    uint64_t last_segment; /* its number */
    uint64_t events;
};

/* Any thread; waits for no disk. */
struct rt_log_usage rt_log_usage(struct rt_log *log);

#endif
