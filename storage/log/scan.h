/*
 * A scan: the events of several topics, in the order of their numbers among all
 * of the node, from disk. It goes through the log from batch to batch, for each
 * batch has numbers behind those of the one before; the topics' places say
 * where to begin, and what to leave out.
 *
 * Like a reader, a scanner belongs to one thread, any but the log's too, has a
 * file of its own open, and waits for the disk.
 */
#ifndef STORAGE_LOG_SCAN_H
#define STORAGE_LOG_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "storage/log/log.h"
#include "storage/log/walk.h"
#include "storage/log/window.h"
#include "storage/segment.h"

/* One scan goes through so much of the log, at most, and a batch, from where
 * its first number is; before that it looks at the heads of a segment's
 * batches. */
#define RT_LOG_SCAN_BYTES ((uint64_t)4 * 1024 * 1024)

/* So many who take turns go on where they were; if there are more, some look at
 * heads again. */
#define RT_LOG_SCAN_MARKS 16

/* A topic to be looked for. */
struct rt_log_scan_topic {
    uint64_t id;
    void *owner; /* opaque here */
    /* What was found: wanted numbers of events that may be gone, or that the
     * disk has lost, up to these; 0: there are none. */
    uint64_t lost;
    uint64_t damaged;
    uint64_t floor; /* the offset of the oldest event that counts */
};

/* An event that was found. */
struct rt_log_scan_event {
    uint64_t sequence;
    uint64_t offset;
    uint32_t topic; /* its place among the topics */
    uint32_t index; /* in the segment */
};

struct rt_log_scan {
    struct rt_log_scan_topic *topics; /* in any order; then by their ids */
    uint32_t topic_count;
    uint32_t event_max;
    uint64_t first;   /* the number to begin with */
    uint64_t until;   /* and to end before: all before it is on disk */
    uint64_t wall_ms; /* what is stamped before is passed over, up to the first
                       * event that is not */
    struct rt_segment *segment; /* empty; of the scanner's store */
    struct rt_log_scan_event *events;
    /* What was found. */
    uint64_t end; /* everything from `first` on to before it */
    uint32_t event_count;
    size_t needed;    /* with RT_ERANGE: the capacity of a segment that does */
    uint64_t damaged; /* as a topic's: of topics that are not known; 0: none */
};

/* Where a scan ended, and the next one of those topics may go on. */
struct rt_log_scan_mark {
    uint64_t segment;
    uint64_t position; /* of the next batch there, */
    uint64_t next;  /* before which no event has this number or a higher one */
    uint64_t width; /* how many numbers had room, of a batch that has not */
    bool is_behind_damage; /* what comes right before it is lost */
};

struct rt_log_scanner {
    struct rt_log *log;
    struct rt_store *store; /* of this thread alone */
    struct rt_log_window window;
    struct rt_log_walk walk; /* through the segment that is open; 0: none */
    struct rt_log_scan_mark marks[RT_LOG_SCAN_MARKS]; /* the latest is first */
    uint64_t walked; /* bytes of the log, from the first number on */
};

/* Allocates nothing yet. The log outlives the scanner. What it allocates is as
 * much as a reader does. */
void rt_log_scanner_init(struct rt_log_scanner *scanner,
                         struct rt_log *log,
                         struct rt_store *store);

/* NULL and zeroed memory are fine. */
void rt_log_scanner_finish(struct rt_log_scanner *scanner);

/*
 * Fills the segment and the events, in the order of their numbers, as far as
 * there is room and a scan goes. 0, and `end` is higher than `first`, even if
 * no event was found; RT_ERANGE: the first one has no room; RT_ENOMEM, or what
 * the disk said.
 */
RT_MUST_USE int rt_log_scan(struct rt_log_scanner *scanner,
                            struct rt_log_scan *scan);

/* scan_batch.c: takes what the batch that the walk is at has of the scan's
 * topics, from `end` on, and raises that. RT_ERANGE if not all of it has room.
 */
RT_MUST_USE int rt_log_scan_batch(struct rt_log_scanner *scanner,
                                  struct rt_log_scan *scan);

#endif
