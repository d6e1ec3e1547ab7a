/*
 * Digests: what is left of bytes when only one question remains, whether other
 * bytes are the same. Nobody can make two bodies that agree (SHA-256, FIPS
 * 180-4).
 */
#ifndef PROTOCOL_DIGEST_H
#define PROTOCOL_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define RT_DIGEST_BYTES 32

struct rt_digest {
    uint8_t bytes[RT_DIGEST_BYTES];
};

struct rt_digest rt_digest_of(struct rt_bytes bytes);

bool rt_digest_equal(const struct rt_digest *a, const struct rt_digest *b);

#endif
