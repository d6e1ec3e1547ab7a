#include "storage/log/sealed.h"

#include "base/error.h"
#include "storage/log/apply.h"
#include "storage/log/walk.h"

#define PLACE sizeof(struct rt_log_index_place)

/* Whether what the trailer says fits into a file that ends there. */
static bool is_plausible(const struct rt_log_trailer *trailer, uint64_t end)
{
    uint64_t room = end - sizeof(*trailer);
    return trailer->place_count <= room / PLACE &&
           trailer->index + trailer->place_count * PLACE == room;
}

/* Whether the index is as it was written. */
static int check_index(struct rt_log_window *window,
                       const struct rt_log_trailer *trailer)
{
    uint32_t crc = 0;
    int err = rt_log_window_checksum(window, trailer->index,
                                     trailer->place_count * PLACE, &crc);
    if (err < 0) {
        return err;
    }
    return crc == trailer->index_crc ? 0 : RT_EDAMAGED;
}

int rt_log_trailer_read(struct rt_log_window *window,
                        uint64_t log,
                        uint64_t segment,
                        struct rt_log_trailer *trailer)
{
    if (window->end < sizeof(*trailer)) {
        return RT_EDAMAGED;
    }
    int err = rt_log_window_copy(window, window->end - sizeof(*trailer),
                                 trailer, sizeof(*trailer));
    if (err < 0) {
        return err;
    }
    bool is_ours =
        rt_log_trailer_check(trailer) && (log == 0 || trailer->log == log) &&
        trailer->number == segment && is_plausible(trailer, window->end);
    return is_ours ? 0 : RT_EDAMAGED;
}

int rt_log_sealed_trailer(struct rt_log_window *window,
                          uint64_t log,
                          uint64_t segment,
                          struct rt_log_trailer *trailer)
{
    int err = rt_log_trailer_read(window, log, segment, trailer);
    return err == 0 ? check_index(window, trailer) : err;
}

int rt_log_is_sealed(struct rt_log_window *window, uint64_t segment)
{
    struct rt_log_trailer trailer;
    int err = rt_log_window_open(window, segment);
    if (err < 0) {
        return err;
    }
    err = rt_log_sealed_trailer(window, 0, segment, &trailer);
    rt_log_window_close(window);
    return err == RT_EDAMAGED ? 0 : err < 0 ? err : 1;
}

/* --- places --- */

/* Events are missing before these: the topic ends where they are. */
static bool is_torn(const struct rt_log_shelf *shelf,
                    const struct rt_log_span *span)
{
    if (shelf->place_count == 0) {
        return false;
    }
    uint64_t last = shelf->places[shelf->place_count - 1].span.last;
    return span->before != last + 1;
}

/* What comes behind the end that the snapshot tells of was not believed when
 * that was written: the body of its part does not check. */
static bool counts(const struct rt_log_shelf *shelf,
                   const struct rt_log_span *span)
{
    return shelf != NULL && span->last >= span->first &&
           span->first < shelf->end && span->last >= shelf->floor &&
           shelf->state != RT_LOG_SHELF_IN_DOUBT;
}

/* What is below the floor was there once. */
static void lose(struct rt_log_shelf *shelf, const struct rt_log_span *span)
{
    if (shelf != NULL && span->last < shelf->floor) {
        rt_log_shelf_lose(shelf, span);
    }
}

/* Where the shelf ends stays what the snapshot said. */
static void put(struct rt_log_shelf *shelf,
                uint64_t segment,
                const struct rt_log_span *span)
{
    uint64_t next_offset = shelf->next_offset;
    uint64_t end = shelf->end;
    (void)rt_log_shelf_add(shelf, segment, span);
    shelf->next_offset = next_offset;
    shelf->end = end;
}

static int add_span(struct rt_log_index *index,
                    uint64_t topic,
                    uint64_t segment,
                    const struct rt_log_span *span)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(index, topic);
    if (!counts(shelf, span)) {
        lose(shelf, span);
        return 0;
    }
    if (is_torn(shelf, span)) {
        shelf->state = RT_LOG_SHELF_IN_DOUBT;
        return 0;
    }
    int err = rt_log_index_reserve(index, shelf);
    if (err == 0) {
        put(shelf, segment, span);
    }
    return err;
}

static void settle(struct rt_log_shelf *shelf, bool has_hole)
{
    uint64_t end = shelf->end;
    if (shelf->place_count > 0) {
        end = shelf->places[shelf->place_count - 1].span.last + 1;
    } else if (has_hole && shelf->floor < shelf->end) {
        shelf->state = RT_LOG_SHELF_DAMAGED;
    }
    if (end != shelf->end) {
        shelf->state = RT_LOG_SHELF_DAMAGED;
        shelf->next_offset = end;
        shelf->end = end;
    }
}

bool rt_log_sealed_settle(struct rt_log_index *index, bool has_hole)
{
    bool is_news = false;
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        struct rt_log_shelf *shelf = index->shelves[i];
        bool was_damaged = shelf->state == RT_LOG_SHELF_DAMAGED;
        settle(shelf, has_hole);
        is_news =
            is_news || (shelf->state == RT_LOG_SHELF_DAMAGED && !was_damaged);
    }
    return is_news;
}

