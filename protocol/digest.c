#include "protocol/digest.h"

#include <string.h>

#include <nettle/sha2.h>

_Static_assert(SHA256_DIGEST_SIZE == RT_DIGEST_BYTES, "FIPS 180-4");

struct rt_digest rt_digest_of(struct rt_bytes bytes)
{
    struct rt_digest digest;
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, bytes.len, (const uint8_t *)bytes.data);
    sha256_digest(&hash, sizeof(digest.bytes), digest.bytes);
    return digest;
}

bool rt_digest_equal(const struct rt_digest *a, const struct rt_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
