/*
 * A batch as it goes to disk: its head, the heads of its parts, and ranges of
 * the bodies where they are. Memory is kept for the next batch.
 */
#ifndef STORAGE_LOG_DRAFT_H
#define STORAGE_LOG_DRAFT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "storage/log/format.h"
#include "storage/log/log.h"

#define RT_LOG_DESCRIPTION_MAX                                  \
    (sizeof(struct rt_log_topic_head) + RT_LOG_TOPIC_NAME_MAX + \
     RT_LOG_STATE_MAX)

struct rt_log_draft {
    struct rt_heap *heap;
    struct rt_log_batch_head head;
    struct rt_log_part_head *parts;
    uint32_t part_capacity;
    struct rt_bytes *ranges; /* all of the batch, in order */
    uint32_t range_count;
    uint32_t range_capacity;
    struct rt_buffer made; /* descriptions of topics, heads of keys */
};

/* Allocates nothing. */
void rt_log_draft_init(struct rt_log_draft *draft, struct rt_heap *heap);
void rt_log_draft_finish(struct rt_log_draft *draft);

/* Drafts a batch, whose bytes stay where they are until it is written. 0 or
 * RT_ENOMEM. */
RT_MUST_USE int rt_log_draft_fill(struct rt_log_draft *draft,
                                  const struct rt_log_batch *batch);

/* Where it goes: into which segment of which log, under which number, behind
 * the batch with that crc. */
void rt_log_draft_sign(struct rt_log_draft *draft,
                       const struct rt_log_segment_head *segment,
                       uint64_t number,
                       uint32_t chain);

/* Writes the body of a topic's part, with what the log itself knows of it in a
 * snapshot; returns its length. */
size_t rt_log_describe(const struct rt_log_topic *topic,
                       uint64_t end,
                       uint32_t flags,
                       char body[RT_LOG_DESCRIPTION_MAX]);

#endif
