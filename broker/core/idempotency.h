/*
 * The window of Idempotency-Key: which requests to publish were done lately,
 * and what was answered, so that a request that is repeated, because its answer
 * was lost, is not done again.
 *
 * A key is remembered for its topic, and until the first of: its time has gone
 * by, as many later ones were remembered as may be, later ones need its part of
 * the memory. What was remembered first is dropped first.
 */
#ifndef BROKER_CORE_IDEMPOTENCY_H
#define BROKER_CORE_IDEMPOTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/tree.h"
#include "protocol/digest.h"
#include "protocol/idempotency_key.h"
#include "protocol/receipt.h"
#include "protocol/topic.h"

/* The part of the heap's limit that all keys may take in any case. */
#define RT_IDEMPOTENCY_PART 16

struct rt_idempotency_limits {
    uint64_t keep_ms;
    uint64_t count_max;
    uint64_t bytes_max;
};

struct rt_idempotency {
    struct rt_heap *heap;
    const struct rt_idempotency_limits *limits;
    struct rt_tree keys;
    struct rt_list by_age; /* what was remembered first is first */
    uint64_t count;
    size_t bytes; /* on the heap */
};

/* A request with a key. Topic and key were checked. */
struct rt_idempotency_request {
    struct rt_bytes topic; /* empty: several */
    struct rt_bytes key;
    struct rt_digest body;
};

struct rt_idempotency_entry;

/* Takes memory from the heap; it and the limits outlive the window. Allocates
 * nothing. */
void rt_idempotency_init(struct rt_idempotency *window,
                         struct rt_heap *heap,
                         const struct rt_idempotency_limits *limits);

/* What all keys may take of the heap. */
uint64_t rt_idempotency_bytes_max(const struct rt_idempotency *window);

/* Forgets everything. */
void rt_idempotency_finish(struct rt_idempotency *window);

/* 1 and the receipts, as many as there were, if the request is a repetition; 0
 * if its key is not known, or RT_EEXIST if that was the key of another body.
 * They are valid until the next call that remembers or forgets. */
RT_MUST_USE int
rt_idempotency_find(const struct rt_idempotency *window,
                    const struct rt_idempotency_request *request,
                    const struct rt_receipt **receipts);

/*
 * Remembers a request of which nothing is known, and that will be answered with
 * so many receipts, before it is done: what could not be remembered is better
 * not done at all. NULL without memory. Then it is
 * settled or forgotten, with no other call for the window in between.
 */
RT_MUST_USE struct rt_idempotency_entry *
rt_idempotency_remember(struct rt_idempotency *window,
                        const struct rt_idempotency_request *request,
                        uint32_t receipt_count,
                        uint64_t now_ms);

/* The request was done, and these are the answer from now on. */
void rt_idempotency_settle(struct rt_idempotency_entry *entry,
                           const struct rt_receipt *receipts);

/*
 * Remembers a request that was done before the start, at `since_ms`, with these
 * receipts, and forgets another one with its key. Requests come in the order in
 * which they were done. 0 or RT_ENOMEM.
 */
RT_MUST_USE int
rt_idempotency_restore(struct rt_idempotency *window,
                       const struct rt_idempotency_request *request,
                       const struct rt_receipt *receipts,
                       uint32_t receipt_count,
                       uint64_t since_ms);

/* The request failed, and may be tried again. */
void rt_idempotency_forget(struct rt_idempotency *window,
                           struct rt_idempotency_entry *entry);

/* Forgets a topic that was purged. Looks at all keys: purges are rare. */
void rt_idempotency_forget_topic(struct rt_idempotency *window,
                                 struct rt_bytes topic);

/* Whether the event of a receipt is lost. */
typedef bool (*rt_idempotency_fn)(const void *context,
                                  const struct rt_receipt *receipt);

/* Forgets requests of which any event is lost. Looks at all keys. */
void rt_idempotency_forget_lost(struct rt_idempotency *window,
                                rt_idempotency_fn is_lost,
                                const void *context);

/* Drops what has been remembered for long enough. Once a second will do. */
void rt_idempotency_expire(struct rt_idempotency *window, uint64_t now_ms);

#endif
