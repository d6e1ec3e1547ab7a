#include "base/heap.h"

#include "base/error.h"
#include "tests/support/test.h"

TEST("a heap counts what is allocated and what is freed")
{
    struct rt_heap heap;
    rt_heap_init(&heap, 1000);
    void *a = rt_heap_alloc(&heap, 100);
    EXPECT(a != NULL);
    EXPECT_INT(heap.used, 100);
    a = rt_heap_resize(&heap, a, 100, 250);
    EXPECT_INT(heap.used, 250);
    rt_heap_free(&heap, a, 250);
    EXPECT_INT(heap.used, 0);
    EXPECT_INT(heap.allocations, 2);
}

TEST("an allocation beyond the limit fails and one that just fits does not")
{
    struct rt_heap heap;
    rt_heap_init(&heap, 100);
    EXPECT(rt_heap_alloc(&heap, 101) == NULL);
    void *a = rt_heap_alloc(&heap, 100);
    EXPECT(a != NULL);
    EXPECT(rt_heap_alloc(&heap, 1) == NULL);
    rt_heap_free(&heap, a, 100);
}

TEST("a block can shrink when the budget is spent")
{
    struct rt_heap heap;
    rt_heap_init(&heap, 100);
    void *a = rt_heap_alloc(&heap, 100);
    heap.limit = 10;
    a = rt_heap_resize(&heap, a, 100, 50);
    EXPECT(a != NULL);
    rt_heap_free(&heap, a, 50);
}

TEST("memory charged for a library counts against the limit")
{
    struct rt_heap heap;
    rt_heap_init(&heap, 100);
    EXPECT_INT(rt_heap_charge(&heap, 60), 0);
    EXPECT_INT(rt_heap_charge(&heap, 60), RT_ENOMEM);
    rt_heap_uncharge(&heap, 60);
    EXPECT_INT(heap.used, 0);
}
