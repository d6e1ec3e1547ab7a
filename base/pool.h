/*
 * Blocks of one size, kept for reuse: the steady state of the data path takes
 * from a pool and gives back to it, and never allocates. A pool keeps at most
 * `spare_max` idle blocks; what is beyond that goes back to the heap, and so
 * do, bit by bit, those that nobody needs any more.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/heap.h"

struct rt_pool_block {
    struct rt_pool_block *next;
};

struct rt_pool {
    struct rt_heap *heap;
    struct rt_pool_block *spare;
    size_t block_size;
    size_t spare_count;
    size_t spare_min; /* the fewest since the last trim */
    size_t spare_max;
};

/* Blocks of `block_size` bytes, at least a pointer's. Allocates nothing. */
void rt_pool_init(struct rt_pool *pool,
                  struct rt_heap *heap,
                  size_t block_size,
                  size_t spare_max);

/* Returns half of the blocks that nobody took since the last trim, so that a
 * burst does not keep its memory for ever. To be called now and then. */
void rt_pool_trim(struct rt_pool *pool);

/* Returns the idle blocks to the heap. All taken ones must be back. */
void rt_pool_finish(struct rt_pool *pool);

/* An uninitialised block, or NULL. */
RT_MUST_USE void *rt_pool_take(struct rt_pool *pool);

/* Gives a block back. NULL is fine. */
void rt_pool_give(struct rt_pool *pool, void *memory);

#endif
