/* The end of a process, and the next one with what the disk has. */
#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

#define STARTS_MAX  TRUTH_JUMP_MAX
#define BATCHES_MAX 8 /* more than it takes to write all there is */

/* --- the end --- */

/* Whether all is on disk, and that it ends here. */
static bool end_on_purpose(struct world *world)
{
    bool is_clean = world->journal.state == RT_JOURNAL_WORKING &&
                    world->chance.memory.fail_in == 0;
    if (!is_clean) {
        return false;
    }
    rt_journal_end(&world->journal);
    for (int i = 0; i < BATCHES_MAX; i++) {
        disk_take(world);
        disk_append(world);
        disk_tell(world);
    }
    return rt_journal_is_idle(&world->journal) &&
           world->journal.state == RT_JOURNAL_WORKING;
}

static void leave_all(struct world *world)
{
    for (uint32_t i = 0; i < world->habits.reader_count; i++) {
        struct reader *reader = &world->readers[i];
        reader_check(reader);
        if (reader->state == READER_OPEN) {
            reader_leave(reader, READER_AWAY);
        }
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        several_check(&world->several[i]);
        if (world->several[i].state == READER_OPEN) {
            several_leave(&world->several[i], READER_AWAY);
        }
    }
}

/* What was not synced is there or not. After a kill, it is. */
static void restart_disk(struct world *world)
{
    bool is_kill = one_in(world, 3);
    enum fake_bytes bytes = (enum fake_bytes)below(world, FAKE_BYTES_COUNT);
    enum fake_names names = (enum fake_names)below(world, FAKE_NAMES_COUNT);
    fake_disk_restart(&world->disk, is_kill ? FAKE_BYTES_ALL : bytes,
                      is_kill ? FAKE_NAMES_ALL : names);
    world->disk.capacity = UINT64_MAX;
    world->is_full = false;
    damage_flip(world);
}

static void stop(struct world *world)
{
    leave_all(world);
    disk_close(world);
    rt_journal_finish(&world->journal);
    rt_core_finish(&world->core);
    EXPECT_INT(world->chance.memory.heap.used, 0);
}

/* --- the beginning --- */

static bool is_own(const struct rt_topic *found)
{
    return found->retention != NULL;
}

static struct standing standing_of(struct truth_topic *topic,
                                   const struct rt_topic *found)
{
    uint32_t era_count = topic->era_count;
    struct standing standing = {
        .era = truth_era(topic, found->epoch),
        .is_known = true,
        .is_closed = found->is_closed,
        .is_damaged = found->durable->is_damaged,
        .ack = found->ack,
        .ring_events = is_own(found) ? found->retention->events : 0};
    EXPECT_INT(topic->era_count, era_count);
    return standing;
}

/* What was acknowledged holds, or something newer. */
static void expect_standing(const struct truth_topic *topic,
                            const struct standing *standing,
                            bool is_settled)
{
    const struct standing *expected = &topic->on_disk;
    EXPECT(standing->is_damaged || !expected->is_damaged);
    EXPECT(standing->era >= expected->era);
    if (is_settled) {
        EXPECT(expected->is_known);
        EXPECT_INT(standing->era, expected->era);
        EXPECT_INT(standing->is_closed, expected->is_closed);
        EXPECT_INT(standing->ack, expected->ack);
        EXPECT_INT(standing->ring_events, expected->ring_events);
    }
}

/* All that a batch acknowledged is there, but for what retention removed. */
static void expect_events(const struct world *world,
                          const struct truth_topic *topic,
                          const struct rt_topic *found)
{
    const struct era *era = &topic->eras[topic->now.era];
    struct rt_log_extent extent;
    EXPECT(disk_extent(world, found, &extent));
    for (uint64_t i = 0; i < era->count; i++) {
        const struct event *event = &era->events[i];
        EXPECT(event->fate != FATE_WRITTEN || world->is_retained ||
               found->base + event->offset >= extent.earliest);
    }
}

/* Of the batches before the end: the number of the last that was done, and the
 * first ticket that it had. */
struct last {
    uint64_t done;
    uint64_t first;
};

/* What a bit costs a topic that is not told to be damaged was in the last
 * batch. If that had the jump over what an earlier end cost, there is no other
 * jump than the same again. */
static void
cut(const struct rt_topic *found, struct era *era, const struct last *last)
{
    const struct rt_durable *durable = found->durable;
    uint64_t end = durable->old_end - found->base;
    if (durable->is_damaged) {
        truth_cut(era, end);
    } else {
        truth_cut_last(era, end, last->first);
        truth_cut(era, durable->begin - found->base);
    }
}

/* A topic that a bit has cost with its name is missed by somebody: a start
 * finds damage, or it jumps. */
static void restore_topic(struct world *world,
                          struct truth_topic *topic,
                          const struct last *last,
                          const struct rt_log_found *log)
{
    const struct rt_topic *found = world_find(world, topic);
    if (found == NULL) {
        EXPECT(!topic->on_disk.is_known || topic->was_removed ||
               (world->is_flipped && (log->damages > 0 || !log->is_clean)));
        truth_lose(topic);
        return;
    }
    const struct rt_durable *durable = found->durable;
    struct standing standing = standing_of(topic, found);
    EXPECT(durable->id > 0);
    EXPECT(!durable->is_damaged || world->is_flipped);
    EXPECT(!log->is_clean || durable->old_end == durable->begin);
    if (world->is_flipped) {
        cut(found, &topic->eras[standing.era], last);
    } else {
        expect_standing(topic, &standing, topic->changed <= last->done);
    }
    truth_restart(topic, standing, durable->old_end - found->base,
                  durable->begin - found->base);
    if (!world->is_flipped) {
        expect_events(world, topic, found);
    }
}

/* Where it does not open at all for one bit, it does without. */
static void open_again(struct world *world, struct rt_log_found *found)
{
    world_begin_core(world);
    if (disk_open(world, found) == 0) {
        return;
    }
    rt_journal_finish(&world->journal);
    rt_core_finish(&world->core);
    damage_mend(world);
    world_begin_core(world);
    EXPECT_INT(disk_open(world, found), 0);
}

/* Numbers go on, but where the last batch was the only one since the start. */
static void begin_node(struct world *world)
{
    const struct rt_core *core = &world->core;
    bool is_other = core->epoch != world->node_epoch;
    world->node_epoch = core->epoch;
    if (is_other || core->sequence < world->sequence) {
        EXPECT(world->is_flipped);
        for (uint32_t i = 0; i < world->habits.topic_count; i++) {
            truth_renumber(&world->topics[i], core->sequence);
        }
    }
}

/* The batch that said it was the last may be there, though it failed. */
static void start(struct world *world, bool has_ended)
{
    struct rt_log_found found;
    struct last last = {world->journal.done, world->last};
    open_again(world, &found);
    bool is_clean = found.is_clean;
    EXPECT(is_clean || !has_ended || world->is_flipped);
    begin_node(world);
    EXPECT(!is_clean || world->core.sequence == world->sequence);
    world->sequence = world->core.sequence;
    world->begun = world->sequence;
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        restore_topic(world, &world->topics[i], &last, &found);
    }
    keyed_restart(world, last.done);
}

void restart(struct world *world, bool is_clean)
{
    uint64_t done;
    if (world->starts >= STARTS_MAX) {
        return;
    }
    bool has_ended = is_clean && end_on_purpose(world);
    done = world->journal.done;
    world_say(world, "it ends%s, with batch %" PRIu64,
              has_ended ? " on purpose" : "", done);
    stop(world);
    restart_disk(world);
    world->journal.done = done;
    start(world, has_ended);
}
