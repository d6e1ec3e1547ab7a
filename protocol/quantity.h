/*
 * Quantities as people write them on a command line or in a query. None of them
 * may be 0: whether 0 meant "none" or "no limit" could only be guessed.
 */
#ifndef PROTOCOL_QUANTITY_H
#define PROTOCOL_QUANTITY_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

#define RT_DURATION_MS_MAX (UINT64_C(36525) * 24 * 60 * 60 * 1000) /* 100 y */

/*
 * A whole number and a unit, of ms, s, m, h, d: "250ms", "30s". 0 and the
 * milliseconds, RT_EINVAL, or RT_ERANGE for more than RT_DURATION_MS_MAX.
 */
RT_MUST_USE int rt_duration_parse(struct rt_bytes text, uint64_t *ms);

/* Writes a duration as it is read, in the largest unit that has no rest: at
 * most RT_U64_DIGITS + 2 bytes. */
void rt_duration_write(struct rt_writer *writer, uint64_t ms);

/*
 * A whole number of bytes, or of KiB, MiB or GiB: "4096", "64KiB". 0 and the
 * bytes, RT_EINVAL, or RT_ERANGE beyond 64 bits.
 */
RT_MUST_USE int rt_size_parse(struct rt_bytes text, uint64_t *bytes);

/* A whole number: 0 and the count, RT_EINVAL, or RT_ERANGE beyond 64 bits. */
RT_MUST_USE int rt_count_parse(struct rt_bytes text, uint64_t *count);

#endif
