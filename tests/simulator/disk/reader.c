#include "tests/simulator/disk/reader.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/noise.h"

static struct reader *reader_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct reader, subscriber);
}

static const struct era *era_of(const struct reader *reader)
{
    return &reader->topic->eras[reader->era];
}

/* --- what it is given --- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* As much of the next event as there is in the bytes; returns how much. */
static size_t match_one(struct reader *reader, struct rt_bytes bytes)
{
    const struct event *event = truth_from(era_of(reader), reader->next);
    EXPECT(event != NULL);
    struct rt_bytes encoded = truth_encode(reader->topic, era_of(reader), event,
                                           reader->format, NULL);
    size_t len = smaller(encoded.len - reader->at, bytes.len);
    EXPECT(event->fate == FATE_WRITTEN || !reader->subscriber.is_durable);
    EXPECT(memcmp(encoded.data + reader->at, bytes.data, len) == 0);
    reader->at += len;
    if (reader->at == encoded.len) {
        reader->at = 0;
        reader->next = event->offset + 1;
    }
    return len;
}

static void match(struct reader *reader, struct rt_bytes bytes)
{
    while (bytes.len > 0) {
        size_t len = match_one(reader, bytes);
        bytes.data += len;
        bytes.len -= len;
    }
}

/* One that does not want to be told of gaps has passed one, maybe. */
static void look_where(struct reader *reader)
{
    struct rt_cursor position = rt_subscriber_cursor(&reader->subscriber);
    if (reader->subscriber.gap == RT_GAP_SKIP) {
        reader_skip(reader, position);
    }
}

/* What the connection does not take must be right, too. */
static ssize_t on_write(struct rt_subscriber *subscriber,
                        const struct rt_bytes *ranges,
                        unsigned range_count)
{
    struct reader *reader = reader_of(subscriber);
    size_t taken = 0;
    EXPECT(reader->state == READER_OPEN && reader->line.queued == 0 &&
           reader->at == 0 && !reader->is_told);
    look_where(reader);
    struct reader offered = *reader;
    for (unsigned i = 0; i < range_count; i++) {
        size_t len = smaller(ranges[i].len, reader->line.room - taken);
        EXPECT(ranges[i].len > 0);
        match(&offered, ranges[i]);
        match(reader, (struct rt_bytes){ranges[i].data, len});
        taken += len;
    }
    EXPECT(offered.at == 0);
    return line_take(&reader->line, taken);
}

static int on_queue(struct rt_subscriber *subscriber,
                    struct rt_segment *segment,
                    struct rt_bytes bytes)
{
    struct reader *reader = reader_of(subscriber);
    int err = line_queue(&reader->line, segment, bytes.len);
    if (err == 0) {
        match(reader, bytes);
        EXPECT(reader->at == 0);
    }
    return err;
}

static size_t on_queued(struct rt_subscriber *subscriber)
{
    return reader_of(subscriber)->line.queued;
}

void reader_drain(struct reader *reader)
{
    if (reader->line.queued > 0) {
        line_drop(reader->world, &reader->line);
        rt_subscriber_drained(&reader->subscriber);
    }
}

void reader_temper(struct reader *reader)
{
    line_temper(reader->world, &reader->line);
}

/* --- what it is told --- */

static bool on_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct reader *reader = reader_of(subscriber);
    struct rt_cursor last_lost = {gap->next.epoch, gap->next.offset - 1};
    EXPECT(reader->state == READER_OPEN && reader->line.queued == 0);
    EXPECT(reader->format != RT_FORMAT_RAW && !reader->is_told);
    EXPECT(subscriber->gap != RT_GAP_SKIP);
    reader_pass(reader, last_lost, gap->reason, gap->missed);
    reader->is_told = subscriber->gap == RT_GAP_CLOSE;
    return true;
}

static void on_caught_up(struct rt_subscriber *subscriber)
{
    struct reader *reader = reader_of(subscriber);
    look_where(reader);
    EXPECT(!reader_lacks(reader));
}

static bool
on_own(struct rt_subscriber *subscriber, uint64_t offset, struct rt_own *own)
{
    (void)subscriber;
    (void)offset;
    (void)own;
    return false;
}

static bool is_gap(enum rt_close_reason reason)
{
    return reason == RT_CLOSE_CURSOR_EVICTED ||
           reason == RT_CLOSE_EPOCH_CHANGED || reason == RT_CLOSE_EVENTS_LOST;
}

