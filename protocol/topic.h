/*
 * Names of topics: tokens of A-Z a-z 0-9 _ = ~ - separated by dots, as in
 * `chat.42`. What passes here is safe in a path, a header and a log line.
 */
#ifndef PROTOCOL_TOPIC_H
#define PROTOCOL_TOPIC_H

#include "base/bytes.h"
#include "base/check.h"

#define RT_TOPIC_BYTES_MAX 200
#define RT_TOKEN_BYTES_MAX 64

/*
 * Whether events may be published to `name`, after percent-decoding: 0, or
 * RT_EINVAL with *reason set to a static fragment of a sentence, without a full
 * stop, that says what is wrong. Patterns are refused as well.
 */
RT_MUST_USE int rt_topic_check(struct rt_bytes name, const char **reason);

/* Whether topics may begin like this; it may be empty. As rt_topic_check. */
RT_MUST_USE int rt_topic_check_prefix(struct rt_bytes prefix,
                                      const char **reason);

#endif
