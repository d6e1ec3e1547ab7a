/* Connections: what the core writes to them is compared byte by byte. */
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

void stall_begin(struct stall *stall,
                 struct world *world,
                 struct rt_segment *held,
                 struct rt_bytes queued)
{
    if (held != NULL) {
        rt_segment_ref(held);
    }
    *stall = (struct stall){.held = held,
                            .queued = queued,
                            .since_ms = world->now_ms,
                            .len = queued.len,
                            .order = ++world->order};
    world->expected.stalls++;
}

static struct sink *sink_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct sink, subscriber);
}

static bool is_active(const struct sink *sink)
{
    return sink->state == SINK_OPEN &&
           sink->subscriber.state == RT_SUBSCRIBER_ACTIVE;
}

static bool is_lagging(const struct sink *sink)
{
    return sink->state == SINK_OPEN &&
           sink->subscriber.state == RT_SUBSCRIBER_LAGGING;
}

/* --- what may be written --- */

/* What it had is of an epoch that is over. */
static bool is_purged(const struct sink *sink)
{
    return topic_is_purged(sink->topic, sink->handed + 1);
}

/* The ring has passed it: what is left is what comes next. */
static void pass(struct sink *sink)
{
    uint64_t last_lost = topic_earliest(sink->topic) - 1;
    EXPECT(!sink->has_kept_up);
    world_expect_gap(sink->world,
                     is_purged(sink) ? 0 : last_lost - sink->handed);
    sink->handed = last_lost;
}

static bool is_passed(const struct sink *sink)
{
    return sink->handed + 1 < topic_earliest(sink->topic);
}

/* A pass of the fan-out never begins again while somebody waits in it: before
 * this one's third turn all others had one since its first. */
static void expect_turn(const struct sink *sink)
{
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *other = &sink->world->sinks[i];
        EXPECT(other->topic != sink->topic || !is_active(other) ||
               other->handed >= sink->turns[0]);
    }
}

/* Those that lag are served in turn, but those that have all by now. */
static void expect_lagging_turn(struct sink *sink)
{
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *other = &sink->world->sinks[i];
        EXPECT(other == sink || !is_lagging(other) || is_purged(other) ||
               other->handed == other->topic->latest ||
               other->lagging_at > sink->lagging_at);
    }
    sink->lagging_at = ++sink->world->order;
}

static void expect_may_write(struct sink *sink)
{
    EXPECT_INT(sink->state, SINK_OPEN);
    EXPECT(sink->stall.held == NULL && !sink->is_short && !sink->is_failing);
    EXPECT(!sink->world->is_small_flush || !sink->topic->is_big);
    if (is_lagging(sink)) {
        expect_lagging_turn(sink);
    } else {
        expect_turn(sink);
    }
}

/* Compares what is offered: whole events, and as many as there are. */
static size_t expect_offer(const struct sink *sink,
                           const struct rt_bytes *ranges,
                           unsigned range_count)
{
    struct reading reading = {sink->handed + 1, 0};
    size_t bytes = 0;
    EXPECT(range_count > 0 && range_count <= RT_SINK_RANGE_MAX);
    for (unsigned i = 0; i < range_count; i++) {
        EXPECT(ranges[i].len > 0 && bytes < RT_WRITE_BYTES_MAX);
        topic_match(sink->topic, &reading, ranges[i]);
        EXPECT_INT(reading.at, 0);
        bytes += ranges[i].len;
    }
    EXPECT(reading.offset == sink->topic->latest + 1 ||
           range_count == RT_SINK_RANGE_MAX || bytes >= RT_WRITE_BYTES_MAX);
    return bytes;
}

/* All that was offered went: so it was handed over. */
static void take_all(struct sink *sink)
{
    uint64_t last = sink->reading.offset - 1;
    EXPECT_INT(sink->reading.at, 0);
    sink->world->expected.events_delivered += last - sink->handed;
    sink->handed = last;
    if (last == sink->topic->latest) {
        sink->turns[0] = sink->turns[1];
        sink->turns[1] = last;
    }
}

static ssize_t sink_write(struct rt_subscriber *subscriber,
                          const struct rt_bytes *ranges,
                          unsigned range_count)
{
    struct sink *sink = sink_of(subscriber);
    expect_may_write(sink);
    if (is_passed(sink)) {
        EXPECT_INT(subscriber->gap, RT_GAP_SKIP);
        pass(sink);
    }
    size_t bytes = expect_offer(sink, ranges, range_count);
    sink->world->expected.writes++;
    /* It had its turn, even if that fails. */
    sink->topic->units += is_active(sink) ? 1 : 0;
    if (sink->is_lost) {
        sink->is_failing = true;
        return -EPIPE;
    }
    size_t taken = bytes < sink->room ? bytes : (size_t)sink->room;
    sink->room -= sink->room == UINT64_MAX ? 0 : taken;
    sink->world->expected.bytes_delivered += taken;
    sink->topic->units += is_active(sink) ? taken / RT_UNIT_BYTES : 0;
    sink->reading = (struct reading){sink->handed + 1, 0};
    topic_advance(sink->topic, &sink->reading, taken);
    if (taken == bytes) {
        take_all(sink);
    } else {
        sink->is_short = true;
        sink->has_kept_up = false;
    }
    return (ssize_t)taken;
}

