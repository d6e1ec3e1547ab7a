#include "storage/log_visit.h"

#include "base/error.h"
#include "storage/log_walk.h"

struct visit {
    struct rt_log *log;
    const struct rt_log_visitor *visitor;
    struct rt_log_walk walk;
};

/* --- topics --- */

static struct rt_log_standing standing_of(const struct rt_log_shelf *shelf)
{
    struct rt_log_standing standing = {.earliest = rt_log_shelf_earliest(shelf),
                                       .end = shelf->end,
                                       .is_damaged = shelf->state ==
                                                     RT_LOG_SHELF_DAMAGED};
    if (shelf->place_count > 0) {
        standing.wall_ms = shelf->places[shelf->place_count - 1].span.wall_ms;
    }
    return standing;
}

static int tell_topic(const struct rt_log_shelf *shelf,
                      const struct rt_log_visitor *visitor)
{
    struct rt_log_standing standing = standing_of(shelf);
    struct rt_log_topic topic = {.name = {shelf->name, shelf->name_len},
                                 .next_offset = shelf->next_offset,
                                 .floor = shelf->floor,
                                 .retention = shelf->retention,
                                 .state = {shelf->opaque, shelf->state_len}};
    return visitor->topic(visitor->context, shelf->topic, &topic, &standing);
}

static int tell_topics(const struct rt_log_index *index,
                       const struct rt_log_visitor *visitor)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        const struct rt_log_shelf *shelf = index->shelves[i];
        int err = shelf->name_len > 0 && visitor->topic != NULL
                      ? tell_topic(shelf, visitor)
                      : 0;
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* --- events and keys --- */

/* Whether the events of a part are the topic's, and count. */
static bool has_events(const struct visit *visit)
{
    const struct rt_log_part_head *part = &visit->walk.part;
    const struct rt_log_shelf *shelf =
        rt_log_index_shelf(&visit->log->index, part->topic);
    return visit->visitor->events != NULL && shelf != NULL &&
           part->offset + part->count > rt_log_shelf_earliest(shelf) &&
           part->offset + part->count <= shelf->next_offset;
}

static int tell_events(struct visit *visit, struct rt_bytes body)
{
    struct rt_log_events events = rt_log_walk_events(&visit->walk, body);
    return visit->visitor->events(visit->visitor->context,
                                  visit->walk.part.topic, &events);
}

static bool has_key(const struct visit *visit)
{
    uint64_t now = visit->log->options.wall_ms;
    uint64_t wall_ms = visit->walk.part.offset;
    return visit->visitor->key != NULL &&
           (wall_ms >= now || now - wall_ms <= visit->log->options.key_ms);
}

static int tell_key(struct visit *visit, struct rt_bytes body)
{
    return visit->visitor->key(visit->visitor->context, body);
}

typedef bool (*has_fn)(const struct visit *visit);
typedef int (*tell_fn)(struct visit *visit, struct rt_bytes body);

/* Tells of the part, if its body checks: others have been told as damaged. */
static int tell_part(struct visit *visit, has_fn has, tell_fn tell)
{
    struct rt_bytes body;
    if (!has(visit)) {
        return 0;
    }
    int err = rt_log_walk_body(&visit->walk, &body);
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err;
    }
    return tell(visit, body);
}

static int tell_batch(struct visit *visit)
{
    int more = rt_log_walk_next(&visit->walk);
    while (more > 0) {
        int err = 0;
        if (visit->walk.part.kind == RT_LOG_EVENTS) {
            err = tell_part(visit, has_events, tell_events);
        } else if (visit->walk.part.kind == RT_LOG_KEY) {
            err = tell_part(visit, has_key, tell_key);
        }
        if (err != 0) {
            return err;
        }
        more = rt_log_walk_next(&visit->walk);
    }
    return more;
}

static int tell_segment(struct visit *visit)
{
    uint64_t position = sizeof(struct rt_log_segment_head);
    int found = rt_log_walk_seek(&visit->walk, position);
    while (found > 0) {
        int err = tell_batch(visit);
        if (err != 0) {
            return err;
        }
        found = rt_log_walk_seek(&visit->walk, rt_log_walk_end(&visit->walk));
    }
    return found;
}

/* --- keys of sealed segments --- */

static bool is_of_use(const struct visit *visit,
                      const struct rt_log_place *place,
                      uint64_t segment)
{
    uint64_t now = visit->log->options.wall_ms;
    uint64_t key_ms = visit->log->options.key_ms;
    return place->segment < segment &&
           segment - place->segment <= RT_LOG_KEY_SEGMENTS &&
           (place->span.wall_ms >= now || now - place->span.wall_ms <= key_ms);
}

static int tell_keys_of_batch(struct visit *visit)
{
    int more = rt_log_walk_next(&visit->walk);
    while (more > 0) {
        int err = visit->walk.part.kind == RT_LOG_KEY
                      ? tell_part(visit, has_key, tell_key)
                      : 0;
        if (err != 0) {
            return err;
        }
        more = rt_log_walk_next(&visit->walk);
    }
    return more;
}

/* Goes through the batches that belong to a place. */
static int tell_keys_at(struct visit *visit, const struct rt_log_place *place)
{
    int err = rt_log_walk_to(&visit->walk, place->span.position);
    while (err == 0 &&
           visit->walk.position - place->span.position < RT_LOG_PLACE_BYTES) {
        err = tell_keys_of_batch(visit);
        if (err == 0) {
            err = rt_log_walk_to(&visit->walk, rt_log_walk_end(&visit->walk));
        }
    }
    return err == RT_EDAMAGED ? 0 : err; /* or the end of the segment */
}

static int tell_keys_of(struct visit *visit,
                        struct rt_log_window *window,
                        const struct rt_log_place *place)
{
    struct rt_file file;
    char name[RT_LOG_NAME_SIZE];
    struct rt_disk *disk = visit->log->options.disk;
    const struct rt_log_volume *volume =
        rt_log_index_volume(&visit->log->index, place->segment);
    rt_log_name(place->segment, name);
    int err = rt_disk_open(disk, name, false, &file);
    if (err < 0) {
        return err;
    }
    rt_log_window_turn(window, file, volume->end);
    rt_log_walk_init(&visit->walk, window, visit->log->tail.head.log,
                     place->segment);
    err = tell_keys_at(visit, place);
    rt_disk_close(disk, &file);
    return err;
}

static int tell_old_keys(struct visit *visit,
                         struct rt_log_window *window,
                         uint64_t segment)
{
    const struct rt_log_shelf *keys = rt_log_index_shelf(&visit->log->index, 0);
    for (uint32_t i = 0; i < keys->place_count; i++) {
        const struct rt_log_place *place = &keys->places[i];
        int err = is_of_use(visit, place, segment)
                      ? tell_keys_of(visit, window, place)
                      : 0;
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int tell_node(const struct rt_log *log,
                     const struct rt_log_visitor *visitor)
{
    return log->node_len > 0 && visitor->node != NULL
               ? visitor->node(visitor->context, rt_log_node(log))
               : 0;
}

int rt_log_visit(struct rt_log *log,
                 struct rt_log_window *window,
                 uint64_t segment,
                 const struct rt_log_visitor *visitor)
{
    struct visit visit = {.log = log, .visitor = visitor};
    rt_log_walk_init(&visit.walk, window, log->tail.head.log, segment);
    int err = tell_topics(&log->index, visitor);
    if (err == 0) {
        err = tell_segment(&visit);
    }
    if (err == 0 && visitor->key != NULL) {
        err = tell_old_keys(&visit, window, segment);
    }
    return err == 0 ? tell_node(log, visitor) : err;
}
