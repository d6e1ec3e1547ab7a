/*
 * The Accept of a request for a stream of events (RFC 9110, section 12.5.1):
 * which of the two forms of a stream the client would rather have.
 */
#ifndef PROTOCOL_ACCEPT_H
#define PROTOCOL_ACCEPT_H

#include "base/bytes.h"
#include "protocol/format.h"

/*
 * RT_FORMAT_SSE if `text/event-stream` has the higher quality, or the same and
 * is named more precisely; else RT_FORMAT_NDJSON, which is what everybody gets
 * who says nothing, accepts anything, or names neither. Parameters other than
 * the quality mean nothing, and a range that is malformed is passed over.
 */
enum rt_format rt_accept_format(struct rt_bytes accept);

#endif
