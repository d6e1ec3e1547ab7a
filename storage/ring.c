#include "storage/ring.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define SEGMENT_SIZE_MIN ((size_t)1024)
#define ALIGNMENT        _Alignof(struct rt_entry)

void rt_ring_init(struct rt_ring *ring,
                  struct rt_store *store,
                  const struct rt_retention *retention)
{
    *ring = (struct rt_ring){
        .store = store, .retention = retention, .next_offset = 1};
}

void rt_ring_begin(struct rt_ring *ring,
                   uint64_t next_offset,
                   uint64_t wall_ms,
                   uint64_t sequence)
{
    RT_CHECK(ring->head == 0 && next_offset >= ring->next_offset);
    ring->next_offset = next_offset;
    ring->wall_ms = wall_ms;
    ring->sequence = sequence;
    ring->dropped_ms = wall_ms;
    ring->dropped_sequence = sequence;
}

static struct rt_segment *first(const struct rt_ring *ring)
{
    return ring->segments[0];
}

static struct rt_segment *last(const struct rt_ring *ring)
{
    return ring->segments[ring->segment_count - 1];
}

/* Takes the oldest segment out of the chain; its reference is the caller's. */
static struct rt_segment *shift(struct rt_ring *ring)
{
    struct rt_segment *oldest = first(ring);
    ring->segment_count--;
    memmove(ring->segments, ring->segments + 1,
            ring->segment_count * sizeof(struct rt_segment *));
    ring->bytes -= rt_segment_size(oldest->capacity);
    const struct rt_entry *newest =
        rt_segment_entry(oldest, oldest->event_count - 1);
    ring->dropped_ms = newest->wall_ms;
    ring->dropped_sequence = newest->sequence;
    return oldest;
}

static void evict(struct rt_ring *ring)
{
    rt_segment_retire(ring->store, shift(ring));
}

void rt_ring_finish(struct rt_ring *ring)
{
    if (ring == NULL || ring->store == NULL) {
        return;
    }
    while (ring->segment_count > 0) {
        evict(ring);
    }
    rt_heap_free(ring->store->heap, ring->segments,
                 ring->segment_capacity * sizeof(struct rt_segment *));
    *ring = (struct rt_ring){0};
}

static uint64_t at_least(uint64_t value, uint64_t floor)
{
    return value < floor ? floor : value;
}

static uint64_t at_most(uint64_t value, uint64_t ceiling)
{
    return value > ceiling ? ceiling : value;
}

/* Whether the segment has had its share of what retention counts, or of types.
 */
static bool is_due(const struct rt_ring *ring,
                   const struct rt_segment *segment,
                   uint64_t now_ms)
{
    const struct rt_retention *retention = ring->retention;
    uint64_t events = retention->events / RT_RING_GRAIN_EVENTS;
    return segment->event_count >= at_least(events, 1) ||
           now_ms - segment->opened_ms >
               retention->age_ms / RT_RING_GRAIN_AGE ||
           !rt_segment_has_type_room(segment);
}

static uint64_t round_down(uint64_t size)
{
    return size / ALIGNMENT * ALIGNMENT;
}

/*
 * The size of the next block. It doubles only after a block that events have
 * filled: one that was closed for its age or count was large enough.
 */
static size_t next_size(const struct rt_ring *ring, size_t len, bool was_full)
{
    uint64_t size = RT_SEGMENT_SIZE_FIRST;
    if (ring->segment_count > 0) {
        size = rt_segment_size(last(ring)->capacity) * (was_full ? 2 : 1);
    }
    uint64_t share = ring->retention->bytes / RT_RING_GRAIN_BYTES;
    size = at_most(size, at_least(share, SEGMENT_SIZE_MIN));
    size = at_most(size, RT_SEGMENT_SIZE_MAX);
    uint64_t needed = rt_segment_size(len + sizeof(struct rt_entry));
    return at_least(round_down(size), round_down(needed + ALIGNMENT - 1));
}

static int reserve_slot(struct rt_ring *ring)
{
    if (ring->segment_count < ring->segment_capacity) {
        return 0;
    }
    uint32_t capacity =
        (uint32_t)at_least((uint64_t)ring->segment_capacity * 2, 4);
    struct rt_segment **segments =
        rt_heap_resize(ring->store->heap, ring->segments,
                       ring->segment_capacity * sizeof(struct rt_segment *),
                       capacity * sizeof(struct rt_segment *));
    if (segments == NULL) {
        return RT_ENOMEM;
    }
    ring->segments = segments;
    ring->segment_capacity = capacity;
    return 0;
}

/* Whether so much is more than retention allows. */
static bool exceeds(const struct rt_ring *ring, uint64_t bytes, uint64_t events)
{
    return bytes > ring->retention->bytes || events > ring->retention->events;
}

