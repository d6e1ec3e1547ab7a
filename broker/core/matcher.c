#include "broker/core/matcher.h"

#include <string.h>

#include "base/error.h"
#include "base/tree.h"

/* What patterns begin with: the tokens from the root to here. */
struct rt_matcher_node {
    struct rt_tree_leaf leaf; /* in the parent's children; the key is `token` */
    struct rt_matcher_node *parent;
    struct rt_matcher_node *any; /* goes on with `*` */
    struct rt_tree children;     /* go on with a token */
    struct rt_list entries;      /* end here */
    struct rt_list rest_entries; /* go on with `>`, which is the end */
    char token[];
};

static size_t node_size(size_t token_len)
{
    return sizeof(struct rt_matcher_node) + token_len;
}

void rt_matcher_init(struct rt_matcher *matcher, struct rt_heap *heap)
{
    *matcher = (struct rt_matcher){.heap = heap};
}

static bool is_any(struct rt_bytes token)
{
    return rt_bytes_equal(token, RT_PATTERN_ANY);
}

static struct rt_matcher_node *node_of(struct rt_tree_leaf *leaf)
{
    return leaf == NULL ? NULL
                        : RT_CONTAINER(leaf, struct rt_matcher_node, leaf);
}

static struct rt_matcher_node *find_child(const struct rt_matcher_node *node,
                                          struct rt_bytes token)
{
    return node_of(rt_tree_find(&node->children, token));
}

/* --- adding --- */

static struct rt_matcher_node *node_create(struct rt_heap *heap,
                                           struct rt_matcher_node *parent,
                                           struct rt_bytes token)
{
    size_t size = node_size(token.len);
    if (rt_heap_is_low(heap, size)) {
        return NULL;
    }
    struct rt_matcher_node *node = rt_heap_alloc(heap, size);
    if (node == NULL) {
        return NULL;
    }
    *node = (struct rt_matcher_node){.parent = parent};
    memcpy(node->token, token.data, token.len);
    node->leaf.key = (struct rt_bytes){node->token, token.len};
    rt_tree_init(&node->children, heap);
    rt_list_init(&node->entries);
    rt_list_init(&node->rest_entries);
    return node;
}

static void node_destroy(struct rt_heap *heap, struct rt_matcher_node *node)
{
    rt_heap_free(heap, node, node_size(node->leaf.key.len));
}

static struct rt_matcher_node *add_child(struct rt_heap *heap,
                                         struct rt_matcher_node *node,
                                         struct rt_bytes token)
{
    struct rt_matcher_node *child = node_create(heap, node, token);
    if (child == NULL) {
        return NULL;
    }
    if (is_any(token)) {
        node->any = child;
    } else if (rt_tree_insert(&node->children, &child->leaf) < 0) {
        node_destroy(heap, child);
        return NULL;
    }
    return child;
}

static struct rt_matcher_node *obtain_child(struct rt_heap *heap,
                                            struct rt_matcher_node *node,
                                            struct rt_bytes token)
{
    struct rt_matcher_node *child =
        is_any(token) ? node->any : find_child(node, token);
    return child != NULL ? child : add_child(heap, node, token);
}

static bool is_empty(const struct rt_matcher_node *node)
{
    return rt_list_is_empty(&node->entries) &&
           rt_list_is_empty(&node->rest_entries) && node->any == NULL &&
           node->children.root == 0;
}

static void unlink_node(struct rt_matcher *matcher,
                        struct rt_matcher_node *node)
{
    struct rt_matcher_node *parent = node->parent;
    if (parent == NULL) {
        matcher->root = NULL;
    } else if (parent->any == node) {
        parent->any = NULL;
    } else {
        rt_tree_remove(&parent->children, &node->leaf);
    }
}

/* Frees the node, and those above it, as far as nothing needs them. */
static void prune(struct rt_matcher *matcher, struct rt_matcher_node *node)
{
    while (node != NULL && is_empty(node)) {
        struct rt_matcher_node *parent = node->parent;
        unlink_node(matcher, node);
        node_destroy(matcher->heap, node);
        node = parent;
    }
}

