/*
 * The parameter `since`: where in a topic, or in several, a subscriber starts.
 */
#ifndef PROTOCOL_SINCE_H
#define PROTOCOL_SINCE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/cursor.h"

enum rt_since_kind {
    RT_SINCE_NOW,      /* `now`: with the next event */
    RT_SINCE_EARLIEST, /* `earliest`: with the oldest event still there */
    RT_SINCE_CURSOR,   /* `7f3a9c21-1042`: after this event */
    RT_SINCE_NODE,     /* `*7f3a9c21-90210`: the same in several topics */
    RT_SINCE_TIME,     /* an RFC 3339 time, or `10m`: that long ago */
    RT_SINCE_LAST,     /* `-N`: with the N-th event from the end */
};

/* A member that does not belong to the kind is 0. */
struct rt_since {
    enum rt_since_kind kind;
    struct rt_cursor cursor; /* RT_SINCE_CURSOR, RT_SINCE_NODE */
    uint64_t wall_ms;        /* RT_SINCE_TIME */
    uint64_t count;          /* RT_SINCE_LAST, at least 1 */
};

/*
 * Reads the whole percent-decoded text; `now_wall_ms` is what a duration counts
 * back from, at most to 1970. 0, RT_EINVAL, or RT_ERANGE for what is well
 * formed but too big, or a time before 1970.
 */
RT_MUST_USE int rt_since_parse(struct rt_bytes text,
                               uint64_t now_wall_ms,
                               struct rt_since *since);

#endif
