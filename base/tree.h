/*
 * An ordered map from byte strings to pointers: a crit-bit tree (D. J.
 * Bernstein, "Crit-bit trees", cr.yp.to/critbit.html; A. Langley's annotated
 * implementation). A look-up compares one bit a level and the whole key once.
 * It needs no hash, so no choice of keys makes it slow beyond a level per key
 * bit, and it lists keys in order.
 *
 * Keys belong to whoever owns the values: they must stay until removed. No key
 * may contain a NUL byte, which marks the ends of keys here.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/bytes.h"
#include "base/heap.h"

struct rt_tree_leaf {
    struct rt_bytes key;
};

struct rt_tree_node;

/* A pointer to either, told apart by the lowest bit. */
typedef uintptr_t rt_tree_link;

struct rt_tree {
    struct rt_heap *heap;
    rt_tree_link root; /* 0: empty */
};

void rt_tree_init(struct rt_tree *tree, struct rt_heap *heap);

/* The leaf with exactly this key, or NULL. */
struct rt_tree_leaf *rt_tree_find(const struct rt_tree *tree,
                                  struct rt_bytes key);

/* The leaf with the first key, in order, that is the given one or comes after
 * it; NULL if there is none. */
struct rt_tree_leaf *rt_tree_seek(const struct rt_tree *tree,
                                  struct rt_bytes key);

/* Adds a leaf whose key is not in the tree: 0, or RT_ENOMEM. */
RT_MUST_USE int rt_tree_insert(struct rt_tree *tree, struct rt_tree_leaf *leaf);

/* Takes out a leaf that is in the tree. */
void rt_tree_remove(struct rt_tree *tree, struct rt_tree_leaf *leaf);

#endif
