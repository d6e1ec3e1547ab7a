#include "storage/log/visit.h"

#include "base/error.h"
#include "storage/log/walk.h"

struct visit {
    struct rt_log *log;
    const struct rt_log_visitor *visitor;
    struct rt_log_walk walk;
};

/* --- topics --- */

/* Events of which nothing is known any more come before the last segment. */
static uint64_t last_ms(const struct rt_log *log,
                        const struct rt_log_shelf *shelf)
{
    if (shelf->place_count > 0) {
        return shelf->places[shelf->place_count - 1].span.wall_ms;
    }
    return shelf->end > 1 ? log->tail.head.created_ms : 0;
}

/* What a damaged topic has lost may have come behind all that is left. */
static uint64_t last_sequence(const struct rt_log_shelf *shelf)
{
    uint64_t last = shelf->place_count > 0
                        ? shelf->places[shelf->place_count - 1].span.sequence
                        : 0;
    return last > shelf->loss.sequence ? last : shelf->loss.sequence;
}

static struct rt_log_standing standing_of(const struct rt_log *log,
                                          const struct rt_log_shelf *shelf)
{
    return (struct rt_log_standing){.earliest = rt_log_shelf_earliest(shelf),
                                    .end = shelf->end,
                                    .wall_ms = last_ms(log, shelf),
                                    .sequence = last_sequence(shelf),
                                    .is_damaged =
                                        shelf->state == RT_LOG_SHELF_DAMAGED};
}

static int tell_topic(const struct rt_log *log,
                      const struct rt_log_shelf *shelf,
                      const struct rt_log_visitor *visitor)
{
    struct rt_log_standing standing = standing_of(log, shelf);
    struct rt_log_topic topic = {.name = {shelf->name, shelf->name_len},
                                 .next_offset = shelf->next_offset,
                                 .floor = shelf->floor,
                                 .retention = shelf->retention,
                                 .state = {shelf->opaque, shelf->state_len}};
    return visitor->topic(visitor->context, shelf->topic, &topic, &standing);
}

static int tell_topics(const struct rt_log *log,
                       const struct rt_log_visitor *visitor)
{
    for (uint32_t i = 0; i < log->index.shelf_count; i++) {
        const struct rt_log_shelf *shelf = log->index.shelves[i];
        int err = shelf->name_len > 0 && visitor->topic != NULL
                      ? tell_topic(log, shelf, visitor)
                      : 0;
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* --- parts --- */

typedef int (*tell_fn)(struct visit *visit, struct rt_bytes body);

/* Tells of the part, if its body checks: others have been told as damaged. */
static int tell_part(struct visit *visit, tell_fn tell)
{
    struct rt_bytes body;
    int err = rt_log_walk_body(&visit->walk, &body);
    if (err < 0) {
        return err == RT_EDAMAGED ? 0 : err;
    }
    return tell(visit, body);
}

typedef bool (*has_fn)(const struct visit *visit);

/* Tells of those parts of the batch that are asked for. */
static int tell_batch(struct visit *visit, has_fn has, tell_fn tell)
{
    int more = rt_log_walk_next(&visit->walk);
    while (more > 0) {
        int err = has(visit) ? tell_part(visit, tell) : 0;
        if (err != 0) {
            return err;
        }
        more = rt_log_walk_next(&visit->walk);
    }
    return more;
}

/* --- events --- */

/* Whether the part has events that are the topic's, and count. */
static bool has_events(const struct visit *visit)
{
    const struct rt_log_part_head *part = &visit->walk.part;
    const struct rt_log_shelf *shelf =
        rt_log_index_shelf(&visit->log->index, part->topic);
    return part->kind == RT_LOG_EVENTS && shelf != NULL &&
           part->offset + part->count > rt_log_shelf_earliest(shelf) &&
           part->offset + part->count <= shelf->end;
}

static int tell_events(struct visit *visit, struct rt_bytes body)
{
    struct rt_log_events events = rt_log_walk_events(&visit->walk, body);
    return visit->visitor->events(visit->visitor->context,
                                  visit->walk.part.topic, &events);
}

/* Tells of the events in the segment that the walk is in. */
static int tell_segment(struct visit *visit)
{
    uint64_t position = sizeof(struct rt_log_segment_head);
    int found = rt_log_walk_seek(&visit->walk, position);
    while (found > 0) {
        int err = tell_batch(visit, has_events, tell_events);
        if (err != 0) {
            return err;
        }
        found = rt_log_walk_seek(&visit->walk, rt_log_walk_end(&visit->walk));
    }
    return found;
}

/* --- all of it --- */

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
    int err = tell_topics(log, visitor);
    if (err == 0 && visitor->events != NULL) {
        err = tell_segment(&visit);
    }
    if (err == 0 && visitor->key != NULL) {
        err = rt_log_keys_tell(&log->keys, log->options.wall_ms, visitor->key,
                               visitor->context);
    }
    return err == 0 ? tell_node(log, visitor) : err;
}
