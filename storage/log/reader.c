#include "storage/log/reader.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/log/events.h"
#include "storage/log/state.h"

void rt_log_reader_init(struct rt_log_reader *reader,
                        struct rt_log *log,
                        struct rt_store *store)
{
    *reader = (struct rt_log_reader){.log = log, .store = store};
    rt_log_window_init(&reader->window, log->options.disk, store->heap,
                       RT_LOG_WINDOW_NARROW);
}

static void leave_segment(struct rt_log_reader *reader)
{
    if (reader->walk.segment > 0) {
        rt_log_window_close(&reader->window);
        reader->walk.segment = 0;
    }
}

void rt_log_reader_finish(struct rt_log_reader *reader)
{
    if (reader == NULL || reader->log == NULL) {
        return;
    }
    leave_segment(reader);
    rt_log_window_finish(&reader->window);
    *reader = (struct rt_log_reader){0};
}

static int open_segment(struct rt_log_reader *reader, uint64_t segment)
{
    int err = rt_log_window_open(&reader->window, segment);
    if (err == 0) {
        rt_log_walk_init(&reader->walk, &reader->window,
                         reader->log->options.identity, segment);
    }
    return err;
}

/* Goes to a segment, of which so much may be read by now. */
static int enter_segment(struct rt_log_reader *reader,
                         const struct rt_log_spot *spot)
{
    int err = 0;
    if (reader->walk.segment != spot->segment) {
        leave_segment(reader);
        err = open_segment(reader, spot->segment);
    }
    reader->window.end = spot->end;
    return err;
}

/* --- events --- */

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

static int put(struct rt_log_reader *reader,
               struct rt_segment *segment,
               const struct rt_log_event *event)
{
    struct rt_entry entry = event->entry;
    int err =
        rt_segment_add_type(reader->store, segment, event->type, &entry.type);
    if (err == 0) {
        rt_segment_append(segment, event->frame, (struct rt_bytes){NULL, 0},
                          entry);
    }
    return err;
}

/* Puts events of a part, from an index on, until the segment is full. */
static int put_events(struct rt_log_reader *reader,
                      struct rt_segment *segment,
                      const struct rt_log_events *events,
                      size_t *needed)
{
    uint64_t next = segment->first_offset + segment->event_count;
    uint32_t index = (uint32_t)(next - events->offset);
    while (index < events->count) {
        struct rt_log_event event;
        int err = rt_log_events_get(events, index, &event);
        if (err == 0) {
            err = check_room(segment, &event, needed);
        }
        if (err == 0) {
            err = put(reader, segment, &event);
        }
        if (err < 0) {
            return err;
        }
        index++;
    }
    return 0;
}

/* --- an event that is too large to look at as a whole --- */

/* All but its frame, of which only the length is there. */
static int look_at_large(struct rt_log_walk *walk, struct rt_log_event *event)
{
    const void *bytes = NULL;
    size_t len = walk->part.length - walk->part.frames;
    int err = rt_log_window_at(walk->window, walk->body, len, &bytes);
    if (err < 0) {
        return err;
    }
    struct rt_log_events events =
        rt_log_walk_events(walk, (struct rt_bytes){bytes, len});
    return rt_log_events_get(&events, 0, event);
}

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

static int fill_large(struct rt_log_reader *reader,
                      struct rt_segment *segment,
                      const struct rt_log_event *event)
{
    struct rt_log_walk *walk = &reader->walk;
    struct rt_entry entry = event->entry;
    uint32_t used = segment->used;
    int err =
        rt_segment_add_type(reader->store, segment, event->type, &entry.type);
    if (err < 0) {
        return err;
    }
    char *frame = rt_segment_extend(segment, event->frame.len, entry);
    uint64_t position = walk->body + walk->part.length - walk->part.frames;
    err = copy_large(walk, position, frame, event->frame.len);
    if (err < 0) {
        segment->used = used;
        segment->event_count--;
    }
    return err;
}

static int put_large(struct rt_log_reader *reader,
                     struct rt_segment *segment,
                     size_t *needed)
{
    struct rt_log_event event;
    int err = rt_log_walk_check(&reader->walk);
    if (err == 0) {
        err = look_at_large(&reader->walk, &event);
    }
    if (err == 0) {
        err = check_room(segment, &event, needed);
    }
    return err == 0 ? fill_large(reader, segment, &event) : err;
}

