#include "storage/ring.h"

#include "base/check.h"

static const struct rt_segment *newest(const struct rt_ring *ring)
{
    return ring->segments[ring->segment_count - 1];
}

/* The number of the last segment that begins at or before the position. */
static uint32_t segment_number(const struct rt_ring *ring, uint64_t position)
{
    uint32_t low = 0;
    uint32_t high = ring->segment_count;
    if (newest(ring)->position <= position) {
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
    if (newest(ring)->first_offset <= offset) {
        return ring->segments[high - 1]; /* where almost every reader is */
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
