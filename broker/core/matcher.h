/*
 * The matcher: from a topic to all who subscribed to patterns that have it. A
 * trie by tokens: what patterns begin with in common is there once. The cost
 * grows with the topic's tokens, and with how many beginnings of patterns agree
 * with the topic so far: patterns that differ from it cost nothing beyond the
 * token where they do. There is no hash, so no choice of tokens makes it slow;
 * patterns that agree up to their last token cost at most one step for each of
 * their tokens.
 *
 * An entry belongs to whoever subscribes, and stays until it is removed.
 */
#ifndef BROKER_CORE_MATCHER_H
#define BROKER_CORE_MATCHER_H

#include "base/heap.h"
#include "base/list.h"
#include "protocol/pattern.h"

struct rt_matcher_node;

struct rt_matcher {
    struct rt_heap *heap;
    struct rt_matcher_node *root; /* NULL: no entries */
};

/* All zeroes is in no matcher. */
struct rt_matcher_entry {
    struct rt_list link;          /* with those of the same pattern */
    struct rt_matcher_node *node; /* NULL: in no matcher */
};

/* Allocates nothing. There is no finish: a matcher without entries has nothing
 * to free. */
void rt_matcher_init(struct rt_matcher *matcher, struct rt_heap *heap);

/* Adds an entry that is in no matcher for a valid pattern, which is copied: 0,
 * or RT_ENOMEM, which changes nothing. */
RT_MUST_USE int rt_matcher_add(struct rt_matcher *matcher,
                               struct rt_bytes pattern,
                               struct rt_matcher_entry *entry);

/* Takes an entry out, and frees what only it needed; harmless when it is out.
 */
void rt_matcher_remove(struct rt_matcher *matcher,
                       struct rt_matcher_entry *entry);

/* An entry whose pattern has the topic. May not change the matcher. */
typedef void (*rt_matcher_fn)(struct rt_matcher_entry *entry, void *context);

/* Calls `found` for each entry whose pattern has the valid topic, once. */
void rt_matcher_match(const struct rt_matcher *matcher,
                      struct rt_bytes topic,
                      rt_matcher_fn found,
                      void *context);

#endif
