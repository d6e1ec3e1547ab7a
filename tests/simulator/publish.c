/* Publishing: what is published, and what the receipt must say. */
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

/* A frame that is one write, to the byte. */
#define LEN_WHOLE (RT_WRITE_BYTES_MAX - RT_FRAME_HEADER_MAX)

/* A type of RT_TYPE_BYTES_MAX. */
#define TYPE_MAX \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What is known before an event is published. */
struct forecast {
    uint64_t low;   /* the first event that the ring will still have */
    uint64_t floor; /* before which the core knows that nothing is lacking */
    bool is_dirty;
    bool is_wanted; /* by somebody who reads several topics */
    uint64_t writes;
    size_t used; /* of the heap */
};

/* --- an event --- */

/* Around the lengths at which frames and blocks change, and any. */
static uint32_t random_len(struct world *world)
{
    static const uint32_t edges[] = {0,    1,    125,   126,   127,      1000,
                                     4064, 4096, 65535, 65536, LEN_WHOLE};
    uint32_t max = world->habits.len_max;
    uint32_t edge = edges[below(world, RT_ARRAY_LENGTH(edges))];
    if (one_in(world, 8) && edge <= max) {
        return edge;
    }
    return below(world, one_in(world, 10) ? max + 1 : max / 8 + 1);
}

/* Mostly none, or the same again; the longest one fills a block's room for
 * types first. */
static struct rt_bytes random_type(struct world *world)
{
    static const char *const types[] = {"", "", "", "a", "a", "b.c", TYPE_MAX};
    return rt_bytes_of(types[below(world, RT_ARRAY_LENGTH(types))]);
}

struct event publish_draw(struct world *world, const struct topic *topic)
{
    uint64_t newest_ms =
        topic->latest > 0 ? topic_event(topic, topic->latest)->wall_ms : 0;
    struct event event = {
        .sequence = world->sequence + 1,
        .wall_ms = world->wall_ms < newest_ms ? newest_ms : world->wall_ms};
    event.len = random_len(world);
    event.noise = (uint32_t)test_random_next(&world->chance.random);
    event.content = (enum rt_content)below(world, 3);
    event.owner = below(world, OWNER_MAX + 1);
    event.type = random_type(world);
    return event;
}

struct rt_event publish_outgoing(const struct topic *topic,
                                 const struct event *event)
{
    return (struct rt_event){.topic = topic->name,
                             .payload = {noise_at(event->noise), event->len},
                             .type = event->type,
                             .content = event->content};
}

/* --- what must come of it --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The bytes that whoever has kept up waits for: of the slowest connection of
 * many, or of the slowest local, index included. */
static uint64_t bytes_behind(const struct world *world,
                             const struct topic *topic)
{
    uint64_t sent = topic->latest;
    uint64_t next = topic->latest + 1;
    for (int i = 0; i < SINK_MAX && topic->is_big; i++) {
        const struct sink *sink = &world->sinks[i];
        bool is_active = sink->subscriber.state == RT_SUBSCRIBER_ACTIVE;
        sent = is_active && sink->topic == topic ? smaller(sent, sink->handed)
                                                 : sent;
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->topic == topic && local->has_kept_up) {
            next = smaller(next, local->next);
        }
    }
    sent = readers_sent(world, topic, sent);
    uint64_t earliest = topic_earliest(topic);
    next = next < earliest ? earliest : next;
    sent = sent + 1 < earliest ? earliest - 1 : sent;
    uint64_t to_sinks = topic->head - topic_position(topic, sent + 1);
    uint64_t to_locals = topic->head - topic_position(topic, next) +
                         (topic->latest + 1 - next) * sizeof(struct rt_entry);
    return to_sinks > to_locals ? to_sinks : to_locals;
}

/* Publishers must be told to wait if somebody is far behind, and may be if
 * anybody is behind at all. */
