#include "tests/simulator/reader.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "protocol/format.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define ENCODED_MAX (6 * PAYLOAD_MAX + 1024) /* as \u0000, all of it */
#define OFFER_MAX   (RT_SEGMENT_SIZE_MAX / sizeof(struct rt_entry))
#define NOTICE_LEN  150

static struct reader *reader_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct reader, subscriber);
}

bool reader_is(const struct rt_subscriber *subscriber)
{
    return subscriber->stream->selection != NULL;
}

static uint64_t latest(const struct reader *reader)
{
    return reader->world->expected.events_produced;
}

static const struct past *past_of(const struct reader *reader,
                                  uint64_t sequence)
{
    return &reader->world->past[sequence - 1];
}

static size_t number_of(const struct reader *reader, const struct topic *topic)
{
    return (size_t)(topic - reader->world->topics);
}

static bool wants(const struct reader *reader, uint64_t sequence)
{
    return reader->has[number_of(reader, past_of(reader, sequence)->topic)];
}

/* --- what is missing --- */

/* Whether it was told that the event is gone, or need not be. */
static bool is_told(const struct reader *reader, uint64_t sequence)
{
    const struct past *past = past_of(reader, sequence);
    const struct told *told = &reader->told[number_of(reader, past->topic)];
    return told->birth == past->birth ? past->offset <= told->offset
                                      : sequence <= reader->told_of_gone;
}

static void tell(struct reader *reader, const struct topic *topic)
{
    reader->told[number_of(reader, topic)] = (struct told){
        topic->birth, topic->exists ? topic_earliest(topic) - 1 : UINT64_MAX};
}

static void tell_all(struct reader *reader)
{
    reader->told_of_gone = latest(reader);
    reader->told_removals = reader->world->removals;
    for (int i = 0; i < TOPIC_MAX; i++) {
        tell(reader, &reader->world->topics[i]);
    }
}

/* The first event from this one on that it must be given. What is passed over
 * is not for it, or gone, and it knows. */
static uint64_t next_of(const struct reader *reader, uint64_t sequence)
{
    while (sequence <= latest(reader)) {
        if (wants(reader, sequence)) {
            if (world_has(reader->world, sequence)) {
                return sequence;
            }
            EXPECT(is_told(reader, sequence));
        }
        sequence++;
    }
    return sequence;
}

/* A cursor says the same as what was handed over: nothing is repeated after
 * it, and nothing is lost before it. */
static void expect_cursor(struct reader *reader, struct rt_cursor cursor)
{
    EXPECT_INT(cursor.epoch, reader->world->core.epoch);
    EXPECT(cursor.offset >= reader->last && cursor.offset <= latest(reader));
    for (uint64_t sequence = cursor.offset + 1; sequence <= reader->seen;
         sequence++) {
        EXPECT(!wants(reader, sequence) || !world_has(reader->world, sequence));
    }
    if (cursor.offset > reader->seen) {
        EXPECT(next_of(reader, reader->seen + 1) > cursor.offset);
        reader->seen = cursor.offset;
    }
}

/* --- what is given --- */

