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

#ifdef __GLIBC__

/* The C library keeps some blocks of each small size for the thread that freed
 * them, and does not count them as free: each keeps a page from being given
 * back. So many of so many sizes (malloc's tcache). */
#define CACHED_MAX       7
#define CACHED_SIZE_MIN  24
#define CACHED_SIZE_MAX  1032
#define CACHED_SIZE_STEP 16

static void free_all(void *list)
{
    while (list != NULL) {
        void *next = *(void **)list;
        free(list);
        list = next;
    }
}

static void *take(void *list, size_t size)
{
    for (int i = 0; i < CACHED_MAX; i++) {
        void **block = malloc(size);
        if (block == NULL) {
            break;
        }
        *block = list;
        list = block;
    }
    return list;
}

/* Whatever is kept is taken, and freed by a thread that ends, and keeps nothing
 * then. */
static void empty_cache(void)
{
    void *list = NULL;
    uv_thread_t thread;
    for (size_t size = CACHED_SIZE_MIN; size <= CACHED_SIZE_MAX;
         size += CACHED_SIZE_STEP) {
        list = take(list, size);
    }
    if (uv_thread_create(&thread, free_all, list) == 0) {
        (void)uv_thread_join(&thread);
    } else {
        free_all(list);
    }
}

static void give_back(void)
{
    empty_cache();
    (void)malloc_trim(0);
}

#else

static void give_back(void)
{
}

#endif

static void on_timer(uv_timer_t *timer)
{
    struct memory *memory = timer->data;
    memory->periods++;
    if (!is_due(memory)) {
        return;
    }
    memory->peak = memory->used;
    memory->periods = 0;
    give_back();
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
