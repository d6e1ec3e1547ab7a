#include "protocol/receipt_answer.h"

#include <string.h>

#include "base/check.h"

/* --- written anew --- */

/* Where a text that is there for certain ends, from `from` on. */
static uint16_t end_of(const struct rt_receipt_answer *answer,
                       uint16_t from,
                       struct rt_bytes text)
{
    const char *end = answer->bytes + answer->len - text.len;
    const char *at = answer->bytes + from;
    while (at <= end && memcmp(at, text.data, text.len) != 0) {
        at++;
    }
    RT_CHECK(at <= end);
    return (uint16_t)(at - answer->bytes + (ptrdiff_t)text.len);
}

static struct rt_receipt_number number_of(uint64_t value)
{
    struct rt_receipt_number number = {.low = 0, .high = 10, .digits = 1};
    while (value >= number.high && number.digits < RT_U64_DIGITS - 1) {
        number.low = number.high;
        number.high *= 10;
        number.digits++;
    }
    return number;
}

static void find_numbers(struct rt_receipt_answer *answer)
{
    uint16_t epoch = 8 + 1; /* its digits, and what is behind them */
    answer->date_at = end_of(answer, 0, RT_BYTES("Date: "));
    answer->offset_at[0] =
        end_of(answer, answer->date_at, RT_BYTES("Ringtail-Cursor: "));
    answer->topic_at =
        end_of(answer, answer->offset_at[0], RT_BYTES("{\"topic\":\""));
    answer->offset_at[1] =
        end_of(answer, answer->topic_at, RT_BYTES("\"cursor\":\""));
    answer->offset_at[0] = (uint16_t)(answer->offset_at[0] + epoch);
    answer->offset_at[1] = (uint16_t)(answer->offset_at[1] + epoch);
    answer->offset_at[2] =
        end_of(answer, answer->offset_at[1], RT_BYTES("\"offset\":"));
    answer->wall_ms_at =
        end_of(answer, answer->offset_at[2], RT_BYTES("\"ts\":"));
}

static void keep_numbers(struct rt_receipt_answer *answer,
                         const struct rt_receipt *receipt)
{
    answer->epoch = receipt->cursor.epoch;
    answer->ack = receipt->ack;
    answer->written_offset = receipt->cursor.offset;
    answer->written_ms = receipt->wall_ms;
    answer->offset = number_of(receipt->cursor.offset);
    answer->wall_ms = number_of(receipt->wall_ms);
}

static void write_anew(struct rt_receipt_answer *answer,
                       struct rt_bytes topic,
                       const struct rt_receipt *receipt,
                       struct rt_bytes date)
{
    char header_memory[RT_CURSOR_BYTES_MAX + 64];
    char body_memory[RT_RECEIPT_BYTES_MAX];
    struct rt_writer headers;
    struct rt_writer body;
    struct rt_writer writer;
    rt_writer_init(&headers, header_memory, sizeof(header_memory));
    rt_writer_init(&body, body_memory, sizeof(body_memory));
    rt_writer_init(&writer, answer->bytes, sizeof(answer->bytes));
    RT_WRITE(&headers, "Ringtail-Cursor: ");
    rt_cursor_write(&headers, receipt->cursor);
    RT_WRITE(&headers, "\r\n");
    rt_receipt_write(&body, topic, receipt);
    RT_WRITE(&body, "\n");
    struct rt_http_answer whole = {.status = 200,
                                   .content_type = "application/json",
                                   .headers = rt_writer_bytes(&headers),
                                   .body = rt_writer_bytes(&body)};
    rt_http_answer_write(&writer, &whole, date);
    RT_CHECK(!headers.overflowed && !body.overflowed && !writer.overflowed);
    answer->len = (uint16_t)rt_writer_bytes(&writer).len;
    answer->topic_len = (uint16_t)topic.len;
    keep_numbers(answer, receipt);
    find_numbers(answer);
}

/* --- overwritten --- */

static bool fits(const struct rt_receipt_number *number, uint64_t value)
{
    return value >= number->low && value < number->high;
}

static bool is_alike(const struct rt_receipt_answer *answer,
                     struct rt_bytes topic,
                     const struct rt_receipt *receipt)
{
    return answer->len > 0 && answer->epoch == receipt->cursor.epoch &&
           answer->ack == receipt->ack &&
           fits(&answer->offset, receipt->cursor.offset) &&
           fits(&answer->wall_ms, receipt->wall_ms) &&
           answer->topic_len == topic.len &&
           memcmp(answer->bytes + answer->topic_at, topic.data, topic.len) == 0;
}

/* Only those that change: `before` is the number that is there. Returns where
 * they begin. */
static char *
write_digits(char *at, uint16_t count, uint64_t before, uint64_t value)
{
    char *digit = at + count;
    while (before != value && digit > at) {
        *--digit = (char)('0' + value % 10);
        value /= 10;
        before /= 10;
    }
    return digit;
}

/* One after the other they mostly differ in the last digit. */
static void count_on(struct rt_receipt_answer *answer, uint64_t offset)
{
    char *first = answer->bytes + answer->offset_at[0];
    char *end = first + answer->offset.digits;
    ptrdiff_t second = answer->offset_at[1] - answer->offset_at[0];
    ptrdiff_t third = answer->offset_at[2] - answer->offset_at[0];
    char *digit = write_digits(first, answer->offset.digits,
                               answer->written_offset, offset);
    for (; digit < end; digit++) {
        digit[second] = *digit;
        digit[third] = *digit;
    }
    answer->written_offset = offset;
}

struct rt_bytes rt_receipt_answer_write(struct rt_receipt_answer *answer,
                                        struct rt_bytes topic,
                                        const struct rt_receipt *receipt,
                                        struct rt_bytes date)
{
    if (RT_UNLIKELY(!is_alike(answer, topic, receipt))) {
        write_anew(answer, topic, receipt, date);
        return (struct rt_bytes){answer->bytes, answer->len};
    }
    memcpy(answer->bytes + answer->date_at, date.data, date.len);
    count_on(answer, receipt->cursor.offset);
    (void)write_digits(answer->bytes + answer->wall_ms_at,
                       answer->wall_ms.digits, answer->written_ms,
                       receipt->wall_ms);
    answer->written_ms = receipt->wall_ms;
    return (struct rt_bytes){answer->bytes, answer->len};
}

/* --- minimal ones --- */

void rt_minimal_answer_write(struct rt_writer *writer,
                             const struct rt_receipt *receipt,
                             struct rt_bytes date)
{
    char memory[RT_MINIMAL_HEADERS_MAX];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    RT_WRITE(&headers, "Ringtail-Cursor: ");
    rt_cursor_write(&headers, receipt->cursor);
    RT_WRITE(&headers, "\r\n");
    rt_ack_write(&headers, receipt->ack);
    RT_WRITE(&headers, "Preference-Applied: return=minimal\r\n");
    struct rt_http_answer whole = {.status = 204,
                                   .headers = rt_writer_bytes(&headers)};
    rt_http_answer_write(writer, &whole, date);
    RT_CHECK(!headers.overflowed && !writer->overflowed);
}
