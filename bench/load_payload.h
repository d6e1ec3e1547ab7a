/*
 * The payload of an event: three numbers of fixed width, then padding. They are
 * the publisher's own sequence within the topic, which publisher, and when the
 * event was meant to be sent (nanoseconds of the monotonic clock, its last 16
 * digits; where a delay is asked for only).
 */
#ifndef BENCH_LOAD_PAYLOAD_H
#define BENCH_LOAD_PAYLOAD_H

#include <stdint.h>
#include <string.h>

#define LOAD_DIGITS            16 /* of each number */
#define LOAD_PAYLOAD_SEQUENCE  0
#define LOAD_PAYLOAD_PUBLISHER (LOAD_DIGITS + 1)
#define LOAD_PAYLOAD_INTENDED  (2 * (LOAD_DIGITS + 1))
#define LOAD_PAYLOAD_MIN       (3 * (LOAD_DIGITS + 1))
#define LOAD_NUMBER_END        10000000000000000 /* the first of more digits */

/* 16 decimal digits. */
static inline void load_number_write(char *at, uint64_t value)
{
    for (int i = LOAD_DIGITS - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Eight digits in three multiplications: this is done for every delivery. */
static inline uint64_t load_number_read_half(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    word -= 0x3030303030303030;
    word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ff;
    word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffff;
    return (word * 10000 + (word >> 32)) & 0xffffffff;
}

static inline uint64_t load_number_read(const char *at)
{
    return load_number_read_half(at) * 100000000 +
           load_number_read_half(at + LOAD_DIGITS / 2);
}

/* How long before `now_ns` an event was meant to be sent. */
static inline uint64_t load_payload_delay_ns(const char *payload,
                                             uint64_t now_ns)
{
    uint64_t intended_ns = load_number_read(payload + LOAD_PAYLOAD_INTENDED);
    return (now_ns % LOAD_NUMBER_END + LOAD_NUMBER_END - intended_ns) %
           LOAD_NUMBER_END;
}

#endif
