/* How a subscriber of several topics comes and goes, and what it is given. */
#include "tests/simulator/disk/several.h"

#include <string.h>

#include "base/error.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

static struct several *several_of(struct rt_subscriber *subscriber)
{
    return RT_CONTAINER(subscriber, struct several, subscriber);
}

static int number_of(const struct several *several)
{
    return (int)(several - several->world->several);
}

/* --- what it is given --- */

/* The next item that the bytes begin with. What comes before it is not for it
 * any more. */
static struct item match(const struct several *several,
                         uint64_t sequence,
                         struct rt_bytes bytes,
                         size_t *len)
{
    struct item item;
    while (several_next(several, sequence, &item)) {
        struct rt_bytes encoded = several_encode(several, &item);
        if (rt_bytes_starts_with(bytes, encoded)) {
            EXPECT(several_sees(several, &item));
            *len = encoded.len;
            return item;
        }
        EXPECT(several_may_lack(several, &item));
        sequence = item.sequence;
    }
    expect_failed(__FILE__, __LINE__, "there is nothing like that");
}

/* All there is, is what there is by now. */
static void start(struct several *several)
{
    if (several->is_at_start) {
        several_tell_all(several);
        several->is_at_start = false;
    }
}

/* What the connection does not take must be right, too. */
static ssize_t on_write(struct rt_subscriber *subscriber,
                        const struct rt_bytes *ranges,
                        unsigned range_count)
{
    struct several *several = several_of(subscriber);
    struct rt_bytes bytes = ranges[0];
    size_t taken =
        bytes.len < several->line.room ? bytes.len : several->line.room;
    uint64_t sequence = several->last;
    size_t left = taken;
    EXPECT(several->state == READER_OPEN && several->line.queued == 0);
    EXPECT(range_count == 1 && bytes.len > 0 && several->cut == 0);
    start(several);
    while (bytes.len > 0) {
        size_t len = 0;
        sequence = match(several, sequence, bytes, &len).sequence;
        bytes.data += len;
        bytes.len -= len;
        if (left >= len) {
            several->last = sequence;
        } else if (several->cut == 0) {
            several->cut = sequence;
            several->cut_len = len - left;
        }
        left -= left < len ? left : len;
    }
    return line_take(&several->line, taken);
}

static int on_queue(struct rt_subscriber *subscriber,
                    struct rt_segment *segment,
                    struct rt_bytes bytes)
{
    struct several *several = several_of(subscriber);
    int err = line_queue(&several->line, segment, bytes.len);
    EXPECT(several->cut > 0);
    EXPECT_INT(bytes.len, several->cut_len);
    if (err == 0) {
        several->last = several->cut;
        several->cut = 0;
    }
    return err;
}

static size_t on_queued(struct rt_subscriber *subscriber)
{
    return several_of(subscriber)->line.queued;
}

static void drop_queue(struct several *several)
{
    line_drop(several->world, &several->line);
    several->cut = 0;
}

void several_drain(struct several *several)
{
    if (several->line.queued > 0) {
        drop_queue(several);
        rt_subscriber_drained(&several->subscriber);
    }
}

void several_temper(struct several *several)
{
    line_temper(several->world, &several->line);
}

/* --- what it is told --- */

static bool on_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    struct several *several = several_of(subscriber);
    world_say(several->world,
              "several %d are told of %s of %.*s up to %" PRIu64,
              number_of(several), rt_close_slug(gap->reason),
              (int)gap->topic.len, gap->topic.data, gap->next.offset);
    EXPECT(several->state == READER_OPEN && several->line.queued == 0);
    EXPECT(subscriber->gap == RT_GAP_TELL);
    EXPECT_INT(gap->missed, 0);
    start(several);
    if (gap->reason == RT_CLOSE_EVENTS_LOST && gap->topic.len == 0) {
        several->refused = several->world->refused;
        several_tell_damage(several, gap);
    } else {
        several_tell(several, gap);
    }
    return true;
}

void several_refuse(struct several *several)
{
    uint64_t refused = several->world->refused;
    if (several->state == READER_OPEN &&
        several->subscriber.gap == RT_GAP_SKIP &&
        rt_subscriber_next(&several->subscriber) == refused + 1) {
        several->refused = refused;
    }
}

static void on_caught_up(struct rt_subscriber *subscriber)
{
    several_expect_all(several_of(subscriber));
}

static bool
on_own(struct rt_subscriber *subscriber, uint64_t offset, struct rt_own *own)
{
    (void)subscriber;
    (void)offset;
    (void)own;
    return false;
}

static bool may_close(const struct several *several,
                      enum rt_close_reason reason)
{
    bool is_short = several->world->habits.is_short;
    switch (reason) {
    case RT_CLOSE_LOST:
        return several->line.is_lost || several->line.refuses_queue || is_short;
    case RT_CLOSE_OVERLOAD:
        return is_short;
    case RT_CLOSE_SLOW_CONSUMER:
        return several->line.queued > 0;
    default:
        return reason == RT_CLOSE_TOPIC_CLOSED;
    }
}

