#include "base/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "tests/support/test.h"

#define KEY_COUNT 2000

struct item {
    struct rt_tree_leaf leaf;
    char text[16];
    bool is_in;
};

static void name_item(struct item *item, int number)
{
    int len = snprintf(item->text, sizeof(item->text), "k%d", number);
    item->leaf.key = (struct rt_bytes){item->text, (size_t)len};
}

TEST("a tree finds what was inserted and nothing else")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_tree tree;
    rt_tree_init(&tree, &heap);
    EXPECT(rt_tree_find(&tree, RT_BYTES("a")) == NULL);
    struct rt_tree_leaf a = {RT_BYTES("a")};
    struct rt_tree_leaf ab = {RT_BYTES("ab")};
    struct rt_tree_leaf b = {RT_BYTES("b")};
    EXPECT_INT(rt_tree_insert(&tree, &ab), 0);
    EXPECT_INT(rt_tree_insert(&tree, &a), 0);
    EXPECT_INT(rt_tree_insert(&tree, &b), 0);
    EXPECT(rt_tree_find(&tree, RT_BYTES("a")) == &a);
    EXPECT(rt_tree_find(&tree, RT_BYTES("ab")) == &ab);
    EXPECT(rt_tree_find(&tree, RT_BYTES("b")) == &b);
    EXPECT(rt_tree_find(&tree, RT_BYTES("")) == NULL);
    EXPECT(rt_tree_find(&tree, RT_BYTES("abc")) == NULL);
    rt_tree_remove(&tree, &a);
    rt_tree_remove(&tree, &ab);
    rt_tree_remove(&tree, &b);
    EXPECT_INT(heap.used, 0);
}

TEST("a tree agrees with a plain array under random inserts and removals")
{
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    struct rt_tree tree;
    rt_tree_init(&tree, &heap);
    static struct item items[KEY_COUNT];
    srand(1);
    for (int step = 0; step < 20 * KEY_COUNT; step++) {
        int number = rand() % KEY_COUNT;
        struct item *item = &items[number];
        name_item(item, number);
        struct rt_tree_leaf *found = rt_tree_find(&tree, item->leaf.key);
        EXPECT(found == (item->is_in ? &item->leaf : NULL));
        if (item->is_in) {
            rt_tree_remove(&tree, &item->leaf);
        } else {
            EXPECT_INT(rt_tree_insert(&tree, &item->leaf), 0);
        }
        item->is_in = !item->is_in;
    }
    for (int i = 0; i < KEY_COUNT; i++) {
        if (items[i].is_in) {
            rt_tree_remove(&tree, &items[i].leaf);
        }
    }
    EXPECT_INT(heap.used, 0);
}

TEST("an insert that finds no memory leaves the tree as it was")
{
    struct test_heap heap;
    test_heap_init(&heap, SIZE_MAX);
    struct rt_tree tree;
    rt_tree_init(&tree, &heap.heap);
    struct rt_tree_leaf a = {RT_BYTES("a")};
    struct rt_tree_leaf b = {RT_BYTES("b")};
    EXPECT_INT(rt_tree_insert(&tree, &a), 0);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_tree_insert(&tree, &b), RT_ENOMEM);
    EXPECT(rt_tree_find(&tree, RT_BYTES("a")) == &a);
    EXPECT(rt_tree_find(&tree, RT_BYTES("b")) == NULL);
}
