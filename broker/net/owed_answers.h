/*
 * Answers of a session that have to wait, in order and in little room: what
 * publishers are told of events next to one another is a run, which takes as
 * much however many they are, and is written when it leaves. Any other answer
 * is kept as it is.
 *
 *     records  [ run of 64 | answer | run of 3 | run of 900 ]
 *                ^ leaves first                ^ grows
 */
#ifndef BROKER_NET_OWED_ANSWERS_H
#define BROKER_NET_OWED_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/heap.h"
#include "protocol/receipt.h"
#include "protocol/receipt_answer.h"

/* With so many answers, or bytes of records, no more requests are taken. */
#define RT_OWED_ANSWERS_MAX ((uint32_t)16 * 1024)
#define RT_OWED_BYTES_MAX   ((size_t)16 * 1024)

/* What an answer is written from. */
enum rt_owed_kind {
    RT_OWED_BYTES,   /* itself */
    RT_OWED_RECEIPT, /* an event's receipt, which is the body */
    RT_OWED_MINIMAL, /* the same, for who prefers a minimal answer */
};

/* All zeroes is none. */
struct rt_owed_answers {
    struct rt_buffer records;
    size_t last;    /* where the last record begins; records.len: nowhere */
    uint32_t count; /* of answers */
};

/* Where answers go that leave. */
struct rt_owed_exit {
    struct rt_heap *heap;
    struct rt_buffer *answers;
    size_t answers_max; /* bytes, but for the last answer */
    struct rt_receipt_answer *receipt;
    struct rt_bytes date;
};

void rt_owed_answers_finish(struct rt_owed_answers *owed, struct rt_heap *heap);

/* --- what comes --- */

/* Room for an answer of at most so many bytes, or NULL; and that so many were
 * written there. */
RT_MUST_USE char *rt_owed_answers_reserve(struct rt_owed_answers *owed,
                                          struct rt_heap *heap,
                                          size_t size);
void rt_owed_answers_add(struct rt_owed_answers *owed, size_t len);

/* An answer of the second or third kind, with a receipt that is that of no
 * batch: 0 or RT_ENOMEM. */
RT_MUST_USE int rt_owed_answers_add_receipt(struct rt_owed_answers *owed,
                                            struct rt_heap *heap,
                                            enum rt_owed_kind kind,
                                            struct rt_bytes topic,
                                            const struct rt_receipt *receipt);

/* What comes now is a part of its own: where in the records it begins. */
size_t rt_owed_answers_part(struct rt_owed_answers *owed);

bool rt_owed_answers_are_full(const struct rt_owed_answers *owed);

/* --- what goes --- */

/* Writes the answers before a place, where a part begins, as far as there is
 * room at the exit: 0 or RT_ENOMEM. Returns by how much all places have moved.
 */
RT_MUST_USE int rt_owed_answers_leave(struct rt_owed_answers *owed,
                                      size_t end,
                                      const struct rt_owed_exit *exit,
                                      size_t *moved);

/* Forgets those from a place on. */
void rt_owed_answers_cut(struct rt_owed_answers *owed, size_t at);

#endif
