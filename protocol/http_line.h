/*
 * The first line of an HTTP request: a method, a target and a version, with
 * single blanks between them (RFC 9112, section 3). It is looked at before all
 * else: what is no such line is not HTTP.
 */
#ifndef PROTOCOL_HTTP_LINE_H
#define PROTOCOL_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/problem.h"

/* Of a head: bytes in all, of the method, and of the target. */
#define RT_HTTP_HEAD_MAX   ((size_t)16 * 1024)
#define RT_HTTP_METHOD_MAX 64
#define RT_HTTP_TARGET_MAX ((size_t)8 * 1024)

/* Whether a request may begin with these bytes, at least one: with an empty
 * line, or a method as far as it is there. */
bool rt_http_may_begin(struct rt_bytes bytes);

/* Finds the method in a head, whose first line must be one; 0, or RT_EINVAL
 * with the refusal. Methods are not known by name here. */
RT_MUST_USE int rt_http_line_check(struct rt_bytes head,
                                   struct rt_bytes *method,
                                   struct rt_refusal *refusal);

/* Says what of a head that is longer than the limit is too long: its target, or
 * all of it. The end may be missing. */
void rt_http_refuse_long(struct rt_bytes head, struct rt_refusal *refusal);

#endif