static bool may_close(const struct reader *reader, enum rt_close_reason reason)
{
    const struct world *world = reader->world;
    switch (reason) {
    case RT_CLOSE_LOST:
        return reader->line.is_lost || reader->line.refuses_queue ||
               world->habits.is_short;
    case RT_CLOSE_OVERLOAD:
        return world->habits.is_short;
    case RT_CLOSE_SLOW_CONSUMER:
        return reader->line.queued > 0;
    case RT_CLOSE_TOPIC_CLOSED:
        return reader->topic->now.is_closed &&
               reader->era == reader->topic->now.era &&
               truth_from(era_of(reader), reader->next) == NULL;
    default:
        return is_gap(reason) && reader->subscriber.gap == RT_GAP_CLOSE;
    }
}

static void on_close(struct rt_subscriber *subscriber,
                     enum rt_close_reason reason,
                     const struct rt_resume *resume)
{
    struct reader *reader = reader_of(subscriber);
    world_say(reader->world, "reader %d is closed: %s",
              (int)(reader - reader->world->readers), rt_close_slug(reason));
    EXPECT(reader->state == READER_OPEN && resume->has_cursor);
    reader->at = 0;
    if (reader->subscriber.gap == RT_GAP_SKIP) {
        reader_skip(reader, resume->cursor);
    }
    EXPECT(may_close(reader, reason));
    if (is_gap(reason) && reader->format == RT_FORMAT_RAW) {
        reader_pass(reader, resume->cursor, reason, resume->missed);
    }
    EXPECT_INT(reader->is_told,
               is_gap(reason) && reader->format != RT_FORMAT_RAW);
    reader->cursor = resume->cursor;
    line_drop(reader->world, &reader->line);
    reader->state = READER_AWAY;
}

const struct rt_sink_ops reader_sink = {.write = on_write,
                                        .queue = on_queue,
                                        .queued = on_queued,
                                        .gap = on_gap,
                                        .caught_up = on_caught_up,
                                        .own = on_own,
                                        .close = on_close};

/* --- in the process --- */

static void take_event(struct reader *reader,
                       const struct rt_delivery *delivery)
{
    const struct event *event = truth_from(era_of(reader), reader->next);
    EXPECT(event != NULL);
    EXPECT_INT(delivery->offset, event->offset);
    EXPECT_INT(delivery->payload.len, event->len);
    EXPECT(memcmp(delivery->payload.data, noise_at(event->noise), event->len) ==
           0);
    EXPECT_INT(delivery->content, event->content);
    EXPECT_INT(delivery->wall_ms, event->wall_ms);
    reader->next = event->offset + 1;
}

/* That of its beginning is known. One that was found before a purge is told
 * after it, and then the purge. */
static void take_gap(struct reader *reader, const struct rt_delivery *delivery)
{
    struct rt_cursor last = rt_local_cursor(&reader->local);
    bool is_late = last.epoch != reader->local.topic->epoch;
    EXPECT_INT(last.offset, delivery->offset);
    if (!reader->is_told && (!is_late || last.epoch == era_of(reader)->epoch)) {
        reader_pass(reader, last, delivery->reason, delivery->missed);
    }
    reader->is_told = false;
}

void reader_on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery)
{
    struct reader *reader = RT_CONTAINER(local, struct reader, local);
    switch (delivery->kind) {
    case RT_DELIVERY_EVENT:
        EXPECT_INT(era_of(reader)->epoch, local->topic->epoch);
        take_event(reader, delivery);
        break;
    case RT_DELIVERY_GAP:
        take_gap(reader, delivery);
        break;
    case RT_DELIVERY_END:
        EXPECT(reader->topic->now.is_closed);
        EXPECT(truth_from(era_of(reader), reader->next) == NULL);
        break;
    }
}

/* --- how it goes --- */

void reader_leave(struct reader *reader, enum reader_state state)
{
    if (reader->state == READER_OPEN && reader->is_local) {
        reader->cursor = rt_local_cursor(&reader->local);
        rt_local_detach(&reader->local);
    } else if (reader->state == READER_OPEN) {
        reader->cursor = rt_subscriber_cursor(&reader->subscriber);
        rt_subscriber_detach(&reader->subscriber);
        line_drop(reader->world, &reader->line);
    }
    reader->state = state;
}
