#include "base/tree.h"

#include "base/error.h"

/*
 * An inner node says at which bit its two subtrees first differ: `byte` is the
 * index into the key, `mask` has that one bit set. Below a node all keys share
 * what comes before the bit; along a path the bits only move on.
 */
struct rt_tree_node {
    rt_tree_link children[2];
    uint32_t byte;
    uint8_t mask;
};

static bool is_node(rt_tree_link link)
{
    return (link & 1) != 0;
}

static struct rt_tree_node *node_of(rt_tree_link link)
{
    return (struct rt_tree_node *)(link - 1);
}

static struct rt_tree_leaf *leaf_of(rt_tree_link link)
{
    return (struct rt_tree_leaf *)link;
}

static rt_tree_link link_to_node(struct rt_tree_node *node)
{
    return (rt_tree_link)node + 1;
}

/* Beyond its end a key reads as NUL, so a prefix sorts before what it begins.*/
static uint8_t byte_of(struct rt_bytes key, size_t index)
{
    return index < key.len ? (uint8_t)key.data[index] : 0;
}

static int direction(const struct rt_tree_node *node, struct rt_bytes key)
{
    return (byte_of(key, node->byte) & node->mask) != 0;
}

void rt_tree_init(struct rt_tree *tree, struct rt_heap *heap)
{
    *tree = (struct rt_tree){.heap = heap};
}

/* The one leaf that can be equal to the key; the tree is not empty. */
static struct rt_tree_leaf *nearest(const struct rt_tree *tree,
                                    struct rt_bytes key)
{
    rt_tree_link link = tree->root;
    while (is_node(link)) {
        const struct rt_tree_node *node = node_of(link);
        link = node->children[direction(node, key)];
    }
    return leaf_of(link);
}

struct rt_tree_leaf *rt_tree_find(const struct rt_tree *tree,
                                  struct rt_bytes key)
{
    if (tree->root == 0) {
        return NULL;
    }
    struct rt_tree_leaf *leaf = nearest(tree, key);
    return rt_bytes_equal(leaf->key, key) ? leaf : NULL;
}

/* Finds the first bit at which the keys differ. */
static void set_critical_bit(struct rt_tree_node *node,
                             struct rt_bytes a,
                             struct rt_bytes b)
{
    uint32_t byte = 0;
    while (byte_of(a, byte) == byte_of(b, byte)) {
        RT_CHECK(byte < a.len || byte < b.len);
        byte++;
    }
    unsigned differing = byte_of(a, byte) ^ byte_of(b, byte);
    uint8_t mask = 0x80;
    while ((differing & mask) == 0) {
        mask >>= 1;
    }
    node->byte = byte;
    node->mask = mask;
}

static bool comes_before(const struct rt_tree_node *a,
                         const struct rt_tree_node *b)
{
    return a->byte < b->byte || (a->byte == b->byte && a->mask > b->mask);
}

static struct rt_tree_leaf *first_of(rt_tree_link link)
{
    while (is_node(link)) {
        link = node_of(link)->children[0];
    }
    return leaf_of(link);
}

/* The key would go beside the subtree that differs from it from the critical
 * bit on: before all of it, or behind it, and then the next is where the path
 * went left last. */
struct rt_tree_leaf *rt_tree_seek(const struct rt_tree *tree,
                                  struct rt_bytes key)
{
    struct rt_tree_leaf *like = tree->root == 0 ? NULL : nearest(tree, key);
    struct rt_tree_node critical;
    rt_tree_link link = tree->root;
    rt_tree_link behind = 0;
    if (like == NULL || rt_bytes_equal(like->key, key)) {
        return like;
    }
    set_critical_bit(&critical, like->key, key);
    while (is_node(link) && comes_before(node_of(link), &critical)) {
        const struct rt_tree_node *node = node_of(link);
        int side = direction(node, key);
        behind = side == 0 ? node->children[1] : behind;
        link = node->children[side];
    }
    if (direction(&critical, key) == 0) {
        return first_of(link);
    }
    return behind == 0 ? NULL : first_of(behind);
}

int rt_tree_insert(struct rt_tree *tree, struct rt_tree_leaf *leaf)
{
    RT_CHECK(((rt_tree_link)leaf & 1) == 0);
    if (tree->root == 0) {
        tree->root = (rt_tree_link)leaf;
        return 0;
    }
    struct rt_tree_node *node = rt_heap_alloc(tree->heap, sizeof(*node));
    if (node == NULL) {
        return RT_ENOMEM;
    }
    set_critical_bit(node, leaf->key, nearest(tree, leaf->key)->key);
    rt_tree_link *place = &tree->root;
    while (is_node(*place) && comes_before(node_of(*place), node)) {
        place =
            &node_of(*place)->children[direction(node_of(*place), leaf->key)];
    }
    int side = direction(node, leaf->key);
    node->children[side] = (rt_tree_link)leaf;
    node->children[1 - side] = *place;
    *place = link_to_node(node);
    return 0;
}

void rt_tree_remove(struct rt_tree *tree, struct rt_tree_leaf *leaf)
{
    rt_tree_link *place = &tree->root;
    rt_tree_link *above = NULL;
    while (is_node(*place)) {
        above = place;
        place =
            &node_of(*place)->children[direction(node_of(*place), leaf->key)];
    }
    RT_CHECK(leaf_of(*place) == leaf);
    if (above == NULL) {
        tree->root = 0;
        return;
    }
    struct rt_tree_node *node = node_of(*above);
    *above = node->children[place == &node->children[0] ? 1 : 0];
    rt_heap_free(tree->heap, node, sizeof(*node));
}
