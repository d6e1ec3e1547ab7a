/*
 * The Accept of a request for events (RFC 9110, section 12.5.1): which of the
 * two forms of a stream, or of a page, the client would rather have. Parameters
 * other than the quality mean nothing, and a range that is malformed is passed
 * over.
 */
#ifndef PROTOCOL_ACCEPT_H
#define PROTOCOL_ACCEPT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "protocol/format.h"

/*
 * RT_FORMAT_SSE if `text/event-stream` has the higher quality, or the same and
 * is named more precisely; else RT_FORMAT_NDJSON, which is what everybody gets
 * who says nothing, accepts anything, or names neither.
 */
enum rt_format rt_accept_format(struct rt_bytes accept);

/* Whether `application/x-ndjson` is preferred in the same way to
 * `application/json`, which everybody else gets. */
bool rt_accept_has_lines(struct rt_bytes accept);

#endif