/* Whether the oldest block has the right size, and nobody reads it. */
static bool is_fit(const struct rt_ring *ring, size_t size)
{
    return ring->segment_count > 0 && first(ring)->references == 1 &&
           rt_segment_size(first(ring)->capacity) == size &&
           exceeds(ring, ring->bytes + size,
                   ring->next_offset + 1 - first(ring)->first_offset);
}

/*
 * A full ring turns: its oldest block becomes the newest, and nothing is
 * allocated but the first room for types: before the block is given up, for an
 * append that fails drops nothing.
 */
static struct rt_segment *
recycle(struct rt_ring *ring, size_t size, const struct rt_record *record)
{
    if (!is_fit(ring, size) ||
        (record->type.len > 0 &&
         rt_segment_reserve_types(ring->store, first(ring)) < 0)) {
        return NULL;
    }
    struct rt_segment *segment = shift(ring);
    rt_segment_reset(segment);
    return segment;
}

/* Makes a block of that size the newest; NULL is none. */
static struct rt_segment *
link_segment(struct rt_ring *ring, struct rt_segment *segment, uint64_t now_ms)
{
    if (segment != NULL) {
        segment->position = ring->head;
        segment->first_offset = ring->next_offset;
        segment->opened_ms = now_ms;
        ring->segments[ring->segment_count++] = segment;
        ring->bytes += rt_segment_size(segment->capacity);
    }
    return segment;
}

static struct rt_segment *
create_segment(struct rt_ring *ring, uint64_t now_ms, size_t size)
{
    if (reserve_slot(ring) < 0) {
        return NULL;
    }
    return link_segment(
        ring, rt_segment_create(ring->store, size - rt_segment_size(0)),
        now_ms);
}

static struct rt_segment *open_segment(struct rt_ring *ring,
                                       uint64_t now_ms,
                                       size_t size,
                                       const struct rt_record *record)
{
    struct rt_segment *segment = recycle(ring, size, record);
    return segment != NULL ? link_segment(ring, segment, now_ms)
                           : create_segment(ring, now_ms, size);
}

/* The size of the block that an event of `len` bytes needs; 0: it goes into
 * the newest one. */
static size_t
size_to_open(const struct rt_ring *ring, uint64_t now_ms, size_t len)
{
    if (ring->segment_count == 0) {
        return next_size(ring, len, false);
    }
    if (!rt_segment_has_room(last(ring), len)) {
        return next_size(ring, len, true);
    }
    return is_due(ring, last(ring), now_ms) ? next_size(ring, len, false) : 0;
}

static void discard(struct rt_ring *ring)
{
    struct rt_segment *newest = last(ring);
    ring->segment_count--;
    ring->bytes -= rt_segment_size(newest->capacity);
    rt_segment_unref(ring->store, newest);
}

/* The newest block was opened for an event that is not appended after all. */
static void discard_if_empty(struct rt_ring *ring)
{
    if (last(ring)->event_count == 0) {
        discard(ring);
    }
}

static inline bool has_surplus(const struct rt_ring *ring)
{
    return ring->segment_count > 1 &&
           exceeds(ring, ring->bytes,
                   ring->next_offset - first(ring)->first_offset);
}

void rt_ring_enforce(struct rt_ring *ring)
{
    while (has_surplus(ring)) {
        evict(ring);
    }
}

bool rt_ring_endangers(const struct rt_ring *ring,
                       uint64_t offset,
                       uint64_t now_ms,
                       size_t len)
{
    if (ring->segment_count == 0 || offset >= ring->next_offset) {
        return false;
    }
    size_t size = len > 0 ? size_to_open(ring, now_ms, len) : 0;
    uint64_t bytes = ring->bytes + size;
    uint64_t end = ring->next_offset + (len > 0 ? 1 : 0);
    /* The segment that the event goes into stays, the newest or a new one. */
    uint32_t count = ring->segment_count - (size > 0 ? 0 : 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct rt_segment *segment = ring->segments[i];
        if (!exceeds(ring, bytes, end - segment->first_offset)) {
            return false;
        }
        if (offset < segment->first_offset + segment->event_count) {
            return true;
        }
        bytes -= rt_segment_size(segment->capacity);
    }
    return false;
}

/* Puts an event into the newest block, which has room for it. */
static inline int
put(struct rt_ring *ring, uint64_t now_ms, const struct rt_record *record)
{
    uint16_t type = 0;
    struct rt_segment *segment = last(ring);
    if (record->type.len > 0 &&
        rt_segment_add_type(ring->store, segment, record->type, &type) < 0) {
        discard_if_empty(ring);
        return RT_ENOMEM;
    }
    ring->wall_ms = at_least(record->wall_ms, ring->wall_ms);
    struct rt_entry entry = {.wall_ms = ring->wall_ms,
                             .sequence = record->sequence,
                             .type = type,
                             .content = record->content};
    rt_segment_append(segment, record->header, record->payload, entry);
    segment->touched_ms = now_ms;
    ring->sequence = record->sequence;
    ring->head += record->header.len + record->payload.len;
    ring->next_offset++;
    return 0;
}

