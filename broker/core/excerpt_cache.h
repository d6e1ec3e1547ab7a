/*
 * The excerpts that were read: what a selection has in a range of numbers, for
 * all its subscribers. They are a cache: the ones that nobody has looked at for
 * longest go, to make room for others or for their age.
 */
#ifndef BROKER_CORE_EXCERPT_CACHE_H
#define BROKER_CORE_EXCERPT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "storage/segment.h"

/* There are at most so many, and all together take at most this part of the
 * memory, and no more than so much; or the one that needs more. */
#define RT_EXCERPTS_MAX       64
#define RT_EXCERPTS_PART      32
#define RT_EXCERPTS_BYTES_MAX ((size_t)32 * 1024 * 1024)

/* An excerpt that nobody has looked at for so long goes. */
#define RT_EXCERPT_IDLE_MS 2000

struct rt_core;
struct rt_follower;
struct rt_selection;

struct rt_excerpt_event {
    struct rt_follower *follower;
    uint64_t sequence;
    uint64_t offset;
    uint32_t index; /* in the segment */
};

struct rt_excerpt {
    struct rt_list used; /* in cache->excerpts */
    const struct rt_selection *selection;
    uint64_t first;
    uint64_t end;               /* behind the last number that it has */
    struct rt_segment *segment; /* NULL: it has no events */
    uint64_t touched_ms;
    uint32_t count;
    struct rt_excerpt_event events[]; /* by their numbers */
};

struct rt_excerpt_cache {
    struct rt_core *core;
    struct rt_list excerpts; /* looked at longest ago is first */
    uint32_t count;
    size_t bytes; /* of all of them */
};

void rt_excerpt_cache_init(struct rt_excerpt_cache *cache,
                           struct rt_core *core);

/* Drops all excerpts. Zeroed memory is fine. */
void rt_excerpt_cache_finish(struct rt_excerpt_cache *cache);

/* How many bytes all may have. */
size_t rt_excerpt_cache_room(const struct rt_excerpt_cache *cache);

/* Drops others until there is room for so many bytes, or one is left. */
void rt_excerpt_cache_make_room(struct rt_excerpt_cache *cache, size_t size);

/* An excerpt with so many events, to be filled in and kept: NULL without
 * memory. */
RT_MUST_USE struct rt_excerpt *
rt_excerpt_cache_take(struct rt_excerpt_cache *cache, uint32_t count);

/* It is one of the cache from now on, with the segment that it has. */
void rt_excerpt_cache_keep(struct rt_excerpt_cache *cache,
                           struct rt_excerpt *excerpt);

/* The excerpt of a selection that has a number; NULL if there is none. It stays
 * until room is made, or until it is dropped for its age. */
struct rt_excerpt *rt_excerpt_cache_find(struct rt_excerpt_cache *cache,
                                         const struct rt_selection *selection,
                                         uint64_t sequence);

/* The place of its first event with that number or a higher one; `count` if
 * there is none. */
uint32_t rt_excerpt_place(const struct rt_excerpt *excerpt, uint64_t sequence);

/* Drops a selection's excerpts that begin at a number or before. */
void rt_excerpt_cache_forget(struct rt_excerpt_cache *cache,
                             const struct rt_selection *selection,
                             uint64_t sequence);

/* Drops the excerpts that nobody looks at. */
void rt_excerpt_cache_trim(struct rt_excerpt_cache *cache);

#endif
