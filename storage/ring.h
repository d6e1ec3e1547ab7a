/*
 * The ring: a topic's log in memory. A chain of segments; events are appended
 * at the head, and retention drops whole segments from the low end, never held
 * up by a reader. Two coordinates name a place in it:
 *
 * - an offset counts events, from 1; the newest has `rt_ring_latest`;
 * - a position counts bytes since the ring began; `low` is the first retained
 *   byte, `head` the one after the last. Every event begins at one position.
 *
 * Storage does not know what the bytes mean. One thread.
 */
#ifndef STORAGE_RING_H
#define STORAGE_RING_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "storage/segment.h"

/* Blocks begin with this size and double, as events fill them, up to the
 * largest. An event that is larger still has a block of its own. */
#define RT_SEGMENT_SIZE_FIRST ((size_t)4 * 1024)
#define RT_SEGMENT_SIZE_MAX   ((size_t)256 * 1024)

/*
 * A ring is kept within its limits at the grain of a segment: one segment
 * takes at most this part of each limit.
 */
#define RT_RING_GRAIN_BYTES  4
#define RT_RING_GRAIN_EVENTS 8
#define RT_RING_GRAIN_AGE    8

/* What is retained at most. The newest segment stays whatever its size. */
struct rt_retention {
    uint64_t bytes;  /* memory of the segments, index included */
    uint64_t events; /* UINT64_MAX: no limit */
    uint64_t age_ms; /* UINT64_MAX: no limit */
};

/* An event to append: what its bytes are, in two parts, and what it is. */
struct rt_record {
    struct rt_bytes header;
    struct rt_bytes payload;
    uint64_t wall_ms;
    uint64_t sequence;
    struct rt_bytes type; /* at most RT_TYPE_BYTES_MAX bytes; may be empty */
    uint8_t content;
};

struct rt_ring {
    struct rt_store *store;
    const struct rt_retention
        *retention;               /* outlives the ring, or is replaced */
    struct rt_segment **segments; /* oldest first */
    uint32_t segment_count;
    uint32_t segment_capacity;
    uint64_t head;        /* position after the last event */
    uint64_t next_offset; /* of the next event */
    uint64_t wall_ms;     /* time stamp of the last event; never goes back */
    uint64_t sequence;    /* of the last event; 0 before the first */
    uint64_t dropped_ms;  /* time stamp of the newest event dropped; 0: none */
    uint64_t dropped_sequence; /* its number among all of the node; 0: none */
    uint64_t bytes;            /* memory of all segments */
};

/* Allocates nothing. Offsets begin at 1. */
void rt_ring_init(struct rt_ring *ring,
                  struct rt_store *store,
                  const struct rt_retention *retention);

void rt_ring_finish(struct rt_ring *ring);

/* For a ring without events, which goes on where another one ended, whose
 * events count as dropped: the next offset, and the last one's time stamp and
 * number among all of the node; 0 and 0: there were none. */
void rt_ring_begin(struct rt_ring *ring,
                   uint64_t next_offset,
                   uint64_t wall_ms,
                   uint64_t sequence);

/*
 * Appends an event at monotonic time `now_ms`, then drops what is more than
 * retention allows in bytes and events. The payload is copied once. The time
 * stamp is raised to that of the event before if the wall clock went back. 0,
 * or RT_ENOMEM, which changes nothing.
 */
RT_MUST_USE int rt_ring_append(struct rt_ring *ring,
                               uint64_t now_ms,
                               const struct rt_record *record);

/* Where the head of a ring is, to go back to. */
struct rt_ring_mark {
    uint64_t head;
    uint64_t next_offset;
    uint64_t wall_ms;
    uint64_t sequence;
    uint64_t touched_ms; /* of the newest segment, as what follows */
    uint32_t event_count;
    uint32_t used;
    uint32_t types_len;
};

struct rt_ring_mark rt_ring_mark(const struct rt_ring *ring);

/* As rt_ring_append, but drops nothing, so that it can be taken back: the ring
 * has more than it retains until rt_ring_enforce is called. */
RT_MUST_USE int rt_ring_extend(struct rt_ring *ring,
                               uint64_t now_ms,
                               const struct rt_record *record);

/* Takes back what has been added by rt_ring_extend since the mark. There was
 * no other call but for reading and rt_ring_yield, and nobody has been given
 * what is new. */
void rt_ring_rewind(struct rt_ring *ring, const struct rt_ring_mark *mark);

/* Drops what is more than retention allows in bytes and events. */
void rt_ring_enforce(struct rt_ring *ring);

/* Whether appending an event of `len` bytes at time `now_ms` would drop the
 * event of that offset; 0 bytes: whether rt_ring_enforce would. */
bool rt_ring_endangers(const struct rt_ring *ring,
                       uint64_t offset,
                       uint64_t now_ms,
                       size_t len);

/* Drops the segments whose last event is older than retention allows, and what
 * is too much for a retention that has changed; but neither the event of the
 * offset `keep` nor what comes after it. */
void rt_ring_expire(struct rt_ring *ring, uint64_t now_ms, uint64_t keep);

/* Drops the oldest segment, if nobody else has it, and neither the event of the
 * offset `keep` nor what comes after it is in it. Returns its bytes; 0: it
 * stays. */
size_t rt_ring_yield(struct rt_ring *ring, uint64_t keep);

/* Drops all events and skips an offset, so that whoever had all of them is as
 * far behind what comes next as whoever had not. */
void rt_ring_purge(struct rt_ring *ring);

/* The offset of the oldest retained event; next_offset when there is none. */
uint64_t rt_ring_earliest(const struct rt_ring *ring);

/* The offset of the newest event; 0 before the first. */
uint64_t rt_ring_latest(const struct rt_ring *ring);

/* The position of the oldest retained event; head when there is none. */
uint64_t rt_ring_low(const struct rt_ring *ring);

/* The segment with the event of an offset of earliest .. next_offset - 1. */
struct rt_segment *rt_ring_find(const struct rt_ring *ring, uint64_t offset);

/* The position of the event with an offset of earliest .. next_offset. */
uint64_t rt_ring_position(const struct rt_ring *ring, uint64_t offset);

/* The offset of the event that begins at a position of low .. head. */
uint64_t rt_ring_offset(const struct rt_ring *ring, uint64_t position);

/* The offset of the first retained event stamped at `wall_ms` or later, and of
 * the first with that number among all of the node or a higher one; next_offset
 * if there is none. */
uint64_t rt_ring_offset_since(const struct rt_ring *ring, uint64_t wall_ms);
uint64_t rt_ring_offset_from(const struct rt_ring *ring, uint64_t sequence);

/* The entry of an event with an offset of earliest .. next_offset - 1. */
const struct rt_entry *rt_ring_entry(const struct rt_ring *ring,
                                     uint64_t offset);

/* How many bytes the retained events from an offset on have. */
uint64_t rt_ring_bytes_from(const struct rt_ring *ring, uint64_t offset);

/* The segment with the byte at a position of low .. head - 1. */
struct rt_segment *rt_ring_segment(const struct rt_ring *ring,
                                   uint64_t position);

/*
 * The retained bytes from `position` on, as at most `range_max` contiguous
 * ranges, each ending with a whole event. Stops adding ranges when they hold
 * `bytes_max` bytes. Returns how many there are: 0 at the head.
 */
unsigned rt_ring_read(const struct rt_ring *ring,
                      uint64_t position,
                      size_t bytes_max,
                      struct rt_bytes *ranges,
                      unsigned range_max);

/* Checks every invariant; for tests. */
void rt_ring_validate(const struct rt_ring *ring);

#endif
