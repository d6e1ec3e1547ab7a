/* What may happen in the world. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/fanout.h"
#include "broker/core/relief.h"
#include "broker/core/topic.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

#define SETTLE_MAX 100000 /* more rounds than anything needs */

static struct truth_topic *random_topic(struct world *world)
{
    return &world->topics[below(world, world->habits.topic_count)];
}

static struct reader *random_reader(struct world *world)
{
    return &world->readers[below(world, world->habits.reader_count)];
}

/* --- publishing --- */

static void act_publish(struct world *world)
{
    publish_one(world, random_topic(world));
}

static void act_burst(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    uint32_t count = below(world, world->habits.burst_max);
    while (count-- > 0) {
        publish_one(world, topic);
    }
}

/* --- readers --- */

static void act_come(struct world *world)
{
    struct reader *reader = random_reader(world);
    if (reader->state == READER_AWAY) {
        reader_return(reader);
    } else if (reader->state == READER_FREE) {
        reader_come(reader, random_topic(world), false);
    }
}

static void act_leave(struct world *world)
{
    struct reader *reader = random_reader(world);
    if (reader->state == READER_OPEN && one_in(world, 3)) {
        reader_leave(reader, one_in(world, 2) ? READER_FREE : READER_AWAY);
    }
}

static void act_temper(struct world *world)
{
    reader_temper(random_reader(world));
}

static void act_drain(struct world *world)
{
    reader_drain(random_reader(world));
}

static void act_pause(struct world *world)
{
    struct reader *reader = random_reader(world);
    if (reader->state != READER_OPEN || !reader->is_local) {
        return;
    }
    if (one_in(world, 3)) {
        rt_local_pause(&reader->local);
    } else {
        rt_local_resume(&reader->local);
    }
}

static struct several *random_several(struct world *world)
{
    return &world->several[below(world, SEVERAL_MAX)];
}

static void act_several(struct world *world)
{
    struct several *several = random_several(world);
    if (several->state == READER_AWAY) {
        several_return(several);
    } else if (several->state == READER_FREE) {
        several_come(several);
    } else if (one_in(world, 4)) {
        several_leave(several, one_in(world, 2) ? READER_FREE : READER_AWAY);
    }
}

static void act_several_temper(struct world *world)
{
    struct several *several = random_several(world);
    if (one_in(world, 2)) {
        several_temper(several);
    }
    several_drain(several);
}

/* --- what is done to topics --- */

static void
change(struct world *world, struct truth_topic *topic, struct standing standing)
{
    standing.is_known = true;
    truth_change(topic, standing, rt_journal_ticket(&world->journal));
}

static void act_close(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    struct rt_topic *found = world_find(world, topic);
    struct standing standing = topic->now;
    if (found == NULL || !one_in(world, 4) || standing.is_closed) {
        return;
    }
    rt_topic_close(found);
    standing.is_closed = true;
    world->sequence++;
    change(world, topic, standing);
}

static void act_open(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    struct rt_topic *found = world_find(world, topic);
    struct standing standing = topic->now;
    if (found != NULL && standing.is_closed) {
        rt_topic_open(found);
        standing.is_closed = false;
        change(world, topic, standing);
    }
}

static void act_purge(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    struct rt_topic *found = world_find(world, topic);
    if (found == NULL || !one_in(world, 6)) {
        return;
    }
    if (rt_topic_purge(found) < 0) {
        EXPECT(world->habits.is_short);
        return;
    }
    keyed_forget(world, topic);
    found = world_find(world, topic);
    if (found != NULL) {
        uint32_t era = truth_era(topic, found->epoch);
        EXPECT_INT(era + 1, topic->era_count);
        change(
            world, topic,
            (struct standing){.era = era, .is_damaged = topic->now.is_damaged});
    }
}

