#include "storage/checksum.h"

#include <isa-l/crc.h>

/* The library counts bytes in an int. */
#define BYTES_MAX ((size_t)1 << 30)

/* It leaves the inversion, before and after, to whoever calls. */
uint32_t rt_checksum(uint32_t before, const void *bytes, size_t len)
{
    /* It reads only, whatever it declares. */
    unsigned char *at = (unsigned char *)(uintptr_t)bytes;
    uint32_t inverted = ~before;
    while (len > 0) {
        size_t part = len < BYTES_MAX ? len : BYTES_MAX;
        inverted = crc32_iscsi(at, (int)part, inverted);
        at += part;
        len -= part;
    }
    return ~inverted;
}
