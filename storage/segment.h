/*
 * A segment: one block of memory with finished events, back to back, and their
 * index. Events grow up from the start, index entries grow down from the end:
 *
 *     bytes                                               bytes + capacity
 *     | event 0 | event 1 | event 2 | free | entry 2 | entry 1 | entry 0 |
 *                                   ^ used
 *
 * One writer. Bytes below `used` never change, so a reader needs no copy: it
 * holds a reference. The ring holds one as long as it retains the segment; a
 * write in flight holds another, and the last one frees the block.
 */
#ifndef STORAGE_SEGMENT_H
#define STORAGE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/heap.h"

/* What is known of an event beside its bytes. */
struct rt_entry {
    uint64_t wall_ms;  /* time stamp, milliseconds since 1970 */
    uint64_t sequence; /* the event's number among all of the node */
    uint32_t start;    /* where it begins in the segment's bytes */
    uint16_t type;     /* its place among the segment's types; 0: it has none */
    uint8_t content;   /* the kind of payload; opaque here */
    uint8_t reserved;  /* 0: entries go to disk as they are, without padding */
};

/* Types of events are kept beside the bytes, for those go to subscribers as
 * they are. A segment has room for so many bytes of them: a part of its own,
 * taken with the first one and never moved, for somebody who holds a reference
 * may be reading them on another thread. Each is a length, the text, and as
 * much as rounds it up to RT_TYPE_GRAIN. */
#define RT_TYPE_BYTES_MAX  64
#define RT_TYPE_GRAIN      16
#define RT_TYPES_PART      4
#define RT_TYPES_BYTES_MIN ((size_t)1024)
#define RT_TYPES_BYTES_MAX ((size_t)64 * 1024)

/* What all rings of a broker share. */
struct rt_store {
    struct rt_heap *heap;
    size_t retired_bytes; /* no longer in a ring, but still being written */
};

struct rt_segment {
    uint64_t position;     /* of bytes[0] in the topic's stream of bytes */
    uint64_t first_offset; /* of event 0 */
    uint64_t opened_ms;    /* monotonic time of the first and */
    uint64_t touched_ms;   /* of the last append */
    size_t capacity;
    uint32_t used;
    uint32_t event_count;
    uint32_t references;
    bool is_retired;
    uint32_t types_len;      /* bytes */
    uint32_t types_capacity; /* bytes */
    char *types;             /* NULL until an event has one */
    /* Aligned as the entries at its end must be. */
    _Alignas(struct rt_entry) uint8_t bytes[];
};

/* What a block of the given capacity takes from the heap. */
size_t rt_segment_size(size_t capacity);

/* A new block with one reference, or NULL. The caller fills in the header. */
RT_MUST_USE struct rt_segment *rt_segment_create(struct rt_store *store,
                                                 size_t capacity);

/* Empties a block that has one reference, for use anew. It keeps the memory
 * that it has for types. */
void rt_segment_reset(struct rt_segment *segment);

void rt_segment_ref(struct rt_segment *segment);

/* Drops a reference; NULL is fine. */
void rt_segment_unref(struct rt_store *store, struct rt_segment *segment);

/* Drops the ring's reference: what others still hold counts as retired. */
void rt_segment_retire(struct rt_store *store, struct rt_segment *segment);

/* How many bytes an event may have whose entry still fits; 0: no event does. */
size_t rt_segment_room(const struct rt_segment *segment);

/* Whether an event of `len` bytes and its entry fit into what is free. */
bool rt_segment_has_room(const struct rt_segment *segment, size_t len);

/* Takes memory for types if the block has none yet: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_segment_reserve_types(struct rt_store *store,
                                         struct rt_segment *segment);

/* Whether there is room for one more type. */
bool rt_segment_has_type_room(const struct rt_segment *segment);

/*
 * Keeps a type of at most RT_TYPE_BYTES_MAX bytes and puts its place into
 * `*place`: 0 for the empty one, and the last one's for the same again. There
 * must be room for types. 0 or RT_ENOMEM.
 */
RT_MUST_USE int rt_segment_add_type(struct rt_store *store,
                                    struct rt_segment *segment,
                                    struct rt_bytes type,
                                    uint16_t *place);

/* The type of an event; empty if it has none. */
struct rt_bytes rt_segment_type(const struct rt_segment *segment,
                                const struct rt_entry *entry);

/*
 * Adds an event of `len` bytes at the end and returns where they go. Needs room
 * for it. The entry's `start` is filled in here.
 */
char *rt_segment_extend(struct rt_segment *segment,
                        size_t len,
                        struct rt_entry entry);

/*
 * Copies an event, given as two parts, to the end. Needs room for it. The
 * entry's `start` is filled in here.
 */
void rt_segment_append(struct rt_segment *segment,
                       struct rt_bytes header,
                       struct rt_bytes payload,
                       struct rt_entry entry);

/* The entry of event number `index` < event_count. */
const struct rt_entry *rt_segment_entry(const struct rt_segment *segment,
                                        uint32_t index);

/* The entries of `count` events that there are, from number `index` on, the
 * last one's first. On any thread that has a reference, for it looks at nothing
 * that changes. */
struct rt_bytes rt_segment_entries(const struct rt_segment *segment,
                                   uint32_t index,
                                   uint32_t count);

/* Where event number `index` <= event_count begins; for event_count: `used`. */
uint32_t rt_segment_start(const struct rt_segment *segment, uint32_t index);

/* The number of the event that contains byte `at` < used. */
uint32_t rt_segment_event_at(const struct rt_segment *segment, uint32_t at);

#endif
