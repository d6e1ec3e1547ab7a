/*
 * Base64 with the alphabet of RFC 4648, section 4: how JSON carries a payload
 * that is not text.
 */
#ifndef PROTOCOL_BASE64_H
#define PROTOCOL_BASE64_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* What so many bytes take, with the padding. */
#define RT_BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Writes RT_BASE64_LEN(bytes.len) bytes. */
void rt_base64_write(struct rt_writer *writer, struct rt_bytes bytes);

/*
 * Decodes the whole text into `memory` of `size` bytes, which may be the text's
 * own. *decoded points into it. 0; RT_EINVAL for a byte outside the alphabet,
 * white space too, padding that is missing or misplaced, and spare bits that
 * are not zero, so that no two texts mean the same; or RT_ERANGE without room.
 * text.len / 4 * 3 bytes are always enough.
 */
RT_MUST_USE int rt_base64_decode(struct rt_bytes text,
                                 char *memory,
                                 size_t size,
                                 struct rt_bytes *decoded);

#endif