static void on_close(struct rt_subscriber *subscriber,
                     enum rt_close_reason reason,
                     const struct rt_resume *resume)
{
    struct several *several = several_of(subscriber);
    world_say(several->world, "several %d are closed: %s", number_of(several),
              rt_close_slug(reason));
    EXPECT(several->state == READER_OPEN && may_close(several, reason));
    EXPECT(resume->has_cursor && resume->is_node);
    several->cursor = resume->cursor;
    drop_queue(several);
    several->state = READER_AWAY;
}

const struct rt_sink_ops several_sink = {.write = on_write,
                                         .queue = on_queue,
                                         .queued = on_queued,
                                         .gap = on_gap,
                                         .caught_up = on_caught_up,
                                         .own = on_own,
                                         .close = on_close};

/* --- how it comes --- */

/* Of another node, or of what a bit has cost this one. */
static bool is_foreign(const struct world *world, const struct rt_since *since)
{
    bool is_ahead = since->cursor.offset > world->core.sequence;
    return since->kind == RT_SINCE_NODE &&
           (since->cursor.epoch != world->core.epoch ||
            (is_ahead && world->is_flipped));
}

/* Whoever begins with a cursor or a time is told what it lacks of that; who
 * begins with all there is knows that the rest is gone. */
static void begin(struct several *several,
                  const struct rt_since *since,
                  const struct rt_start *start)
{
    const struct world *world = several->world;
    EXPECT(start->is_node);
    EXPECT_INT(start->cursor.epoch, world->core.epoch);
    EXPECT_INT(start->is_gap, is_foreign(world, since));
    several->state = READER_OPEN;
    several->last = start->cursor.offset;
    several->since_ms = since->kind == RT_SINCE_TIME ? since->wall_ms : 0;
    if (since->kind == RT_SINCE_EARLIEST || start->is_gap) {
        several_tell_all(several);
        several->is_at_start = true;
    } else if (since->kind == RT_SINCE_NODE) {
        EXPECT_INT(start->cursor.offset, since->cursor.offset);
    }
}

static void subscribe(struct several *several, const struct rt_since *since)
{
    struct world *world = several->world;
    struct rt_selector selector;
    struct rt_start start = {.is_node = false};
    several_selector(several, &selector);
    int err = rt_core_select(&world->core, &selector, several->format, since,
                             &several->subscriber, &start);
    world_say(world, "several %d, since %d: %d", number_of(several),
              (int)since->kind, err);
    if (err == RT_ENOMEM) {
        EXPECT(world->habits.is_short);
        return;
    }
    EXPECT_INT(err, 0);
    begin(several, since, &start);
}

static struct rt_since random_since(struct world *world)
{
    static const enum rt_since_kind kinds[] = {RT_SINCE_EARLIEST, RT_SINCE_NODE,
                                               RT_SINCE_TIME, RT_SINCE_NOW};
    struct rt_since since = {.kind =
                                 kinds[below(world, RT_ARRAY_LENGTH(kinds))],
                             .cursor = {world->core.epoch, world->sequence},
                             .wall_ms = world->wall_ms - below(world, 5000)};
    uint64_t back = below(world, 50);
    since.cursor.offset -= back < world->sequence ? back : 0;
    return since;
}

void several_come(struct several *several)
{
    struct world *world = several->world;
    struct rt_since since = random_since(world);
    *several = (struct several){.world = world,
                                .format = (enum rt_format)(1 + below(world, 3)),
                                .selector = below(world, SELECTOR_COUNT)};
    line_init(&several->line);
    several->subscriber.gap =
        (uint8_t)(one_in(world, 3) ? RT_GAP_SKIP : RT_GAP_TELL);
    several->subscriber.is_durable = one_in(world, 3);
    subscribe(several, &since);
}

void several_return(struct several *several)
{
    struct rt_since since = {.kind = RT_SINCE_NODE, .cursor = several->cursor};
    several->state = READER_FREE;
    subscribe(several, &since);
}

void several_leave(struct several *several, enum reader_state state)
{
    if (several->state == READER_OPEN) {
        several->cursor = rt_subscriber_cursor(&several->subscriber);
        rt_subscriber_detach(&several->subscriber);
        drop_queue(several);
    }
    several->state = state;
}

/* --- what must be true --- */

/* Whoever goes on behind its cursor misses nothing, and gets nothing twice. */
void several_check(const struct several *several)
{
    struct item item;
    if (several->state != READER_OPEN) {
        return;
    }
    struct rt_cursor cursor = rt_subscriber_cursor(&several->subscriber);
    uint64_t sequence = several->last;
    EXPECT_INT(cursor.epoch, several->world->core.epoch);
    while (several_next(several, sequence, &item) &&
           item.sequence <= cursor.offset) {
        EXPECT(several_may_lack(several, &item));
        sequence = item.sequence;
    }
    EXPECT(!several_next(several, cursor.offset, &item) ||
           item.sequence > several->last || !several_is_there(several, &item) ||
           item.sequence <= several->refused);
}

void several_expect_all(const struct several *several)
{
    struct item item;
    uint64_t sequence = several->last;
    while (several->state == READER_OPEN &&
           several_next(several, sequence, &item)) {
        EXPECT(several_may_lack(several, &item) ||
               !several_sees(several, &item));
        sequence = item.sequence;
    }
}
