#include "base/pool.h"

#include "tests/support/test.h"

TEST("a pool hands a given block out again without the heap")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_pool pool;
    rt_pool_init(&pool, &heap, 64, 8);
    void *block = rt_pool_take(&pool);
    EXPECT(block != NULL);
    rt_pool_give(&pool, block);
    uint64_t allocations = heap.allocations;
    EXPECT(rt_pool_take(&pool) == block);
    EXPECT_INT(heap.allocations, allocations);
    rt_pool_give(&pool, block);
    rt_pool_finish(&pool);
    EXPECT_INT(heap.used, 0);
}

TEST("a pool keeps no more idle blocks than its bound")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_pool pool;
    rt_pool_init(&pool, &heap, 64, 1);
    void *a = rt_pool_take(&pool);
    void *b = rt_pool_take(&pool);
    rt_pool_give(&pool, a);
    rt_pool_give(&pool, b);
    EXPECT_INT(heap.used, 64);
    rt_pool_finish(&pool);
}

TEST("a trim frees, half by half, what nobody has taken since the last one")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_pool pool;
    void *blocks[8];
    rt_pool_init(&pool, &heap, 64, 8);
    for (int i = 0; i < 8; i++) {
        blocks[i] = rt_pool_take(&pool);
    }
    for (int i = 0; i < 8; i++) {
        rt_pool_give(&pool, blocks[i]);
    }
    rt_pool_trim(&pool); /* all were taken meanwhile */
    EXPECT_INT(heap.used, 8 * 64);
    rt_pool_give(&pool, rt_pool_take(&pool)); /* seven were not */
    rt_pool_trim(&pool);
    EXPECT_INT(heap.used, 4 * 64);
    for (int i = 0; i < 3; i++) {
        rt_pool_trim(&pool);
    }
    EXPECT_INT(heap.used, 0);
    rt_pool_trim(&pool);
    rt_pool_finish(&pool);
}
