/*
 * UTF-8 as a WebSocket text frame must have it (RFC 6455, section 8.1).
 */
#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Whether the bytes are well-formed UTF-8 (RFC 3629, section 4): no overlong
 * forms, no surrogates, nothing beyond U+10FFFF, nothing cut short. No bytes at
 * all are fine. Every publish runs this: ASCII is checked in words.
 */
bool rt_utf8_is_valid(struct rt_bytes text);

/*
 * Whether the bytes may be the beginning of such text, which is known as soon
 * as they cannot: for text that comes in pieces. `*whole` is how many of them,
 * from the first one on, are whole characters; the rest is less than one.
 */
bool rt_utf8_is_prefix(struct rt_bytes text, size_t *whole);

#endif
