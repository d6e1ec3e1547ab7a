/*
 * The bytes of the log on disk: docs/STORAGE_FORMAT.md says what they mean.
 * These structs are the bytes themselves, so they are written as they are, and
 * read by copying. Whoever writes one fills it in and signs it; what was read
 * is believed when it checks.
 */
#ifndef STORAGE_LOG_FORMAT_H
#define STORAGE_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "storage/segment.h"

#define RT_LOG_VERSION 1
#define RT_LOG_GRAIN   8 /* everything begins at a multiple of it */

/* Of a batch. */
enum rt_log_flag { RT_LOG_FLAG_SNAPSHOT = 1, RT_LOG_FLAG_END = 2 };

/* Of a topic. */
enum rt_log_topic_flag { RT_LOG_TOPIC_FLAG_DAMAGED = 1 };

/* The file begins with it. */
struct rt_log_segment_head {
    char magic[8];
    uint32_t version;
    uint32_t crc;
    uint64_t log;
    uint64_t number;
    uint64_t sequence;
    uint64_t topic;
    uint64_t created_ms;
    uint32_t chain;
    uint32_t zeros;
};

struct rt_log_batch_head {
    char magic[4];
    uint32_t crc;
    uint64_t log;
    uint64_t segment;
    uint64_t number;
    uint64_t length;
    uint64_t sequence;
    uint32_t chain;
    uint32_t part_count;
    uint32_t flags;
    uint32_t zeros;
};

struct rt_log_part_head {
    uint32_t kind;
    uint32_t crc;
    uint64_t topic;
    uint64_t offset;
    uint64_t length;
    uint32_t count;
    uint32_t frames;
    uint32_t types;
    uint32_t type;
    uint32_t start;
    uint32_t zeros[3];
};

/* The body of a topic's part begins with it; name and state follow. */
struct rt_log_topic_head {
    uint64_t floor;
    uint64_t end; /* in a snapshot */
    uint64_t bytes;
    uint64_t events;
    uint64_t age_ms;
    uint16_t name_len;
    uint16_t state_len;
    uint32_t flags;
};

/* The body of a part with keys has one of these for each, and the key behind
 * it, padded to the next one. */
struct rt_log_key_head {
    uint64_t wall_ms;
    uint32_t length;
    uint32_t zeros;
};

/* Events of one topic in one segment, without holes between them. */
struct rt_log_span {
    uint64_t position; /* of the batch with the first of them */
    uint64_t before;   /* behind the topic's last event before them */
    uint64_t first;    /* offset */
    uint64_t last;     /* offset */
    uint64_t bytes;    /* of their parts' bodies */
    uint64_t wall_ms;  /* time stamp of the last one */
    uint64_t sequence; /* number among all of the node of the last one */
};

struct rt_log_index_place {
    uint64_t topic;
    struct rt_log_span span;
};

/* The file of a sealed segment ends with it. */
struct rt_log_trailer {
    char magic[8];
    uint64_t log;
    uint64_t number;
    uint64_t index;
    uint64_t place_count;
    uint32_t index_crc;
    uint32_t chain;
    uint64_t batch;
    uint32_t zeros;
    uint32_t crc;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as on disk");
_Static_assert(sizeof(struct rt_log_segment_head) == 64, "as on disk");
_Static_assert(sizeof(struct rt_log_batch_head) == 64, "as on disk");
_Static_assert(sizeof(struct rt_log_part_head) == 64, "as on disk");
_Static_assert(sizeof(struct rt_log_topic_head) == 48, "as on disk");
_Static_assert(sizeof(struct rt_log_key_head) == 16, "as on disk");
_Static_assert(sizeof(struct rt_log_index_place) == 64, "as on disk");
_Static_assert(sizeof(struct rt_log_trailer) == 64, "as on disk");
_Static_assert(sizeof(struct rt_entry) == 24, "as on disk");

/* Fills in magic, version and crc. */
void rt_log_segment_head_sign(struct rt_log_segment_head *head);
bool rt_log_segment_head_check(const struct rt_log_segment_head *head);

/* Whether it is that of another version, which this one does not understand. */
bool rt_log_segment_head_is_foreign(const struct rt_log_segment_head *head);

/* The crc of a batch: that of its head, to which each part's is added. */
uint32_t rt_log_batch_crc_begin(const struct rt_log_batch_head *head);
uint32_t rt_log_batch_crc_add(uint32_t crc,
                              const struct rt_log_part_head *part);

/* Fills in magic and crc. */
void rt_log_batch_head_sign(struct rt_log_batch_head *head, uint32_t crc);

/* Whether the bytes may be the head of a batch that lies wholly in the next
 * `room` bytes; the crc is not looked at. */
bool rt_log_batch_head_is_likely(const struct rt_log_batch_head *head,
                                 uint64_t room);

/* Whether a part's lengths agree with each other and with its kind. Its batch
 * has checked, so this fails for what was written wrongly only. */
bool rt_log_part_head_check(const struct rt_log_part_head *head);

void rt_log_trailer_sign(struct rt_log_trailer *trailer);
bool rt_log_trailer_check(const struct rt_log_trailer *trailer);

/* Whether the body of a topic's part, of that length, is what its head says. */
bool rt_log_topic_head_check(const struct rt_log_topic_head *head, size_t len);

/* The length with its padding. */
uint64_t rt_log_padded(uint64_t length);

/* A segment's file name: 20 digits and ".rtl", with a NUL. */
#define RT_LOG_NAME_SIZE 25
void rt_log_name(uint64_t number, char name[RT_LOG_NAME_SIZE]);

/* The number of the segment with that file name; 0: it is none. */
uint64_t rt_log_name_number(const char *name);

#endif
