#include "protocol/pattern.h"

#include <string.h>

#include "base/error.h"

_Static_assert(RT_SELECTOR_BYTES_MAX == 1024 && RT_SELECTOR_PATTERNS_MAX == 64,
               "the details below say these numbers");

/* --- patterns --- */

static bool has_byte(struct rt_bytes text, char byte)
{
    return text.len > 0 && memchr(text.data, byte, text.len) != NULL;
}

static bool is_any(struct rt_bytes token)
{
    return rt_bytes_equal(token, RT_PATTERN_ANY);
}

static bool is_rest(struct rt_bytes token)
{
    return rt_bytes_equal(token, RT_PATTERN_REST);
}

/* What is wrong with a token that is no wildcard, or NULL. */
static const char *find_token_fault(struct rt_bytes token)
{
    const char *fault = NULL;
    if (token.len == 0) {
        return "a token is empty";
    }
    if (has_byte(token, '*') || has_byte(token, '>')) {
        return "a wildcard is a token of its own";
    }
    if (has_byte(token, '$')) {
        return "only the first byte may be $";
    }
    return rt_topic_check(token, &fault) < 0 ? fault : NULL;
}

static const char *find_fault(struct rt_bytes pattern)
{
    const char *fault = NULL;
    struct rt_bytes rest = pattern;
    if (pattern.data[0] == '$') {
        rest.data++;
        rest.len--;
        fault = find_token_fault(rt_bytes_split(&rest, '.'));
    }
    while (fault == NULL && rest.data != NULL) {
        struct rt_bytes token = rt_bytes_split(&rest, '.');
        if (is_rest(token) && rest.data != NULL) {
            fault = "a > is the last token";
        } else if (!is_any(token) && !is_rest(token)) {
            fault = find_token_fault(token);
        }
    }
    return fault;
}

int rt_pattern_check(struct rt_bytes pattern, const char **reason)
{
    const char *fault = NULL;
    if (pattern.len == 0) {
        fault = "the topic is missing";
    } else if (pattern.len > RT_TOPIC_BYTES_MAX) {
        fault = "a topic has at most 200 bytes";
    } else {
        fault = find_fault(pattern);
    }
    if (fault == NULL) {
        return rt_pattern_has_wildcards(pattern)
                   ? 0
                   : rt_topic_check(pattern, reason);
    }
    *reason = fault;
    return RT_EINVAL;
}

bool rt_pattern_has_wildcards(struct rt_bytes pattern)
{
    return has_byte(pattern, '*') || has_byte(pattern, '>');
}

bool rt_pattern_matches(struct rt_bytes pattern, struct rt_bytes topic)
{
    if (topic.data[0] == '$' && pattern.data[0] != '$') {
        return false;
    }
    while (pattern.data != NULL && topic.data != NULL) {
        struct rt_bytes wanted = rt_bytes_split(&pattern, '.');
        if (is_rest(wanted)) {
            return true;
        }
        struct rt_bytes token = rt_bytes_split(&topic, '.');
        if (!is_any(wanted) && !rt_bytes_equal(wanted, token)) {
            return false;
        }
    }
    return pattern.data == NULL && topic.data == NULL;
}

/* --- selectors --- */

static int refuse(struct rt_refusal *refusal,
                  struct rt_bytes subject,
                  const char *detail,
                  uint64_t limit)
{
    *refusal = (struct rt_refusal){.problem = RT_PROBLEM_BAD_TOPIC,
                                   .subject = subject,
                                   .detail = detail,
                                   .limit = limit};
    return RT_EINVAL;
}

/* One of several has a number; one that is empty shows as what is before it. */
static int refuse_entry(struct rt_refusal *refusal,
                        struct rt_bytes text,
                        struct rt_bytes pattern,
                        uint32_t index,
                        const char *detail)
{
    struct rt_bytes before = {text.data, (size_t)(pattern.data - text.data)};
    int err = refuse(refusal, pattern.len > 0 ? pattern : before, detail, 0);
    refusal->has_index = text.len > pattern.len;
    refusal->index = index;
    return err;
}

/* By their bytes; of two that begin alike the shorter one is less. */
static int compare(struct rt_bytes a, struct rt_bytes b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

/* There are few, and they often come sorted. */
void rt_selector_add(struct rt_selector *selector, struct rt_bytes pattern)
{
    RT_CHECK(selector->count < RT_SELECTOR_PATTERNS_MAX);
    uint32_t place = selector->count;
    while (place > 0 && compare(selector->patterns[place - 1], pattern) > 0) {
        place--;
    }
    if (place > 0 && rt_bytes_equal(selector->patterns[place - 1], pattern)) {
        return;
    }
    struct rt_bytes *at = &selector->patterns[place];
    memmove(at + 1, at, (selector->count - place) * sizeof(*at));
    *at = pattern;
    selector->count++;
}

int rt_selector_parse(struct rt_bytes text,
                      struct rt_selector *selector,
                      struct rt_refusal *refusal)
{
    struct rt_bytes rest = text;
    const char *reason = NULL;
    if (text.len > RT_SELECTOR_BYTES_MAX) {
        return refuse(refusal, text, "topics have at most 1024 bytes in all",
                      RT_SELECTOR_BYTES_MAX);
    }
    selector->count = 0;
    for (uint32_t taken = 0; taken == 0 || rest.data != NULL; taken++) {
        struct rt_bytes pattern = rt_bytes_split(&rest, ',');
        if (taken == RT_SELECTOR_PATTERNS_MAX) {
            return refuse(refusal, pattern, "there are at most 64 topics",
                          RT_SELECTOR_PATTERNS_MAX);
        }
        if (rt_pattern_check(pattern, &reason) < 0) {
            return refuse_entry(refusal, text, pattern, taken, reason);
        }
        rt_selector_add(selector, pattern);
    }
    return 0;
}

void rt_selector_write(struct rt_writer *writer,
                       const struct rt_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        if (i > 0) {
            RT_WRITE(writer, ",");
        }
        rt_write_bytes(writer, selector->patterns[i]);
    }
}

bool rt_selector_is_topic(const struct rt_selector *selector)
{
    return selector->count == 1 &&
           !rt_pattern_has_wildcards(selector->patterns[0]);
}

size_t rt_selector_size(const struct rt_selector *selector)
{
    size_t size = selector->count - 1; /* commas */
    for (uint32_t i = 0; i < selector->count; i++) {
        size += selector->patterns[i].len;
    }
    return size;
}
