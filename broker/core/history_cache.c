#include "broker/core/history_cache.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/core.h"
#include "broker/core/journal.h"

#define ALIGNMENT _Alignof(struct rt_entry)

struct block {
    struct rt_list used;     /* in cache->blocks */
    struct rt_list of_topic; /* in durable->blocks */
    struct rt_segment *segment;
    uint64_t id; /* the topic's */
};

void rt_history_cache_init(struct rt_history_cache *cache, struct rt_core *core)
{
    *cache =
        (struct rt_history_cache){.core = core, .room = RT_HISTORY_BYTES_FEW};
    rt_list_init(&cache->blocks);
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t room_max(const struct rt_history_cache *cache)
{
    return lesser(cache->core->heap->limit / RT_HISTORY_PART,
                  RT_HISTORY_BYTES_MAX);
}

size_t rt_history_cache_block_bytes(const struct rt_history_cache *cache)
{
    size_t half = room_max(cache) / 2 / ALIGNMENT * ALIGNMENT;
    return lesser(RT_HISTORY_BLOCK_BYTES, half);
}

/* One segment of the usual size is left for the next block, if nobody else has
 * it still: whoever fills memory anew has the system find it, page by page. */
static void put_by(struct rt_history_cache *cache, struct rt_segment *segment)
{
    if (cache->spare == NULL && segment->references == 1 &&
        segment->capacity == rt_history_cache_block_bytes(cache)) {
        rt_segment_reset(segment);
        cache->spare = segment;
        return;
    }
    rt_segment_retire(&cache->core->store, segment);
}

static void drop(struct rt_history_cache *cache, struct block *block)
{
    rt_list_remove(&block->used);
    rt_list_remove(&block->of_topic);
    cache->bytes -= rt_segment_size(block->segment->capacity);
    put_by(cache, block->segment);
    rt_heap_free(cache->core->heap, block, sizeof(*block));
}

static void drop_spare(struct rt_history_cache *cache)
{
    rt_segment_unref(&cache->core->store, cache->spare);
    cache->spare = NULL;
}

static struct block *oldest(const struct rt_history_cache *cache)
{
    return rt_list_is_empty(&cache->blocks)
               ? NULL
               : RT_LIST_FIRST(&cache->blocks, struct block, used);
}

void rt_history_cache_finish(struct rt_history_cache *cache)
{
    if (cache->core == NULL) {
        return;
    }
    while (oldest(cache) != NULL) {
        drop(cache, oldest(cache));
    }
    drop_spare(cache);
    *cache = (struct rt_history_cache){0};
}

void rt_history_cache_trim(struct rt_history_cache *cache)
{
    struct block *block = oldest(cache);
    while (block != NULL && cache->core->now_ms - block->segment->touched_ms >
                                RT_HISTORY_IDLE_MS) {
        drop(cache, block);
        block = oldest(cache);
    }
    drop_spare(cache);
    if (block == NULL) {
        cache->room = RT_HISTORY_BYTES_FEW;
    }
}

void rt_history_cache_forget(struct rt_history_cache *cache,
                             struct rt_durable *durable)
{
    while (!rt_list_is_empty(&durable->blocks)) {
        drop(cache, RT_LIST_FIRST(&durable->blocks, struct block, of_topic));
    }
}

static bool has(const struct rt_segment *segment, uint64_t offset)
{
    return offset >= segment->first_offset &&
           offset - segment->first_offset < segment->event_count;
}

struct rt_segment *rt_history_cache_find(struct rt_history_cache *cache,
                                         const struct rt_durable *durable,
                                         uint64_t offset)
{
    RT_LIST_EACH (link, &durable->blocks) {
        struct block *block = RT_CONTAINER(link, struct block, of_topic);
        if (has(block->segment, offset)) {
            block->segment->touched_ms = cache->core->now_ms;
            rt_list_remove(&block->used);
            rt_list_append(&cache->blocks, &block->used);
            return block->segment;
        }
    }
    return NULL;
}

/* --- room --- */

bool rt_history_cache_is_full(const struct rt_history_cache *cache)
{
    return cache->bytes + rt_history_cache_block_bytes(cache) > room_max(cache);
}

/* Drops the oldest block, and remembers which it was. */
static void make_room(struct rt_history_cache *cache)
{
    struct block *block = oldest(cache);
    const struct rt_segment *segment = block->segment;
    cache->dropped[cache->dropped_next] = (struct rt_history_dropped){
        .id = block->id,
        .first = segment->first_offset,
        .end = segment->first_offset + segment->event_count,
        .dropped_ms = cache->core->now_ms};
    cache->dropped_next = (cache->dropped_next + 1) % RT_HISTORY_DROPPED_MAX;
    drop(cache, block);
}

/* Those that would have gone for their age by now do not count. */
static bool has_had(const struct rt_history_cache *cache,
                    const struct rt_durable *durable,
                    uint64_t offset)
{
    for (size_t i = 0; i < RT_HISTORY_DROPPED_MAX; i++) {
        const struct rt_history_dropped *dropped = &cache->dropped[i];
        uint64_t age_ms = cache->core->now_ms - dropped->dropped_ms;
        if (dropped->id == durable->id && offset >= dropped->first &&
            offset < dropped->end && age_ms <= RT_HISTORY_IDLE_MS) {
            return true;
        }
    }
    return false;
}

void rt_history_cache_miss(struct rt_history_cache *cache,
                           const struct rt_durable *durable,
                           uint64_t offset)
{
    if (has_had(cache, durable, offset)) {
        cache->room = lesser(2 * cache->room, RT_HISTORY_BYTES_MAX);
    }
}

/* The one that was looked at last, or was fetched since, stays: those who wait
 * for it have not come to it yet, and would never, if others waited, too. */
static bool has_two(const struct rt_history_cache *cache)
{
    return cache->blocks.next != cache->blocks.previous;
}

/* The spare one, if it has that size, or a new one. */
static struct rt_segment *obtain(struct rt_history_cache *cache,
                                 size_t capacity)
{
    struct rt_segment *segment = cache->spare;
    if (segment == NULL || segment->capacity != capacity) {
        return rt_segment_create(&cache->core->store, capacity);
    }
    cache->spare = NULL;
    return segment;
}

struct rt_segment *rt_history_cache_take(struct rt_history_cache *cache,
                                         size_t capacity)
{
    struct rt_store *store = &cache->core->store;
    size_t room = lesser(cache->room, room_max(cache));
    while (cache->bytes + capacity > room && has_two(cache)) {
        make_room(cache);
    }
    struct rt_segment *segment = obtain(cache, capacity);
    if (segment != NULL && rt_segment_reserve_types(store, segment) < 0) {
        rt_segment_unref(store, segment);
        return NULL;
    }
    return segment;
}

int rt_history_cache_keep(struct rt_history_cache *cache,
                          struct rt_durable *durable,
                          struct rt_segment *segment)
{
    struct block *block =
        rt_heap_alloc(cache->core->heap, sizeof(struct block));
    if (block == NULL) {
        return RT_ENOMEM;
    }
    block->segment = segment;
    block->id = durable->id;
    segment->touched_ms = cache->core->now_ms;
    rt_list_init(&block->used);
    rt_list_init(&block->of_topic);
    rt_list_append(&cache->blocks, &block->used);
    rt_list_append(&durable->blocks, &block->of_topic);
    cache->bytes += rt_segment_size(segment->capacity);
    return 0;
}

void rt_history_cache_give(struct rt_history_cache *cache,
                           struct rt_segment *segment)
{
    if (segment != NULL) {
        put_by(cache, segment);
    }
}