static struct rt_matcher_node *obtain_root(struct rt_matcher *matcher)
{
    if (matcher->root == NULL) {
        matcher->root = node_create(matcher->heap, NULL, RT_BYTES(""));
    }
    return matcher->root;
}

/* The node of a path without a `>`, made if there is none. */
static struct rt_matcher_node *obtain_node(struct rt_matcher *matcher,
                                           struct rt_bytes path)
{
    struct rt_matcher_node *node = obtain_root(matcher);
    while (node != NULL && path.data != NULL) {
        struct rt_bytes token = rt_bytes_split(&path, '.');
        struct rt_matcher_node *child =
            obtain_child(matcher->heap, node, token);
        if (child == NULL) {
            prune(matcher, node);
        }
        node = child;
    }
    return node;
}

/* Takes a `>` off the end of a pattern; what is left may be nothing at all. */
static bool take_rest(struct rt_bytes *pattern)
{
    if (pattern->data[pattern->len - 1] != '>') {
        return false;
    }
    bool is_alone = pattern->len == 1;
    *pattern = is_alone ? (struct rt_bytes){NULL, 0}
                        : (struct rt_bytes){pattern->data, pattern->len - 2};
    return true;
}

int rt_matcher_add(struct rt_matcher *matcher,
                   struct rt_bytes pattern,
                   struct rt_matcher_entry *entry)
{
    RT_CHECK(entry->node == NULL);
    bool has_rest = take_rest(&pattern);
    struct rt_matcher_node *node = obtain_node(matcher, pattern);
    if (node == NULL) {
        return RT_ENOMEM;
    }
    entry->node = node;
    rt_list_append(has_rest ? &node->rest_entries : &node->entries,
                   &entry->link);
    return 0;
}

void rt_matcher_remove(struct rt_matcher *matcher,
                       struct rt_matcher_entry *entry)
{
    if (entry->node == NULL) {
        return;
    }
    rt_list_remove(&entry->link);
    prune(matcher, entry->node);
    entry->node = NULL;
}

/* --- matching --- */

/* A node that the topic's first tokens lead to, and its other tokens. */
struct branch {
    const struct rt_matcher_node *node;
    struct rt_bytes rest; /* data NULL: none */
};

/* Branches to go down yet: each token adds at most one to those before it. */
struct walk {
    struct branch branches[RT_TOPIC_TOKENS_MAX + 1];
    size_t count;
    rt_matcher_fn found;
    void *context;
};

static void push(struct walk *walk,
                 const struct rt_matcher_node *node,
                 struct rt_bytes rest)
{
    if (node != NULL) {
        RT_CHECK(walk->count < RT_ARRAY_LENGTH(walk->branches));
        walk->branches[walk->count++] = (struct branch){node, rest};
    }
}

static void report(const struct walk *walk, const struct rt_list *entries)
{
    RT_LIST_EACH (link, entries) {
        walk->found(RT_CONTAINER(link, struct rt_matcher_entry, link),
                    walk->context);
    }
}

/* Goes down one branch by one token. */
static void step(struct walk *walk)
{
    struct branch branch = walk->branches[--walk->count];
    if (branch.rest.data == NULL) {
        report(walk, &branch.node->entries);
        return;
    }
    report(walk, &branch.node->rest_entries);
    struct rt_bytes token = rt_bytes_split(&branch.rest, '.');
    push(walk, branch.node->any, branch.rest);
    push(walk, find_child(branch.node, token), branch.rest);
}

/* The broker's own topics are not for the wildcards at the root. */
static void begin(struct walk *walk,
                  const struct rt_matcher_node *root,
                  struct rt_bytes topic)
{
    const struct rt_matcher_node *node = root;
    if (root != NULL && topic.data[0] == '$') {
        node = find_child(root, rt_bytes_split(&topic, '.'));
    }
    push(walk, node, topic);
}

void rt_matcher_match(const struct rt_matcher *matcher,
                      struct rt_bytes topic,
                      rt_matcher_fn found,
                      void *context)
{
    struct walk walk;
    walk.count = 0;
    walk.found = found;
    walk.context = context;
    begin(&walk, matcher->root, topic);
    while (walk.count > 0) {
        step(&walk);
    }
}
