/*
 * A batch of the journal as the log takes it: its notes first, for a topic is
 * told of before its events, and then the events, as ranges of the segments in
 * memory. For the log's thread: nothing that it looks at changes before the
 * batch is done.
 */
#ifndef BROKER_CORE_JOURNAL_WRITE_H
#define BROKER_CORE_JOURNAL_WRITE_H

#include <stdint.h>

#include "base/check.h"
#include "base/heap.h"
#include "broker/core/journal.h"
#include "storage/log/log.h"

/* Memory for parts, which is used again. All zeroes is none. */
struct rt_journal_parts {
    struct rt_log_part *parts;
    uint32_t capacity;
};

/* How many parts the batch has. */
uint32_t rt_journal_part_count(const struct rt_journal_batch *batch);

/* Fills in `written`, which is valid as long as the batch and until the next
 * call: 0, or RT_ENOMEM. */
RT_MUST_USE int rt_journal_write(struct rt_journal_parts *parts,
                                 struct rt_heap *heap,
                                 const struct rt_journal_batch *batch,
                                 struct rt_log_batch *written);

/* Frees the memory. */
void rt_journal_parts_finish(struct rt_journal_parts *parts,
                             struct rt_heap *heap);

#endif