static void act_retain(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    struct rt_topic *found = world_find(world, topic);
    struct standing standing = topic->now;
    struct rt_retention retention = world->retention;
    retention.events = 1 + below(world, 50);
    if (found == NULL || !one_in(world, 4)) {
        return;
    }
    if (rt_topic_retain(found, &retention) < 0) {
        EXPECT(world->habits.is_short);
        return;
    }
    standing.ring_events = found->retention != NULL ? retention.events : 0;
    change(world, topic, standing);
}

static void act_ack(struct world *world)
{
    struct truth_topic *topic = random_topic(world);
    struct rt_topic *found = world_find(world, topic);
    struct standing standing = topic->now;
    /* The node says disk. */
    standing.ack = one_in(world, 2) ? RT_ACK_MEMORY : RT_ACK_UNSAID;
    if (found != NULL && standing.ack != topic->now.ack) {
        rt_topic_set_ack(found, standing.ack);
        change(world, topic, standing);
    }
}

/* --- the disk --- */

static void act_fill(struct world *world)
{
    if (one_in(world, 4)) {
        disk_fill(world);
    }
}

static void act_fault(struct world *world)
{
    static const enum fake_fault faults[] = {FAKE_EIO, FAKE_PARTIAL};
    if (world->habits.fails && one_in(world, 10)) {
        fake_disk_fault_at(&world->disk, 1 + below(world, 8),
                           faults[below(world, RT_ARRAY_LENGTH(faults))]);
    }
}

static void act_write(struct world *world)
{
    disk_take(world);
    disk_append(world);
    disk_tell(world);
}

static void act_kill(struct world *world)
{
    if (one_in(world, 6)) {
        restart(world, false);
    }
}

static void act_stop(struct world *world)
{
    if (one_in(world, 6)) {
        restart(world, true);
    }
}

/* --- turns --- */

static void act_flush(struct world *world)
{
    (void)rt_core_flush(&world->core);
}

static void act_deliver(struct world *world)
{
    (void)rt_core_deliver(&world->core);
}

static void act_turn(struct world *world)
{
    rt_core_flush_small(&world->core);
    (void)rt_core_flush(&world->core);
    (void)rt_core_deliver(&world->core);
}

/* A topic that goes had nothing that anybody could be given, but for what was
 * too old for the ring. */
static bool is_empty(const struct world *world, const struct truth_topic *topic)
{
    const struct era *era = &topic->eras[topic->now.era];
    for (uint64_t i = 0; i < era->count; i++) {
        const struct event *event = &era->events[i];
        if (world_has(world, topic, era, event) &&
            (world->retention.age_ms == UINT64_MAX ||
             world_is_on_disk(world, topic, event))) {
            return false;
        }
    }
    return !topic->now.is_closed && topic->now.ring_events == 0;
}

static void act_tick(struct world *world)
{
    bool was_empty[TRUTH_TOPIC_MAX];
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        was_empty[i] = is_empty(world, &world->topics[i]);
    }
    rt_core_tick(&world->core);
    keyed_expire(world);
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        struct truth_topic *topic = &world->topics[i];
        if (topic->now.is_known && world_find(world, topic) == NULL) {
            EXPECT(was_empty[i]);
            truth_change(topic, (struct standing){.era = topic->now.era},
                         rt_journal_ticket(&world->journal));
        }
    }
}

static void act_time(struct world *world)
{
    static const uint32_t lapses[] = {2, 20, 1000, 5000, 70000};
    uint64_t ms = below(world, lapses[below(world, RT_ARRAY_LENGTH(lapses))]);
    world_set_time(world, world->now_ms + ms, world->wall_ms + ms);
}

static void act_memory(struct world *world)
{
    world->chance.memory.fail_in =
        world->habits.is_short && one_in(world, 2) ? 1 + below(world, 6) : 0;
}

/* Memory is short for a moment, and rings give way to what is used then. */
static void act_relieve(struct world *world)
{
    struct rt_heap *heap = &world->chance.memory.heap;
    uint32_t used_max = below(world, (uint32_t)heap->used);
    heap->reserve = SIZE_MAX - SIZE_MAX / RT_RELIEF_PART - used_max;
    bool has_dropped = rt_core_relieve(&world->core);
    world_say(world, "rings gave way: %d", has_dropped);
    heap->reserve = 0;
}

