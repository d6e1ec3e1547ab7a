#include "storage/segment.h"

#include <string.h>

#include "base/check.h"

size_t rt_segment_size(size_t capacity)
{
    return sizeof(struct rt_segment) + capacity;
}

struct rt_segment *rt_segment_create(struct rt_store *store, size_t capacity)
{
    /* Entries are read in place from the end, so the end must be aligned. */
    RT_CHECK(capacity % _Alignof(struct rt_entry) == 0);
    RT_CHECK(capacity <= UINT32_MAX);
    if (rt_heap_is_low(store->heap, rt_segment_size(capacity))) {
        return NULL;
    }
    struct rt_segment *segment =
        rt_heap_alloc(store->heap, rt_segment_size(capacity));
    if (segment != NULL) {
        *segment = (struct rt_segment){.capacity = capacity, .references = 1};
    }
    return segment;
}

void rt_segment_reset(struct rt_segment *segment)
{
    RT_CHECK(segment->references == 1);
    *segment =
        (struct rt_segment){.capacity = segment->capacity, .references = 1};
}

void rt_segment_ref(struct rt_segment *segment)
{
    RT_CHECK(segment->references > 0);
    segment->references++;
}

void rt_segment_unref(struct rt_store *store, struct rt_segment *segment)
{
    if (segment == NULL) {
        return;
    }
    RT_CHECK(segment->references > 0);
    if (--segment->references > 0) {
        return;
    }
    size_t size = rt_segment_size(segment->capacity);
    if (segment->is_retired) {
        RT_CHECK(store->retired_bytes >= size);
        store->retired_bytes -= size;
    }
    rt_heap_free(store->heap, segment, size);
}

void rt_segment_retire(struct rt_store *store, struct rt_segment *segment)
{
    RT_CHECK(!segment->is_retired);
    segment->is_retired = true;
    store->retired_bytes += rt_segment_size(segment->capacity);
    rt_segment_unref(store, segment);
}

static struct rt_entry *entry_at(const struct rt_segment *segment,
                                 uint32_t index)
{
    uintptr_t end = (uintptr_t)segment->bytes + segment->capacity;
    return (struct rt_entry *)end - 1 - index;
}

bool rt_segment_has_room(const struct rt_segment *segment, size_t len)
{
    size_t entries = (segment->event_count + 1) * sizeof(struct rt_entry);
    size_t taken = segment->used + entries;
    return taken <= segment->capacity && len <= segment->capacity - taken;
}

void rt_segment_append(struct rt_segment *segment,
                       struct rt_bytes header,
                       struct rt_bytes payload,
                       struct rt_entry entry)
{
    RT_CHECK(rt_segment_has_room(segment, header.len + payload.len));
    uint8_t *at = segment->bytes + segment->used;
    memcpy(at, header.data, header.len);
    if (payload.len > 0) {
        memcpy(at + header.len, payload.data, payload.len);
    }
    entry.start = segment->used;
    *entry_at(segment, segment->event_count) = entry;
    segment->event_count++;
    segment->used += (uint32_t)(header.len + payload.len);
}

const struct rt_entry *rt_segment_entry(const struct rt_segment *segment,
                                        uint32_t index)
{
    RT_CHECK(index < segment->event_count);
    return entry_at(segment, index);
}

uint32_t rt_segment_start(const struct rt_segment *segment, uint32_t index)
{
    RT_CHECK(index <= segment->event_count);
    return index == segment->event_count ? segment->used
                                         : entry_at(segment, index)->start;
}

uint32_t rt_segment_event_at(const struct rt_segment *segment, uint32_t at)
{
    RT_CHECK(at < segment->used);
    uint32_t low = 0;
    uint32_t high = segment->event_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_at(segment, middle)->start <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
