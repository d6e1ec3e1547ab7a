/*
 * The target of an HTTP request and the parts of it. All of them are borrowed:
 * they stay valid as long as the bytes that were taken apart.
 */
#ifndef PROTOCOL_TARGET_H
#define PROTOCOL_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/check.h"

struct rt_target {
    struct rt_bytes path;  /* not decoded; begins with '/', or is "*" */
    struct rt_bytes query; /* not decoded, without the '?' */
    bool has_query;        /* there was a '?', maybe with nothing after it */
};

/*
 * Takes a request target apart (RFC 9112, section 3.2): the origin form
 * `/path?query`; the absolute form `http://authority/path?query`, of which the
 * authority is checked and dropped, and an absent path is "/"; and the asterisk
 * form `*`. 0, or RT_EINVAL for anything else, a fragment, an authority that is
 * none, or a byte that is not visible ASCII.
 */
RT_MUST_USE int rt_target_parse(struct rt_bytes url, struct rt_target *target);

/*
 * Whether this is a host and maybe a port, as in the Host of a request: a name,
 * or an address in brackets, into which it does not look (RFC 3986, section
 * 3.2.2). A host must not be empty, and user information is an error (RFC 9110,
 * sections 4.2.1 and 4.2.4).
 */
bool rt_is_authority(struct rt_bytes text);

/*
 * Replaces every %XX by its byte, exactly once, into `memory` of `size` bytes;
 * `text` and `memory` may not overlap. A '+' stays a '+'. *decoded points into
 * `memory` and may hold any byte, NUL and '/' too: validate it. 0, RT_EINVAL
 * for a '%' without two hexadecimal digits (RFC 3986, section 2.1), or
 * RT_ERANGE without room; text.len bytes are always enough.
 */
RT_MUST_USE int rt_percent_decode(struct rt_bytes text,
                                  char *memory,
                                  size_t size,
                                  struct rt_bytes *decoded);

/*
 * Takes the next pair off a query `a=b&c`, not decoded, and returns true, or
 * false if none is left. Empty pairs, as in `a&&b`, are skipped. A pair without
 * a '=' has an empty value, whose data is NULL.
 */
bool rt_query_next(struct rt_bytes *rest,
                   struct rt_bytes *name,
                   struct rt_bytes *value);

#endif
