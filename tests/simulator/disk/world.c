#include "tests/simulator/disk/world.h"

#include "broker/core/topic.h"
#include "tests/simulator/expect.h"

#define KIB      ((size_t)1024)
#define WALL_MS  UINT64_C(1787000000000) /* when the world begins */
#define STALL_MS 30000

static const char *const names[TRUTH_TOPIC_MAX] = {"a", "b", "a.b", "~"};

/* --- what a seed is like --- */

static void random_habits(struct world *world)
{
    static const uint32_t lens[] = {40, 200, 2000, 2000, 20000};
    static const uint32_t bursts[] = {2, 10, 40};
    static const size_t sizes[] = {16 * KIB, 64 * KIB, 256 * KIB};
    struct habits *habits = &world->habits;
    habits->topic_count = 1 + below(world, TRUTH_TOPIC_MAX);
    habits->reader_count = 1 + below(world, READER_MAX);
    habits->len_max = lens[below(world, RT_ARRAY_LENGTH(lens))];
    habits->burst_max = bursts[below(world, RT_ARRAY_LENGTH(bursts))];
    habits->segment_size = sizes[below(world, RT_ARRAY_LENGTH(sizes))];
    habits->patience = 1 + below(world, 40);
    habits->is_short = one_in(world, 5);
    habits->fails = one_in(world, 4);
    habits->is_vast = one_in(world, 8);
    habits->flips = one_in(world, 5);
    habits->is_damaged = habits->fails || habits->flips || one_in(world, 4);
}

/* Rings are small, for what they have does not come from the disk. */
static struct rt_retention random_ring(struct world *world)
{
    static const uint64_t bytes[] = {1, 8 * KIB, 8 * KIB, 50 * KIB};
    static const uint64_t events[] = {1, 7, 100, UINT64_MAX};
    static const uint64_t ages[] = {3000, UINT64_MAX, UINT64_MAX};
    struct rt_retention retention;
    retention.bytes = bytes[below(world, RT_ARRAY_LENGTH(bytes))];
    retention.events = events[below(world, RT_ARRAY_LENGTH(events))];
    retention.age_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    return retention;
}

static struct rt_retention random_log(struct world *world)
{
    static const uint64_t bytes[] = {64 * KIB, 256 * KIB, UINT64_MAX};
    static const uint64_t events[] = {50, 500, UINT64_MAX};
    static const uint64_t ages[] = {3000, 100000, UINT64_MAX};
    struct rt_retention retention;
    retention.bytes = bytes[below(world, RT_ARRAY_LENGTH(bytes))];
    retention.events = events[below(world, RT_ARRAY_LENGTH(events))];
    retention.age_ms = ages[below(world, RT_ARRAY_LENGTH(ages))];
    return retention;
}

/* --- begin and end --- */

void world_begin_core(struct world *world)
{
    struct rt_core_options options = {.retention = world->retention,
                                      .idempotency = {.keep_ms = KEY_MS,
                                                      .count_max = KEY_PLACES,
                                                      .bytes_max = UINT64_MAX},
                                      .ack = RT_ACK_DISK,
                                      .stall_timeout_ms = STALL_MS,
                                      .sink = &world_sink,
                                      .random = chance_next_epoch};
    world->chance.memory.fail_in = 0;
    rt_core_init(&world->core, &world->chance.memory.heap, &options);
    rt_journal_init(&world->journal, &world->core);
    world->core.journal = &world->journal;
    world->core.history.ops = &disk_history;
    world->core.history.context = world;
    world->starts++;
    world_set_time(world, world->now_ms, world->wall_ms);
}

static void init_names(struct world *world)
{
    for (uint32_t i = 0; i < TRUTH_TOPIC_MAX; i++) {
        world->topics[i].name = rt_bytes_of(names[i]);
    }
    for (uint32_t i = 0; i < READER_MAX; i++) {
        world->readers[i].world = world;
    }
    for (uint32_t i = 0; i < SEVERAL_MAX; i++) {
        world->several[i].world = world;
    }
}

void world_init(struct world *world, uint64_t seed)
{
    struct rt_log_found found;
    *world = (struct world){.chance.is_verbose = world->chance.is_verbose};
    chance_init(&world->chance, seed);
    random_habits(world);
    world->retention = random_ring(world);
    world->log_retention = random_log(world);
    init_names(world);
    world->now_ms = below(world, 1000);
    world->wall_ms = WALL_MS;
    fake_disk_init(&world->disk, seed);
    rt_heap_init(&world->log_heap, SIZE_MAX);
    world_begin_core(world);
    EXPECT_INT(disk_open(world, &found), 0);
    world->node_epoch = world->core.epoch;
}

void world_finish(struct world *world)
{
    EXPECT_INT(world->core.subscriber_count, 0);
    EXPECT_INT(world->core.local_count, 0);
    disk_close(world);
    rt_journal_finish(&world->journal);
    rt_core_finish(&world->core);
    EXPECT_INT(world->chance.memory.heap.used, 0);
    fake_disk_finish(&world->disk);
    for (uint32_t i = 0; i < TRUTH_TOPIC_MAX; i++) {
        truth_finish(&world->topics[i]);
    }
}

void world_set_time(struct world *world, uint64_t now_ms, uint64_t wall_ms)
{
    world->now_ms = now_ms;
    world->wall_ms = wall_ms;
    rt_core_set_time(&world->core, now_ms, wall_ms);
}

struct rt_topic *world_find(const struct world *world,
                            const struct truth_topic *topic)
{
    return rt_topic_find(&world->core, topic->name);
}

/* --- what there is --- */

bool world_is_on_disk(const struct world *world,
                      const struct truth_topic *topic,
                      const struct event *event)
{
    const struct rt_topic *found = world_find(world, topic);
    struct rt_log_extent extent;
    bool is_written = event->ticket <= world->batches.written;
    if (event->fate == FATE_PENDING && !is_written) { /* it will be */
        return world->journal.state != RT_JOURNAL_FAILED;
    }
    return disk_extent(world, found, &extent) &&
           found->base + event->offset >= extent.earliest;
}

bool world_has(const struct world *world,
               const struct truth_topic *topic,
               const struct era *era,
               const struct event *event)
{
    const struct rt_topic *found = world_find(world, topic);
    if (found == NULL || found->epoch != era->epoch ||
        event->fate == FATE_LOST) {
        return false;
    }
    return found->base + event->offset >= rt_ring_earliest(&found->ring) ||
           world_is_on_disk(world, topic, event);
}
