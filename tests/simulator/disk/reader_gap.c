/* What a reader is not given, and why. */
#include "broker/core/topic.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

static const struct era *era_of(const struct reader *reader)
{
    return &reader->topic->eras[reader->era];
}

/* What it waits for was said to be lost. A local is told of that later. */
static bool is_refused(const struct reader *reader)
{
    const struct habits *habits = &reader->world->habits;
    return reader->world->is_answered ||
           (reader->is_local && (habits->is_damaged || habits->is_short));
}

/* What the disk has not yet cannot be lost there. */
static bool is_excused(const struct reader *reader, const struct event *event)
{
    return is_refused(reader) &&
           (event->fate == FATE_WRITTEN || reader->is_local);
}

static void expect_gone(const struct reader *reader,
                        const struct era *era,
                        uint64_t first,
                        uint64_t end)
{
    const struct event *event = truth_from(era, first);
    while (event != NULL && event->offset < end) {
        EXPECT(is_excused(reader, event) ||
               !world_has(reader->world, reader->topic, era, event));
        event = truth_from(era, event->offset + 1);
    }
}

static bool has_event(const struct era *era, uint64_t first, uint64_t end)
{
    const struct event *event = truth_from(era, first);
    return event != NULL && event->offset < end;
}

/* The core knows of the last end that was not clean how many offsets it cost,
 * and of those before it nothing. */
static bool has_last_jump(const struct reader *reader, uint64_t end)
{
    const struct era *era = era_of(reader);
    const struct rt_durable *durable =
        world_find(reader->world, reader->topic)->durable;
    if (era->jump_count == 0 || durable->old_end == durable->begin) {
        return false;
    }
    const struct jump *jump = &era->jumps[era->jump_count - 1];
    return reader->next < jump->end && end > jump->first;
}

/* How many events a gap has missed may be unknown only where the core cannot
 * tell: of offsets from before the last start, once an end has cost some. */
static void expect_missed(const struct reader *reader,
                          uint64_t end,
                          bool has_jump,
                          uint64_t missed)
{
    const struct rt_durable *durable =
        world_find(reader->world, reader->topic)->durable;
    bool is_known = !has_jump && (era_of(reader)->jump_count == 0 ||
                                  reader->next >= durable->begin);
    if (is_known || missed > 0) {
        EXPECT_INT(missed, has_jump ? 0 : end - reader->next);
    }
}

/* Without a loss nobody is told of one, but where offsets were skipped. */
static void expect_reason(const struct reader *reader,
                          uint64_t end,
                          enum rt_close_reason reason,
                          uint64_t missed)
{
    bool has_jump = truth_has_jump(era_of(reader), reader->next, end);
    if (reason == RT_CLOSE_EVENTS_LOST) {
        EXPECT(has_jump || is_refused(reader));
        EXPECT_INT(missed, 0);
        return;
    }
    EXPECT_INT(reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT(!has_last_jump(reader, end));
    EXPECT(has_jump || has_event(era_of(reader), reader->next, end));
    expect_missed(reader, end, has_jump, missed);
}

static void move_on(struct reader *reader, struct rt_cursor last)
{
    reader->era = truth_era(reader->topic, last.epoch);
    reader->next = last.offset + 1;
}

/* All that was before it is gone with its era. */
static void pass_epoch(struct reader *reader, struct rt_cursor last)
{
    EXPECT_INT(last.epoch, reader->topic->eras[reader->topic->now.era].epoch);
    move_on(reader, last);
    expect_gone(reader, era_of(reader), 1, reader->next);
}

void reader_pass(struct reader *reader,
                 struct rt_cursor last_lost,
                 enum rt_close_reason reason,
                 uint64_t missed)
{
    world_say(reader->world, "reader %d is told of %s up to %" PRIu64,
              (int)(reader - reader->world->readers), rt_close_slug(reason),
              last_lost.offset);
    EXPECT_INT(reason == RT_CLOSE_EPOCH_CHANGED,
               last_lost.epoch != era_of(reader)->epoch);
    if (reason == RT_CLOSE_EPOCH_CHANGED) {
        EXPECT_INT(missed, 0);
        pass_epoch(reader, last_lost);
        return;
    }
    EXPECT(last_lost.offset >= reader->next);
    expect_gone(reader, era_of(reader), reader->next, last_lost.offset + 1);
    expect_reason(reader, last_lost.offset + 1, reason, missed);
    move_on(reader, last_lost);
}

void reader_skip(struct reader *reader, struct rt_cursor position)
{
    const struct truth_topic *topic = reader->topic;
    const struct era *era = era_of(reader);
    if (position.epoch == era->epoch && position.offset >= reader->next) {
        expect_gone(reader, era, reader->next, position.offset + 1);
        move_on(reader, position);
    } else if (position.epoch != era->epoch &&
               position.epoch == topic->eras[topic->now.era].epoch) {
        pass_epoch(reader, position);
    }
}

/* --- between two calls --- */

static struct rt_cursor position_of(const struct reader *reader)
{
    return reader->is_local ? rt_local_cursor(&reader->local)
                            : rt_subscriber_cursor(&reader->subscriber);
}

/* Whoever goes on behind the cursor that it has now misses nothing that it
 * could have, and gets nothing twice. */
void reader_check(struct reader *reader)
{
    if (reader->state != READER_OPEN) {
        return;
    }
    struct rt_cursor position = position_of(reader);
    if (!reader->is_local && reader->subscriber.gap == RT_GAP_SKIP) {
        reader_skip(reader, position);
    }
    const struct era *era = era_of(reader);
    EXPECT(reader->at == 0);
    if (position.epoch == era->epoch) {
        EXPECT(truth_from(era, position.offset + 1) ==
               truth_from(era, reader->next));
    }
}

bool reader_lacks(const struct reader *reader)
{
    const struct event *event = truth_from(era_of(reader), reader->next);
    return event != NULL &&
           (event->fate == FATE_WRITTEN || !reader->subscriber.is_durable);
}

static bool has_ended(const struct reader *reader)
{
    return reader->is_local && reader->local.state == RT_LOCAL_ENDED;
}

void reader_expect_all(const struct reader *reader)
{
    if (reader->state == READER_OPEN && !has_ended(reader)) {
        EXPECT(reader->is_local ||
               reader->subscriber.state == RT_SUBSCRIBER_ACTIVE);
        EXPECT_INT(reader->era, reader->topic->now.era);
        EXPECT(!reader_lacks(reader));
    }
}
