/*
 * A core, and every event that was ever published to it: what a selection's
 * subscribers must be given is what the history has, encoded again.
 */
#ifndef TESTS_SUPPORT_HISTORY_H
#define TESTS_SUPPORT_HISTORY_H

#include "broker/core/publication.h"
#include "tests/support/sink.h"

#define TEST_HISTORY_MAX     4096 /* events */
#define TEST_HISTORY_LEN_MAX 4000 /* bytes of a payload */

struct test_past {
    const char *topic;
    struct rt_cursor cursor;
    uint64_t wall_ms;
    size_t len;
    bool is_closing; /* no event: the topic was closed */
};

struct test_history {
    struct test_core test;
    enum rt_format format;
    struct test_past events[TEST_HISTORY_MAX + 1]; /* by their sequences */
};

void test_history_init(struct test_history *history,
                       struct rt_retention retention);

/* All sinks must be finished. */
void test_history_finish(struct test_history *history);

/* Publishes `count` events of `len` bytes. */
void test_history_publish(struct test_history *history,
                          const char *topic,
                          int count,
                          size_t len);

/* Closes a topic that is not. */
void test_history_close(struct test_history *history, const char *topic);

/* Adds the next event of the node, of `len` bytes, to a publication that will
 * be committed. */
void test_history_add(struct test_history *history,
                      struct rt_publication *publication,
                      const char *topic,
                      size_t len);

/* Subscribes a new sink to a selector, in JSON: 0 or an error. */
RT_MUST_USE int test_history_try_select(struct test_history *history,
                                        struct test_sink *sink,
                                        const char *selector,
                                        struct rt_since since,
                                        struct rt_start *start);

/* The same, and expects that it succeeds. */
struct rt_start test_history_select(struct test_history *history,
                                    struct test_sink *sink,
                                    const char *selector,
                                    struct rt_since since);

/* The sink, which may be closed since all of its topics are, has got the events
 * and closings of the selector's topics with these sequences,
 * but its own, since the last look, and nothing else. first > last: none. */
void test_history_expect(const struct test_history *history,
                         struct test_sink *sink,
                         const char *selector,
                         uint64_t first,
                         uint64_t last);

/* The same, but that those between `last` and `next` are missing, and the end
 * is that of the history. */
void test_history_expect_with_gap(const struct test_history *history,
                                  struct test_sink *sink,
                                  const char *selector,
                                  uint64_t first,
                                  uint64_t last,
                                  uint64_t next);

/* A position among all events of the node. */
struct rt_since test_since_node(const struct test_history *history,
                                uint64_t sequence);

#endif
