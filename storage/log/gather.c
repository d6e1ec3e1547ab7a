#include "storage/log/gather.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/checksum.h"

/* All but its frame, of which only the length is there: that may be more than
 * is to be in memory twice. */
static int begin_large(struct rt_log_gather *gather)
{
    struct rt_log_walk *walk = gather->walk;
    const void *bytes = NULL;
    size_t len = walk->part.length - walk->part.frames;
    int err = rt_log_walk_check(walk);
    if (err == 0) {
        err = rt_log_window_at(walk->window, walk->body, len, &bytes);
    }
    if (err < 0) {
        return err;
    }
    gather->events = rt_log_walk_events(walk, (struct rt_bytes){bytes, len});
    return 0;
}

int rt_log_gather_begin(struct rt_log_gather *gather)
{
    struct rt_log_walk *walk = gather->walk;
    struct rt_bytes body;
    gather->is_large =
        walk->part.count == 1 && walk->part.length > walk->window->width;
    if (gather->is_large) {
        return begin_large(gather);
    }
    int err = rt_log_walk_body(walk, &body);
    if (err < 0) {
        return err;
    }
    gather->events = rt_log_walk_events(walk, body);
    return 0;
}

int rt_log_gather_get(const struct rt_log_gather *gather,
                      uint32_t index,
                      struct rt_log_event *event)
{
    return rt_log_events_get(&gather->events, index, event);
}

/* 0, or RT_ERANGE if there is no room for the event. */
static int check_room(const struct rt_segment *segment,
                      const struct rt_log_event *event,
                      size_t *needed)
{
    if (rt_segment_has_room(segment, event->frame.len) &&
        (event->type.len == 0 || rt_segment_has_type_room(segment))) {
        return 0;
    }
    *needed = (size_t)rt_log_padded(event->frame.len) + sizeof(struct rt_entry);
    return RT_ERANGE;
}

/* In pieces of the window's width. */
static int
copy_large(struct rt_log_walk *walk, uint64_t position, char *frame, size_t len)
{
    while (len > 0) {
        size_t width = walk->window->width;
        size_t piece = len < width ? len : width;
        int err = rt_log_window_copy(walk->window, position, frame, piece);
        if (err < 0) {
            return err;
        }
        position += piece;
        frame += piece;
        len -= piece;
    }
    return 0;
}

static int put_large(struct rt_log_gather *gather,
                     const struct rt_log_event *event,
                     struct rt_entry entry,
                     struct rt_segment *segment)
{
    struct rt_log_walk *walk = gather->walk;
    uint32_t used = segment->used;
    char *frame = rt_segment_extend(segment, event->frame.len, entry);
    uint64_t position = walk->body + walk->part.length - walk->part.frames;
    int err = copy_large(walk, position, frame, event->frame.len);
    if (err < 0) {
        segment->used = used;
        segment->event_count--;
    }
    return err;
}

static int put(struct rt_log_gather *gather,
               const struct rt_log_event *event,
               struct rt_segment *segment)
{
    struct rt_entry entry = event->entry;
    int err =
        rt_segment_add_type(gather->store, segment, event->type, &entry.type);
    if (err < 0) {
        return err;
    }
    if (gather->is_large) {
        return put_large(gather, event, entry, segment);
    }
    rt_segment_append(segment, event->frame, (struct rt_bytes){NULL, 0}, entry);
    return 0;
}

int rt_log_gather_put(struct rt_log_gather *gather,
                      uint32_t index,
                      struct rt_segment *segment,
                      size_t *needed)
{
    struct rt_log_event event;
    int err = rt_log_events_get(&gather->events, index, &event);
    if (err == 0) {
        err = check_room(segment, &event, needed);
    }
    return err == 0 ? put(gather, &event, segment) : err;
}

/* Takes room at the end of the segment for an event, whose frame comes later.
 */
static int extend(struct rt_log_gather *gather,
                  uint32_t index,
                  struct rt_segment *segment,
                  size_t *needed)
{
    struct rt_log_event event;
    int err = rt_log_events_get(&gather->events, index, &event);
    if (err == 0) {
        err = check_room(segment, &event, needed);
    }
    if (err == 0) {
        err = rt_segment_add_type(gather->store, segment, event.type,
                                  &event.entry.type);
    }
    if (err == 0) {
        (void)rt_segment_extend(segment, event.frame.len, event.entry);
    }
    return err;
}

/* Copies what the segment has from `used` on, which are the frames from an
 * event on: they are back to back in the part, too. */
static void copy_frames(const struct rt_log_gather *gather,
                        uint32_t index,
                        struct rt_segment *segment,
                        uint32_t used)
{
    struct rt_log_event event;
    if (segment->used > used &&
        rt_log_events_get(&gather->events, index, &event) == 0) {
        memcpy(segment->bytes + used, event.frame.data, segment->used - used);
    }
}

int rt_log_gather_put_all(struct rt_log_gather *gather,
                          uint32_t first,
                          struct rt_segment *segment,
                          size_t *needed)
{
    uint32_t used = segment->used;
    int err = 0;
    RT_CHECK(!gather->is_large);
    for (uint32_t i = first; err == 0 && i < gather->events.count; i++) {
        err = extend(gather, i, segment, needed);
    }
    copy_frames(gather, first, segment, used);
    return err;
}

/* --- a whole part --- */

static bool has_room_for_all(const struct rt_segment *segment,
                             const struct rt_log_part_head *part)
{
    uint64_t entries = (uint64_t)part->count * sizeof(struct rt_entry);
    uint64_t taken =
        segment->used + segment->event_count * sizeof(struct rt_entry);
    return taken + part->frames + entries <= segment->capacity;
}

/* What comes before the frames is seen through the window. */
static int read_whole(struct rt_log_gather *gather, uint8_t *frames)
{
    struct rt_log_walk *walk = gather->walk;
    const struct rt_log_part_head *part = &walk->part;
    const void *bytes = NULL;
    size_t len = part->length - part->frames;
    int err = rt_log_window_at(walk->window, walk->body, len, &bytes);
    if (err < 0) {
        return err;
    }
    gather->events = rt_log_walk_events(walk, (struct rt_bytes){bytes, len});
    gather->events.frames.data = (const char *)frames;
    err = rt_log_window_read(walk->window, walk->body + len, frames,
                             part->frames);
    if (err < 0) {
        return err;
    }
    uint32_t crc =
        rt_checksum(rt_checksum(0, bytes, len), frames, part->frames);
    return crc == part->crc ? 0 : RT_EDAMAGED;
}

int rt_log_gather_whole(struct rt_log_gather *gather,
                        struct rt_segment *segment,
                        size_t *needed)
{
    const struct rt_log_part_head *part = &gather->walk->part;
    struct rt_log_event first;
    uint8_t *frames = segment->bytes + segment->used;
    if (!has_room_for_all(segment, part)) {
        *needed = (size_t)rt_log_padded(part->frames) + sizeof(struct rt_entry);
        return RT_ERANGE;
    }
    int err = read_whole(gather, frames);
    if (err == 0) {
        err = rt_log_events_get(&gather->events, 0, &first);
    }
    if (err == 0 && first.frame.data != (const char *)frames) {
        err = RT_EDAMAGED;
    }
    for (uint32_t i = 0; err == 0 && i < part->count; i++) {
        err = extend(gather, i, segment, needed);
    }
    return err;
}
