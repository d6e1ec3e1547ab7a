#include "storage/log/reader.h"

#include "base/check.h"
#include "base/error.h"
#include "storage/log/gather.h"
#include "storage/log/state.h"

void rt_log_reader_init(struct rt_log_reader *reader,
                        struct rt_log *log,
                        struct rt_store *store)
{
    *reader = (struct rt_log_reader){.log = log, .store = store};
    rt_log_window_init(&reader->window, log->options.disk, store->heap,
                       RT_LOG_WINDOW_SLIT);
    rt_log_walk_init(&reader->walk, &reader->window, log->options.identity, 0);
}

void rt_log_reader_finish(struct rt_log_reader *reader)
{
    if (reader == NULL || reader->log == NULL) {
        return;
    }
    rt_log_walk_leave(&reader->walk);
    rt_log_window_finish(&reader->window);
    *reader = (struct rt_log_reader){0};
}

/* --- batches --- */

static uint64_t next_of(const struct rt_segment *segment)
{
    return segment->first_offset + segment->event_count;
}

/* Whether the walk's part has the event that is next. */
static bool has_next(const struct rt_log_walk *walk,
                     uint64_t topic,
                     const struct rt_segment *segment)
{
    uint64_t next = next_of(segment);
    return walk->part.kind == RT_LOG_EVENTS && walk->part.topic == topic &&
           next >= walk->part.offset &&
           next - walk->part.offset < walk->part.count;
}

/* Puts events of the walk's part until the segment is full. */
static int put_part(struct rt_log_reader *reader,
                    struct rt_segment *segment,
                    size_t *needed)
{
    const struct rt_log_part_head *part = &reader->walk.part;
    struct rt_log_gather gather = {.walk = &reader->walk,
                                   .store = reader->store};
    uint32_t index = (uint32_t)(next_of(segment) - part->offset);
    if (index == 0) {
        int err = rt_log_gather_whole(&gather, segment, needed);
        if (err != RT_ERANGE || segment->event_count > 0 || part->count == 1) {
            return err;
        }
    }
    int err = rt_log_gather_begin(&gather);
    return err == 0 ? rt_log_gather_put_all(&gather, index, segment, needed)
                    : err;
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
        if (next_of(segment) > next || err == RT_ERANGE) {
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
    int err = rt_log_walk_enter(&reader->walk, spot->segment, spot->end);
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