/* --- steps --- */

static const struct action {
    const char *name;
    void (*act)(struct world *world);
} actions[] = {
    {"publish", act_publish}, {"burst", act_burst},
    {"burst", act_burst},     {"together", publish_together},
    {"keyed", keyed_publish}, {"come", act_come},
    {"come", act_come},       {"leave", act_leave},
    {"temper", act_temper},   {"drain", act_drain},
    {"pause", act_pause},     {"close", act_close},
    {"open", act_open},       {"purge", act_purge},
    {"retain", act_retain},   {"ack", act_ack},
    {"take", disk_take},      {"append", disk_append},
    {"tell", disk_tell},      {"write", act_write},
    {"answer", disk_answer},  {"scan", disk_scan},
    {"refuse", disk_refuse},  {"fill", act_fill},
    {"empty", disk_empty},    {"forget", disk_retain},
    {"fault", act_fault},     {"kill", act_kill},
    {"stop", act_stop},       {"flush", act_flush},
    {"turn", act_turn},       {"deliver", act_deliver},
    {"tick", act_tick},       {"time", act_time},
    {"several", act_several}, {"several temper", act_several_temper},
    {"memory", act_memory},   {"relieve", act_relieve},
};

_Static_assert(RT_ARRAY_LENGTH(actions) <= ACTION_MAX, "a weight for each");

static void check_all(struct world *world)
{
    rt_core_validate(&world->core);
    EXPECT_INT(world->core.sequence, world->sequence);
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        reader_check(&world->readers[i]);
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        several_check(&world->several[i]);
    }
}

void action_step(struct world *world)
{
    const struct action *action =
        &actions[chance_action(world, RT_ARRAY_LENGTH(actions))];
    world_say(world, "%s", action->name);
    action->act(world);
    check_all(world);
}

/* --- the end --- */

/* Nothing fails any more, and everybody takes everything. */
static void heal(struct world *world)
{
    world->chance.memory.fail_in = 0;
    fake_disk_fault_at(&world->disk, 0, FAKE_EIO);
    disk_empty(world);
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        struct reader *reader = &world->readers[i];
        line_init(&reader->line);
        reader_drain(reader);
        if (reader->state == READER_OPEN && reader->is_local) {
            rt_local_resume(&reader->local);
        }
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        line_init(&world->several[i].line);
        several_drain(&world->several[i]);
    }
}

static bool settle_once(struct world *world)
{
    bool has_more = rt_core_flush(&world->core);
    has_more = rt_core_deliver(&world->core) || has_more;
    has_more = world->wanted.id > 0 || world->scan != NULL || has_more;
    disk_answer(world);
    disk_scan(world);
    has_more = world->journal.writing != NULL ||
               rt_journal_has_batch(&world->journal) || has_more;
    act_write(world);
    disk_empty(world); /* what was refused before is told but now */
    return has_more;
}

static void settle(struct world *world)
{
    int rounds = 0;
    while (settle_once(world)) {
        EXPECT(rounds++ < SETTLE_MAX);
    }
    check_all(world);
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        reader_expect_all(&world->readers[i]);
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        several_expect_all(&world->several[i]);
    }
}

/* One for each topic reads all that there is. */
static void read_all(struct world *world)
{
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        struct reader *reader = &world->readers[i];
        reader_leave(reader, READER_FREE);
        reader_come(reader, &world->topics[i % world->habits.topic_count],
                    true);
    }
    settle(world);
}

void action_end(struct world *world)
{
    /* Now and then it all ends in the midst of things. */
    if (!one_in(world, 4)) {
        heal(world);
        settle(world);
        read_all(world);
    }
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        reader_leave(&world->readers[i], READER_FREE);
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        several_leave(&world->several[i], READER_FREE);
    }
    check_all(world);
}
