/*
 * The value of If-Match on a publish (RFC 9110, section 13.1.1): which event
 * must be the topic's last one, so that nobody else's comes in between.
 */
#ifndef PROTOCOL_IF_MATCH_H
#define PROTOCOL_IF_MATCH_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/cursor.h"

enum rt_if_match_kind {
    RT_IF_MATCH_NOTHING, /* there is no condition */
    RT_IF_MATCH_ANY,     /* `*`: the log has had an event */
    RT_IF_MATCH_CURSOR,  /* this is the position of its last one */
};

struct rt_if_match {
    enum rt_if_match_kind kind;
    struct rt_cursor cursor; /* with RT_IF_MATCH_CURSOR */
};

/*
 * Reads a condition that fills the whole value: `*`, or one cursor in quotes.
 * 0, or RT_EINVAL with *reason set to a static fragment of a sentence that says
 * what is wrong; so are weak tags, which never match, and lists.
 */
RT_MUST_USE int rt_if_match_parse(struct rt_bytes value,
                                  struct rt_if_match *condition,
                                  const char **reason);

/* Whether the condition holds for a log at `latest`, the position of its last
 * event; NULL: there is no log. */
bool rt_if_match_holds(const struct rt_if_match *condition,
                       const struct rt_cursor *latest);

#endif