/* --- segments with an index --- */

static int add_places(struct rt_log_index *index,
                      struct rt_log_window *window,
                      const struct rt_log_trailer *trailer,
                      struct rt_log_volume *volume)
{
    for (uint64_t i = 0; i < trailer->place_count; i++) {
        struct rt_log_index_place place;
        int err = rt_log_window_copy(window, trailer->index + i * PLACE, &place,
                                     sizeof(place));
        if (err == 0) {
            err = add_span(index, place.topic, volume->segment, &place.span);
        }
        if (err < 0) {
            return err;
        }
        rt_log_volume_count(volume, &place.span);
    }
    return 0;
}

/* --- segments without an index --- */

/* A segment that is gone through. */
struct passage {
    struct rt_log_index *index;
    struct rt_log_walk walk;
    struct rt_log_volume volume;
    struct rt_log_end *end;
};

/* Where no batch is missing, a topic has skipped the offsets that it has not.
 */
static void bridge(const struct passage *passage, struct rt_log_span *span)
{
    const struct rt_log_shelf *shelf =
        rt_log_index_shelf(passage->index, passage->walk.part.topic);
    if (passage->end->is_whole && shelf != NULL && shelf->place_count > 0) {
        span->before = shelf->places[shelf->place_count - 1].span.last + 1;
    }
}

/* Adds the events of a part whose body may not even check. */
static int add_part(struct passage *passage)
{
    char newest[sizeof(struct rt_entry)];
    const struct rt_log_walk *walk = &passage->walk;
    if (walk->part.kind != RT_LOG_EVENTS) {
        return 0;
    }
    int err =
        rt_log_window_copy(walk->window, walk->body, newest, sizeof(newest));
    if (err < 0) {
        return err;
    }
    struct rt_log_events events =
        rt_log_walk_events(walk, (struct rt_bytes){newest, sizeof(newest)});
    struct rt_log_span span =
        rt_log_span_of(&events, walk->position, walk->part.length);
    bridge(passage, &span);
    rt_log_volume_count(&passage->volume, &span);
    return add_span(passage->index, walk->part.topic, walk->segment, &span);
}

/* Whether the batch that the walk is at comes behind the one before. */
static bool is_next(const struct passage *passage)
{
    const struct rt_log_end *end = passage->end;
    const struct rt_log_batch_head *batch = &passage->walk.batch;
    bool is_behind = end->batch == 0 || batch->chain == end->chain;
    return is_behind && passage->walk.position == passage->volume.end;
}

/* Whether the snapshot alone is missing before the batch. */
static bool is_second(const struct passage *passage)
{
    const struct rt_log_batch_head *batch = &passage->walk.batch;
    return passage->walk.position > passage->volume.end &&
           batch->number == passage->end->batch + 2;
}

static int add_batch(struct passage *passage)
{
    struct rt_log_walk *walk = &passage->walk;
    struct rt_log_end *end = passage->end;
    bool is_first = passage->volume.end == sizeof(struct rt_log_segment_head);
    end->is_whole = is_first ? is_next(passage) || is_second(passage)
                             : is_next(passage) && end->is_whole;
    end->batch = walk->batch.number;
    end->chain = walk->batch.crc;
    int more = rt_log_walk_next(walk);
    while (more > 0) {
        int err = add_part(passage);
        more = err < 0 ? err : rt_log_walk_next(walk);
    }
    passage->volume.end = rt_log_walk_end(walk);
    return more == RT_EDAMAGED ? 0 : more;
}

static int add_batches(struct passage *passage)
{
    struct rt_log_walk *walk = &passage->walk;
    passage->end->is_sealed = false;
    passage->end->is_whole = false;
    int found = rt_log_walk_seek(walk, passage->volume.end);
    while (found > 0) {
        int err = add_batch(passage);
        found = err < 0 ? err : rt_log_walk_seek(walk, passage->volume.end);
    }
    return found;
}

/* --- segments --- */

static int load_places(struct passage *passage,
                       const struct rt_log_trailer *trailer)
{
    passage->volume.end = trailer->index;
    *passage->end = (struct rt_log_end){.batch = trailer->batch,
                                        .chain = trailer->chain,
                                        .is_sealed = true,
                                        .is_whole = true};
    return add_places(passage->index, passage->walk.window, trailer,
                      &passage->volume);
}

int rt_log_sealed_load(struct rt_log_index *index,
                       struct rt_log_window *window,
                       uint64_t log,
                       uint64_t segment,
                       struct rt_log_end *end)
{
    struct rt_log_trailer trailer;
    struct passage passage = {
        .index = index,
        .volume = {.segment = segment,
                   .end = sizeof(struct rt_log_segment_head)},
        .end = end};
    rt_log_walk_init(&passage.walk, window, log, segment);
    int err = rt_log_sealed_trailer(window, log, segment, &trailer);
    if (err == 0) {
        err = load_places(&passage, &trailer);
    } else if (err == RT_EDAMAGED) {
        err = add_batches(&passage);
    }
    end->position = passage.volume.end;
    if (window->end > end->position) {
        passage.volume.seal = window->end - end->position;
    }
    return err < 0 ? err : rt_log_index_begin(index, &passage.volume);
}
