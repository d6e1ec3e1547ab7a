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

void rt_pool_finish(struct rt_pool *pool)
{
    while (pool->spare != NULL) {
        struct rt_pool_block *block = pool->spare;
        pool->spare = block->next;
        rt_heap_free(pool->heap, block, pool->block_size);
    }
    pool->spare_count = 0;
}

void *rt_pool_take(struct rt_pool *pool)
{
    struct rt_pool_block *block = pool->spare;
    if (block == NULL) {
        return rt_heap_alloc(pool->heap, pool->block_size);
    }
    pool->spare = block->next;
    pool->spare_count--;
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