/* --- batches --- */

/* Whether the walk's part has the event that is next. */
static bool has_next(const struct rt_log_walk *walk,
                     uint64_t topic,
                     const struct rt_segment *segment)
{
    uint64_t next = segment->first_offset + segment->event_count;
    return walk->part.kind == RT_LOG_EVENTS && walk->part.topic == topic &&
           next >= walk->part.offset &&
           next - walk->part.offset < walk->part.count;
}

static int put_part(struct rt_log_reader *reader,
                    struct rt_segment *segment,
                    size_t *needed)
{
    struct rt_bytes body;
    const struct rt_log_part_head *part = &reader->walk.part;
    if (part->count == 1 && part->length > reader->window.width) {
        return put_large(reader, segment, needed);
    }
    int err = rt_log_walk_body(&reader->walk, &body);
    if (err < 0) {
        return err;
    }
    struct rt_log_events events = rt_log_walk_events(&reader->walk, body);
    return put_events(reader, segment, &events, needed);
}

/* Puts what the batch has of the topic. */
static int put_batch(struct rt_log_reader *reader,
                     uint64_t topic,
                     struct rt_segment *segment,
                     size_t *needed)
{
    int more = rt_log_walk_next(&reader->walk);
    while (more > 0) {
        int err = has_next(&reader->walk, topic, segment)
                      ? put_part(reader, segment, needed)
                      : 0;
        if (err < 0) {
            return err;
        }
        more = rt_log_walk_next(&reader->walk);
    }
    return more;
}

static uint64_t next_of(const struct rt_segment *segment)
{
    return segment->first_offset + segment->event_count;
}

/* Puts events from the batch at `reader->position` on, up to the last one of a
 * place; leaves that where the next reading is to begin. */
static int put_place(struct rt_log_reader *reader,
                     uint64_t topic,
                     const struct rt_log_spot *spot,
                     struct rt_segment *segment,
                     size_t *needed)
{
    int found = rt_log_walk_seek(&reader->walk, reader->position);
    while (found > 0) {
        uint64_t next = next_of(segment);
        int err = put_batch(reader, topic, segment, needed);
        if (next_of(segment) > next) {
            reader->position = reader->walk.position;
        }
        if (err < 0 || next_of(segment) > spot->last) {
            return err;
        }
        found = rt_log_walk_seek(&reader->walk, rt_log_walk_end(&reader->walk));
    }
    return found < 0 ? found : RT_EDAMAGED;
}

/* Where to begin: where the index says, or farther on where the last reading
 * of the same topic ended. */
static void begin_at(struct rt_log_reader *reader,
                     uint64_t topic,
                     const struct rt_log_spot *spot)
{
    bool goes_on = reader->topic == topic &&
                   reader->next_offset == spot->offset &&
                   reader->walk.segment == spot->segment;
    if (!goes_on || reader->position < spot->position) {
        reader->position = spot->position;
    }
}

/* Puts events of one place, which is where the next one of the segment is. */
static int read_place(struct rt_log_reader *reader,
                      uint64_t topic,
                      const struct rt_log_spot *spot,
                      struct rt_segment *segment,
                      size_t *needed)
{
    begin_at(reader, topic, spot);
    int err = enter_segment(reader, spot);
    if (err == 0) {
        err = put_place(reader, topic, spot, segment, needed);
    }
    reader->topic = topic;
    reader->next_offset = next_of(segment);
    return err;
}

int rt_log_read(struct rt_log_reader *reader,
                uint64_t topic,
                uint64_t offset,
                struct rt_segment *segment,
                size_t *needed)
{
    struct rt_log_spot spot;
    RT_CHECK(segment->event_count == 0);
    int err = rt_log_index_find(&reader->log->index, topic, offset, &spot);
    segment->first_offset = err == 0 ? spot.offset : offset;
    while (err == 0 && spot.offset == next_of(segment)) {
        err = read_place(reader, topic, &spot, segment, needed);
        if (err == 0) {
            err = rt_log_index_find(&reader->log->index, topic,
                                    next_of(segment), &spot);
        }
    }
    return segment->event_count > 0 ? 0 : err;
}
