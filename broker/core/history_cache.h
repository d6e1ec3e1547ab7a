/*
 * The blocks of history: segments of events that were fetched from disk, each
 * of one topic, for all who come to these events. They are a cache: the ones
 * that nobody has looked at for longest go, to make room for others or for
 * their age.
 *
 * Who reads on alone comes to each block once, and is faster when a few of them
 * are used in turn, which stay in the processor's cache, than when all of the
 * memory is gone through. So there is room for a few at first. Whenever a block
 * is asked for that was dropped for lack of room, there is twice as much.
 */
#ifndef BROKER_CORE_HISTORY_CACHE_H
#define BROKER_CORE_HISTORY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "storage/segment.h"

/* A block has as many events as fit; one that is larger has its own. All blocks
 * together take at most this part of the memory, and no more than so much; or
 * two of them, if one event needs more. Where half of that is less than a
 * block, blocks are smaller. */
#define RT_HISTORY_BLOCK_BYTES ((size_t)512 * 1024)
#define RT_HISTORY_PART        16
#define RT_HISTORY_BYTES_MAX   ((size_t)64 * 1024 * 1024)

/* Of a few blocks, with their heads: the one that is being read, the two behind
 * it and one before it, and one that is being fetched. */
#define RT_HISTORY_BYTES_FEW (6 * RT_HISTORY_BLOCK_BYTES)

/* A block that nobody has looked at for so long goes. */
#define RT_HISTORY_IDLE_MS 2000

/* How many dropped blocks are remembered. */
#define RT_HISTORY_DROPPED_MAX 64

struct rt_core;
struct rt_durable;

/* A block that was dropped for lack of room. */
struct rt_history_dropped {
    uint64_t id; /* the topic's; 0: none */
    uint64_t first;
    uint64_t end;
    uint64_t dropped_ms;
};

struct rt_history_cache {
    struct rt_core *core;
    struct rt_list blocks;    /* looked at longest ago is first */
    size_t bytes;             /* of all blocks */
    size_t room;              /* for them: FEW, or up to MAX */
    struct rt_segment *spare; /* empty, and of the usual size; or NULL */
    struct rt_history_dropped dropped[RT_HISTORY_DROPPED_MAX];
    uint32_t dropped_next; /* the oldest of them */
};

void rt_history_cache_init(struct rt_history_cache *cache,
                           struct rt_core *core);

/* Drops all blocks. Zeroed memory is fine. */
void rt_history_cache_finish(struct rt_history_cache *cache);

/* The block of a topic with that event; NULL if there is none. It stays until
 * the next one is taken, or until it is dropped for its age. */
struct rt_segment *rt_history_cache_find(struct rt_history_cache *cache,
                                         const struct rt_durable *durable,
                                         uint64_t offset);

/* An event is asked for that no block has: if the cache has had one, there is
 * more room from now on. */
void rt_history_cache_miss(struct rt_history_cache *cache,
                           const struct rt_durable *durable,
                           uint64_t offset);

/* What a block has room for. */
size_t rt_history_cache_block_bytes(const struct rt_history_cache *cache);

/* Whether a block more would be too much at any time. */
bool rt_history_cache_is_full(const struct rt_history_cache *cache);

/* An empty segment with room for types, to be filled and kept, and memory made
 * free for it; NULL if there is none. */
RT_MUST_USE struct rt_segment *
rt_history_cache_take(struct rt_history_cache *cache, size_t capacity);

/* Makes a segment a block of a topic: 0; or RT_ENOMEM, and the segment is the
 * caller's still. */
RT_MUST_USE int rt_history_cache_keep(struct rt_history_cache *cache,
                                      struct rt_durable *durable,
                                      struct rt_segment *segment);

/* Frees a segment that was taken and is not kept; NULL is fine. */
void rt_history_cache_give(struct rt_history_cache *cache,
                           struct rt_segment *segment);

/* Drops a topic's blocks. */
void rt_history_cache_forget(struct rt_history_cache *cache,
                             struct rt_durable *durable);

/* Drops the blocks that nobody looks at, and the spare one. */
void rt_history_cache_trim(struct rt_history_cache *cache);

#endif
