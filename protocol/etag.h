/*
 * Entity tags: what a client has seen, by which it asks whether that is still
 * so (RFC 9110, sections 8.8.3 and 13.1.2).
 */
#ifndef PROTOCOL_ETAG_H
#define PROTOCOL_ETAG_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/writer.h"

#define RT_ETAG_BYTES_MAX 64 /* quotes included */

/* Writes the tag of a representation, by its bytes: 18 bytes. */
void rt_etag_write(struct rt_writer *writer, struct rt_bytes representation);

/* Whether an If-None-Match has the tag, or `*`. Weak tags are the same as
 * others; what is no tag matches nothing. */
bool rt_etag_is_known(struct rt_bytes if_none_match, struct rt_bytes tag);

#endif
