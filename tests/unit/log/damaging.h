/*
 * What a disk may give back of a keeper's log: segments that lack something,
 * and batches that no crash explains.
 */
#ifndef TESTS_UNIT_LOG_DAMAGING_H
#define TESTS_UNIT_LOG_DAMAGING_H

#include "tests/unit/log/keeper.h"

/* The place of a segment's last batch. */
static inline uint64_t keeper_last_batch(struct keeper *keeper,
                                         uint64_t segment)
{
    uint64_t last = 0;
    uint64_t next = sizeof(struct rt_log_segment_head);
    struct rt_log_batch_head head;
    const struct fake_image *image = keeper_image(keeper, segment);
    memcpy(&head, image->bytes + next, sizeof(head));
    while (rt_log_batch_head_is_likely(&head, image->len - next)) {
        last = next;
        next += head.length;
        memcpy(&head, image->bytes + next, sizeof(head));
    }
    return last;
}

/* What a disk gives back that has lost all of a segment from there on. */
static inline void
keeper_empty(struct keeper *keeper, uint64_t segment, uint64_t from)
{
    struct fake_image *image = keeper_image(keeper, segment);
    memset(image->bytes + from, 0, image->len - from);
}

/* A sealed segment without its trailer, as while the next one begins. */
static inline void keeper_unseal(struct keeper *keeper, uint64_t segment)
{
    keeper_empty(keeper, segment, keeper_image(keeper, segment)->len - 64);
}

/* Whether the segment ends with its trailer. */
static inline bool keeper_is_sealed(struct keeper *keeper, uint64_t segment)
{
    struct rt_log_trailer trailer;
    const struct fake_image *image = keeper_image(keeper, segment);
    memcpy(&trailer, image->bytes + image->len - sizeof(trailer),
           sizeof(trailer));
    return rt_log_trailer_check(&trailer) && trailer.number == segment;
}

/* Signs a batch once more whose head, or heads of parts, were changed. */
static inline void
keeper_sign(struct keeper *keeper, uint64_t segment, uint64_t at)
{
    struct rt_log_batch_head head;
    char *bytes = keeper_image(keeper, segment)->bytes + at;
    memcpy(&head, bytes, sizeof(head));
    uint32_t crc = rt_log_batch_crc_begin(&head);
    for (uint32_t i = 0; i < head.part_count; i++) {
        struct rt_log_part_head part;
        memcpy(&part, bytes + sizeof(head) + i * sizeof(part), sizeof(part));
        crc = rt_log_batch_crc_add(crc, &part);
    }
    rt_log_batch_head_sign(&head, crc);
    memcpy(bytes, &head, sizeof(head));
}

/* Behind a segment's batches, heads of which each says that all the others are
 * in it. */
static inline void keeper_fill_with_heads(struct keeper *keeper,
                                          uint64_t segment,
                                          uint64_t position,
                                          uint32_t count)
{
    struct fake_image *image = keeper_image(keeper, segment);
    for (uint32_t i = 0; i < count; i++, position += 64) {
        struct rt_log_batch_head head = {.log = keeper->options.identity,
                                         .segment = segment,
                                         .number = 100,
                                         .length = image->len - position,
                                         .part_count = count - i - 1};
        rt_log_batch_head_sign(&head, 0);
        EXPECT(rt_log_batch_head_is_likely(&head, image->len - position));
        memcpy(image->bytes + position, &head, sizeof(head));
    }
}

#endif
