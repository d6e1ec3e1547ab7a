/* Publishing: alone, and together. */
#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/simulator/disk/together.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/noise.h"

/* A type of RT_TYPE_BYTES_MAX. */
#define TYPE_MAX \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static uint32_t draw_len(struct world *world)
{
    uint32_t max = world->habits.len_max;
    if (world->habits.is_vast && one_in(world, 40)) {
        return PAYLOAD_MAX - below(world, 1000);
    }
    return below(world, one_in(world, 10) ? max + 1 : max / 8 + 1);
}

static struct event draw(struct world *world)
{
    static const char *const types[] = {"", "", "", "a", "a", "b.c", TYPE_MAX};
    return (struct event){
        .len = draw_len(world),
        .noise = (uint32_t)test_random_next(&world->chance.random),
        .content = (enum rt_content)below(world, 3),
        .type = rt_bytes_of(types[below(world, RT_ARRAY_LENGTH(types))])};
}

static struct rt_event outgoing(const struct truth_topic *topic,
                                const struct event *event)
{
    return (struct rt_event){.topic = topic->name,
                             .payload = {noise_at(event->noise), event->len},
                             .type = event->type,
                             .content = event->content};
}

/* Why events may be refused. */
static void expect_refusal(const struct world *world,
                           const struct truth_topic *topic,
                           int err)
{
    switch (err) {
    case RT_ECLOSED:
        EXPECT(topic->now.is_closed);
        break;
    case RT_EDAMAGED:
        EXPECT(topic->now.is_damaged);
        break;
    case RT_ENOSPC:
        EXPECT_INT(world->journal.state, RT_JOURNAL_FULL);
        break;
    case RT_EFAILED:
        EXPECT_INT(world->journal.state, RT_JOURNAL_FAILED);
        break;
    default:
        EXPECT_INT(err, RT_ENOMEM);
        EXPECT(world->habits.is_short);
    }
}

/* An event exists, with an offset that nobody has been given before. */
static void
note(struct world *world, struct truth_topic *topic, struct event *event)
{
    struct standing standing = topic->now;
    EXPECT(event->wall_ms >= world->wall_ms);
    EXPECT(event->ticket > world->journal.done);
    standing.era = truth_era(topic, world_find(world, topic)->epoch);
    EXPECT(standing.era == topic->now.era || !topic->now.is_known);
    event->sequence = ++world->sequence;
    truth_add(&topic->eras[standing.era], event);
    if (!topic->now.is_known) {
        standing.is_known = true;
        truth_change(topic, standing, event->ticket);
    }
    world->events++;
}

void publish_one(struct world *world, struct truth_topic *topic)
{
    struct event event = draw(world);
    struct rt_event out = outgoing(topic, &event);
    struct rt_receipt receipt;
    bool is_open = world->journal.state == RT_JOURNAL_WORKING;
    int err = rt_core_publish(&world->core, &out, &receipt);
    if (err < 0) {
        expect_refusal(world, topic, err);
        return;
    }
    EXPECT(is_open && !topic->now.is_closed && !topic->now.is_damaged);
    event.offset = receipt.cursor.offset;
    event.wall_ms = receipt.wall_ms;
    event.ticket = receipt.ticket;
    note(world, topic, &event);
    EXPECT_INT(receipt.cursor.epoch, topic->eras[topic->now.era].epoch);
}

/* --- together --- */

static int
add(struct world *world, struct together *together, struct truth_topic *topic)
{
    struct event event = draw(world);
    struct rt_event out = outgoing(topic, &event);
    int err = rt_publication_add(&together->publication, &out);
    if (err < 0) {
        expect_refusal(world, topic, err);
        return err;
    }
    const struct rt_topic *found = world_find(world, topic);
    event.offset = rt_ring_latest(&found->ring) - found->base;
    event.wall_ms = found->ring.wall_ms;
    event.ticket = rt_journal_ticket(&world->journal);
    together->topics[together->count] = topic;
    together->events[together->count++] = event;
    return 0;
}

bool together_fill(struct world *world,
                   struct together *together,
                   struct truth_topic *topic)
{
    uint32_t wanted = 1 + below(world, TOGETHER_MAX);
    int err = 0;
    together->count = 0;
    rt_publication_init(&together->publication, &world->core);
    while (err == 0 && together->count < wanted) {
        uint32_t any = below(world, world->habits.topic_count);
        err = add(world, together, topic != NULL ? topic : &world->topics[any]);
    }
    if (err < 0) {
        rt_publication_abandon(&together->publication);
    }
    return err == 0;
}

void together_commit(struct world *world,
                     struct together *together,
                     struct rt_receipt *receipts)
{
    struct rt_publication *publication = &together->publication;
    uint64_t count = 0;
    for (uint32_t i = 0; i < together->count; i++) {
        note(world, together->topics[i], &together->events[i]);
    }
    rt_publication_commit(publication, receipts);
    for (uint32_t i = 0; i < publication->part_count; i++) {
        EXPECT_INT(receipts[i].ticket, together->events[0].ticket);
        EXPECT_INT(receipts[i].first + receipts[i].count - 1,
                   receipts[i].cursor.offset);
        count += receipts[i].count;
    }
    EXPECT_INT(count, together->count);
}

void publish_together(struct world *world)
{
    static struct together together;
    struct rt_receipt receipts[TRUTH_TOPIC_MAX];
    if (together_fill(world, &together, NULL)) {
        together_commit(world, &together, receipts);
    }
}