void publish_expect_congestion(const struct world *world,
                               struct topic *topic,
                               bool is_congested)
{
    const struct rt_topic *found = world_find(world, topic);
    uint64_t part = topic->retention.bytes / RT_CONGESTION_PART;
    bool has_ready =
        found->locals != NULL && !rt_list_is_empty(&found->locals->ready);
    topic->is_big = found->raw.active_count > RT_FANOUT_SMALL;
    EXPECT(is_congested || bytes_behind(world, topic) <= part);
    EXPECT(!is_congested || has_ready || readers_are_many(found) ||
           (topic->is_big && !rt_list_is_empty(&found->raw.dirty)));
    EXPECT_INT(is_congested, rt_core_is_congested(&world->core, topic->name));
}

/* The log's own entry of the newest event. */
static void expect_entry(const struct world *world, const struct topic *topic)
{
    const struct event *event = topic_event(topic, topic->latest);
    const struct rt_ring *ring = &world_find(world, topic)->ring;
    const struct rt_segment *newest = rt_ring_find(ring, rt_ring_latest(ring));
    const struct rt_entry *entry =
        rt_segment_entry(newest, newest->event_count - 1);
    EXPECT_INT(entry->sequence, world->sequence);
    EXPECT_INT(entry->wall_ms, event->wall_ms);
    EXPECT_INT(entry->content, event->content);
    EXPECT(rt_bytes_equal(rt_segment_type(newest, entry), event->type));
}

static void expect_receipt(const struct world *world,
                           struct topic *topic,
                           const struct rt_receipt *receipt)
{
    topic_expect_cursor(topic, receipt->cursor, topic->latest);
    EXPECT_INT(receipt->wall_ms, topic_event(topic, topic->latest)->wall_ms);
    publish_expect_congestion(world, topic, receipt->is_congested);
    expect_entry(world, topic);
}

/* The core writes to connections first if the ring would drop what some may
 * lack, and only then. */
static void expect_protection(const struct world *world,
                              const struct forecast *forecast)
{
    bool is_endangered = forecast->is_dirty && forecast->floor < forecast->low;
    EXPECT(is_endangered || forecast->is_wanted ||
           world->core.counters.writes == forecast->writes);
}

/* A new block is not taken of what is reserved. */
static void expect_reserve(const struct world *world,
                           const struct forecast *forecast)
{
    const struct rt_heap *heap = &world->chance.memory.heap;
    EXPECT(heap->used < forecast->used + RT_SEGMENT_SIZE_FIRST ||
           !rt_heap_is_low(heap, 0));
}

static struct forecast foresee(const struct world *world,
                               const struct topic *topic,
                               const struct event *event)
{
    const struct rt_topic *found = world_find(world, topic);
    uint64_t low = topic_low_after(topic, world->now_ms, event);
    return (struct forecast){
        .low = low,
        .is_wanted = found != NULL && readers_need(found, low),
        .floor = found == NULL ? 0 : found->raw.floor,
        .is_dirty = found != NULL && !rt_list_is_empty(&found->raw.dirty),
        .writes = world->core.counters.writes,
        .used = world->chance.memory.heap.used,
    };
}

void publish_note(struct world *world,
                  struct topic *topic,
                  const struct event *event)
{
    world_begin_topic(world, topic);
    locals_want(world, topic);
    topic_extend(topic, world->now_ms, event);
    topic->touched_ms = world->now_ms;
    world->expected.events_produced++;
    world_remember(world, (struct past){.topic = topic,
                                        .birth = topic->birth,
                                        .owner = event->owner,
                                        .offset = topic->latest});
    world->expected.bytes_produced += event->len;
}

int publish(struct world *world,
            struct topic *topic,
            struct rt_receipt *receipt)
{
    struct event event = publish_draw(world, topic);
    struct rt_event outgoing = publish_outgoing(topic, &event);
    struct forecast forecast = foresee(world, topic, &event);
    int err = rt_core_publish(&world->core, &outgoing, receipt);
    expect_protection(world, &forecast);
    EXPECT_INT(err == RT_ECLOSED, topic->exists && topic->is_closed);
    if (err == RT_ECLOSED) {
        return err;
    }
    if (err < 0) {
        EXPECT_INT(err, RT_ENOMEM);
        EXPECT(world_is_short(world));
        world->expected.events_refused++;
        return err;
    }
    expect_reserve(world, &forecast);
    publish_note(world, topic, &event);
    topic_settle(topic);
    expect_receipt(world, topic, receipt);
    return 0;
}
