#include "storage/log/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "storage/checksum.h"
#include "storage/log/log.h"

#define SEGMENT_MAGIC "RTLOG1\r\n"
#define BATCH_MAGIC   "RTB1"
#define TRAILER_MAGIC "RTLEND1\n"

/* What the crc of a batch leaves out: the magic and the crc itself. */
#define BATCH_UNSIGNED 8

static uint32_t segment_head_crc(const struct rt_log_segment_head *head)
{
    struct rt_log_segment_head copy = *head;
    copy.crc = 0;
    return rt_checksum(0, &copy, sizeof(copy));
}

void rt_log_segment_head_sign(struct rt_log_segment_head *head)
{
    memcpy(head->magic, SEGMENT_MAGIC, sizeof(head->magic));
    head->version = RT_LOG_VERSION;
    head->crc = segment_head_crc(head);
}

bool rt_log_segment_head_check(const struct rt_log_segment_head *head)
{
    return memcmp(head->magic, SEGMENT_MAGIC, sizeof(head->magic)) == 0 &&
           head->version == RT_LOG_VERSION &&
           head->crc == segment_head_crc(head);
}

bool rt_log_segment_head_is_foreign(const struct rt_log_segment_head *head)
{
    return memcmp(head->magic, SEGMENT_MAGIC, sizeof(head->magic)) == 0 &&
           head->version != RT_LOG_VERSION &&
           head->crc == segment_head_crc(head);
}

uint32_t rt_log_batch_crc_begin(const struct rt_log_batch_head *head)
{
    return rt_checksum(head->chain, (const char *)head + BATCH_UNSIGNED,
                       sizeof(*head) - BATCH_UNSIGNED);
}

uint32_t rt_log_batch_crc_add(uint32_t crc, const struct rt_log_part_head *part)
{
    return rt_checksum(crc, part, sizeof(*part));
}

void rt_log_batch_head_sign(struct rt_log_batch_head *head, uint32_t crc)
{
    memcpy(head->magic, BATCH_MAGIC, sizeof(head->magic));
    head->crc = crc;
}

bool rt_log_batch_head_is_likely(const struct rt_log_batch_head *head,
                                 uint64_t room)
{
    uint64_t heads = sizeof(*head) + (uint64_t)head->part_count *
                                         sizeof(struct rt_log_part_head);
    return memcmp(head->magic, BATCH_MAGIC, sizeof(head->magic)) == 0 &&
           head->length <= room && head->length % RT_LOG_GRAIN == 0 &&
           heads <= head->length;
}

bool rt_log_part_head_check(const struct rt_log_part_head *head)
{
    switch (head->kind) {
    case RT_LOG_EVENTS:
        return head->count > 0 && head->types <= RT_TYPES_BYTES_MAX &&
               head->length == head->count * sizeof(struct rt_entry) +
                                   (uint64_t)head->types + head->frames;
    case RT_LOG_TOPIC:
        return head->length >= sizeof(struct rt_log_topic_head);
    case RT_LOG_REMOVED:
        return head->length == 0;
    case RT_LOG_KEY:
        return head->length >= sizeof(struct rt_log_key_head);
    default:
        return head->kind == RT_LOG_NODE;
    }
}

static uint32_t trailer_crc(const struct rt_log_trailer *trailer)
{
    return rt_checksum(0, trailer, offsetof(struct rt_log_trailer, crc));
}

void rt_log_trailer_sign(struct rt_log_trailer *trailer)
{
    memcpy(trailer->magic, TRAILER_MAGIC, sizeof(trailer->magic));
    trailer->crc = trailer_crc(trailer);
}

bool rt_log_trailer_check(const struct rt_log_trailer *trailer)
{
    return memcmp(trailer->magic, TRAILER_MAGIC, sizeof(trailer->magic)) == 0 &&
           trailer->crc == trailer_crc(trailer);
}

bool rt_log_topic_head_check(const struct rt_log_topic_head *head, size_t len)
{
    return head->name_len <= RT_LOG_TOPIC_NAME_MAX &&
           head->state_len <= RT_LOG_STATE_MAX &&
           len == sizeof(*head) + head->name_len + head->state_len;
}

uint64_t rt_log_padded(uint64_t length)
{
    return (length + RT_LOG_GRAIN - 1) / RT_LOG_GRAIN * RT_LOG_GRAIN;
}

void rt_log_name(uint64_t number, char name[RT_LOG_NAME_SIZE])
{
    (void)snprintf(name, RT_LOG_NAME_SIZE, "%020" PRIu64 ".rtl", number);
}

uint64_t rt_log_name_number(const char *name)
{
    struct rt_bytes text = rt_bytes_of(name);
    uint64_t number = 0;
    if (text.len != RT_LOG_NAME_SIZE - 1 ||
        !rt_bytes_ends_with(text, RT_BYTES(".rtl"))) {
        return 0;
    }
    text.len -= sizeof(".rtl") - 1;
    return rt_bytes_to_u64(text, &number) < 0 ? 0 : number;
}
