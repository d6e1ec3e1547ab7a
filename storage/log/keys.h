/*
 * The keys that may be of use still, oldest first. A segment begins with all of
 * them, so that a start needs none but the last segment, and no key goes with a
 * segment that is removed. They are kept as they are written then: in blocks,
 * each of which is the body of a part. They go by blocks as well, when the last
 * key of the oldest one is of no use any more, or when there are too many.
 */
#ifndef STORAGE_LOG_KEYS_H
#define STORAGE_LOG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "base/list.h"
#include "storage/log/log.h"

/* What a block has at most: some keys of any length. */
#define RT_LOG_KEYS_BLOCK ((size_t)16 * 1024)

/* Keys, back to back. */
struct rt_log_keys_block {
    struct rt_list link;
    uint64_t wall_ms; /* the latest one's time */
    uint32_t len;
    uint32_t crc;
    char bytes[RT_LOG_KEYS_BLOCK];
};

struct rt_log_keys {
    struct rt_heap *heap;
    struct rt_log_key_limits limits;
    struct rt_list blocks; /* oldest first; none is empty */
    struct rt_list spares; /* for keys that there is to be room for */
    size_t room;           /* in the last of them, beside those */
    uint64_t bytes;        /* of all keys */
};

/* One of them. */
struct rt_log_key {
    uint64_t wall_ms;
    struct rt_bytes state;
};

/* Allocates nothing. */
void rt_log_keys_init(struct rt_log_keys *keys,
                      struct rt_heap *heap,
                      const struct rt_log_key_limits *limits);
void rt_log_keys_finish(struct rt_log_keys *keys);

/* Makes room for a key of that length, of at most RT_LOG_KEY_MAX, beside those
 * that there is to be room for already: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_log_keys_reserve(struct rt_log_keys *keys, size_t len);

/* None of those comes. */
void rt_log_keys_release(struct rt_log_keys *keys);

/* Adds a key; they come in the order in which there was made room for them. The
 * oldest ones go if it is too much. */
void rt_log_keys_add(struct rt_log_keys *keys, const struct rt_log_key *key);

/* Forgets those that are of no use any more; there is room for none to come. */
void rt_log_keys_expire(struct rt_log_keys *keys, uint64_t wall_ms);

/* Forgets all; there is room for none to come. */
void rt_log_keys_clear(struct rt_log_keys *keys);

typedef int (*rt_log_keys_fn)(void *context, struct rt_bytes state);

/* Calls for each key, from the first one on that is of use, until a call does
 * not return 0, and returns that. */
int rt_log_keys_tell(const struct rt_log_keys *keys,
                     uint64_t wall_ms,
                     rt_log_keys_fn call,
                     void *context);

/* Takes the first key from what is left of a block: 1, or 0 if there is none;
 * RT_EDAMAGED if it makes no sense. */
RT_MUST_USE int rt_log_keys_take(struct rt_bytes *block,
                                 struct rt_log_key *key);

#endif