/* An event as the reader's format has it. */
static struct rt_bytes encode(const struct reader *reader, uint64_t sequence)
{
    static char memory[ENCODED_MAX];
    const struct past *past = past_of(reader, sequence);
    const struct topic *topic = past->topic;
    const struct event *event = topic_event(topic, past->offset);
    struct rt_item item = {.topic = topic->name,
                           .cursor = {topic->epoch, past->offset - topic->base},
                           .wall_ms = event->wall_ms,
                           .content = event->content,
                           .payload = {model_noise(event->noise), event->len},
                           .has_resume = true,
                           .resume = {reader->world->core.epoch, sequence}};
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_format_write(&writer, reader->format, &item);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

/* What is offered in one write: events of a block, and where each ends. */
struct offer {
    uint64_t sequences[OFFER_MAX];
    size_t ends[OFFER_MAX];
    size_t count;
};

static void expect_offer(const struct reader *reader,
                         struct rt_bytes bytes,
                         struct offer *offer)
{
    uint64_t sequence = reader->seen;
    size_t at = 0;
    offer->count = 0;
    while (at < bytes.len) {
        sequence = next_of(reader, sequence + 1);
        EXPECT(sequence <= latest(reader) && offer->count < OFFER_MAX);
        struct rt_bytes event = encode(reader, sequence);
        EXPECT(event.len <= bytes.len - at &&
               memcmp(event.data, bytes.data + at, event.len) == 0);
        at += event.len;
        offer->sequences[offer->count] = sequence;
        offer->ends[offer->count++] = at;
    }
}

static void hand(struct reader *reader, uint64_t sequence, uint64_t count)
{
    reader->last = sequence;
    reader->seen = sequence;
    reader->world->expected.events_delivered += count;
}

/* It took so much of the offer, and not all. */
static void cut(struct reader *reader, const struct offer *offer, size_t taken)
{
    size_t i = 0;
    while (offer->ends[i] <= taken) {
        i++;
    }
    reader->cut = offer->sequences[i];
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
    EXPECT_INT(range_count, 1);
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
        hand(reader, offer.sequences[offer.count - 1], offer.count);
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
    struct rt_bytes event = encode(reader, reader->cut);
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

/* --- what it is told --- */

/* Topics that are gone have had something that it may lack. */
static void expect_gone(struct reader *reader)
{
    struct rt_cursor cursor = rt_subscriber_cursor(&reader->subscriber);
    EXPECT(cursor.offset < reader->world->removed);
    EXPECT(reader->told_removals < reader->world->removals);
    tell_all(reader);
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

/* A topic has dropped what it lacks, and it did not know. */
static void expect_dropped(struct reader *reader, const struct rt_gap *gap)
{
    struct topic *topic = topic_named(reader->world, gap->topic);
    uint64_t offset = topic_newest(topic, topic_earliest(topic) - 1);
    uint64_t dropped = topic_event(topic, offset)->sequence;
    EXPECT(topic->exists && reader->has[number_of(reader, topic)]);
    EXPECT(dropped > reader->last && !is_told(reader, dropped));
    topic_expect_cursor(topic, gap->next, topic_earliest(topic));
    tell(reader, topic);
}

bool reader_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT_INT(reader->state, SINK_OPEN);
    EXPECT(reader->stall.queued.len == 0 && !reader->is_short);
    EXPECT(!reader->has_kept_up);
    EXPECT_INT(gap->reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(gap->missed, 0);
    world_expect_gap(reader->world, 0);
    if (gap->topic.len == 0) {
        expect_gone(reader);
    } else {
        expect_dropped(reader, gap);
    }
    if (reader->room < NOTICE_LEN) {
        stall_begin(&reader->stall, reader->world, NULL,
                    (struct rt_bytes){model_noise(0), NOTICE_LEN});
        return false;
    }
    return true;
}

void reader_caught_up(struct rt_subscriber *subscriber)
{
    struct reader *reader = reader_of(subscriber);
    EXPECT(reader->is_replaying);
    EXPECT_INT(subscriber->state, RT_SUBSCRIBER_ACTIVE);
    reader->is_replaying = false;
}

/* --- how it ends --- */

static void detached(struct reader *reader)
{
    bool is_done = reader->stall.queued.len == 0;
    reader->state = is_done ? SINK_FREE : SINK_ENDING;
    world_say(reader->world, "reader %d ends after %" PRIu64,
              (int)(reader - reader->world->readers), reader->last);
}

static bool may_close(const struct reader *reader, enum rt_close_reason reason)
{
    switch (reason) {
    case RT_CLOSE_LOST:
        return reader->is_failing || reader->stall.is_shed ||
               (reader->is_short && world_is_short(reader->world));
    case RT_CLOSE_OVERLOAD:
        return world_is_short(reader->world);
    default:
        return reason == RT_CLOSE_SLOW_CONSUMER && reader->stall.is_slow;
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
    EXPECT(resume->has_cursor && resume->is_node);
    expect_cursor(reader, resume->cursor);
    reader->world->expected.closes[reason]++;
    detached(reader);
}

void reader_leave(struct reader *reader)
{
    rt_subscriber_detach(&reader->subscriber);
    detached(reader);
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

/* --- how it begins --- */

static void attached(struct reader *reader,
                     const struct selected *expected,
                     const struct rt_start *start)
{
    bool is_active = reader->subscriber.state == RT_SUBSCRIBER_ACTIVE;
    EXPECT_INT(start->cursor.epoch, reader->world->core.epoch);
    EXPECT_INT(start->cursor.offset, expected->sequence - 1);
    EXPECT_INT(start->is_gap, expected->is_gap);
    EXPECT_INT(start->is_behind, !is_active);
    reader->state = SINK_OPEN;
    reader->seen = expected->sequence - 1;
    reader->is_replaying = !is_active;
    if (expected->knows_gaps) {
        tell_all(reader);
    }
    if (expected->is_gap) {
        world_expect_gap(reader->world, 0);
    }
}

static void subscribe(struct reader *reader)
{
    struct world *world = reader->world;
    struct rt_selector selector;
    struct rt_refusal refusal;
    struct rt_start start = {0};
    *reader = (struct reader){.world = world, .room = UINT64_MAX};
    reader_choose(reader);
    struct rt_since since = random_node_since(world);
    reader->subscriber.gap = RT_GAP_TELL;
    EXPECT(rt_selector_parse(rt_bytes_of(reader->selector), &selector,
                             &refusal) == 0);
    int err = rt_core_select(&world->core, &selector, reader->format, &since,
                             &reader->subscriber, &start);
    world_say(world, "reader %d to %s, since %d: %d",
              (int)(reader - world->readers), reader->selector, (int)since.kind,
              err);
    if (err < 0) {
        EXPECT_INT(err, RT_ENOMEM);
        EXPECT(world_is_short(world));
        return;
    }
    struct selected expected = selected_start(world, reader->has, &since);
    attached(reader, &expected, &start);
}

void reader_act(struct reader *reader)
{
    if (reader->state == SINK_FREE) {
        subscribe(reader);
    } else if (reader->state == SINK_OPEN && one_in(reader->world, 3)) {
        reader_leave(reader);
    }
}

void reader_temper(struct reader *reader)
{
    struct world *world = reader->world;
    uint32_t patience = world->habits.patience;
    reader->room = UINT64_MAX;
    if (one_in(world, patience < 4 ? patience : 4)) {
        reader->room = below(world, 2 * world->habits.len_max + 2 * NOTICE_LEN);
    }
    reader->is_lost = one_in(world, 4 * patience);
    reader->refuses_queue = one_in(world, 4 * patience);
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
    EXPECT(!reader->is_short && !reader->is_failing);
    EXPECT_INT(reader->stall.queued.len > 0,
               subscriber->state == RT_SUBSCRIBER_BLOCKED);
    expect_cursor(reader, rt_subscriber_cursor(subscriber));
    reader->has_kept_up = reader->has_kept_up || is_active;
    EXPECT(!reader->has_kept_up || is_active);
    EXPECT(!reader->is_replaying || !is_active);
}

void readers_expect_served(const struct world *world, bool has_more)
{
    for (int i = 0; i < READER_MAX && !has_more; i++) {
        const struct reader *reader = &world->readers[i];
        if (reader->state == SINK_OPEN && reader->stall.queued.len == 0) {
            EXPECT_INT(reader->subscriber.state, RT_SUBSCRIBER_ACTIVE);
            EXPECT(next_of(reader, reader->seen + 1) > latest(reader));
        }
    }
}

bool readers_want(const struct world *world,
                  const struct topic *topic,
                  uint64_t offset)
{
    uint64_t sequence = topic_event(topic, offset)->sequence;
    for (int i = 0; i < READER_MAX; i++) {
        const struct reader *reader = &world->readers[i];
        if (reader->state == SINK_OPEN && reader->has_kept_up &&
            reader->has[number_of(reader, topic)] && reader->seen < sequence) {
            return true;
        }
    }
    return false;
}

/* --- what the core knows --- */

static const struct rt_stream *stream_of(struct rt_list *link)
{
    return &RT_CONTAINER(link, struct rt_follower, in_topic)->selection->stream;
}

bool readers_need(const struct rt_topic *found, uint64_t offset)
{
    RT_LIST_EACH (link, &found->followers) {
        const struct rt_stream *stream = stream_of(link);
        if (!rt_list_is_empty(&stream->dirty) &&
            rt_ring_offset_from(&found->ring, stream->floor) < offset) {
            return true;
        }
    }
    return false;
}

bool readers_are_behind(const struct rt_topic *found)
{
    return readers_need(found, UINT64_MAX);
}

bool readers_are_many(const struct rt_topic *found)
{
    RT_LIST_EACH (link, &found->followers) {
        const struct rt_stream *stream = stream_of(link);
        if (stream->active_count > RT_FANOUT_SMALL &&
            !rt_list_is_empty(&stream->dirty)) {
            return true;
        }
    }
    return false;
}