int rt_ring_append(struct rt_ring *ring,
                   uint64_t now_ms,
                   const struct rt_record *record)
{
    size_t len = record->header.len + record->payload.len;
    size_t size = size_to_open(ring, now_ms, len);
    if (size > 0 && open_segment(ring, now_ms, size, record) == NULL) {
        return RT_ENOMEM;
    }
    int err = put(ring, now_ms, record);
    if (RT_UNLIKELY(has_surplus(ring)) && err == 0) {
        rt_ring_enforce(ring);
    }
    return err;
}

/* --- events that may be taken back --- */

struct rt_ring_mark rt_ring_mark(const struct rt_ring *ring)
{
    struct rt_ring_mark mark = {.head = ring->head,
                                .next_offset = ring->next_offset,
                                .wall_ms = ring->wall_ms,
                                .sequence = ring->sequence};
    if (ring->segment_count > 0) {
        const struct rt_segment *newest = last(ring);
        mark.event_count = newest->event_count;
        mark.used = newest->used;
        mark.types_len = newest->types_len;
        mark.touched_ms = newest->touched_ms;
    }
    return mark;
}

int rt_ring_extend(struct rt_ring *ring,
                   uint64_t now_ms,
                   const struct rt_record *record)
{
    size_t len = record->header.len + record->payload.len;
    size_t size = size_to_open(ring, now_ms, len);
    if (size > 0 && create_segment(ring, now_ms, size) == NULL) {
        return RT_ENOMEM;
    }
    return put(ring, now_ms, record);
}

void rt_ring_rewind(struct rt_ring *ring, const struct rt_ring_mark *mark)
{
    while (ring->segment_count > 0 &&
           last(ring)->first_offset >= mark->next_offset) {
        discard(ring);
    }
    if (ring->segment_count > 0) {
        struct rt_segment *newest = last(ring);
        newest->event_count = mark->event_count;
        newest->used = mark->used;
        newest->types_len = mark->types_len;
        newest->touched_ms = mark->touched_ms;
    }
    ring->head = mark->head;
    ring->next_offset = mark->next_offset;
    ring->wall_ms = mark->wall_ms;
    ring->sequence = mark->sequence;
}

/* Whether the oldest segment is too old; or too much, which an append sees to
 * as long as retention does not change. */
static bool is_spent(const struct rt_ring *ring, uint64_t now_ms)
{
    return now_ms - first(ring)->touched_ms > ring->retention->age_ms ||
           has_surplus(ring);
}

void rt_ring_expire(struct rt_ring *ring, uint64_t now_ms, uint64_t keep)
{
    while (ring->segment_count > 0 &&
           first(ring)->first_offset + first(ring)->event_count <= keep &&
           is_spent(ring, now_ms)) {
        evict(ring);
    }
}

size_t rt_ring_yield(struct rt_ring *ring, uint64_t keep)
{
    if (ring->segment_count == 0 || first(ring)->references > 1 ||
        first(ring)->first_offset + first(ring)->event_count > keep) {
        return 0;
    }
    size_t size = rt_segment_size(first(ring)->capacity);
    evict(ring);
    return size;
}

void rt_ring_purge(struct rt_ring *ring)
{
    while (ring->segment_count > 0) {
        evict(ring);
    }
    ring->next_offset++;
    ring->dropped_ms = 0;
}

uint64_t rt_ring_earliest(const struct rt_ring *ring)
{
    return ring->segment_count > 0 ? first(ring)->first_offset
                                   : ring->next_offset;
}

uint64_t rt_ring_latest(const struct rt_ring *ring)
{
    return ring->next_offset - 1;
}

uint64_t rt_ring_low(const struct rt_ring *ring)
{
    return ring->segment_count > 0 ? first(ring)->position : ring->head;
}

void rt_ring_validate(const struct rt_ring *ring)
{
    uint64_t position = rt_ring_low(ring);
    uint64_t offset = rt_ring_earliest(ring);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < ring->segment_count; i++) {
        const struct rt_segment *segment = ring->segments[i];
        RT_CHECK(segment->references > 0 && !segment->is_retired);
        RT_CHECK(segment->position == position);
        RT_CHECK(segment->first_offset == offset);
        RT_CHECK(segment->event_count > 0);
        position += segment->used;
        offset += segment->event_count;
        bytes += rt_segment_size(segment->capacity);
    }
    RT_CHECK(position == ring->head);
    RT_CHECK(offset == ring->next_offset);
    RT_CHECK(bytes == ring->bytes);
}
