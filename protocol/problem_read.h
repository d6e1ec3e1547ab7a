/* What a problem (RFC 9457) says, for those who get one. */
#ifndef PROTOCOL_PROBLEM_READ_H
#define PROTOCOL_PROBLEM_READ_H

#include "base/bytes.h"
#include "base/writer.h"

/*
 * Writes the `detail` of a problem+json, or its `title` if there is none, as
 * far as it fits; nothing if there is neither. Control bytes become '?', and
 * \u escapes stay as they are, so it is safe to show on a terminal. The body
 * may be any bytes.
 */
void rt_problem_explain(struct rt_writer *writer, struct rt_bytes body);

#endif
