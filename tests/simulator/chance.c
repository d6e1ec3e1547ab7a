#include "tests/simulator/chance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

static uint32_t last_epoch;

static struct chance *chance_of(struct world *world)
{
    return (struct chance *)world;
}

/* --- memory --- */

static void *
failing_resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    struct memory *failing = context;
    (void)old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    if (failing->fail_in > 0 && --failing->fail_in == 0) {
        return NULL;
    }
    return realloc(memory, new_size);
}

/* --- what a seed is like --- */

/* Some seeds never do a thing, others do hardly anything else. */
static void draw_weights(struct chance *chance)
{
    static const uint32_t weights[] = {0, 1, 1, 2, 2, 6};
    for (int i = 0; i < ACTION_MAX; i++) {
        chance->weights[i] = weights[test_random_below(
            &chance->random, RT_ARRAY_LENGTH(weights))];
    }
}

void chance_init(struct chance *chance, uint64_t seed)
{
    chance->random = (struct test_random){seed};
    last_epoch = (uint32_t)test_random_next(&chance->random);
    draw_weights(chance);
    rt_heap_init_over(&chance->memory.heap, SIZE_MAX, failing_resize,
                      &chance->memory);
}

/* --- what happens --- */

uint32_t below(struct world *world, uint32_t bound)
{
    return test_random_below(&chance_of(world)->random, bound);
}

bool one_in(struct world *world, uint32_t bound)
{
    return below(world, bound) == 0;
}

uint32_t chance_action(struct world *world, uint32_t count)
{
    const uint32_t *weights = chance_of(world)->weights;
    uint32_t total = 1;
    for (uint32_t i = 0; i < count; i++) {
        total += weights[i];
    }
    uint32_t drawn = below(world, total);
    for (uint32_t i = 0; i < count; i++) {
        if (drawn < weights[i]) {
            return i;
        }
        drawn -= weights[i];
    }
    return 0;
}

uint32_t chance_next_epoch(void)
{
    last_epoch = last_epoch * UINT32_C(1664525) + UINT32_C(1013904223);
    return last_epoch;
}

uint32_t chance_last_epoch(void)
{
    return last_epoch;
}

void world_say(const struct world *world, const char *format, ...)
{
    const struct chance *chance = (const struct chance *)world;
    if (chance->is_verbose) {
        va_list arguments;
        va_start(arguments, format);
        (void)printf("#   ");
        (void)vprintf(format, arguments);
        (void)printf("\n");
        va_end(arguments);
    }
}
