#include "broker/core/merge.h"

#include "tests/support/random.h"
#include "tests/support/test.h"

#define COUNT_MAX 200
#define SEEDS     50

/* Several rising rows of numbers, merged. */
static void merge_rows(struct rt_merge *merge, struct test_random *random)
{
    uint32_t rows = 1 + test_random_below(random, COUNT_MAX);
    uint64_t last = 0;
    EXPECT_INT(rt_merge_reserve(merge, rows), 0);
    for (uint32_t i = 0; i < rows; i++) {
        struct rt_merge_item item = {.sequence = test_random_below(random, 99),
                                     .offset = 1};
        rt_merge_push(merge, item);
    }
    while (merge->count > 0) {
        struct rt_merge_item item = rt_merge_first(merge);
        EXPECT(item.sequence >= last);
        last = item.sequence;
        item.sequence += test_random_below(random, 20);
        item.offset++;
        if (item.offset > 5) {
            rt_merge_pop(merge);
        } else {
            rt_merge_replace(merge, item);
        }
    }
}

TEST("what is merged comes in order")
{
    struct test_heap heap;
    struct rt_merge merge;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct test_random random = test_random_seed(seed);
        test_heap_init(&heap, SIZE_MAX);
        rt_merge_init(&merge, &heap.heap);
        merge_rows(&merge, &random);
        merge_rows(&merge, &random);
        rt_merge_finish(&merge);
        EXPECT_INT(heap.heap.used, 0);
    }
}

TEST("room that cannot be made leaves what there is")
{
    struct test_heap heap;
    struct rt_merge merge;
    test_heap_init(&heap, SIZE_MAX);
    rt_merge_init(&merge, &heap.heap);
    EXPECT_INT(rt_merge_reserve(&merge, 1), 0);
    rt_merge_push(&merge, (struct rt_merge_item){.sequence = 7});
    test_heap_fail_at(&heap, 1);
    EXPECT(rt_merge_reserve(&merge, 100) < 0);
    EXPECT_INT(rt_merge_first(&merge).sequence, 7);
    EXPECT_INT(rt_merge_reserve(&merge, 100), 0);
    EXPECT_INT(rt_merge_first(&merge).sequence, 7);
    rt_merge_finish(&merge);
}
