#include "storage/log/format.h"

#include <string.h>

#include "storage/log/log.h"
#include "tests/support/test.h"

static struct rt_log_segment_head segment_head(void)
{
    struct rt_log_segment_head head = {.log = 7,
                                       .number = 3,
                                       .sequence = 1000,
                                       .topic = 12,
                                       .created_ms = 99,
                                       .chain = 0xabcdef};
    rt_log_segment_head_sign(&head);
    return head;
}

TEST("the head of a segment is the bytes that the format says")
{
    struct rt_log_segment_head head = segment_head();
    const uint8_t *bytes = (const uint8_t *)&head;
    EXPECT_BYTES(((struct rt_bytes){(const char *)bytes, 8}),
                 RT_BYTES("RTLOG1\r\n"));
    EXPECT_INT(bytes[8], 1);
    EXPECT_INT(bytes[16], 7);
    EXPECT_INT(bytes[24], 3);
    EXPECT_INT(bytes[32] | bytes[33] << 8, 1000);
    EXPECT_INT(bytes[40], 12);
    EXPECT_INT(bytes[48], 99);
    EXPECT_INT(bytes[56], 0xef);
    EXPECT_INT(bytes[58], 0xab);
}

TEST("no bit of a segment's head may be another")
{
    for (size_t bit = 0; bit < sizeof(struct rt_log_segment_head) * 8; bit++) {
        struct rt_log_segment_head head = segment_head();
        EXPECT(rt_log_segment_head_check(&head));
        ((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!rt_log_segment_head_check(&head));
    }
}

TEST("no bit of a trailer may be another")
{
    for (size_t bit = 0; bit < sizeof(struct rt_log_trailer) * 8; bit++) {
        struct rt_log_trailer trailer = {.log = 7, .number = 3, .batch = 5};
        rt_log_trailer_sign(&trailer);
        EXPECT(rt_log_trailer_check(&trailer));
        ((uint8_t *)&trailer)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!rt_log_trailer_check(&trailer));
    }
}

static uint32_t crc_of(const struct rt_log_batch_head *head,
                       const struct rt_log_part_head parts[2])
{
    uint32_t crc = rt_log_batch_crc_begin(head);
    crc = rt_log_batch_crc_add(crc, &parts[0]);
    return rt_log_batch_crc_add(crc, &parts[1]);
}

/* Whether a batch with this head and these heads of parts is believed. */
static bool batch_checks(const struct rt_log_batch_head *head,
                         const struct rt_log_part_head parts[2])
{
    return rt_log_batch_head_is_likely(head, 192) &&
           head->crc == crc_of(head, parts);
}

TEST("no bit of a batch's head or of its parts' heads may be another")
{
    struct {
        struct rt_log_batch_head head;
        struct rt_log_part_head parts[2];
    } batch = {.head = {.log = 7, .length = 192, .part_count = 2, .chain = 9},
               .parts = {{.kind = RT_LOG_REMOVED, .topic = 1},
                         {.kind = RT_LOG_REMOVED, .topic = 2}}};
    rt_log_batch_head_sign(&batch.head, crc_of(&batch.head, batch.parts));
    EXPECT(batch_checks(&batch.head, batch.parts));
    for (size_t bit = 0; bit < sizeof(batch) * 8; bit++) {
        uint8_t *byte = (uint8_t *)&batch + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        EXPECT(!batch_checks(&batch.head, batch.parts));
        *byte ^= (uint8_t)(1 << bit % 8);
    }
}

TEST("a batch that does not lie wholly in its room is none")
{
    struct rt_log_batch_head head = {.length = 192, .part_count = 2};
    rt_log_batch_head_sign(&head, 0);
    EXPECT(rt_log_batch_head_is_likely(&head, 192));
    EXPECT(!rt_log_batch_head_is_likely(&head, 184));
    head.part_count = 3;
    EXPECT(!rt_log_batch_head_is_likely(&head, 192));
    head.part_count = UINT32_MAX;
    EXPECT(!rt_log_batch_head_is_likely(&head, UINT64_MAX));
    head.part_count = 1;
    head.length = 188;
    EXPECT(!rt_log_batch_head_is_likely(&head, 192));
}

TEST("the parts of a batch check when their lengths agree")
{
    struct rt_log_part_head part = {.kind = RT_LOG_EVENTS,
                                    .count = 2,
                                    .frames = 100,
                                    .types = 16,
                                    .length = 2 * 24 + 100 + 16};
    EXPECT(rt_log_part_head_check(&part));
    part.length++;
    EXPECT(!rt_log_part_head_check(&part));
    part.types = RT_TYPES_BYTES_MAX + 1;
    part.length = 2 * 24 + 100 + part.types;
    EXPECT(!rt_log_part_head_check(&part));
    part = (struct rt_log_part_head){.kind = RT_LOG_EVENTS};
    EXPECT(!rt_log_part_head_check(&part));
    part = (struct rt_log_part_head){.kind = RT_LOG_TOPIC, .length = 47};
    EXPECT(!rt_log_part_head_check(&part));
    part = (struct rt_log_part_head){.kind = RT_LOG_REMOVED};
    EXPECT(rt_log_part_head_check(&part));
    part = (struct rt_log_part_head){.kind = RT_LOG_NODE, .length = 5};
    EXPECT(rt_log_part_head_check(&part));
    part = (struct rt_log_part_head){.kind = RT_LOG_KEY, .length = 16};
    EXPECT(rt_log_part_head_check(&part));
    part.length = 15;
    EXPECT(!rt_log_part_head_check(&part));
    part.kind = 99;
    EXPECT(!rt_log_part_head_check(&part));
}

TEST("a topic's part has room for its name and its state, and no more")
{
    struct rt_log_topic_head head = {.name_len = 4, .state_len = 3};
    EXPECT(rt_log_topic_head_check(&head, sizeof(head) + 7));
    EXPECT(!rt_log_topic_head_check(&head, sizeof(head) + 8));
    head.state_len = RT_LOG_STATE_MAX + 1;
    EXPECT(!rt_log_topic_head_check(&head, sizeof(head) + 4 + 65));
    head = (struct rt_log_topic_head){.name_len = RT_LOG_TOPIC_NAME_MAX + 1};
    EXPECT(!rt_log_topic_head_check(&head, sizeof(head) + 256));
}

TEST("everything begins at a multiple of eight")
{
    EXPECT_INT(rt_log_padded(0), 0);
    EXPECT_INT(rt_log_padded(1), 8);
    EXPECT_INT(rt_log_padded(8), 8);
    EXPECT_INT(rt_log_padded(9), 16);
}

TEST("a segment's name is its number, in twenty digits")
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(42, name);
    EXPECT_TEXT(rt_bytes_of(name), "00000000000000000042.rtl");
    EXPECT_INT(rt_log_name_number(name), 42);
    rt_log_name(UINT64_MAX, name);
    EXPECT(rt_log_name_number(name) == UINT64_MAX);
}

TEST("other names are no segments")
{
    EXPECT_INT(rt_log_name_number("LOCK"), 0);
    EXPECT_INT(rt_log_name_number("42.rtl"), 0);
    EXPECT_INT(rt_log_name_number("00000000000000000042.tmp"), 0);
    EXPECT_INT(rt_log_name_number("0000000000000000004x.rtl"), 0);
    EXPECT_INT(rt_log_name_number("99999999999999999999.rtl"), 0);
    EXPECT_INT(rt_log_name_number("00000000000000000042.rtl.damaged"), 0);
}