/* The rest of the event that was not taken whole, or of the one after. */
static int sink_queue(struct rt_subscriber *subscriber,
                      struct rt_segment *segment,
                      struct rt_bytes bytes)
{
    struct sink *sink = sink_of(subscriber);
    struct reading reading = sink->reading;
    EXPECT(sink->is_short && sink->stall.held == NULL);
    topic_match(sink->topic, &reading, bytes);
    EXPECT_INT(reading.offset, sink->reading.offset + 1);
    EXPECT_INT(reading.at, 0);
    if (sink->refuses_queue) {
        sink->is_failing = true;
        return RT_ENOMEM;
    }
    sink->is_short = false;
    stall_begin(&sink->stall, sink->world, segment, bytes);
    sink->world->expected.bytes_delivered += bytes.len;
    sink->world->expected.events_delivered +=
        sink->reading.offset - sink->handed;
    sink->handed = sink->reading.offset;
    return 0;
}

static size_t sink_queued(struct rt_subscriber *subscriber)
{
    return sink_of(subscriber)->stall.queued.len;
}

/* --- how it ends --- */

static void detached(struct sink *sink)
{
    sink->topic->sink_count--;
    sink->topic->touched_ms = sink->world->now_ms;
    sink->state = sink->stall.held == NULL ? SINK_FREE : SINK_ENDING;
    world_say(sink->world, "sink %d ends after %" PRIu64,
              (int)(sink - sink->world->sinks), sink->handed);
}

static void expect_gap(struct sink *sink,
                       enum rt_close_reason reason,
                       const struct rt_resume *resume)
{
    uint64_t handed = sink->handed;
    bool was_purged = is_purged(sink);
    EXPECT_INT(sink->subscriber.gap, RT_GAP_CLOSE);
    EXPECT_INT(reason,
               was_purged ? RT_CLOSE_EPOCH_CHANGED : RT_CLOSE_CURSOR_EVICTED);
    EXPECT(is_passed(sink));
    pass(sink);
    EXPECT_INT(resume->missed, was_purged ? 0 : sink->handed - handed);
}

/* With nothing left in the ring it is brought past all of it. */
static void skip(struct sink *sink)
{
    EXPECT_INT(sink->subscriber.gap, RT_GAP_SKIP);
    EXPECT(is_passed(sink));
    pass(sink);
}

/* Whether the core had a reason that is not the ring's. */
static bool may_close(const struct sink *sink, enum rt_close_reason reason)
{
    switch (reason) {
    case RT_CLOSE_LOST:
        return sink->is_failing || sink->stall.is_shed ||
               ((sink->is_short || is_purged(sink)) &&
                world_is_short(sink->world));
    case RT_CLOSE_SLOW_CONSUMER:
        return sink->stall.is_slow;
    case RT_CLOSE_TOPIC_CLOSED:
        return sink->topic->is_closed && sink->handed == sink->topic->latest;
    default:
        return sink->is_leaving;
    }
}

static void sink_close(struct rt_subscriber *subscriber,
                       enum rt_close_reason reason,
                       const struct rt_resume *resume)
{
    struct sink *sink = sink_of(subscriber);
    EXPECT_INT(sink->state, SINK_OPEN);
    EXPECT_INT(subscriber->state, RT_SUBSCRIBER_DETACHED);
    EXPECT(resume->has_cursor);
    if (reason == RT_CLOSE_CURSOR_EVICTED || reason == RT_CLOSE_EPOCH_CHANGED) {
        expect_gap(sink, reason, resume);
    } else {
        if (reason == RT_CLOSE_TOPIC_CLOSED && is_passed(sink)) {
            skip(sink);
        }
        EXPECT(may_close(sink, reason));
        EXPECT_INT(resume->missed, 0);
    }
    topic_expect_cursor(sink->topic, resume->cursor, sink->handed);
    sink->world->expected.closes[reason]++;
    detached(sink);
}

/* --- the core's door --- */

static ssize_t on_write(struct rt_subscriber *subscriber,
                        const struct rt_bytes *ranges,
                        unsigned range_count)
{
    return reader_is(subscriber) ? reader_write(subscriber, ranges, range_count)
                                 : sink_write(subscriber, ranges, range_count);
}

static int on_queue(struct rt_subscriber *subscriber,
                    struct rt_segment *segment,
                    struct rt_bytes bytes)
{
    return reader_is(subscriber) ? reader_queue(subscriber, segment, bytes)
                                 : sink_queue(subscriber, segment, bytes);
}

static size_t on_queued(struct rt_subscriber *subscriber)
{
    return reader_is(subscriber) ? reader_queued(subscriber)
                                 : sink_queued(subscriber);
}

static void on_close(struct rt_subscriber *subscriber,
                     enum rt_close_reason reason,
                     const struct rt_resume *resume)
{
    if (reader_is(subscriber)) {
        reader_close(subscriber, reason, resume);
    } else {
        sink_close(subscriber, reason, resume);
    }
}

