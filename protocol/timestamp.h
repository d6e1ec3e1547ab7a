/*
 * Moments as text. Inside they are milliseconds since 1970-01-01 UTC without
 * leap seconds, as rt_clock_wall_ms counts them. No locale, no time zone
 * database and no hidden state, so the host program's settings do not matter.
 */
#ifndef PROTOCOL_TIMESTAMP_H
#define PROTOCOL_TIMESTAMP_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* 9999-12-31T23:59:59.999Z, the last moment that both formats can express. */
#define RT_TIMESTAMP_MS_MAX UINT64_C(253402300799999)

#define RT_HTTP_DATE_BYTES 29

/*
 * Reads an RFC 3339 date-time (section 5.6) that fills the whole text: any
 * fraction, cut to milliseconds; any offset; `t` and `z` in either case. 0,
 * RT_EINVAL for a malformed or impossible date, or RT_ERANGE for a moment
 * before 1970 or after RT_TIMESTAMP_MS_MAX.
 *
 * A leap second, :60, is accepted where UTC can have one, in the last minute of
 * a month, and is read as the last millisecond before it, :59.999: so it comes
 * neither before the second that it follows nor after the one it precedes.
 */
RT_MUST_USE int rt_timestamp_parse(struct rt_bytes text, uint64_t *wall_ms);

/*
 * Writes exactly RT_HTTP_DATE_BYTES bytes, an IMF-fixdate such as `Sun, 06 Nov
 * 1994 08:49:37 GMT` (RFC 9110, section 5.6.7). A moment after
 * RT_TIMESTAMP_MS_MAX is written as that one.
 */
void rt_http_date_write(struct rt_writer *writer, uint64_t wall_ms);

#endif
