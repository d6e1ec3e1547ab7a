/*
 * A core on plain memory, for tests: sinks that take as many bytes as they are
 * told to and remember them, and events that can be told from one another.
 */
#ifndef TESTS_SUPPORT_SINK_H
#define TESTS_SUPPORT_SINK_H

#include "base/buffer.h"
#include "broker/core/core.h"
#include "broker/core/subscriber.h"
#include "tests/support/test.h"

#define TEST_WALL_MS     UINT64_C(1787000000000) /* when a core's time is 0 */
#define TEST_STALL_MS    30000
#define TEST_PAYLOAD_MIN ((size_t)5) /* bytes that tell an event */

struct test_core {
    struct test_heap heap;
    struct rt_core core;
};

/* A core of that retention, at time 0. */
void test_core_init(struct test_core *test, struct rt_retention retention);

/* All sinks must be finished; expects that nothing is left on the heap. */
void test_core_finish(struct test_core *test);

void test_core_pass_time(struct test_core *test, uint64_t ms);

/* The next event of a topic, as the calls below publish it; valid until the
 * next call. */
struct rt_event
test_core_event(const struct test_core *test, const char *topic, size_t len);

/* Publishes an event with `len` bytes of payload, at least TEST_PAYLOAD_MIN,
 * that tell its topic and offset: 0 or RT_ENOMEM. */
RT_MUST_USE int
test_core_try_publish(struct test_core *test, const char *topic, size_t len);

/* The same, and expects that it succeeds. */
void test_core_publish(struct test_core *test, const char *topic, size_t len);

/* The same, `count` times. */
void test_core_publish_many(struct test_core *test,
                            const char *topic,
                            int count,
                            size_t len);

/* A topic that is there. */
struct rt_topic *test_core_topic(const struct test_core *test,
                                 const char *name);

/* Flushes until no work remains. */
void test_core_flush(struct test_core *test);

struct test_sink {
    struct rt_subscriber subscriber;
    struct rt_core *core;
    struct rt_heap heap; /* of `received` */
    struct rt_buffer received;
    size_t read;             /* bytes of it that test_sink_next went through */
    size_t room;             /* bytes it takes before it blocks */
    bool is_lost;            /* writes fail */
    bool refuses_queue;      /* there is no memory to queue anything */
    struct rt_segment *held; /* what is queued, and the reference for it */
    struct rt_bytes queued;
    uint32_t writes;
    char topic;      /* the first letter of its name */
    bool queues_gap; /* it does not take a gap at once */
    uint32_t gap_count;
    struct rt_gap gap; /* the last one it was told of */
    uint32_t caught_up_count;
    const struct rt_own *own; /* that it skips, in order */
    uint32_t own_count;
    bool is_closed;
    enum rt_close_reason reason;
    struct rt_resume resume;
};

/* A sink that takes everything. */
void test_sink_init(struct test_sink *sink, struct test_core *test);

/* Ends the subscription and drops what is queued. */
void test_sink_finish(struct test_sink *sink);

/* Subscribes, and expects that it succeeds. Returns the start's cursor. */
struct rt_cursor test_sink_subscribe(struct test_sink *sink,
                                     const char *topic,
                                     struct rt_since since);

/* The same in a format; gaps are told. */
void test_sink_subscribe_in(struct test_sink *sink,
                            const char *topic,
                            enum rt_format format,
                            struct rt_since since);

/* With the next event, and with the oldest one. */
void test_sink_subscribe_now(struct test_sink *sink, const char *topic);
void test_sink_subscribe_earliest(struct test_sink *sink, const char *topic);

/* The connection takes `len` bytes of what is queued, or all of it. With the
 * last one the subscriber is told, if it is still attached. */
void test_sink_take(struct test_sink *sink, size_t len);
void test_sink_drain(struct test_sink *sink);

/* The connection is gone and drops what is queued. */
void test_sink_drop(struct test_sink *sink);

/* The offset of the next whole event in what was received; 0 if there is none.
 * Fails the test for bytes that no event of the topic has. */
uint64_t test_sink_next(struct test_sink *sink);

/* Expects exactly these events since the last look; first > last: none. */
void test_sink_expect(struct test_sink *sink, uint64_t first, uint64_t last);

/* Expects that it was closed for the reason, to go on after the event. */
void test_sink_expect_closed(const struct test_sink *sink,
                             enum rt_close_reason reason,
                             uint64_t resume_offset,
                             uint64_t missed);

/* The same for several sinks: they subscribe with the next event, are expected
 * to be open and to have got these events, and are finished. */
void test_sinks_join(struct test_sink *sinks,
                     int count,
                     struct test_core *test,
                     const char *topic);
void test_sinks_expect(struct test_sink *sinks,
                       int count,
                       uint64_t first,
                       uint64_t last);
void test_sinks_finish(struct test_sink *sinks, int count);

#endif
