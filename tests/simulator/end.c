/* How a world ends: everybody gets everything, and leaves. */
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

static void drain(struct sink *sink)
{
    if (sink->stall.queued.len > 0) {
        sink_take(sink, sink->stall.queued.len);
    }
}

static void drain_reader(struct reader *reader)
{
    if (reader->stall.queued.len > 0) {
        reader_take(reader, reader->stall.queued.len);
    }
}

/* Nothing fails any more, and everybody takes everything. */
static void heal(struct world *world)
{
    world->chance.memory.heap.limit = SIZE_MAX;
    world->chance.memory.heap.reserve = 0;
    world->chance.memory.fail_in = 0;
    for (int i = 0; i < SINK_MAX; i++) {
        struct sink *sink = &world->sinks[i];
        sink->room = UINT64_MAX;
        sink->is_lost = false;
        sink->refuses_queue = false;
        drain(sink);
    }
    for (int i = 0; i < READER_MAX; i++) {
        struct reader *reader = &world->readers[i];
        reader->room = UINT64_MAX;
        reader->is_lost = false;
        reader->refuses_queue = false;
        drain_reader(reader);
    }
    for (int i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL) {
            local_resume(world->locals[i]);
        }
    }
}

static void expect_quiet(const struct world *world)
{
    EXPECT_INT(world->core.store.retired_bytes, 0);
    for (int i = 0; i < TOPIC_MAX; i++) {
        EXPECT(!rt_core_is_congested(&world->core, world->topics[i].name));
    }
    for (int i = 0; i < SINK_MAX; i++) {
        const struct sink *sink = &world->sinks[i];
        EXPECT(
            sink->state != SINK_OPEN ||
            (sink->handed == sink->topic->latest && !sink->topic->is_closed));
    }
    readers_expect_served(world, false);
}

static void leave_all(struct world *world)
{
    for (int i = 0; i < SINK_MAX; i++) {
        struct sink *sink = &world->sinks[i];
        if (sink->state == SINK_OPEN) {
            sink_leave(sink);
        }
        drain(sink);
    }
    for (int i = 0; i < READER_MAX; i++) {
        struct reader *reader = &world->readers[i];
        if (reader->state == SINK_OPEN) {
            reader_leave(reader);
        }
        drain_reader(reader);
    }
    for (uint32_t i = 0; i < LOCAL_MAX; i++) {
        if (world->locals[i] != NULL) {
            local_leave(world, i);
        }
    }
    check_all(world);
}

void action_end(struct world *world)
{
    /* Now and then it all ends in the midst of things. */
    if (!one_in(world, 4)) {
        heal(world);
        world->habits.restless = UINT32_MAX; /* locals but listen now */
        turn_finish(world);
        check_all(world);
        expect_quiet(world);
    }
    leave_all(world);
}
