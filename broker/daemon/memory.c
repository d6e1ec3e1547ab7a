#include "memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#define PERIOD_MS 2000
#define LATER     10                   /* periods */
#define FREED_MIN ((size_t)128 * 1024) /* less is not worth the time */

/* Much at once; a little, which fragments, only now and then, for all that is
 * free is walked through. */
static bool is_due(const struct memory *memory)
{
    size_t freed = memory->peak - memory->used;
    size_t much = memory->peak / (memory->periods < LATER ? 2 : 32);
    return freed >= FREED_MIN && freed >= much;
}

static void on_timer(uv_timer_t *timer)
{
    struct memory *memory = timer->data;
    memory->periods++;
    if (!is_due(memory)) {
        return;
    }
    memory->peak = memory->used;
    memory->periods = 0;
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void memory_start(struct memory *memory, uv_loop_t *loop)
{
    (void)uv_timer_init(loop, &memory->timer);
    memory->timer.data = memory;
    (void)uv_timer_start(&memory->timer, on_timer, PERIOD_MS, PERIOD_MS);
    uv_unref((uv_handle_t *)&memory->timer);
}

void memory_stop(struct memory *memory)
{
    uv_close((uv_handle_t *)&memory->timer, NULL);
}

void *
memory_resize(void *context, void *block, size_t old_size, size_t new_size)
{
    struct memory *memory = context;
    void *moved = NULL;
    if (new_size == 0) {
        free(block);
    } else if ((moved = realloc(block, new_size)) == NULL) {
        return NULL;
    }
    memory->used += new_size - old_size;
    memory->peak = memory->used > memory->peak ? memory->used : memory->peak;
    return moved;
}
