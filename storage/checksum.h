/*
 * Checksums: CRC32C (Castagnoli, RFC 3720 appendix B.4), which tells bytes that
 * were damaged from those that were written, unless somebody wants to deceive.
 */
#ifndef STORAGE_CHECKSUM_H
#define STORAGE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of bytes that follow those whose checksum is `before`; 0 if
 * there are none. So that of a whole is that of its parts in order.
 */
uint32_t rt_checksum(uint32_t before, const void *bytes, size_t len);

#endif