const struct rt_sink_ops sink_ops = {
    .write = on_write,
    .queue = on_queue,
    .queued = on_queued,
    .gap = reader_gap, /* nobody else is told of any here */
    .caught_up = reader_caught_up,
    .own = reader_own,
    .close = on_close,
};

/* --- what it does itself --- */

static void attached(struct sink *sink, struct topic *topic, uint64_t handed)
{
    sink->state = SINK_OPEN;
    sink->handed = handed;
    sink->birth = topic->birth;
    sink->has_kept_up = handed == topic->latest;
    sink->lagging_at = ++sink->world->order;
    topic->sink_count++;
    topic->touched_ms = sink->world->now_ms;
}

static void expect_refused(const struct start *expected,
                           const struct rt_start *start,
                           struct world *world)
{
    struct rt_resume resume = rt_resume_after(&start->gap);
    EXPECT(start->is_gap);
    EXPECT_INT(start->gap.reason, expected->reason);
    EXPECT_INT(resume.cursor.epoch, start->cursor.epoch);
    EXPECT_INT(resume.cursor.offset, start->cursor.offset);
    EXPECT_INT(resume.missed, expected->missed);
    world->expected.closes[expected->reason]++;
}

void sink_subscribe(struct sink *sink, struct topic *topic, bool may_skip)
{
    struct world *world = sink->world;
    struct rt_since since = random_since(world, topic);
    struct rt_start start = {0};
    *sink = (struct sink){.world = world, .topic = topic, .room = UINT64_MAX};
    sink->subscriber.gap = may_skip ? RT_GAP_SKIP : RT_GAP_CLOSE;
    int err = rt_core_subscribe(&world->core, topic->name, RT_FORMAT_RAW,
                                &since, &sink->subscriber, &start);
    world_say(world, "sink %d to %.4s, since %d: %d",
              (int)(sink - world->sinks), topic->name.data, (int)since.kind,
              err);
    if (err == RT_ENOMEM) {
        EXPECT(world_is_short(world));
        return;
    }
    world_begin_topic(world, topic);
    struct start expected = topic_start(topic, &since);
    bool is_refused = expected.is_gap && !may_skip;
    EXPECT_INT(err, is_refused ? RT_EGAP : 0);
    topic_expect_cursor(topic, start.cursor, expected.offset - 1);
    if (expected.is_gap) {
        world_expect_gap(world, expected.missed);
    }
    if (is_refused) {
        expect_refused(&expected, &start, world);
    } else {
        attached(sink, topic, expected.offset - 1);
    }
}

void sink_leave(struct sink *sink)
{
    rt_subscriber_detach(&sink->subscriber);
    rt_subscriber_detach(&sink->subscriber);
    detached(sink);
}

void sink_dismiss(struct sink *sink, enum rt_close_reason reason)
{
    sink->is_leaving = true;
    rt_subscriber_close(&sink->subscriber, reason);
    EXPECT(sink->state != SINK_OPEN);
}

static void release(struct sink *sink)
{
    rt_segment_unref(&sink->world->core.store, sink->stall.held);
    sink->stall.held = NULL;
    sink->state = sink->state == SINK_ENDING ? SINK_FREE : sink->state;
    sink->lagging_at = ++sink->world->order;
    rt_subscriber_drained(&sink->subscriber);
}

void sink_take(struct sink *sink, size_t len)
{
    struct rt_bytes taken = {sink->stall.queued.data, len};
    if (sink->topic->exists && sink->topic->birth == sink->birth) {
        topic_match(sink->topic, &sink->reading, taken);
    }
    sink->stall.queued.data += len;
    sink->stall.queued.len -= len;
    if (sink->stall.queued.len == 0) {
        release(sink);
    }
}

static void check_skip(struct sink *sink, struct rt_cursor cursor)
{
    const struct topic *topic = sink->topic;
    bool has_moved = cursor.epoch == topic->epoch &&
                     topic_offset(topic, cursor.offset) != sink->handed;
    if (has_moved) {
        EXPECT(is_active(sink));
        skip(sink);
    }
    topic_expect_cursor(topic, cursor, sink->handed);
}

static void check_kept_up(struct sink *sink)
{
    if (is_active(sink) && !sink->has_kept_up && !is_purged(sink)) {
        sink->has_kept_up = true;
        sink->turns[0] = 0;
        sink->turns[1] = 0;
    }
    EXPECT(!sink->has_kept_up || is_active(sink));
}

void sink_check(struct sink *sink)
{
    const struct rt_subscriber *subscriber = &sink->subscriber;
    if (sink->state != SINK_OPEN) {
        EXPECT_INT(subscriber->state, RT_SUBSCRIBER_DETACHED);
        return;
    }
    EXPECT(!sink->is_short && !sink->is_failing);
    EXPECT_INT(sink->stall.held != NULL,
               subscriber->state == RT_SUBSCRIBER_BLOCKED);
    check_skip(sink, rt_subscriber_cursor(subscriber));
    check_kept_up(sink);
}
