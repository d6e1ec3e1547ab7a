/*
 * The one door to memory. A heap is an allocator with a budget: every byte the
 * broker holds is charged to it, and an allocation beyond the limit fails just
 * as one that the system refuses. Frees are sized, so accounting stores nothing
 * per block. One thread.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/*
 * Allocates (memory NULL), resizes, or frees (new_size 0, returns NULL). On
 * failure returns NULL and leaves the old block as it was.
 */
typedef void *(*rt_resize_fn)(void *context,
                              void *memory,
                              size_t old_size,
                              size_t new_size);

struct rt_heap {
    rt_resize_fn resize;
    void *context;
    size_t used;          /* bytes charged now */
    size_t limit;         /* bytes that may be charged; SIZE_MAX: no limit */
    size_t reserve;       /* of the limit: not for what can be refused */
    uint64_t allocations; /* how often memory was asked for, since the start */
};

/* A heap over the C library's allocator. */
void rt_heap_init(struct rt_heap *heap, size_t limit);

/* A heap over another one; over the C library's if `resize` is NULL. */
void rt_heap_init_over(struct rt_heap *heap,
                       size_t limit,
                       rt_resize_fn resize,
                       void *context);

/* Uninitialised memory of `size` > 0 bytes, or NULL. */
RT_MUST_USE void *rt_heap_alloc(struct rt_heap *heap, size_t size);

/* The same, zeroed. */
RT_MUST_USE void *rt_heap_zalloc(struct rt_heap *heap, size_t size);

/* Moves a block to a new size > 0; NULL leaves the old one valid. */
RT_MUST_USE void *rt_heap_resize(struct rt_heap *heap,
                                 void *memory,
                                 size_t old_size,
                                 size_t new_size);

/* Gives a block of exactly `size` bytes back. NULL is fine. */
void rt_heap_free(struct rt_heap *heap, void *memory, size_t size);

/*
 * Whether `size` more bytes would leave less than the reserve. What can be
 * refused asks first, so that there is memory left to refuse it with.
 */
bool rt_heap_is_low(const struct rt_heap *heap, size_t size);

/*
 * Charges memory that a library allocates on our behalf: 0, or RT_ENOMEM when
 * the budget is spent. rt_heap_uncharge gives the charge back.
 */
RT_MUST_USE int rt_heap_charge(struct rt_heap *heap, size_t size);
void rt_heap_uncharge(struct rt_heap *heap, size_t size);

#endif
