/*
 * Selectors, and the matcher that finds them. An input is a selector, a line
 * feed and a topic. A selector is the same when it is written and read again;
 * a matcher with its patterns finds those that have the topic, says a second
 * opinion, and holds nothing when they are gone.
 */
#include <string.h>

#include "base/error.h"
#include "broker/core/matcher.h"
#include "protocol/pattern.h"
#include "tests/fuzz/fuzz.h"

/* --- a second opinion: tokens in arrays, compared one by one --- */

struct tokens {
    struct rt_bytes tokens[RT_TOPIC_TOKENS_MAX];
    size_t count;
};

static struct tokens split(struct rt_bytes text)
{
    struct tokens tokens = {.count = 0};
    while (text.data != NULL) {
        RT_CHECK(tokens.count < RT_TOPIC_TOKENS_MAX);
        tokens.tokens[tokens.count++] = rt_bytes_split(&text, '.');
    }
    return tokens;
}

static bool is(struct rt_bytes token, char wildcard)
{
    return token.len == 1 && token.data[0] == wildcard;
}

static bool has(struct rt_bytes pattern, struct rt_bytes topic)
{
    struct tokens wanted = split(pattern);
    struct tokens given = split(topic);
    size_t count = wanted.count;
    if (is(wanted.tokens[count - 1], '>')) {
        count--;
    } else if (count != given.count) {
        return false;
    }
    bool agrees = wanted.count <= given.count;
    for (size_t i = 0; agrees && i < count; i++) {
        agrees = is(wanted.tokens[i], '*') ||
                 rt_bytes_equal(wanted.tokens[i], given.tokens[i]);
    }
    return agrees && (topic.data[0] != '$' || pattern.data[0] == '$');
}

/* --- the matcher --- */

struct subscription {
    struct rt_matcher_entry entry;
    unsigned found;
};

static void count_found(struct rt_matcher_entry *entry, void *context)
{
    RT_CONTAINER(entry, struct subscription, entry)->found++;
    (*(unsigned *)context)++;
}

static void try_topic(const struct rt_matcher *matcher,
                      const struct rt_selector *selector,
                      struct subscription *subscriptions,
                      struct rt_bytes topic)
{
    unsigned count = 0;
    unsigned expected = 0;
    rt_matcher_match(matcher, topic, count_found, &count);
    for (uint32_t i = 0; i < selector->count; i++) {
        bool is_found = has(selector->patterns[i], topic);
        RT_CHECK(subscriptions[i].found == (is_found ? 1U : 0U));
        RT_CHECK(rt_pattern_matches(selector->patterns[i], topic) == is_found);
        expected += subscriptions[i].found;
    }
    RT_CHECK(count == expected);
}

/* A topic, the broker's own ones among them. */
static bool is_name(struct rt_bytes text)
{
    const char *reason;
    if (text.len > 1 && text.len <= RT_TOPIC_BYTES_MAX && text.data[0] == '$') {
        text.data++;
        text.len--;
    }
    return rt_topic_check(text, &reason) == 0;
}

static void try_matcher(const struct rt_selector *selector,
                        struct rt_bytes topic)
{
    struct subscription subscriptions[RT_SELECTOR_PATTERNS_MAX] = {0};
    struct rt_heap heap;
    struct rt_matcher matcher;
    rt_heap_init(&heap, SIZE_MAX);
    rt_matcher_init(&matcher, &heap);
    for (uint32_t i = 0; i < selector->count; i++) {
        RT_CHECK(rt_matcher_add(&matcher, selector->patterns[i],
                                &subscriptions[i].entry) == 0);
    }
    if (is_name(topic)) {
        try_topic(&matcher, selector, subscriptions, topic);
    }
    for (uint32_t i = 0; i < selector->count; i++) {
        rt_matcher_remove(&matcher, &subscriptions[i].entry);
    }
    RT_CHECK(heap.used == 0 && matcher.root == NULL);
}

/* --- the selector --- */

static void check_patterns(const struct rt_selector *selector)
{
    const char *reason = NULL;
    RT_CHECK(selector->count > 0);
    for (uint32_t i = 0; i < selector->count; i++) {
        struct rt_bytes pattern = selector->patterns[i];
        RT_CHECK(rt_pattern_check(pattern, &reason) == 0);
        RT_CHECK(rt_pattern_has_wildcards(pattern) || has(pattern, pattern));
    }
}

static void check_again(const struct rt_selector *selector)
{
    char memory[RT_SELECTOR_BYTES_MAX];
    struct rt_writer writer;
    struct rt_selector again;
    struct rt_refusal refusal;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_selector_write(&writer, selector);
    RT_CHECK(!writer.overflowed);
    struct rt_bytes text = rt_writer_bytes(&writer);
    RT_CHECK(rt_selector_parse(text, &again, &refusal) == 0);
    RT_CHECK(again.count == selector->count);
    for (uint32_t i = 0; i < again.count; i++) {
        RT_CHECK(rt_bytes_equal(again.patterns[i], selector->patterns[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rt_bytes topic = {(const char *)data, size};
    struct rt_bytes text = rt_bytes_split(&topic, '\n');
    struct rt_selector selector;
    struct rt_refusal refusal = {.detail = NULL};
    if (rt_selector_parse(text, &selector, &refusal) < 0) {
        RT_CHECK(refusal.problem == RT_PROBLEM_BAD_TOPIC);
        RT_CHECK(refusal.detail != NULL);
        return 0;
    }
    check_patterns(&selector);
    check_again(&selector);
    try_matcher(&selector, topic);
    return 0;
}
