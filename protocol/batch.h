/*
 * Batches: several events in one body, a line of JSON for each (NDJSON). Either
 * all go to one topic, and then a line is an event; or each line names the
 * topic of its event:
 *
 *     {"topic":"chat.42","data":{"text":"hi"},"type":"msg"}
 *
 * Lines end with LF or CRLF, the last one maybe with nothing. Lines without
 * anything, or with blanks only, are skipped and not counted.
 */
#ifndef PROTOCOL_BATCH_H
#define PROTOCOL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/media_type.h"
#include "protocol/problem.h"

#define RT_BATCH_EVENTS_MAX 10000

/* What is wrong with a batch, and with which of its events, from 0. */
struct rt_batch_fault {
    uint32_t index;
    struct rt_refusal refusal;
};

/* Takes the next line that is not skipped off the body, and its end off the
 * line, and returns true; or false if none is left. */
bool rt_batch_next(struct rt_bytes *rest, struct rt_bytes *line);

/* Counts the events of a body, 1 to RT_BATCH_EVENTS_MAX: 0, or RT_EINVAL with
 * the fault. */
RT_MUST_USE int rt_batch_count(struct rt_bytes body,
                               uint32_t *count,
                               struct rt_batch_fault *fault);

/*
 * Counts the events of a body for one topic and checks that each is JSON of at
 * most `event_bytes_max` bytes, so that all of them can be appended or none: 0,
 * or RT_EINVAL with the fault.
 */
RT_MUST_USE int rt_batch_check(struct rt_bytes body,
                               size_t event_bytes_max,
                               uint32_t *count,
                               struct rt_batch_fault *fault);

/* A line that names its topic. Points into the line or into the memory that it
 * was read with. */
struct rt_batch_item {
    struct rt_bytes topic;
    struct rt_bytes type; /* empty: none */
    struct rt_bytes payload;
    enum rt_content content;
};

/*
 * Reads a line with the members `topic`; `data` or `data_base64`; and maybe
 * `type`. A string as data is text, any other JSON is the payload as it stands,
 * and bytes in base64 are binary. `memory` has room for line.len bytes. 0, or
 * RT_EINVAL with the refusal, whose subject is the member that is wrong. What
 * is no member is refused too, so that a slip of the pen is not lost.
 */
RT_MUST_USE int rt_batch_item_parse(struct rt_bytes line,
                                    size_t event_bytes_max,
                                    char *memory,
                                    struct rt_batch_item *item,
                                    struct rt_refusal *refusal);

#endif
