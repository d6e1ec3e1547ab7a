/*
 * Strings of JSON (RFC 8259, section 7) from text and back. Text is UTF-8 and
 * stays it: only what must be escaped is.
 */
#ifndef PROTOCOL_JSON_STRING_H
#define PROTOCOL_JSON_STRING_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* How many bytes the text takes as a string, quotes included. */
size_t rt_json_string_size(struct rt_bytes text);

/* Writes so many. */
void rt_json_string_write(struct rt_writer *writer, struct rt_bytes text);

/*
 * Reads a whole string, quotes included, of a JSON text that is valid, into
 * `memory` of `size` bytes; the text may hold any byte, NUL too. *text points
 * into `memory`, or into `string` if nothing in it is escaped. 0, RT_EINVAL for
 * what is no string, or an escaped surrogate without the other half of its
 * pair, which no UTF-8 can express; or RT_ERANGE without room. string.len bytes
 * are always enough.
 */
RT_MUST_USE int rt_json_string_read(struct rt_bytes string,
                                    char *memory,
                                    size_t size,
                                    struct rt_bytes *text);

#endif
