/*
 * The order of events from several topics: a heap by their sequences, of which
 * the least is first. Each topic stands in it once, with its next event.
 */
#ifndef BROKER_CORE_MERGE_H
#define BROKER_CORE_MERGE_H

#include <stdint.h>

#include "base/heap.h"

struct rt_follower;

struct rt_merge_item {
    uint64_t sequence;
    uint64_t offset; /* in the topic, or the place in the excerpt */
    struct rt_follower *follower; /* NULL: of an excerpt, not of a ring */
};

struct rt_merge {
    struct rt_heap *heap;
    struct rt_merge_item *items;
    uint32_t count;
    uint32_t capacity;
};

/* Allocates nothing. */
void rt_merge_init(struct rt_merge *merge, struct rt_heap *heap);

void rt_merge_finish(struct rt_merge *merge);

/* Makes room for so many items: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_merge_reserve(struct rt_merge *merge, uint32_t count);

/* Adds an item, for which there must be room. */
void rt_merge_push(struct rt_merge *merge, struct rt_merge_item item);

/* The first item; there must be one. */
struct rt_merge_item rt_merge_first(const struct rt_merge *merge);

/* Takes the first item out; or another, of a sequence that is not less, into
 * its place. */
void rt_merge_pop(struct rt_merge *merge);
void rt_merge_replace(struct rt_merge *merge, struct rt_merge_item item);

#endif
