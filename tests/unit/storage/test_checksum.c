#include "storage/checksum.h"

#include <string.h>

#include "tests/support/test.h"

#define LEN 1000

static uint32_t checksum_of(struct rt_bytes bytes)
{
    return rt_checksum(0, bytes.data, bytes.len);
}

TEST("a checksum is CRC32C")
{
    /* RFC 3720, appendix B.4, and the number every catalogue has. */
    static const char zeros[32];
    char ones[32];
    memset(ones, 0xff, sizeof(ones));
    EXPECT_INT(checksum_of((struct rt_bytes){zeros, 32}), 0x8a9136aa);
    EXPECT_INT(checksum_of((struct rt_bytes){ones, 32}), 0x62a8ab43);
    EXPECT_INT(checksum_of(RT_BYTES("123456789")), 0xe3069283);
}

TEST("no bytes change nothing")
{
    EXPECT_INT(rt_checksum(0, "", 0), 0);
    EXPECT_INT(rt_checksum(4711, "", 0), 4711);
}

TEST("a checksum goes on where another one ended")
{
    uint8_t bytes[LEN];
    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    uint32_t whole = rt_checksum(0, bytes, LEN);
    for (size_t cut = 0; cut <= LEN; cut++) {
        uint32_t first = rt_checksum(0, bytes, cut);
        EXPECT_INT(rt_checksum(first, bytes + cut, LEN - cut), whole);
    }
}
