#include "base/pool.h"

void rt_pool_init(struct rt_pool *pool,
                  struct rt_heap *heap,
                  size_t block_size,
                  size_t spare_max)
{
    RT_CHECK(block_size >= sizeof(struct rt_pool_block));
    *pool = (struct rt_pool){
        .heap = heap, .block_size = block_size, .spare_max = spare_max};
}

static struct rt_pool_block *take_spare(struct rt_pool *pool)
{
    struct rt_pool_block *block = pool->spare;
    pool->spare = block->next;
    pool->spare_count--;
    return block;
}

static void free_spares(struct rt_pool *pool, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rt_heap_free(pool->heap, take_spare(pool), pool->block_size);
    }
}

void rt_pool_trim(struct rt_pool *pool)
{
    free_spares(pool, (pool->spare_min + 1) / 2);
    pool->spare_min = pool->spare_count;
}

void rt_pool_finish(struct rt_pool *pool)
{
    free_spares(pool, pool->spare_count);
}

void *rt_pool_take(struct rt_pool *pool)
{
    if (pool->spare == NULL) {
        return rt_heap_alloc(pool->heap, pool->block_size);
    }
    struct rt_pool_block *block = take_spare(pool);
    if (pool->spare_count < pool->spare_min) {
        pool->spare_min = pool->spare_count;
    }
    return block;
}

void rt_pool_give(struct rt_pool *pool, void *memory)
{
    if (memory == NULL) {
        return;
    }
    if (pool->spare_count >= pool->spare_max) {
        rt_heap_free(pool->heap, memory, pool->block_size);
        return;
    }
    struct rt_pool_block *block = memory;
    block->next = pool->spare;
    pool->spare = block;
    pool->spare_count++;
}
