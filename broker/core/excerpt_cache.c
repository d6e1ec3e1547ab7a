#include "broker/core/excerpt_cache.h"

#include "broker/core/core.h"

void rt_excerpt_cache_init(struct rt_excerpt_cache *cache, struct rt_core *core)
{
    *cache = (struct rt_excerpt_cache){.core = core};
    rt_list_init(&cache->excerpts);
}

static struct rt_excerpt *excerpt_of(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_excerpt, used);
}

static size_t size_of(uint32_t count)
{
    return sizeof(struct rt_excerpt) + count * sizeof(struct rt_excerpt_event);
}

static size_t bytes_of(const struct rt_excerpt *excerpt)
{
    return size_of(excerpt->count) +
           (excerpt->segment == NULL
                ? 0
                : rt_segment_size(excerpt->segment->capacity));
}

static void drop(struct rt_excerpt_cache *cache, struct rt_excerpt *excerpt)
{
    rt_list_remove(&excerpt->used);
    cache->bytes -= bytes_of(excerpt);
    cache->count--;
    rt_segment_unref(&cache->core->store, excerpt->segment);
    rt_heap_free(cache->core->heap, excerpt, size_of(excerpt->count));
}

static void drop_first(struct rt_excerpt_cache *cache)
{
    drop(cache, excerpt_of(cache->excerpts.next));
}

void rt_excerpt_cache_finish(struct rt_excerpt_cache *cache)
{
    if (cache->core == NULL) {
        return;
    }
    while (!rt_list_is_empty(&cache->excerpts)) {
        drop_first(cache);
    }
    *cache = (struct rt_excerpt_cache){0};
}

/* --- room --- */

size_t rt_excerpt_cache_room(const struct rt_excerpt_cache *cache)
{
    size_t part = cache->core->heap->limit / RT_EXCERPTS_PART;
    return part < RT_EXCERPTS_BYTES_MAX ? part : RT_EXCERPTS_BYTES_MAX;
}

static bool is_full(const struct rt_excerpt_cache *cache, size_t size)
{
    return cache->count >= RT_EXCERPTS_MAX ||
           cache->bytes + size > rt_excerpt_cache_room(cache);
}

/* The one that was looked at last, or was read since, stays: those who wait for
 * it have not come to it yet, and would never, if others waited, too. */
void rt_excerpt_cache_make_room(struct rt_excerpt_cache *cache, size_t size)
{
    while (is_full(cache, size) && cache->count > 1) {
        drop_first(cache);
    }
}

struct rt_excerpt *rt_excerpt_cache_take(struct rt_excerpt_cache *cache,
                                         uint32_t count)
{
    struct rt_excerpt *excerpt =
        rt_heap_alloc(cache->core->heap, size_of(count));
    if (excerpt != NULL) {
        *excerpt = (struct rt_excerpt){.count = count};
    }
    return excerpt;
}

static void touch(struct rt_excerpt_cache *cache, struct rt_excerpt *excerpt)
{
    excerpt->touched_ms = cache->core->now_ms;
    rt_list_append(&cache->excerpts, &excerpt->used);
}

void rt_excerpt_cache_keep(struct rt_excerpt_cache *cache,
                           struct rt_excerpt *excerpt)
{
    rt_list_init(&excerpt->used);
    touch(cache, excerpt);
    cache->bytes += bytes_of(excerpt);
    cache->count++;
}

/* --- what there is --- */

static bool has_number(const struct rt_excerpt *excerpt,
                       const struct rt_selection *selection,
                       uint64_t sequence)
{
    return excerpt->selection == selection && sequence >= excerpt->first &&
           sequence < excerpt->end;
}

struct rt_excerpt *rt_excerpt_cache_find(struct rt_excerpt_cache *cache,
                                         const struct rt_selection *selection,
                                         uint64_t sequence)
{
    RT_LIST_EACH (link, &cache->excerpts) {
        struct rt_excerpt *excerpt = excerpt_of(link);
        if (has_number(excerpt, selection, sequence)) {
            rt_list_remove(&excerpt->used);
            touch(cache, excerpt);
            return excerpt;
        }
    }
    return NULL;
}

uint32_t rt_excerpt_place(const struct rt_excerpt *excerpt, uint64_t sequence)
{
    uint32_t low = 0;
    uint32_t high = excerpt->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (excerpt->events[middle].sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- what goes --- */

void rt_excerpt_cache_forget(struct rt_excerpt_cache *cache,
                             const struct rt_selection *selection,
                             uint64_t sequence)
{
    struct rt_list *link = cache->excerpts.next;
    while (link != &cache->excerpts) {
        struct rt_excerpt *excerpt = excerpt_of(link);
        link = link->next;
        if (excerpt->selection == selection && excerpt->first <= sequence) {
            drop(cache, excerpt);
        }
    }
}

void rt_excerpt_cache_trim(struct rt_excerpt_cache *cache)
{
    while (!rt_list_is_empty(&cache->excerpts)) {
        const struct rt_excerpt *excerpt = excerpt_of(cache->excerpts.next);
        if (cache->core->now_ms - excerpt->touched_ms <= RT_EXCERPT_IDLE_MS) {
            return;
        }
        drop_first(cache);
    }
}
