/*
 * The value of Idempotency-Key: what a publisher calls a request, so that its
 * repetition is known as such. People write it bare or as a string (RFC 8941,
 * section 3.3.3), and mean the same.
 */
#ifndef PROTOCOL_IDEMPOTENCY_KEY_H
#define PROTOCOL_IDEMPOTENCY_KEY_H

#include "base/bytes.h"
#include "base/check.h"

#define RT_IDEMPOTENCY_KEY_BYTES_MAX 255

/*
 * Reads a key that fills the whole value: visible ASCII; or between quotes, in
 * which there may be blanks, and a backslash before a quote or a backslash.
 * *key has 1 to RT_IDEMPOTENCY_KEY_BYTES_MAX bytes from ' ' to '~', in
 * `memory`, which has room for so many, or in `value`. 0, or RT_EINVAL with
 * *reason set to a static fragment of a sentence that says what is wrong.
 */
RT_MUST_USE int rt_idempotency_key_parse(struct rt_bytes value,
                                         char *memory,
                                         struct rt_bytes *key,
                                         const char **reason);

#endif
