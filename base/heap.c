#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void *
system_resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, new_size);
}

void rt_heap_init(struct rt_heap *heap, size_t limit)
{
    *heap = (struct rt_heap){.resize = system_resize, .limit = limit};
}

void rt_heap_init_over(struct rt_heap *heap,
                       size_t limit,
                       rt_resize_fn resize,
                       void *context)
{
    rt_heap_init(heap, limit);
    if (resize != NULL) {
        heap->resize = resize;
        heap->context = context;
    }
}

void *rt_heap_alloc(struct rt_heap *heap, size_t size)
{
    return rt_heap_resize(heap, NULL, 0, size);
}

void *rt_heap_zalloc(struct rt_heap *heap, size_t size)
{
    void *memory = rt_heap_alloc(heap, size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void *rt_heap_resize(struct rt_heap *heap,
                     void *memory,
                     size_t old_size,
                     size_t new_size)
{
    RT_CHECK(new_size > 0);
    RT_CHECK(heap->used >= old_size);
    size_t others = heap->used - old_size;
    if (new_size > old_size &&
        (others > heap->limit || new_size > heap->limit - others)) {
        return NULL;
    }
    heap->allocations++;
    void *moved = heap->resize(heap->context, memory, old_size, new_size);
    if (moved != NULL) {
        heap->used = others + new_size;
    }
    return moved;
}

void rt_heap_free(struct rt_heap *heap, void *memory, size_t size)
{
    if (memory == NULL) {
        return;
    }
    RT_CHECK(heap->used >= size);
    heap->used -= size;
    (void)heap->resize(heap->context, memory, size, 0);
}

bool rt_heap_is_low(const struct rt_heap *heap, size_t size)
{
    size_t room = heap->limit > heap->used ? heap->limit - heap->used : 0;
    return room < heap->reserve || size > room - heap->reserve;
}

int rt_heap_charge(struct rt_heap *heap, size_t size)
{
    if (heap->used > heap->limit || size > heap->limit - heap->used) {
        return RT_ENOMEM;
    }
    heap->used += size;
    return 0;
}

void rt_heap_uncharge(struct rt_heap *heap, size_t size)
{
    RT_CHECK(heap->used >= size);
    heap->used -= size;
}
