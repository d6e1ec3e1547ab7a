/*
 * Checks that bytes are JSON without building anything from them: events are
 * stored and delivered verbatim, so nobody here needs the values.
 */
#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include <stdbool.h>

#include "base/bytes.h"

#define RT_JSON_DEPTH_MAX 128 /* open arrays and objects at one time */

/*
 * Whether the bytes are exactly one JSON text (RFC 8259, section 2), with
 * whitespace around it or not, nested at most RT_JSON_DEPTH_MAX deep (section 9
 * allows a limit). Escapes may name unpaired surrogates (section 8.2), and
 * names may repeat (section 4). Bytes above 0x7f pass inside strings: whether
 * they are UTF-8 is for rt_utf8_is_valid. Time is linear, memory constant.
 */
bool rt_json_is_valid(struct rt_bytes text);

#endif
