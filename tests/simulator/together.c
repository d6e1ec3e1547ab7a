/* Publishing events together: all of them or none. */
#include "base/error.h"
#include "broker/core/publication.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define EVENTS_MAX 40
#define TOPICS_MAX 3

struct together {
    struct rt_publication publication;
    uint32_t count;
    struct topic *topics[EVENTS_MAX];
    struct event events[EVENTS_MAX];
    bool begins[EVENTS_MAX]; /* the topic, with this event */
};

static int
add(struct world *world, struct together *together, struct topic *topic)
{
    struct event event = publish_draw(world, topic);
    event.sequence += together->count;
    struct rt_event outgoing = publish_outgoing(topic, &event);
    bool begins = !topic->exists;
    int err = rt_publication_add(&together->publication, &outgoing);
    if (err == 0) {
        world_begin_topic(world, topic);
        together->begins[together->count] = begins;
        together->topics[together->count] = topic;
        together->events[together->count++] = event;
    }
    return err;
}

static struct topic *topic_of(const struct together *together,
                              struct rt_bytes name)
{
    uint32_t i = 0;
    while (!rt_bytes_equal(together->topics[i]->name, name)) {
        i++;
    }
    return together->topics[i];
}

static void abandon(struct world *world, struct together *together, int err)
{
    rt_publication_abandon(&together->publication);
    for (uint32_t i = 0; i < together->count; i++) {
        if (together->begins[i]) {
            topic_end(together->topics[i]);
        }
    }
    EXPECT(err == RT_ECLOSED || world_is_short(world));
    world->expected.events_refused += err == RT_ENOMEM ? 1 : 0;
}

/* The world has all of it before anybody is given any of it. */
static void commit(struct world *world, struct together *together)
{
    struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];
    struct rt_publication *publication = &together->publication;
    for (uint32_t i = 0; i < together->count; i++) {
        publish_note(world, together->topics[i], &together->events[i]);
    }
    rt_publication_commit(publication, receipts);
    for (uint32_t i = 0; i < together->count; i++) {
        topic_settle(together->topics[i]);
    }
    uint64_t count = 0;
    for (uint32_t i = 0; i < publication->part_count; i++) {
        struct topic *topic =
            topic_of(together, publication->parts[i].topic->leaf.key);
        topic_expect_cursor(topic, receipts[i].cursor, topic->latest);
        EXPECT_INT(receipts[i].wall_ms,
                   topic_event(topic, topic->latest)->wall_ms);
        EXPECT_INT(receipts[i].first + receipts[i].count - 1,
                   receipts[i].cursor.offset);
        publish_expect_congestion(
            world, topic, rt_core_is_congested(&world->core, topic->name));
        count += receipts[i].count;
    }
    EXPECT_INT(count, together->count);
}

static struct topic *choose(struct world *world, struct topic *const *topics)
{
    return topics[below(world, TOPICS_MAX)];
}

void publish_together(struct world *world)
{
    static struct together together;
    struct topic *topics[TOPICS_MAX]; /* the same one several times, maybe */
    uint32_t wanted = below(world, EVENTS_MAX) + 1;
    int err = 0;
    for (uint32_t i = 0; i < TOPICS_MAX; i++) {
        topics[i] = &world->topics[below(world, world->habits.topic_count)];
    }
    together.count = 0;
    rt_publication_init(&together.publication, &world->core);
    while (err == 0 && together.count < wanted) {
        err = add(world, &together, choose(world, topics));
    }
    if (err < 0) {
        abandon(world, &together, err);
    } else {
        commit(world, &together);
    }
}
