/*
 * The answer to a publisher: status 200, with the receipt. A publisher's
 * answers differ in a few digits, so the last one is kept and those are
 * overwritten: that takes a fifth of the instructions of writing it anew.
 */
#ifndef PROTOCOL_RECEIPT_ANSWER_H
#define PROTOCOL_RECEIPT_ANSWER_H

#include <stdint.h>

#include "base/bytes.h"
#include "protocol/cursor.h"
#include "protocol/http_answer.h"
#include "protocol/receipt.h"

#define RT_RECEIPT_ANSWER_BYTES_MAX \
    (RT_HTTP_ANSWER_HEAD_MAX + RT_CURSOR_BYTES_MAX + 64 + RT_RECEIPT_BYTES_MAX)

/* A number in the answer that is overwritten. */
struct rt_receipt_number {
    uint64_t low; /* values of as many digits: low <= value < high */
    uint64_t high;
    uint16_t digits;
};

struct rt_receipt_answer {
    struct rt_receipt_number offset;
    struct rt_receipt_number wall_ms;
    uint64_t written_offset; /* what is there now */
    uint64_t written_ms;
    uint32_t epoch;
    enum rt_ack ack;
    uint16_t len; /* 0: nothing was kept yet */
    uint16_t date_at;
    uint16_t topic_at;
    uint16_t topic_len;
    uint16_t offset_at[3];
    uint16_t wall_ms_at;
    char bytes[RT_RECEIPT_ANSWER_BYTES_MAX];
};

/*
 * The whole answer to an event that was appended, whose receipt is that of no
 * batch, for a connection that is kept alive over HTTP/1.1. `date` is the time
 * as in rt_http_answer_write. Valid until the next call. All zeroes is an
 * answer of which nothing was kept.
 */
struct rt_bytes rt_receipt_answer_write(struct rt_receipt_answer *answer,
                                        struct rt_bytes topic,
                                        const struct rt_receipt *receipt,
                                        struct rt_bytes date);

/* The same for who prefers a minimal answer: 204, and the cursor. The writer
 * has room for RT_MINIMAL_ANSWER_BYTES_MAX. */
#define RT_MINIMAL_ANSWER_BYTES_MAX \
    (RT_HTTP_ANSWER_HEAD_MAX + RT_MINIMAL_HEADERS_MAX)
#define RT_MINIMAL_HEADERS_MAX (RT_CURSOR_BYTES_MAX + 128)
void rt_minimal_answer_write(struct rt_writer *writer,
                             const struct rt_receipt *receipt,
                             struct rt_bytes date);

#endif
