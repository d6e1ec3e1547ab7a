#include "tests/simulator/reader.h"

#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

/* --- how it comes and goes --- */

void reader_detached(struct reader *reader)
{
    struct world *world = reader->world;
    bool is_done = reader->stall.queued.len == 0;
    reader->state = is_done ? SINK_FREE : SINK_ENDING;
    if (reader->topic != NULL) {
        reader->topic->reader_count--;
    }
    reader_touch(reader);
    world_say(world, "reader %d ends after %" PRIu64,
              (int)(reader - world->readers), reader->last);
}

void reader_leave(struct reader *reader)
{
    rt_subscriber_detach(&reader->subscriber);
    reader_detached(reader);
}

/* The host tells it to leave. */
static void dismiss(struct reader *reader)
{
    reader->is_leaving = true;
    rt_subscriber_close(&reader->subscriber, RT_CLOSE_LEAVING);
    EXPECT(reader->state != SINK_OPEN);
}

void reader_act(struct reader *reader)
{
    if (reader->state == SINK_FREE) {
        reader_subscribe(reader);
    } else if (reader->state == SINK_OPEN && one_in(reader->world, 6)) {
        dismiss(reader);
    } else if (reader->state == SINK_OPEN && one_in(reader->world, 4)) {
        reader_leave(reader);
    }
}

void reader_temper(struct reader *reader)
{
    struct world *world = reader->world;
    uint32_t patience = world->habits.patience;
    reader->room = UINT64_MAX;
    if (one_in(world, patience < 4 ? patience : 4)) {
        reader->room =
            below(world, 2 * world->habits.len_max + 2 * READER_NOTICE_LEN);
    }
    reader->is_lost = one_in(world, 4 * patience);
    reader->refuses_queue = one_in(world, 4 * patience);
}

void reader_take(struct reader *reader, size_t len)
{
    struct stall *stall = &reader->stall;
    stall->queued.data += len;
    stall->queued.len -= len;
    if (stall->queued.len == 0) {
        rt_segment_unref(&reader->world->core.store, stall->held);
        stall->held = NULL;
        reader->state =
            reader->state == SINK_ENDING ? SINK_FREE : reader->state;
        rt_subscriber_drained(&reader->subscriber);
    }
}

/* --- what must be true --- */

void reader_check(struct reader *reader)
{
    const struct rt_subscriber *subscriber = &reader->subscriber;
    bool is_active = subscriber->state == RT_SUBSCRIBER_ACTIVE;
    if (reader->state != SINK_OPEN) {
        EXPECT_INT(subscriber->state, RT_SUBSCRIBER_DETACHED);
        return;
    }
    EXPECT(!reader->is_short && !reader->is_failing && !reader->is_passed);
    EXPECT_INT(reader->stall.queued.len > 0,
               subscriber->state == RT_SUBSCRIBER_BLOCKED);
    reader_expect_cursor(reader, rt_subscriber_cursor(subscriber));
    if (is_active && !reader_is_purged(reader)) {
        reader->has_kept_up = true;
    }
    EXPECT(!reader->has_kept_up || is_active);
    EXPECT(!reader->is_replaying || !is_active);
}

void readers_expect_served(const struct world *world, bool has_more)
{
    for (int i = 0; i < READER_MAX && !has_more; i++) {
        const struct reader *reader = &world->readers[i];
        if (reader->state == SINK_OPEN && reader->stall.queued.len == 0) {
            EXPECT_INT(reader->subscriber.state, RT_SUBSCRIBER_ACTIVE);
            EXPECT(reader_next(reader, reader->seen + 1) >
                   reader_latest(reader));
            EXPECT(!reader_is_over(reader));
        }
    }
}

static uint64_t number_of(const struct reader *reader,
                          const struct topic *topic,
                          uint64_t offset)
{
    return reader->topic == NULL ? topic_event(topic, offset)->sequence
                                 : offset;
}

static bool
lacks(const struct reader *reader, const struct topic *topic, uint64_t offset)
{
    while (offset > 0 && number_of(reader, topic, offset) > reader->seen) {
        if (reader_wants(reader, number_of(reader, topic, offset))) {
            return true;
        }
        offset--;
    }
    return false;
}

bool readers_want(const struct world *world,
                  const struct topic *topic,
                  uint64_t offset)
{
    for (int i = 0; i < READER_MAX; i++) {
        const struct reader *reader = &world->readers[i];
        if (reader->state == SINK_OPEN && reader->has_kept_up &&
            reader->has[topic - world->topics] &&
            lacks(reader, topic, offset)) {
            return true;
        }
    }
    return false;
}

/* One that wants all events, so that it is known which ones it has. */
static bool is_one_of_many(const struct reader *reader)
{
    const struct rt_subscriber *subscriber = &reader->subscriber;
    return reader->state == SINK_OPEN && reader->owner == 0 &&
           subscriber->state == RT_SUBSCRIBER_ACTIVE &&
           subscriber->stream->active_count > RT_FANOUT_SMALL;
}

uint64_t readers_sent(const struct world *world,
                      const struct topic *topic,
                      uint64_t offset)
{
    for (int i = 0; i < READER_MAX; i++) {
        const struct reader *reader = &world->readers[i];
        bool counts =
            is_one_of_many(reader) && reader->has[topic - world->topics];
        while (counts && offset > 0 &&
               number_of(reader, topic, offset) > reader->seen) {
            offset--;
        }
    }
    return offset;
}

uint32_t readers_of(const struct world *world, const struct topic *topic)
{
    uint32_t count = 0;
    for (int i = 0; i < READER_MAX; i++) {
        const struct reader *reader = &world->readers[i];
        count +=
            reader->state == SINK_OPEN && reader->has[topic - world->topics];
    }
    return count;
}

bool readers_name(const struct world *world, const struct topic *topic)
{
    bool is_named = false;
    for (int i = 0; i < READER_MAX; i++) {
        const struct reader *reader = &world->readers[i];
        is_named = is_named || (reader->state == SINK_OPEN &&
                                reader->names[topic - world->topics]);
    }
    return is_named;
}
