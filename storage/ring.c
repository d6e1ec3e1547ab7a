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

/*
 * A full ring turns: its oldest block becomes the newest, and nothing is
 * allocated. That needs a block of the right size that nobody reads.
 */
static struct rt_segment *recycle(struct rt_ring *ring, size_t size)
{
    if (ring->segment_count == 0 || first(ring)->references > 1 ||
        rt_segment_size(first(ring)->capacity) != size ||
        !exceeds(ring, ring->bytes + size,
                 ring->next_offset + 1 - first(ring)->first_offset)) {
        return NULL;
    }
    struct rt_segment *segment = shift(ring);
    rt_segment_reset(ring->store, segment);
    return segment;
}

static struct rt_segment *
open_segment(struct rt_ring *ring, uint64_t now_ms, size_t size)
{
    if (reserve_slot(ring) < 0) {
        return NULL;
    }
    struct rt_segment *segment = recycle(ring, size);
    if (segment == NULL) {
        segment = rt_segment_create(ring->store, size - rt_segment_size(0));
    }
    if (segment == NULL) {
        return NULL;
    }
    segment->position = ring->head;
    segment->first_offset = ring->next_offset;
    segment->opened_ms = now_ms;
    ring->segments[ring->segment_count++] = segment;
    ring->bytes += size;
    return segment;
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

static struct rt_segment *
writable(struct rt_ring *ring, uint64_t now_ms, size_t len)
{
    size_t size = size_to_open(ring, now_ms, len);
    return size > 0 ? open_segment(ring, now_ms, size) : last(ring);
}

/* The newest block was opened for an event that is not appended after all. */
static void discard_if_empty(struct rt_ring *ring)
{
    struct rt_segment *newest = last(ring);
    if (newest->event_count == 0) {
        ring->segment_count--;
        ring->bytes -= rt_segment_size(newest->capacity);
        rt_segment_unref(ring->store, newest);
    }
}

static void enforce_size(struct rt_ring *ring)
{
    while (ring->segment_count > 1 &&
           exceeds(ring, ring->bytes,
                   ring->next_offset - rt_ring_earliest(ring))) {
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
    size_t size = size_to_open(ring, now_ms, len);
    uint64_t bytes = ring->bytes + size;
    /* The segment that the event goes into stays, the newest or a new one. */
    uint32_t count = ring->segment_count - (size > 0 ? 0 : 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct rt_segment *segment = ring->segments[i];
        if (!exceeds(ring, bytes,
                     ring->next_offset + 1 - segment->first_offset)) {
            return false;
        }
        if (offset < segment->first_offset + segment->event_count) {
            return true;
        }
        bytes -= rt_segment_size(segment->capacity);
    }
    return false;
}

int rt_ring_append(struct rt_ring *ring,
                   uint64_t now_ms,
                   const struct rt_record *record)
{
    size_t len = record->header.len + record->payload.len;
    uint16_t type = 0;
    struct rt_segment *segment = writable(ring, now_ms, len);
    if (segment == NULL) {
        return RT_ENOMEM;
    }
    if (rt_segment_add_type(ring->store, segment, record->type, &type) < 0) {
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
    ring->head += len;
    ring->next_offset++;
    enforce_size(ring);
    return 0;
}

/* Whether the oldest segment is too old; or too much, which an append sees to
 * as long as retention does not change. */
static bool is_spent(const struct rt_ring *ring, uint64_t now_ms)
{
    return now_ms - first(ring)->touched_ms > ring->retention->age_ms ||
           (ring->segment_count > 1 &&
            exceeds(ring, ring->bytes,
                    ring->next_offset - rt_ring_earliest(ring)));
}

void rt_ring_expire(struct rt_ring *ring, uint64_t now_ms, uint64_t keep)
{
    while (ring->segment_count > 0 &&
           first(ring)->first_offset + first(ring)->event_count <= keep &&
           is_spent(ring, now_ms)) {
        evict(ring);
    }
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

/* The number of the last segment that begins at or before the position. */
static uint32_t segment_number(const struct rt_ring *ring, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = ring->segment_count;
    if (last(ring)->position <= position) {
        return high - 1; /* where almost every reader is */
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (ring->segments[middle]->position <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rt_segment *rt_ring_segment(const struct rt_ring *ring,
                                   uint64_t position)
{
    RT_CHECK(position >= rt_ring_low(ring) && position < ring->head);
    return ring->segments[segment_number(ring, position)];
}

struct rt_segment *rt_ring_find(const struct rt_ring *ring, uint64_t offset)
{
    RT_CHECK(offset >= rt_ring_earliest(ring) && offset < ring->next_offset);
    uint32_t low = 0;
    uint32_t high = ring->segment_count;
    if (last(ring)->first_offset <= offset) {
        return last(ring); /* where almost every reader is */
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (ring->segments[middle]->first_offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return ring->segments[low];
}

uint64_t rt_ring_position(const struct rt_ring *ring, uint64_t offset)
{
    if (offset == ring->next_offset) {
        return ring->head;
    }
    const struct rt_segment *segment = rt_ring_find(ring, offset);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    return segment->position + rt_segment_start(segment, index);
}

uint64_t rt_ring_bytes_from(const struct rt_ring *ring, uint64_t offset)
{
    return ring->head - (offset > rt_ring_earliest(ring)
                             ? rt_ring_position(ring, offset)
                             : rt_ring_low(ring));
}

uint64_t rt_ring_offset(const struct rt_ring *ring, uint64_t position)
{
    RT_CHECK(position >= rt_ring_low(ring) && position <= ring->head);
    if (position == ring->head) {
        return ring->next_offset;
    }
    const struct rt_segment *segment = rt_ring_segment(ring, position);
    uint32_t at = (uint32_t)(position - segment->position);
    uint32_t index = rt_segment_event_at(segment, at);
    RT_CHECK(rt_segment_start(segment, index) == at);
    return segment->first_offset + index;
}

/* What rises, or at least never falls, from event to event: so searches may
 * halve. */
typedef uint64_t (*key_fn)(const struct rt_entry *entry);

static uint64_t wall_ms_of(const struct rt_entry *entry)
{
    return entry->wall_ms;
}

static uint64_t sequence_of(const struct rt_entry *entry)
{
    return entry->sequence;
}

static uint64_t
find_in_segment(const struct rt_segment *segment, key_fn key_of, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = segment->event_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (key_of(rt_segment_entry(segment, middle)) < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return segment->first_offset + low;
}

/* The offset of the first event with at least that key. Mostly it is asked for
 * what is new, and a ring has few segments. */
static uint64_t
find_key(const struct rt_ring *ring, key_fn key_of, uint64_t key)
{
    uint32_t number = ring->segment_count;
    while (number > 0 &&
           key_of(rt_segment_entry(ring->segments[number - 1], 0)) >= key) {
        number--;
    }
    return number == 0
               ? rt_ring_earliest(ring)
               : find_in_segment(ring->segments[number - 1], key_of, key);
}

uint64_t rt_ring_offset_since(const struct rt_ring *ring, uint64_t wall_ms)
{
    return find_key(ring, wall_ms_of, wall_ms);
}

uint64_t rt_ring_offset_from(const struct rt_ring *ring, uint64_t sequence)
{
    return find_key(ring, sequence_of, sequence);
}

const struct rt_entry *rt_ring_entry(const struct rt_ring *ring,
                                     uint64_t offset)
{
    const struct rt_segment *segment = rt_ring_find(ring, offset);
    return rt_segment_entry(segment,
                            (uint32_t)(offset - segment->first_offset));
}

unsigned rt_ring_read(const struct rt_ring *ring,
                      uint64_t position,
                      size_t bytes_max,
                      struct rt_bytes *ranges,
                      unsigned range_max)
{
    unsigned count = 0;
    size_t total = 0;
    if (position >= ring->head) {
        return 0;
    }
    RT_CHECK(position >= rt_ring_low(ring));
    for (uint32_t i = segment_number(ring, position);
         i < ring->segment_count && count < range_max && total < bytes_max;
         i++) {
        const struct rt_segment *segment = ring->segments[i];
        size_t skip = position - segment->position;
        ranges[count].data = (const char *)segment->bytes + skip;
        ranges[count].len = segment->used - skip;
        total += ranges[count].len;
        position += ranges[count].len;
        count++;
    }
    return count;
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
