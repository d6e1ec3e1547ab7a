#include "protocol/etag.h"

#include "protocol/digest.h"

#define DIGITS 8 /* bytes of the digest: nobody gains by two that agree */

void rt_etag_write(struct rt_writer *writer, struct rt_bytes representation)
{
    static const char hex[] = "0123456789abcdef";
    struct rt_digest digest = rt_digest_of(representation);
    RT_WRITE(writer, "\"");
    for (int i = 0; i < DIGITS; i++) {
        char pair[] = {hex[digest.bytes[i] >> 4], hex[digest.bytes[i] & 15]};
        rt_write_bytes(writer, (struct rt_bytes){pair, sizeof(pair)});
    }
    RT_WRITE(writer, "\"");
}

bool rt_etag_is_known(struct rt_bytes if_none_match, struct rt_bytes tag)
{
    while (if_none_match.data != NULL) {
        /* None of ours has a comma, so what is cut at one is not ours. */
        struct rt_bytes known =
            rt_bytes_trim(rt_bytes_split(&if_none_match, ','));
        if (rt_bytes_starts_with(known, RT_BYTES("W/"))) {
            known.data += 2;
            known.len -= 2;
        }
        if (rt_bytes_equal(known, tag) ||
            rt_bytes_equal(known, RT_BYTES("*"))) {
            return true;
        }
    }
    return false;
}
