#include "storage/log/events.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

/* The first place of a type that the events have; 0: they have none. */
static uint16_t
first_type(const struct rt_segment *segment, uint32_t first, uint32_t count)
{
    uint16_t lowest = 0;
    for (uint32_t i = first; i < first + count; i++) {
        uint16_t type = rt_segment_entry(segment, i)->type;
        if (type > 0 && (lowest == 0 || type < lowest)) {
            lowest = type;
        }
    }
    return lowest;
}

struct rt_log_events rt_log_events_of(const struct rt_segment *segment,
                                      uint32_t first,
                                      uint32_t count)
{
    uint32_t start = rt_segment_start(segment, first);
    uint32_t end = rt_segment_start(segment, first + count);
    const struct rt_entry *newest =
        rt_segment_entry(segment, first + count - 1);
    struct rt_log_events events = {
        .offset = segment->first_offset + first,
        .count = count,
        .start = start,
        .type = first_type(segment, first, count),
        .entries = {(const char *)newest, count * sizeof(*newest)},
        .frames = {(const char *)segment->bytes + start, end - start}};
    if (events.type > 0) {
        size_t at = (size_t)(events.type - 1) * RT_TYPE_GRAIN;
        events.types =
            (struct rt_bytes){segment->types + at, segment->types_len - at};
    }
    return events;
}

static struct rt_entry entry_of(const struct rt_log_events *events,
                                uint32_t index)
{
    struct rt_entry entry;
    size_t from_end = events->count - 1 - index;
    memcpy(&entry, events->entries.data + from_end * sizeof(entry),
           sizeof(entry));
    return entry;
}

static int get_frame(const struct rt_log_events *events,
                     uint32_t index,
                     struct rt_log_event *event)
{
    size_t start = event->entry.start - events->start;
    size_t end = events->frames.len;
    if (index + 1 < events->count) {
        end = entry_of(events, index + 1).start - events->start;
    }
    if (start > end || end > events->frames.len) {
        return RT_EDAMAGED;
    }
    event->frame = (struct rt_bytes){events->frames.data + start, end - start};
    return 0;
}

static int get_type(const struct rt_log_events *events,
                    struct rt_log_event *event)
{
    event->type = (struct rt_bytes){NULL, 0};
    if (event->entry.type == 0) {
        return 0;
    }
    size_t at = (size_t)(event->entry.type - events->type) * RT_TYPE_GRAIN;
    if (event->entry.type < events->type || at >= events->types.len) {
        return RT_EDAMAGED;
    }
    const char *type = events->types.data + at;
    size_t len = (unsigned char)type[0];
    if (len > RT_TYPE_BYTES_MAX || len > events->types.len - at - 1) {
        return RT_EDAMAGED;
    }
    event->type = (struct rt_bytes){type + 1, len};
    return 0;
}

int rt_log_events_get(const struct rt_log_events *events,
                      uint32_t index,
                      struct rt_log_event *event)
{
    RT_CHECK(index < events->count);
    event->entry = entry_of(events, index);
    int err = get_frame(events, index, event);
    return err == 0 ? get_type(events, event) : err;
}
