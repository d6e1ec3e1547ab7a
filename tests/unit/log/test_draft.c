#include "storage/log/draft.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"
#include "tests/support/test.h"

static const struct rt_log_part parts[] = {
    {.kind = RT_LOG_TOPIC,
     .topic = 1,
     .description = {.name = {"news", 4}, .next_offset = 9, .floor = 3}},
    {.kind = RT_LOG_EVENTS,
     .topic = 1,
     .events = {.offset = 9,
                .count = 1,
                .entries = {"123456789012345678901234", 24},
                .types = {"types", 5},
                .frames = {"frames!", 7}}},
    {.kind = RT_LOG_REMOVED, .topic = 2},
    {.kind = RT_LOG_KEY, .opaque = {"key", 3}}};

static const struct rt_log_batch batch = {.parts = parts,
                                          .part_count = 4,
                                          .sequence = 77,
                                          .wall_ms = 123,
                                          .is_end = true};

/* All of a draft's bytes in one piece; returns their length. */
static size_t bytes_of(const struct rt_log_draft *draft, char *bytes)
{
    size_t len = 0;
    for (uint32_t i = 0; i < draft->range_count; i++) {
        memcpy(bytes + len, draft->ranges[i].data, draft->ranges[i].len);
        len += draft->ranges[i].len;
    }
    return len;
}

TEST("a draft is a batch as the format says")
{
    char bytes[1024];
    struct test_heap heap;
    struct rt_log_draft draft;
    struct rt_log_batch_head head;
    struct rt_log_part_head heads[4];
    struct rt_log_segment_head segment = {.log = 5, .number = 6};
    test_heap_init(&heap, SIZE_MAX);
    rt_log_draft_init(&draft, &heap.heap);
    EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
    rt_log_draft_sign(&draft, &segment, 8, 99);
    size_t len = bytes_of(&draft, bytes);
    memcpy(&head, bytes, sizeof(head));
    memcpy(heads, bytes + sizeof(head), sizeof(heads));
    EXPECT_INT(head.length, len);
    EXPECT(rt_log_batch_head_is_likely(&head, len));
    EXPECT_INT(head.log, 5);
    EXPECT_INT(head.segment, 6);
    EXPECT_INT(head.number, 8);
    EXPECT_INT(head.chain, 99);
    EXPECT_INT(head.sequence, 77);
    EXPECT_INT(head.flags, RT_LOG_FLAG_END);
    uint32_t crc = rt_log_batch_crc_begin(&head);
    size_t at = sizeof(head) + sizeof(heads);
    for (uint32_t i = 0; i < 4; i++) {
        crc = rt_log_batch_crc_add(crc, &heads[i]);
        EXPECT(rt_log_part_head_check(&heads[i]));
        EXPECT_INT(heads[i].crc, rt_checksum(0, bytes + at, heads[i].length));
        at += rt_log_padded(heads[i].length);
    }
    EXPECT_INT(at, len);
    EXPECT_INT(head.crc, crc);
    EXPECT_INT(heads[0].offset, 9);
    struct rt_log_key_head key;
    memcpy(&key, bytes + len - 24, sizeof(key)); /* 3 bytes and padding */
    EXPECT_INT(heads[3].length, sizeof(key) + 3);
    EXPECT_INT(key.wall_ms, 123);
    EXPECT_INT(key.length, 3);
    rt_log_draft_finish(&draft);
    EXPECT_INT(heap.heap.used, 0);
}

TEST("a draft keeps its memory for the next batch")
{
    struct test_heap heap;
    struct rt_log_draft draft;
    test_heap_init(&heap, SIZE_MAX);
    rt_log_draft_init(&draft, &heap.heap);
    EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
    uint64_t count = heap.count;
    EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
    EXPECT_INT(heap.count, count);
    rt_log_draft_finish(&draft);
    rt_log_draft_finish(NULL);
}

TEST("without memory there is no draft, and later there is")
{
    int err = RT_ENOMEM;
    for (uint64_t k = 1; err == RT_ENOMEM; k++) {
        struct test_heap heap;
        struct rt_log_draft draft;
        test_heap_init(&heap, SIZE_MAX);
        rt_log_draft_init(&draft, &heap.heap);
        test_heap_fail_at(&heap, k);
        err = rt_log_draft_fill(&draft, &batch);
        EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
        rt_log_draft_finish(&draft);
        EXPECT_INT(heap.heap.used, 0);
    }
    EXPECT_INT(err, 0);
}

TEST("a topic is described with its name and its state")
{
    char body[RT_LOG_DESCRIPTION_MAX];
    struct rt_log_topic_head head;
    struct rt_log_topic topic = {.name = RT_BYTES("news"),
                                 .floor = 5,
                                 .retention = {1, 2, 3},
                                 .state = RT_BYTES("open")};
    size_t len = rt_log_describe(&topic, 8, RT_LOG_TOPIC_FLAG_DAMAGED, body);
    memcpy(&head, body, sizeof(head));
    EXPECT(rt_log_topic_head_check(&head, len));
    EXPECT_INT(head.floor, 5);
    EXPECT_INT(head.end, 8);
    EXPECT_INT(head.bytes, 1);
    EXPECT_INT(head.events, 2);
    EXPECT_INT(head.age_ms, 3);
    EXPECT_INT(head.flags, RT_LOG_TOPIC_FLAG_DAMAGED);
    EXPECT_BYTES(((struct rt_bytes){body + sizeof(head), len - sizeof(head)}),
                 RT_BYTES("newsopen"));
}
