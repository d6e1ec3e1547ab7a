/*
 * The type of an event, by which subscribers tell kinds of events apart: what
 * server-sent events call `event`, and an envelope `type`. What passes here is
 * safe in a header, a line and a JSON string as it is.
 */
#ifndef PROTOCOL_EVENT_TYPE_H
#define PROTOCOL_EVENT_TYPE_H

#include "base/bytes.h"
#include "base/check.h"

#define RT_EVENT_TYPE_BYTES_MAX 64

/*
 * Whether an event may have this type: the bytes of a token (RFC 9110, section
 * 5.6.2), and '/' and ':'; not one of the broker's own, which begin with
 * `ringtail.`. 0, or RT_EINVAL with *reason set to a static fragment of a
 * sentence, without a full stop, that says what is wrong.
 */
RT_MUST_USE int rt_event_type_check(struct rt_bytes type, const char **reason);

#endif
