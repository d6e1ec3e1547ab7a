/* Where a reader begins. */
#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

/* What it was told of its beginning. */
struct begun {
    struct rt_cursor position; /* it is given what comes behind it */
    bool is_gap;
    enum rt_close_reason reason;
    uint64_t missed;
};

/* --- since --- */

/* Of any era, given to somebody or not. */
static struct rt_cursor random_cursor(struct world *world,
                                      const struct truth_topic *topic)
{
    uint32_t number =
        one_in(world, 4) ? below(world, topic->era_count) : topic->now.era;
    const struct era *era = &topic->eras[number];
    if (era->count == 0 || one_in(world, 10)) {
        return (struct rt_cursor){era->epoch, below(world, 3)};
    }
    const struct event *event =
        &era->events[test_random_next(&world->chance.random) % era->count];
    return (struct rt_cursor){era->epoch, event->offset - below(world, 2)};
}

static uint64_t random_time(struct world *world,
                            const struct truth_topic *topic)
{
    const struct era *era = &topic->eras[topic->now.era];
    if (era->count == 0) {
        return world->wall_ms;
    }
    uint64_t any = test_random_next(&world->chance.random) % era->count;
    return era->events[any].wall_ms + below(world, 3) - 1;
}

static struct rt_since random_since(struct world *world,
                                    const struct truth_topic *topic)
{
    static const enum rt_since_kind kinds[] = {
        RT_SINCE_EARLIEST, RT_SINCE_EARLIEST, RT_SINCE_CURSOR, RT_SINCE_CURSOR,
        RT_SINCE_TIME,     RT_SINCE_LAST,     RT_SINCE_NOW};
    struct rt_since since = {0};
    if (topic->era_count == 0) {
        return since;
    }
    since.kind = kinds[below(world, RT_ARRAY_LENGTH(kinds))];
    since.cursor = random_cursor(world, topic);
    since.wall_ms = random_time(world, topic);
    since.count = 1 + below(world, 200);
    return since;
}

/* --- what must come of it --- */

static struct era *era_of(const struct reader *reader)
{
    return &reader->topic->eras[reader->era];
}

/* Nothing that could be had is before where it begins, but for what it knows.
 */
static void expect_none_before(const struct reader *reader, uint64_t wall_ms)
{
    const struct era *era = era_of(reader);
    for (uint64_t i = 0; i < era->count; i++) {
        const struct event *event = &era->events[i];
        EXPECT(event->offset >= reader->next || event->wall_ms < wall_ms ||
               !world_has(reader->world, reader->topic, era, event));
    }
}

/* Whoever is told of no gap has lost nothing of that time, to retention or to
 * an end, as far as a log knows that has all its bits. */
static void expect_none_lost(const struct reader *reader, uint64_t wall_ms)
{
    const struct era *era = era_of(reader);
    if (reader->world->is_flipped) {
        return;
    }
    for (uint64_t i = 0; i < era->count; i++) {
        const struct event *event = &era->events[i];
        EXPECT(event->offset >= reader->next || event->wall_ms < wall_ms);
    }
}

/* As many as it asked for, if there are; what was never written since the start
 * is taken for events. */
static void expect_last(const struct reader *reader, uint64_t count)
{
    const struct era *era = era_of(reader);
    uint64_t given = 0;
    uint64_t before = 0;
    for (uint64_t i = 0; i < era->count; i++) {
        bool is_left =
            world_has(reader->world, reader->topic, era, &era->events[i]);
        bool is_given = era->events[i].offset >= reader->next;
        given += is_left && is_given ? 1 : 0;
        before += is_left && !is_given ? 1 : 0;
    }
    EXPECT(given <= count);
    EXPECT(given == count || before == 0 ||
           reader->world->journal.state == RT_JOURNAL_FAILED);
}

/* Of another era, or of a future that this one has not had. */
static bool is_foreign(const struct reader *reader, struct rt_cursor cursor)
{
    const struct rt_topic *found = world_find(reader->world, reader->topic);
    bool is_of_era = cursor.epoch == found->epoch;
    EXPECT(!is_of_era || truth_last(era_of(reader)) + found->base <=
                             rt_ring_latest(&found->ring));
    return !is_of_era ||
           cursor.offset + found->base > rt_ring_latest(&found->ring);
}

