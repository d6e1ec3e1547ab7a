/* What a problem (RFC 9457) says, for those who get one and may show it. */
#ifndef PROTOCOL_PROBLEM_READ_H
#define PROTOCOL_PROBLEM_READ_H

#include "base/bytes.h"
#include "base/writer.h"

/*
 * Writes text of a peer's as far as it fits. What is not printable ASCII
 * becomes '?', so that it is safe to show on a terminal and to put into JSON.
 */
void rt_write_shown(struct rt_writer *writer, struct rt_bytes text);

/*
 * Writes the `detail` of a problem+json, or its `title` if there is none, as
 * rt_write_shown does; nothing if there is neither. \u escapes stay as they
 * are. The body may be any bytes.
 */
void rt_problem_explain(struct rt_writer *writer, struct rt_bytes body);

#endif
