/* What the core calls for a reader: it is compared byte by byte. */
#include <string.h>

#include "base/error.h"
#include "broker/core/stream.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/reader.h"
#include "tests/simulator/world.h"

#define OFFER_MAX (RT_SEGMENT_SIZE_MAX / sizeof(struct rt_entry))

static struct reader *reader_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct reader, subscriber);
}

bool reader_is(const struct rt_subscriber *subscriber)
{
    return subscriber->stream->selection != NULL ||
           subscriber->stream->view != NULL;
}

/* --- what is given --- */

/* What is offered in one write: events of a block, and where each ends. */
struct offer {
    uint64_t numbers[OFFER_MAX];
    size_t ends[OFFER_MAX];
    size_t count;
};

static void expect_offer(const struct reader *reader,
                         struct rt_bytes bytes,
                         struct offer *offer)
{
    uint64_t number = reader->seen;
    size_t at = 0;
    offer->count = 0;
    while (at < bytes.len) {
        number = reader_next(reader, number + 1);
        EXPECT(number <= reader_latest(reader) && offer->count < OFFER_MAX);
        struct rt_bytes event = reader_encode(reader, number);
        EXPECT(event.len <= bytes.len - at &&
               memcmp(event.data, bytes.data + at, event.len) == 0);
        at += event.len;
        offer->numbers[offer->count] = number;
        offer->ends[offer->count++] = at;
    }
}

static void hand(struct reader *reader, uint64_t number, uint64_t count)
{
    reader->last = number;
    reader->seen = number;
    reader->world->expected.events_delivered += count;
}

/* It took so much of the offer, and not all. */
static void cut(struct reader *reader, const struct offer *offer, size_t taken)
{
    size_t i = 0;
    while (offer->ends[i] <= taken) {
        i++;
    }
    reader->cut = offer->numbers[i];
    reader->cut_count = i + 1;
    reader->cut_rest = offer->ends[i] - taken;
    reader->is_short = true;
    reader->has_kept_up = false;
}

ssize_t reader_write(struct rt_subscriber *subscriber,
                     const struct rt_bytes *ranges,
                     unsigned range_count)
{
    static struct offer offer;
    struct reader *reader = reader_of(subscriber);
    EXPECT_INT(reader->state, SINK_OPEN);
    EXPECT(reader->stall.queued.len == 0 && !reader->is_short &&
           !reader->is_failing);
    EXPECT(range_count == 1 && ranges[0].len > 0);
    reader_skip(reader);
    expect_offer(reader, ranges[0], &offer);
    reader->world->expected.writes++;
    if (reader->is_lost) {
        reader->is_failing = true;
        return -EPIPE;
    }
    size_t len = ranges[0].len;
    size_t taken = len < reader->room ? len : (size_t)reader->room;
    reader->room -= reader->room == UINT64_MAX ? 0 : taken;
    reader->world->expected.bytes_delivered += taken;
    if (taken == len) {
        hand(reader, offer.numbers[offer.count - 1], offer.count);
    } else {
        cut(reader, &offer, taken);
    }
    return (ssize_t)taken;
}

int reader_queue(struct rt_subscriber *subscriber,
                 struct rt_segment *segment,
                 struct rt_bytes bytes)
{
    struct reader *reader = reader_of(subscriber);
    struct rt_bytes event = reader_encode(reader, reader->cut);
    EXPECT(reader->is_short && reader->stall.queued.len == 0);
    EXPECT_INT(bytes.len, reader->cut_rest);
    EXPECT(memcmp(bytes.data, event.data + event.len - bytes.len, bytes.len) ==
           0);
    if (reader->refuses_queue) {
        reader->is_failing = true;
        return RT_ENOMEM;
    }
    reader->is_short = false;
    stall_begin(&reader->stall, reader->world, segment, bytes);
    reader->world->expected.bytes_delivered += bytes.len;
    hand(reader, reader->cut, reader->cut_count);
    return 0;
}

size_t reader_queued(struct rt_subscriber *subscriber)
{
    return reader_of(subscriber)->stall.queued.len;
}

/* The first event from a number on that is its own. */
static uint64_t next_own(const struct reader *reader, uint64_t number)
{
    while (number <= reader_latest(reader) && !reader_is_own(reader, number)) {
        number++;
    }
    return number;
}

/* Wider by what is not for it anyway, some way or not at all: the same run may
 * be told in parts, and with what others published around it. */
static void
widen(const struct reader *reader, uint64_t offset, struct rt_own *own)
{
    while (own->first > offset && !reader_wants(reader, own->first - 1) &&
           !one_in(reader->world, 8)) {
        own->first--;
    }
    while (own->end <= reader_latest(reader) &&
           !reader_wants(reader, own->end) && !one_in(reader->world, 8)) {
        own->end++;
    }
}

bool reader_own(struct rt_subscriber *subscriber,
                uint64_t offset,
                struct rt_own *own)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT(reader->owner > 0 && offset >= reader->asked);
    reader->asked = offset;
    uint64_t first = next_own(reader, offset);
    if (first > reader_latest(reader)) {
        return false;
    }
    *own = (struct rt_own){first, first + 1};
    widen(reader, offset, own);
    return true;
}

/* --- what it is told --- */

static void expect_after(struct reader *reader, const struct rt_gap *gap)
{
    EXPECT(rt_bytes_equal(gap->topic, reader->topic->name));
    reader_expect_cursor(reader, gap->after);
}

