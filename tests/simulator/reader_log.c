/* What a reader must be given, by the model's logs. */
#include "protocol/format.h"
#include "protocol/notice.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/reader.h"
#include "tests/simulator/world.h"

#define ENCODED_MAX (6 * PAYLOAD_MAX + 1024) /* as \u0000, all of it */

uint64_t reader_latest(const struct reader *reader)
{
    return reader->topic == NULL ? reader->world->sequence
                                 : reader->topic->latest;
}

static struct past past_of(const struct reader *reader, uint64_t number)
{
    if (reader->topic == NULL) {
        return reader->world->past[number - 1];
    }
    return (struct past){.topic = reader->topic,
                         .birth = reader->topic->birth,
                         .owner = topic_event(reader->topic, number)->owner,
                         .offset = number};
}

static size_t place_of(const struct reader *reader, const struct topic *topic)
{
    return (size_t)(topic - reader->world->topics);
}

static bool has(const struct reader *reader, uint64_t number)
{
    return reader->has[place_of(reader, past_of(reader, number).topic)];
}

static bool is_by_owner(const struct reader *reader, uint64_t number)
{
    return reader->owner > 0 && past_of(reader, number).owner == reader->owner;
}

bool reader_wants(const struct reader *reader, uint64_t number)
{
    return has(reader, number) && !is_by_owner(reader, number);
}

bool reader_is_own(const struct reader *reader, uint64_t number)
{
    return has(reader, number) && is_by_owner(reader, number);
}

/* --- what is missing --- */

bool reader_is_told(const struct reader *reader, uint64_t number)
{
    if (reader->topic == NULL && reader->subscriber.gap == RT_GAP_SKIP) {
        return true;
    }
    struct past past = past_of(reader, number);
    const struct told *told = &reader->told[place_of(reader, past.topic)];
    return told->birth == past.birth ? past.offset <= told->offset
                                     : number <= reader->told_of_gone;
}

void reader_tell(struct reader *reader, const struct topic *topic)
{
    reader->told[place_of(reader, topic)] = (struct told){
        topic->birth, topic->exists ? topic_earliest(topic) - 1 : UINT64_MAX};
}

void reader_tell_all(struct reader *reader)
{
    reader->told_of_gone = reader_latest(reader);
    reader->told_removals = reader->world->removals;
    for (int i = 0; i < TOPIC_MAX; i++) {
        reader_tell(reader, &reader->world->topics[i]);
    }
}

uint64_t reader_next(const struct reader *reader, uint64_t number)
{
    while (number <= reader_latest(reader)) {
        struct past past = past_of(reader, number);
        if (reader_wants(reader, number)) {
            if (world_has(&past)) {
                return number;
            }
            EXPECT(past.closing > 0 || reader_is_told(reader, number));
        }
        number++;
    }
    return number;
}

/* Whether it would be given the event if it came to it now. */
static bool must_give(const struct reader *reader, uint64_t number)
{
    struct past past = past_of(reader, number);
    return reader_wants(reader, number) && world_has(&past);
}

bool reader_is_purged(const struct reader *reader)
{
    return reader->topic != NULL &&
           topic_is_purged(reader->topic, reader->seen + 1);
}

void reader_skip(struct reader *reader)
{
    bool may_skip =
        reader->topic != NULL && reader->subscriber.gap == RT_GAP_SKIP;
    uint64_t last_lost =
        may_skip ? topic_earliest(reader->topic) - 1 : reader->seen;
    if (reader->seen >= last_lost) {
        return;
    }
    EXPECT(!reader->has_kept_up);
    world_expect_gap(reader->world,
                     reader_is_purged(reader) ? 0 : last_lost - reader->seen);
    reader->seen = last_lost;
}

/* --- where it stands --- */

static uint64_t number_at(const struct reader *reader, struct rt_cursor cursor)
{
    if (reader->topic == NULL) {
        EXPECT_INT(cursor.epoch, reader->world->core.epoch);
        return cursor.offset;
    }
    EXPECT_INT(cursor.epoch, reader->topic->epoch);
    return topic_offset(reader->topic, cursor.offset);
}

/* Whether the cursor is another one than what was handed over has. */
static bool has_moved(const struct reader *reader, struct rt_cursor cursor)
{
    const struct topic *topic = reader->topic;
    return topic != NULL && cursor.epoch == topic->epoch &&
           topic_offset(topic, cursor.offset) != reader->seen;
}

/* One that does not want its own events may have passed some. */
static void expect_purged(const struct reader *reader, struct rt_cursor cursor)
{
    if (reader->owner == 0) {
        topic_expect_cursor(reader->topic, cursor, reader->seen);
    }
    EXPECT_INT(cursor.epoch, reader->topic->old_epoch);
}

void reader_expect_cursor(struct reader *reader, struct rt_cursor cursor)
{
    if (has_moved(reader, cursor)) {
        reader_skip(reader);
    }
    if (reader_is_purged(reader)) {
        expect_purged(reader, cursor);
        return;
    }
    uint64_t last = number_at(reader, cursor);
    EXPECT(last >= reader->last && last <= reader_latest(reader));
    for (uint64_t number = last + 1; number <= reader->seen; number++) {
        EXPECT(!must_give(reader, number));
    }
    if (last > reader->seen) {
        EXPECT(reader_next(reader, reader->seen + 1) > last);
        reader->seen = last;
    }
}

/* --- what it looks like --- */

static void write_event(struct rt_writer *writer,
                        const struct reader *reader,
                        uint64_t number)
{
    struct past past = past_of(reader, number);
    const struct event *event = topic_event(past.topic, past.offset);
    struct rt_item item = {
        .topic = past.topic->name,
        .cursor = {past.topic->epoch, past.offset - past.topic->base},
        .wall_ms = event->wall_ms,
        .type = event->type,
        .content = event->content,
        .payload = {noise_at(event->noise), event->len},
        .has_resume = reader->topic == NULL,
        .resume = {reader->world->core.epoch, number}};
    rt_format_write(writer, reader->format, &item);
}

static void write_closing(struct rt_writer *writer,
                          const struct reader *reader,
                          uint64_t number)
{
    struct past past = past_of(reader, number);
    struct rt_notice notice = {
        .kind = RT_NOTICE_CLOSED,
        .topic = past.topic->name,
        .cursor = {past.topic->epoch, past.offset - past.topic->base},
        .has_resume = true,
        .resume = {reader->world->core.epoch, number}};
    rt_notice_write(writer, reader->format, &notice);
}

struct rt_bytes reader_encode(const struct reader *reader, uint64_t number)
{
    static char memory[ENCODED_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    if (past_of(reader, number).closing > 0) {
        write_closing(&writer, reader, number);
    } else {
        write_event(&writer, reader, number);
    }
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}
