#include "tests/simulator/run.h"

#include <inttypes.h>

#include "tests/simulator/disk/world.h"

void run_world(struct progress *progress, uint64_t steps, bool is_verbose)
{
    static struct world world;
    world.chance.is_verbose = is_verbose;
    world_init(&world, progress->seed);
    for (progress->step = 1; progress->step <= steps; progress->step++) {
        world_say(&world, "step %" PRIu64, progress->step);
        action_step(&world);
    }
    action_end(&world);
    progress->events += world.events;
    world_finish(&world);
}
