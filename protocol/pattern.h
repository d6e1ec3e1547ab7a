/*
 * Patterns and selectors: what one subscribes to. A pattern is a topic whose
 * tokens may also be `*`, which is any one token, and as the last one `>`,
 * which is one or more. A selector is one pattern, or several with commas
 * between.
 *
 * Topics that begin with `$` are the broker's own: a pattern has them only if
 * its first token is theirs, so that `>` means what people publish.
 */
#ifndef PROTOCOL_PATTERN_H
#define PROTOCOL_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"
#include "protocol/problem.h"
#include "protocol/topic.h"

/* A pattern is no longer than a topic; of a selector, bytes and patterns. */
#define RT_SELECTOR_BYTES_MAX    1024
#define RT_SELECTOR_PATTERNS_MAX 64

/* Tokens of a topic, and so of a pattern. */
#define RT_TOPIC_TOKENS_MAX ((RT_TOPIC_BYTES_MAX + 1) / 2)

#define RT_PATTERN_ANY  RT_BYTES("*") /* one token */
#define RT_PATTERN_REST RT_BYTES(">") /* one token or more */

/*
 * Whether `pattern` may be subscribed to, after percent-decoding: 0, or
 * RT_EINVAL with *reason as rt_topic_check sets it. One without wildcards is a
 * topic, and none of the broker's own.
 */
RT_MUST_USE int rt_pattern_check(struct rt_bytes pattern, const char **reason);

/* Whether a valid pattern has wildcards; without, it is a topic. */
bool rt_pattern_has_wildcards(struct rt_bytes pattern);

/* Whether a topic is among those that the pattern means; both are valid. */
bool rt_pattern_matches(struct rt_bytes pattern, struct rt_bytes topic);

/* Patterns that point into the text they were read from, sorted by their bytes
 * and without repetitions. */
struct rt_selector {
    struct rt_bytes patterns[RT_SELECTOR_PATTERNS_MAX];
    uint32_t count; /* at least 1 */
};

/*
 * Reads a selector that fills the whole text: 0, or RT_EINVAL with the refusal,
 * which names the pattern that is none, and its place among several from 0, or
 * what is before it if it is empty; then *selector means nothing.
 * Repetitions count to the limit.
 */
RT_MUST_USE int rt_selector_parse(struct rt_bytes text,
                                  struct rt_selector *selector,
                                  struct rt_refusal *refusal);

/* Adds a valid pattern to a selector, which may have none yet, and has fewer
 * than there may be. */
void rt_selector_add(struct rt_selector *selector, struct rt_bytes pattern);

/* Whether it is one topic, without wildcards. */
bool rt_selector_is_topic(const struct rt_selector *selector);

/* How many bytes it takes to write it; of one that was not parsed that may be
 * more than RT_SELECTOR_BYTES_MAX. */
size_t rt_selector_size(const struct rt_selector *selector);

/*
 * Writes the selector, at most RT_SELECTOR_BYTES_MAX bytes. Selectors of the
 * same patterns are written the same, in whatever order they were asked for.
 */
void rt_selector_write(struct rt_writer *writer,
                       const struct rt_selector *selector);

#endif
