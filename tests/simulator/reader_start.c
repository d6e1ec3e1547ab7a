/* Where a reader begins. */
#include "base/error.h"
#include "broker/core/stream.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/reader.h"
#include "tests/simulator/world.h"

static struct rt_since random_start(const struct reader *reader)
{
    return reader->topic == NULL ? random_node_since(reader->world)
                                 : random_since(reader->world, reader->topic);
}

/* One topic may be the broker's own. */
static void read_selector(const struct reader *reader,
                          struct rt_selector *selector)
{
    struct rt_bytes text = rt_bytes_of(reader->selector);
    struct rt_refusal refusal;
    if (reader->topic == NULL) {
        EXPECT(rt_selector_parse(text, selector, &refusal) == 0);
        return;
    }
    selector->count = 0;
    rt_selector_add(selector, text);
}

static int attach(struct reader *reader,
                  const struct rt_since *since,
                  struct rt_start *start)
{
    struct rt_selector selector;
    read_selector(reader, &selector);
    int err =
        rt_core_subscribe_to(&reader->world->core, &selector, reader->format,
                             since, &reader->subscriber, start);
    EXPECT(err != 0 || rt_stream_is_of(reader->subscriber.stream, &selector));
    return err;
}

static void attached(struct reader *reader, uint64_t next, bool is_behind)
{
    bool is_active = reader->subscriber.state == RT_SUBSCRIBER_ACTIVE;
    EXPECT_INT(is_behind, !is_active);
    reader->state = SINK_OPEN;
    reader->seen = next - 1;
    reader->is_replaying = is_behind;
    reader_touch(reader);
}

/* --- several topics --- */

static void selected(struct reader *reader,
                     const struct rt_since *since,
                     const struct rt_start *start)
{
    struct world *world = reader->world;
    struct selected expected = selected_start(world, reader->has, since);
    bool is_before = expected.is_gap && reader->subscriber.gap == RT_GAP_TELL;
    struct rt_cursor position = is_before ? since->cursor : start->cursor;
    EXPECT(start->is_node);
    EXPECT_INT(start->cursor.epoch, world->core.epoch);
    EXPECT_INT(start->cursor.offset, expected.sequence - 1);
    EXPECT_INT(start->position.epoch, position.epoch);
    EXPECT_INT(start->position.offset, position.offset);
    EXPECT_INT(start->is_gap, expected.is_gap);
    attached(reader, expected.sequence, start->is_behind);
    if (expected.knows_gaps) {
        reader_tell_all(reader);
    }
    if (expected.is_gap) {
        world_expect_gap(world, 0);
    }
}

/* --- one topic --- */

static void expect_gap_at_start(const struct reader *reader,
                                const struct start *expected,
                                const struct rt_gap *gap)
{
    EXPECT(rt_bytes_equal(gap->topic, reader->topic->name));
    EXPECT_INT(gap->reason, expected->reason);
    EXPECT_INT(gap->missed, expected->missed);
    topic_expect_cursor(reader->topic, gap->next, expected->offset);
}

/* Whoever is told of a gap is before it until then. */
static struct rt_cursor expected_position(const struct reader *reader,
                                          const struct rt_since *since,
                                          const struct rt_start *start)
{
    bool is_before = start->is_gap && since->kind == RT_SINCE_CURSOR &&
                     reader->subscriber.gap != RT_GAP_SKIP;
    return is_before ? since->cursor : start->cursor;
}

static void expect_start(const struct reader *reader,
                         const struct rt_since *since,
                         const struct start *expected,
                         const struct rt_start *start)
{
    const struct topic *topic = reader->topic;
    struct rt_cursor position = expected_position(reader, since, start);
    EXPECT(!start->is_node);
    topic_expect_cursor(topic, start->cursor, expected->offset - 1);
    topic_expect_cursor(topic, start->earliest, topic_earliest(topic));
    EXPECT_INT(start->position.epoch, position.epoch);
    EXPECT_INT(start->position.offset, position.offset);
    EXPECT_INT(start->is_behind, expected->offset <= topic->latest);
    EXPECT_INT(start->is_gap, expected->is_gap);
    if (expected->is_gap) {
        expect_gap_at_start(reader, expected, &start->gap);
    }
}

static void subscribed(struct reader *reader,
                       int err,
                       const struct rt_since *since,
                       const struct rt_start *start)
{
    struct world *world = reader->world;
    struct topic *topic = reader->topic;
    world_begin_topic(world, topic);
    struct start expected = topic_start(topic, since);
    bool is_refused = expected.is_gap && reader->subscriber.gap == RT_GAP_CLOSE;
    EXPECT_INT(err, is_refused ? RT_EGAP : 0);
    expect_start(reader, since, &expected, start);
    if (expected.is_gap) {
        world_expect_gap(world, expected.missed);
    }
    if (is_refused) {
        world->expected.closes[expected.reason]++;
        return;
    }
    attached(reader, expected.offset, start->is_behind);
    topic->reader_count++;
}

/* --- either --- */

void reader_subscribe(struct reader *reader)
{
    struct world *world = reader->world;
    struct rt_start start = {0};
    *reader = (struct reader){.world = world, .room = UINT64_MAX};
    reader_choose(reader);
    struct rt_since since = random_start(reader);
    int err = attach(reader, &since, &start);
    world_say(world, "reader %d to %.8s, since %d: %d",
              (int)(reader - world->readers), reader->selector, (int)since.kind,
              err);
    if (err == RT_ENOMEM) {
        EXPECT(world_is_short(world));
    } else if (reader->topic == NULL) {
        EXPECT_INT(err, 0);
        selected(reader, &since, &start);
    } else {
        subscribed(reader, err, &since, &start);
    }
}
