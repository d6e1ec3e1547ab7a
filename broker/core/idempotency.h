/*
 * The window of Idempotency-Key: which requests to publish were done lately,
 * and what was answered, so that a request that is repeated, because its answer
 * was lost, is not done again.
 *
 * A key is remembered for its topic, and until the first of: RT_IDEMPOTENCY_MS
 * have gone by, RT_IDEMPOTENCY_MAX later ones were remembered, later ones need
 * its part of the memory. What was remembered first is dropped first.
 */
#ifndef BROKER_CORE_IDEMPOTENCY_H
#define BROKER_CORE_IDEMPOTENCY_H

#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/tree.h"
#include "protocol/cursor.h"
#include "protocol/digest.h"
#include "protocol/idempotency_key.h"
#include "protocol/topic.h"

#define RT_IDEMPOTENCY_MS  300000
#define RT_IDEMPOTENCY_MAX 10000

/* The part of the heap's limit that all keys may take. */
#define RT_IDEMPOTENCY_PART 64

struct rt_idempotency {
    struct rt_heap *heap;
    struct rt_tree keys;
    struct rt_list by_age; /* what was remembered first is first */
    uint32_t count;
    size_t bytes; /* on the heap */
};

/* A request with a key. Topic and key were checked. */
struct rt_idempotency_request {
    struct rt_bytes topic;
    struct rt_bytes key;
    struct rt_digest body;
};

/* What was answered. */
struct rt_idempotency_receipt {
    struct rt_cursor cursor; /* of the last event */
    uint64_t wall_ms;
    uint64_t first; /* offset of a batch's first event */
    uint32_t count; /* of a batch's events; 0: it was one event alone */
};

struct rt_idempotency_entry;

/* Takes memory from the heap, which outlives the window. Allocates nothing. */
void rt_idempotency_init(struct rt_idempotency *window, struct rt_heap *heap);

/* Forgets everything. */
void rt_idempotency_finish(struct rt_idempotency *window);

/* 1 and the receipt if the request is a repetition, 0 if its key is not known,
 * or RT_EEXIST if that was the key of another body. */
RT_MUST_USE int
rt_idempotency_find(const struct rt_idempotency *window,
                    const struct rt_idempotency_request *request,
                    struct rt_idempotency_receipt *receipt);

/*
 * Remembers a request of which nothing is known, before it is done: what could
 * not be remembered is better not done at all. NULL without memory. Then it is
 * settled or forgotten, with no other call for the window in between.
 */
RT_MUST_USE struct rt_idempotency_entry *
rt_idempotency_remember(struct rt_idempotency *window,
                        const struct rt_idempotency_request *request,
                        uint64_t now_ms);

/* The request was done, and this is the answer from now on. */
void rt_idempotency_settle(struct rt_idempotency_entry *entry,
                           const struct rt_idempotency_receipt *receipt);

/* The request failed, and may be tried again. */
void rt_idempotency_forget(struct rt_idempotency *window,
                           struct rt_idempotency_entry *entry);

/* Forgets a topic that was purged. Looks at all keys: purges are rare. */
void rt_idempotency_forget_topic(struct rt_idempotency *window,
                                 struct rt_bytes topic);

/* Drops what has been remembered for long enough. Once a second will do. */
void rt_idempotency_expire(struct rt_idempotency *window, uint64_t now_ms);

#endif
