#include "storage/segment.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define TYPE_SIZE_MAX (RT_TYPE_BYTES_MAX + RT_TYPE_GRAIN)

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

static void drop_types(struct rt_store *store, struct rt_segment *segment)
{
    rt_heap_free(store->heap, segment->types, segment->types_capacity);
}

void rt_segment_reset(struct rt_segment *segment)
{
    RT_CHECK(segment->references == 1);
    *segment = (struct rt_segment){.capacity = segment->capacity,
                                   .references = 1,
                                   .types = segment->types,
                                   .types_capacity = segment->types_capacity};
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
    drop_types(store, segment);
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

static size_t taken_by_one_more(const struct rt_segment *segment)
{
    return segment->used + (segment->event_count + 1) * sizeof(struct rt_entry);
}

size_t rt_segment_room(const struct rt_segment *segment)
{
    size_t taken = taken_by_one_more(segment);
    return taken <= segment->capacity ? segment->capacity - taken : 0;
}

bool rt_segment_has_room(const struct rt_segment *segment, size_t len)
{
    return taken_by_one_more(segment) <= segment->capacity &&
           len <= rt_segment_room(segment);
}

/* The place of the last type, if it is this one; else 0. */
static uint16_t last_type(const struct rt_segment *segment,
                          struct rt_bytes type)
{
    if (segment->event_count == 0) {
        return 0;
    }
    const struct rt_entry *entry =
        rt_segment_entry(segment, segment->event_count - 1);
    return rt_bytes_equal(rt_segment_type(segment, entry), type) ? entry->type
                                                                 : 0;
}

/* A part of the block: types are few, or short, or the same again. */
static size_t types_size(const struct rt_segment *segment)
{
    size_t size =
        segment->capacity / RT_TYPES_PART / RT_TYPE_GRAIN * RT_TYPE_GRAIN;
    size = size < RT_TYPES_BYTES_MIN ? RT_TYPES_BYTES_MIN : size;
    return size > RT_TYPES_BYTES_MAX ? RT_TYPES_BYTES_MAX : size;
}

bool rt_segment_has_type_room(const struct rt_segment *segment)
{
    return segment->types == NULL ||
           segment->types_len + TYPE_SIZE_MAX <= segment->types_capacity;
}

int rt_segment_reserve_types(struct rt_store *store, struct rt_segment *segment)
{
    size_t size = types_size(segment);
    if (segment->types != NULL) {
        return 0;
    }
    if (rt_heap_is_low(store->heap, size)) {
        return RT_ENOMEM;
    }
    segment->types = rt_heap_alloc(store->heap, size);
    if (segment->types == NULL) {
        return RT_ENOMEM;
    }
    segment->types_capacity = (uint32_t)size;
    return 0;
}

int rt_segment_add_type(struct rt_store *store,
                        struct rt_segment *segment,
                        struct rt_bytes type,
                        uint16_t *place)
{
    RT_CHECK(type.len <= RT_TYPE_BYTES_MAX);
    *place = type.len == 0 ? 0 : last_type(segment, type);
    if (type.len == 0 || *place > 0) {
        return 0;
    }
    int err = rt_segment_reserve_types(store, segment);
    if (err < 0) {
        return err;
    }
    char *at = segment->types + segment->types_len;
    *place = (uint16_t)(segment->types_len / RT_TYPE_GRAIN + 1);
    at[0] = (char)type.len;
    memcpy(at + 1, type.data, type.len);
    size_t grains = (1 + type.len + RT_TYPE_GRAIN - 1) / RT_TYPE_GRAIN;
    segment->types_len += (uint32_t)(grains * RT_TYPE_GRAIN);
    return 0;
}

struct rt_bytes rt_segment_type(const struct rt_segment *segment,
                                const struct rt_entry *entry)
{
    if (entry->type == 0) {
        return (struct rt_bytes){NULL, 0};
    }
    const char *at = segment->types + (size_t)(entry->type - 1) * RT_TYPE_GRAIN;
    return (struct rt_bytes){at + 1, (unsigned char)at[0]};
}

char *
rt_segment_extend(struct rt_segment *segment, size_t len, struct rt_entry entry)
{
    RT_CHECK(rt_segment_has_room(segment, len));
    entry.start = segment->used;
    *entry_at(segment, segment->event_count) = entry;
    segment->event_count++;
    segment->used += (uint32_t)len;
    return (char *)segment->bytes + entry.start;
}

void rt_segment_append(struct rt_segment *segment,
                       struct rt_bytes header,
                       struct rt_bytes payload,
                       struct rt_entry entry)
{
    char *at = rt_segment_extend(segment, header.len + payload.len, entry);
    memcpy(at, header.data, header.len);
    if (payload.len > 0) {
        memcpy(at + header.len, payload.data, payload.len);
    }
}

const struct rt_entry *rt_segment_entry(const struct rt_segment *segment,
                                        uint32_t index)
{
    RT_CHECK(index < segment->event_count);
    return entry_at(segment, index);
}

struct rt_bytes rt_segment_entries(const struct rt_segment *segment,
                                   uint32_t index,
                                   uint32_t count)
{
    const struct rt_entry *newest = entry_at(segment, index + count - 1);
    return (struct rt_bytes){(const char *)newest,
                             count * sizeof(struct rt_entry)};
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
