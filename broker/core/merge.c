#include "broker/core/merge.h"

#include "base/check.h"
#include "base/error.h"

#define CAPACITY_FIRST 4

static size_t items_size(uint32_t capacity)
{
    return capacity * sizeof(struct rt_merge_item);
}

void rt_merge_init(struct rt_merge *merge, struct rt_heap *heap)
{
    *merge = (struct rt_merge){.heap = heap};
}

void rt_merge_finish(struct rt_merge *merge)
{
    rt_heap_free(merge->heap, merge->items, items_size(merge->capacity));
    *merge = (struct rt_merge){0};
}

int rt_merge_reserve(struct rt_merge *merge, uint32_t count)
{
    uint32_t capacity = merge->capacity == 0 ? CAPACITY_FIRST : merge->capacity;
    if (count <= merge->capacity) {
        return 0;
    }
    while (capacity < count) {
        capacity *= 2;
    }
    struct rt_merge_item *items =
        rt_heap_resize(merge->heap, merge->items, items_size(merge->capacity),
                       items_size(capacity));
    if (items == NULL) {
        return RT_ENOMEM;
    }
    merge->items = items;
    merge->capacity = capacity;
    return 0;
}

void rt_merge_push(struct rt_merge *merge, struct rt_merge_item item)
{
    RT_CHECK(merge->count < merge->capacity);
    uint32_t place = merge->count++;
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (merge->items[parent].sequence <= item.sequence) {
            break;
        }
        merge->items[place] = merge->items[parent];
        place = parent;
    }
    merge->items[place] = item;
}

struct rt_merge_item rt_merge_first(const struct rt_merge *merge)
{
    RT_CHECK(merge->count > 0);
    return merge->items[0];
}

/* The lesser one of the two below a place; `count` if there is none. */
static uint32_t least_below(const struct rt_merge *merge, uint32_t place)
{
    uint32_t left = 2 * place + 1;
    uint32_t right = left + 1;
    if (left >= merge->count) {
        return merge->count;
    }
    return right < merge->count &&
                   merge->items[right].sequence < merge->items[left].sequence
               ? right
               : left;
}

void rt_merge_replace(struct rt_merge *merge, struct rt_merge_item item)
{
    RT_CHECK(merge->count > 0);
    uint32_t place = 0;
    uint32_t below = least_below(merge, place);
    while (below < merge->count &&
           merge->items[below].sequence < item.sequence) {
        merge->items[place] = merge->items[below];
        place = below;
        below = least_below(merge, place);
    }
    merge->items[place] = item;
}

void rt_merge_pop(struct rt_merge *merge)
{
    RT_CHECK(merge->count > 0);
    merge->count--;
    if (merge->count > 0) {
        rt_merge_replace(merge, merge->items[merge->count]);
    }
}