static void expect_after_cursor(struct reader *reader,
                                struct rt_cursor cursor,
                                const struct begun *begun)
{
    if (is_foreign(reader, cursor)) {
        EXPECT(begun->is_gap && begun->missed == 0);
        EXPECT_INT(begun->reason, RT_CLOSE_EPOCH_CHANGED);
        expect_none_before(reader, 0);
    } else if (begun->is_gap) {
        reader->next = cursor.offset + 1;
        reader_pass(reader, begun->position, begun->reason, begun->missed);
    } else {
        EXPECT_INT(begun->position.offset, cursor.offset);
    }
}

static void expect_start(struct reader *reader,
                         const struct rt_since *since,
                         const struct begun *begun)
{
    reader->era = reader->topic->now.era;
    reader->next = begun->position.offset + 1;
    EXPECT_INT(begun->position.epoch, era_of(reader)->epoch);
    switch (since->kind) {
    case RT_SINCE_CURSOR:
        expect_after_cursor(reader, since->cursor, begun);
        break;
    case RT_SINCE_TIME:
        expect_none_before(reader, since->wall_ms);
        if (!begun->is_gap) {
            expect_none_lost(reader, since->wall_ms);
        }
        break;
    case RT_SINCE_LAST:
        expect_last(reader, since->count);
        break;
    case RT_SINCE_EARLIEST:
        EXPECT(!begun->is_gap);
        expect_none_before(reader, 0);
        break;
    default:
        EXPECT(!begun->is_gap);
        EXPECT(truth_from(era_of(reader), reader->next) == NULL);
    }
}

/* --- subscribing --- */

static int attach_local(struct reader *reader,
                        const struct rt_since *since,
                        struct begun *begun)
{
    struct rt_local *local = &reader->local;
    int err = rt_core_subscribe_local(&reader->world->core, reader->topic->name,
                                      since, reader_on_delivery, local);
    if (err == 0) {
        *begun = (struct begun){rt_local_cursor(local), local->start.is_gap,
                                local->start.reason, local->start.missed};
        reader->is_told = begun->is_gap;
    }
    return err;
}

static int attach_subscriber(struct reader *reader,
                             const struct rt_since *since,
                             struct begun *begun)
{
    struct rt_start start = {0};
    int err =
        rt_core_subscribe(&reader->world->core, reader->topic->name,
                          reader->format, since, &reader->subscriber, &start);
    if (err != RT_ENOMEM) {
        *begun = (struct begun){start.cursor, start.is_gap, start.gap.reason,
                                start.gap.missed};
        EXPECT_INT(err, start.is_gap && reader->subscriber.gap == RT_GAP_CLOSE
                            ? RT_EGAP
                            : 0);
    }
    return err;
}

/* The topic exists now; it may not have before. */
static void note_topic(struct reader *reader)
{
    struct truth_topic *topic = reader->topic;
    uint32_t era = truth_era(topic, world_find(reader->world, topic)->epoch);
    EXPECT(era == topic->now.era || !topic->now.is_known);
    topic->now.era = era;
}

static void subscribe(struct reader *reader, const struct rt_since *since)
{
    struct world *world = reader->world;
    struct begun begun = {.is_gap = false};
    reader->at = 0;
    reader->is_told = false;
    int err = reader->is_local ? attach_local(reader, since, &begun)
                               : attach_subscriber(reader, since, &begun);
    world_say(world, "reader %d to %.4s, since %d: %d",
              (int)(reader - world->readers), reader->topic->name.data,
              (int)since->kind, err);
    if (err == RT_ENOMEM) {
        EXPECT(world->habits.is_short);
        return;
    }
    note_topic(reader);
    expect_start(reader, since, &begun);
    reader->state = err == 0 ? READER_OPEN : READER_FREE;
}

void reader_come(struct reader *reader,
                 struct truth_topic *topic,
                 bool is_whole)
{
    struct world *world = reader->world;
    *reader = (struct reader){
        .world = world, .topic = topic, .is_local = one_in(world, 3)};
    line_init(&reader->line);
    reader->format = (enum rt_format)below(world, RT_FORMAT_COUNT);
    /* There are no words for a gap in raw. */
    reader->subscriber.gap =
        (uint8_t)below(world, reader->format == RT_FORMAT_RAW ? 2 : 3);
    reader->subscriber.is_durable = !reader->is_local && one_in(world, 3);
    struct rt_since since = random_since(world, topic);
    since.kind = is_whole ? RT_SINCE_EARLIEST : since.kind;
    subscribe(reader, &since);
}

void reader_return(struct reader *reader)
{
    struct rt_since since = {.kind = RT_SINCE_CURSOR, .cursor = reader->cursor};
    reader->state = READER_FREE;
    subscribe(reader, &since);
}