/* The ring of its one topic has passed it. */
static void expect_passed(struct reader *reader, const struct rt_gap *gap)
{
    const struct topic *topic = reader->topic;
    bool was_purged = reader_is_purged(reader);
    uint64_t last_lost = topic_earliest(topic) - 1;
    EXPECT(reader->subscriber.gap != RT_GAP_SKIP);
    expect_after(reader, gap);
    EXPECT(reader->seen < last_lost);
    EXPECT_INT(gap->reason,
               was_purged ? RT_CLOSE_EPOCH_CHANGED : RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(gap->missed, was_purged ? 0 : last_lost - reader->seen);
    topic_expect_cursor(topic, gap->next, last_lost + 1);
    reader->seen = last_lost;
}

/* Topics that are gone have had something that it may lack. */
static void expect_gone(struct reader *reader)
{
    struct rt_cursor cursor = rt_subscriber_cursor(&reader->subscriber);
    EXPECT(cursor.offset < reader->world->removed);
    EXPECT(reader->told_removals < reader->world->removals);
    reader_tell_all(reader);
}

static struct topic *topic_named(struct world *world, struct rt_bytes name)
{
    for (int i = 0; i < TOPIC_MAX; i++) {
        if (rt_bytes_equal(world->topics[i].name, name)) {
            return &world->topics[i];
        }
    }
    EXPECT(false);
    return NULL;
}

/* A purge has dropped events of the topic behind where it is. */
static bool is_purged(const struct reader *reader, const struct topic *topic)
{
    struct rt_cursor cursor = rt_subscriber_cursor(&reader->subscriber);
    return topic->purged > 0 &&
           topic_event(topic, topic->purged)->sequence > cursor.offset;
}

/* A topic has dropped what it lacks, and it did not know. */
static void expect_dropped(struct reader *reader, const struct rt_gap *gap)
{
    struct topic *topic = topic_named(reader->world, gap->topic);
    uint64_t offset = topic_newest(topic, topic_earliest(topic) - 1);
    uint64_t dropped = topic_event(topic, offset)->sequence;
    EXPECT(topic->exists && reader->has[topic - reader->world->topics]);
    EXPECT(dropped > reader->last && !reader_is_told(reader, dropped));
    topic_expect_cursor(topic, gap->next, topic_earliest(topic));
    EXPECT_INT(gap->reason, is_purged(reader, topic) ? RT_CLOSE_EPOCH_CHANGED
                                                     : RT_CLOSE_CURSOR_EVICTED);
    reader_tell(reader, topic);
}

static void expect_several(struct reader *reader, const struct rt_gap *gap)
{
    EXPECT_INT(gap->missed, 0);
    if (gap->topic.len == 0) {
        EXPECT_INT(gap->reason, RT_CLOSE_CURSOR_EVICTED);
        expect_gone(reader);
    } else {
        expect_dropped(reader, gap);
    }
}

/* Whether the connection takes a notice at once. One that is to be closed is
 * not waited for. */
static bool take_notice(struct reader *reader)
{
    if (reader->room >= READER_NOTICE_LEN) {
        return true;
    }
    stall_begin(&reader->stall, reader->world, NULL,
                (struct rt_bytes){noise_at(0), READER_NOTICE_LEN});
    reader->world->expected.stalls -= reader->is_passed ? 1 : 0;
    return false;
}

bool reader_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT_INT(reader->state, SINK_OPEN);
    EXPECT(reader->stall.queued.len == 0 && !reader->is_short);
    EXPECT(!reader->has_kept_up && !reader->is_passed);
    if (reader->topic == NULL) {
        expect_several(reader, gap);
    } else {
        expect_passed(reader, gap);
    }
    world_expect_gap(reader->world, gap->missed);
    reader->is_passed = subscriber->gap == RT_GAP_CLOSE;
    reader->missed = gap->missed;
    return take_notice(reader);
}

/* Once, and with all that there is. */
void reader_caught_up(struct rt_subscriber *subscriber)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT(reader->is_replaying);
    EXPECT_INT(subscriber->state, RT_SUBSCRIBER_ACTIVE);
    reader_skip(reader);
    EXPECT(reader_next(reader, reader->seen + 1) > reader_latest(reader));
    reader->is_replaying = false;
}

/* --- how it ends --- */

/* It has all that there will be. */
static bool is_done(struct reader *reader)
{
    if (!reader_is_over(reader)) {
        return false;
    }
    reader_skip(reader);
    return reader_next(reader, reader->seen + 1) > reader_latest(reader);
}

/* Nobody who is behind can be remembered without memory. */
static bool may_be_lost(const struct reader *reader)
{
    bool falls_behind = reader->is_short || reader_is_purged(reader);
    return reader->is_failing || reader->stall.is_shed ||
           (falls_behind && world_is_short(reader->world));
}

static bool may_close(struct reader *reader, enum rt_close_reason reason)
{
    switch (reason) {
    case RT_CLOSE_CURSOR_EVICTED:
    case RT_CLOSE_EPOCH_CHANGED:
        return reader->is_passed;
    case RT_CLOSE_LOST:
        return may_be_lost(reader);
    case RT_CLOSE_OVERLOAD:
        return world_is_short(reader->world);
    case RT_CLOSE_SLOW_CONSUMER:
        return reader->stall.is_slow;
    case RT_CLOSE_TOPIC_CLOSED:
        return is_done(reader);
    default:
        return reader->is_leaving;
    }
}

void reader_close(struct rt_subscriber *subscriber,
                  enum rt_close_reason reason,
                  const struct rt_resume *resume)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT_INT(reader->state, SINK_OPEN);
    EXPECT_INT(subscriber->state, RT_SUBSCRIBER_DETACHED);
    EXPECT(may_close(reader, reason));
    EXPECT(resume->has_cursor);
    EXPECT_INT(resume->is_node, reader->topic == NULL);
    EXPECT_INT(resume->missed, reader->is_passed ? reader->missed : 0);
    reader_expect_cursor(reader, resume->cursor);
    reader->world->expected.closes[reason]++;
    reader_detached(reader);
}
