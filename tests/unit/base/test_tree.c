#include "base/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

TEST("a tree is sought through in order, from any key on")
{
    static const char *const texts[] = {"a", "a.b", "a.c", "ab", "b", "b~"};
    struct rt_tree_leaf leaves[RT_ARRAY_LENGTH(texts)];
    struct rt_heap heap;
    struct rt_tree tree;
    rt_heap_init(&heap, SIZE_MAX);
    rt_tree_init(&tree, &heap);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("")) == NULL);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(texts); i++) {
        leaves[i].key = rt_bytes_of(texts[i]);
        EXPECT_INT(rt_tree_insert(&tree, &leaves[i]), 0);
    }
    EXPECT(rt_tree_seek(&tree, RT_BYTES("")) == &leaves[0]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("a")) == &leaves[0]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("a\1")) == &leaves[1]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("a.")) == &leaves[1]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("a.bb")) == &leaves[2]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("a~")) == &leaves[4]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("b.")) == &leaves[5]);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("b~\1")) == NULL);
    EXPECT(rt_tree_seek(&tree, RT_BYTES("\377")) == NULL);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(texts); i++) {
        rt_tree_remove(&tree, &leaves[i]);
    }
    EXPECT_INT(heap.used, 0);
}

/* The plain way to the same. */
static struct rt_tree_leaf *
seek_plainly(struct item *items, int count, struct rt_bytes key)
{
    struct item *found = NULL;
    for (int i = 0; i < count; i++) {
        bool is_behind = items[i].is_in && strcmp(items[i].text, key.data) >= 0;
        if (is_behind &&
            (found == NULL || strcmp(items[i].text, found->text) < 0)) {
            found = &items[i];
        }
    }
    return found == NULL ? NULL : &found->leaf;
}

TEST("seeking agrees with a plain array")
{
    enum { COUNT = 300 };
    static struct item items[COUNT];
    struct rt_heap heap;
    struct rt_tree tree;
    rt_heap_init(&heap, SIZE_MAX);
    rt_tree_init(&tree, &heap);
    srand(2);
    for (int i = 0; i < COUNT; i++) {
        name_item(&items[i], i);
        items[i].is_in = rand() % 2 == 0;
        EXPECT(!items[i].is_in || rt_tree_insert(&tree, &items[i].leaf) == 0);
    }
    for (int i = 0; i < 2 * COUNT; i++) {
        struct item probe;
        name_item(&probe, i);
        EXPECT(rt_tree_seek(&tree, probe.leaf.key) ==
               seek_plainly(items, COUNT, probe.leaf.key));
    }
    for (int i = 0; i < COUNT; i++) {
        if (items[i].is_in) {
            rt_tree_remove(&tree, &items[i].leaf);
        }
    }
}
