#include "broker/core/local.h"

#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/support/sink.h"

#define KIB   ((size_t)1024)
#define ENDED 100000 /* more deliveries than any test needs */

static const struct rt_retention retention = {64 * KIB, UINT64_MAX, UINT64_MAX};

/* A local that counts what it is handed and expects that it is the next. */
struct listener {
    struct rt_local local;
    struct rt_core *core;
    uint64_t next; /* offset */
    uint64_t events;
    uint64_t gaps;
    uint64_t missed;
    uint64_t ends;
    enum rt_close_reason reason; /* of the last gap */
    void (*react)(struct listener *listener, uint64_t offset);
    struct listener *other;
    struct test_core *test;
};

static void on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery)
{
    struct listener *listener = RT_CONTAINER(local, struct listener, local);
    if (delivery->kind == RT_DELIVERY_END) {
        listener->ends++;
        EXPECT_INT(delivery->reason, RT_CLOSE_TOPIC_CLOSED);
        EXPECT_INT(local->state, RT_LOCAL_ENDED);
        return;
    }
    if (delivery->kind == RT_DELIVERY_GAP) {
        listener->gaps++;
        listener->missed += delivery->missed;
        listener->reason = delivery->reason;
        if (delivery->missed > 0 && listener->next > 0) {
            EXPECT_INT(delivery->offset, listener->next + delivery->missed - 1);
        }
        listener->next = delivery->offset + 1;
        return;
    }
    EXPECT(listener->next == 0 || delivery->offset == listener->next);
    EXPECT(delivery->payload.len >= TEST_PAYLOAD_MIN);
    EXPECT_INT((uint8_t)delivery->payload.data[1], delivery->offset & 0xff);
    EXPECT_INT(delivery->content, RT_CONTENT_TEXT);
    EXPECT(delivery->wall_ms >= TEST_WALL_MS);
    EXPECT_INT(rt_local_cursor(local).offset, delivery->offset);
    listener->next = delivery->offset + 1;
    listener->events++;
    if (listener->react != NULL) {
        listener->react(listener, delivery->offset);
    }
}

static void subscribe(struct listener *listener,
                      struct test_core *test,
                      enum rt_since_kind kind)
{
    struct rt_since since = {.kind = kind};
    listener->test = test;
    listener->core = &test->core;
    EXPECT_INT(rt_core_subscribe_local(&test->core, RT_BYTES("a"), &since,
                                       on_delivery, &listener->local),
               0);
    rt_core_validate(&test->core);
}

static void deliver_all(struct test_core *test)
{
    int rounds = 0;
    while (rt_core_deliver(&test->core)) {
        rt_core_validate(&test->core);
        EXPECT(++rounds < ENDED);
    }
    rt_core_validate(&test->core);
}

static void expect(const struct listener *listener,
                   uint64_t events,
                   uint64_t gaps,
                   uint64_t missed)
{
    EXPECT_INT(listener->events, events);
    EXPECT_INT(listener->gaps, gaps);
    EXPECT_INT(listener->missed, missed);
}

/* It is the only one that is left. */
static void finish(struct listener *listener)
{
    rt_local_detach(&listener->local);
    test_core_finish(listener->test);
}

TEST("a local gets every event from the next one on, in order, once")
{
    struct test_core test;
    struct listener listener = {.next = 6};
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 5, 100);
    subscribe(&listener, &test, RT_SINCE_NOW);
    deliver_all(&test);
    expect(&listener, 0, 0, 0);
    test_core_publish_many(&test, "a", 7, 100);
    expect(&listener, 0, 0, 0); /* not before it is its turn */
    deliver_all(&test);
    deliver_all(&test);
    expect(&listener, 7, 0, 0);
    EXPECT_INT(test.core.counters.events_delivered, 7);
    finish(&listener);
}

TEST("a local that begins early replays, over all blocks")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 300, 100);
    subscribe(&listener, &test, RT_SINCE_EARLIEST);
    deliver_all(&test);
    expect(&listener, 300, 0, 0);
    finish(&listener);
}

TEST("one delivery is bounded, for one local and for all")
{
    struct test_core test;
    struct listener listeners[10] = {0};
    struct rt_retention large = {1024 * KIB, UINT64_MAX, UINT64_MAX};
    uint64_t events = 0;
    test_core_init(&test, large);
    for (int i = 0; i < 10; i++) {
        subscribe(&listeners[i], &test, RT_SINCE_NOW);
    }
    test_core_publish_many(&test, "a", RT_DELIVERY_QUANTUM + 10, 10);
    EXPECT(rt_core_deliver(&test.core));
    for (int i = 0; i < 10; i++) {
        EXPECT(listeners[i].events <= RT_DELIVERY_QUANTUM);
        events += listeners[i].events;
    }
    EXPECT_INT(events, RT_DELIVERY_EVENTS);
    /* Who was left out is the first now, and the rest follows. */
    EXPECT(!rt_core_deliver(&test.core));
    for (int i = 0; i < 10; i++) {
        EXPECT(listeners[i].events > 0);
    }
    deliver_all(&test);
    for (int i = 0; i < 10; i++) {
        expect(&listeners[i], RT_DELIVERY_QUANTUM + 10, 0, 0);
        rt_local_detach(&listeners[i].local);
    }
    test_core_finish(&test);
}

TEST("a burst larger than the ring reaches who had kept up")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    for (int round = 0; round < 5; round++) {
        /* The blocks are of 16 KiB by now: eight of them beside the ring. */
        test_core_publish_many(&test, "a", 150, 1000);
        deliver_all(&test);
    }
    expect(&listener, 750, 0, 0);
    EXPECT_INT(test.core.store.retired_bytes, 0);
    finish(&listener);
}

TEST("a burst that is larger still is a gap of all that was lost")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 1000, 1000);
    EXPECT(test.core.store.retired_bytes <= RT_RESCUED_MAX * 16 * KIB);
    deliver_all(&test);
    EXPECT_INT(listener.gaps, 1);
    EXPECT(listener.missed > 0);
    EXPECT_INT(listener.events + listener.missed, 1000);
    EXPECT_INT(listener.reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT_INT(test.core.counters.gaps, 1);
    EXPECT_INT(test.core.counters.events_missed, listener.missed);
    EXPECT_INT(test.core.store.retired_bytes, 0);
    finish(&listener);
}

TEST("what is held for a local that left leaves room for the next one")
{
    struct test_core test;
    struct listener gone = {0};
    struct listener listener = {.next = 252};
    test_core_init(&test, retention);
    subscribe(&gone, &test, RT_SINCE_NOW);
    test_core_publish(&test, "a", 1000);
    rt_local_detach(&gone.local);
    test_core_publish_many(&test, "a", 250, 1000);
    subscribe(&listener, &test, RT_SINCE_NOW);
    EXPECT_INT(listener.local.topic->locals->rescued_count, 0);
    test_core_publish_many(&test, "a", 150, 1000);
    deliver_all(&test);
    expect(&listener, 150, 0, 0);
    finish(&listener);
}

static void come_back(struct listener *listener, uint64_t offset)
{
    if (offset % 150 == 50) {
        rt_local_pause(&listener->local);
        rt_local_resume(&listener->local);
    }
}

TEST("who pauses and goes on at once loses nothing, nor does who waits")
{
    struct test_core test;
    struct listener first = {.next = 1, .react = come_back};
    struct listener second = {.next = 151};
    test_core_init(&test, retention);
    subscribe(&first, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 150, 1000);
    deliver_all(&test);
    subscribe(&second, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 150, 1000);
    deliver_all(&test);
    expect(&first, 300, 0, 0);
    expect(&second, 150, 0, 0);
    rt_local_detach(&first.local);
    finish(&second);
}

TEST("a block is rescued once, however often the append fails")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    int failures = 0;
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    struct rt_locals *locals = listener.local.topic->locals;
    /* A large event needs a new block, and the oldest ones have to go. */
    test_core_publish_many(&test, "a", 60, 1000);
    for (int i = 0; i < 20; i++) {
        test_heap_fail_at(&test.heap, 1);
        failures += test_core_try_publish(&test, "a", 30000) < 0 ? 1 : 0;
    }
    test_heap_fail_at(&test.heap, 0);
    EXPECT_INT(failures, 20);
    EXPECT(locals->rescued_count > 0);
    for (unsigned i = 1; i < locals->rescued_count; i++) {
        EXPECT(locals->rescued[i]->first_offset >
               locals->rescued[i - 1]->first_offset);
    }
    test_core_publish(&test, "a", 30000);
    deliver_all(&test);
    expect(&listener, 61, 0, 0);
    finish(&listener);
}

TEST("a block that was rescued in vain hides none before it")
{
    struct test_core test;
    struct listener late = {.next = 1};
    struct listener early = {.next = 6};
    struct rt_retention few = {64 * KIB, .events = 7, .age_ms = UINT64_MAX};
    test_core_init(&test, few);
    test_core_publish_many(&test, "a", 5, 100);
    subscribe(&early, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 2, 100);
    subscribe(&late, &test, RT_SINCE_EARLIEST);
    test_core_publish(&test, "a", 100);
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(test_core_try_publish(&test, "a", 60000), RT_ENOMEM);
    deliver_all(&test);
    expect(&early, 3, 0, 0);
    expect(&late, 7, 1, 1);
    rt_local_detach(&early.local);
    finish(&late);
}

TEST("what has not been delivered does not grow too old")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    struct rt_retention brief = {64 * KIB, UINT64_MAX, .age_ms = 1000};
    test_core_init(&test, brief);
    subscribe(&listener, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 3, 100);
    test_core_pass_time(&test, 5000);
    rt_core_tick(&test.core);
    deliver_all(&test);
    expect(&listener, 3, 0, 0);
    rt_core_tick(&test.core);
    EXPECT_INT(listener.local.topic->ring.segment_count, 0);
    finish(&listener);
}

TEST("a pause keeps nothing, and ends with a gap if need be")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 10, 1000);
    deliver_all(&test);
    rt_local_pause(&listener.local);
    rt_local_pause(&listener.local);
    test_core_publish_many(&test, "a", 10, 1000);
    EXPECT(!rt_core_deliver(&test.core));
    EXPECT_INT(rt_local_cursor(&listener.local).offset, 10);
    rt_local_resume(&listener.local);
    rt_local_resume(&listener.local);
    deliver_all(&test);
    expect(&listener, 20, 0, 0);
    rt_local_pause(&listener.local);
    test_core_publish_many(&test, "a", 200, 1000);
    EXPECT_INT(test.core.store.retired_bytes, 0);
    rt_local_resume(&listener.local);
    deliver_all(&test);
    EXPECT_INT(listener.gaps, 1);
    EXPECT_INT(listener.events + listener.missed, 220);
    finish(&listener);
}

TEST("a start that is gone is told as a gap")
{
    struct test_core test;
    struct listener listener = {0};
    struct rt_since since = {.kind = RT_SINCE_CURSOR,
                             .cursor = {0xdeadbeef, 3}};
    test_core_init(&test, retention);
    test_core_publish_many(&test, "a", 10, 100);
    listener.test = &test;
    EXPECT_INT(rt_core_subscribe_local(&test.core, RT_BYTES("a"), &since,
                                       on_delivery, &listener.local),
               0);
    expect(&listener, 0, 0, 0); /* never inside the call */
    deliver_all(&test);
    expect(&listener, 10, 1, 0);
    EXPECT_INT(listener.reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(listener.next, 11);
    finish(&listener);
}

static void publish_again(struct listener *listener, uint64_t offset)
{
    if (offset < 500) {
        test_core_publish(listener->test, "a", 1000);
    }
}

TEST("a local may publish to its own topic")
{
    struct test_core test;
    struct listener listener = {.next = 1, .react = publish_again};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    test_core_publish(&test, "a", 1000);
    deliver_all(&test);
    expect(&listener, 500, 0, 0);
    finish(&listener);
}

static void leave(struct listener *listener, uint64_t offset)
{
    if (offset == 3) {
        rt_local_detach(&listener->local);
        rt_local_detach(&listener->other->local);
    }
}

TEST("a local may leave while it is served, and take another with it")
{
    struct test_core test;
    struct listener first = {.next = 1, .react = leave};
    struct listener second = {.next = 1};
    struct listener third = {.next = 1};
    first.other = &second;
    test_core_init(&test, retention);
    subscribe(&first, &test, RT_SINCE_NOW);
    subscribe(&second, &test, RT_SINCE_NOW);
    subscribe(&third, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 10, 100);
    deliver_all(&test);
    expect(&first, 3, 0, 0);
    expect(&second, 0, 0, 0);
    expect(&third, 10, 0, 0);
    finish(&third);
}

static void pause_at_three(struct listener *listener, uint64_t offset)
{
    if (offset == 3) {
        rt_local_pause(&listener->local);
        rt_local_resume(&listener->other->local);
    }
}

TEST("a local may pause itself and resume another while it is served")
{
    struct test_core test;
    struct listener first = {.next = 1, .react = pause_at_three};
    struct listener second = {.next = 1};
    first.other = &second;
    test_core_init(&test, retention);
    subscribe(&first, &test, RT_SINCE_NOW);
    subscribe(&second, &test, RT_SINCE_NOW);
    rt_local_pause(&second.local);
    test_core_publish_many(&test, "a", 10, 100);
    deliver_all(&test);
    expect(&first, 3, 0, 0);
    expect(&second, 10, 0, 0);
    rt_local_detach(&first.local);
    finish(&second);
}

static void join(struct listener *listener, uint64_t offset)
{
    if (offset == 3) {
        subscribe(listener->other, listener->test, RT_SINCE_EARLIEST);
    }
}

TEST("a local that joins while another is served gets what it asks for")
{
    struct test_core test;
    struct listener first = {.next = 1, .react = join};
    struct listener second = {.next = 1};
    first.other = &second;
    test_core_init(&test, retention);
    subscribe(&first, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 10, 100);
    deliver_all(&test);
    expect(&first, 10, 0, 0);
    expect(&second, 10, 0, 0);
    rt_local_detach(&first.local);
    finish(&second);
}

TEST("publishers are told when locals are far behind")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    test_core_publish_many(&test, "a", 10, 1000);
    EXPECT(!rt_core_is_congested(&test.core, RT_BYTES("a")));
    test_core_publish_many(&test, "a", 10, 1000);
    EXPECT(rt_core_is_congested(&test.core, RT_BYTES("a")));
    deliver_all(&test);
    EXPECT(!rt_core_is_congested(&test.core, RT_BYTES("a")));
    finish(&listener);
}

TEST("a topic lives as long as a local is there, paused or not")
{
    struct test_core test;
    struct listener listener = {.next = 1};
    test_core_init(&test, retention);
    subscribe(&listener, &test, RT_SINCE_NOW);
    rt_local_pause(&listener.local);
    test_core_pass_time(&test, 2 * RT_TOPIC_IDLE_MS);
    rt_core_tick(&test.core);
    EXPECT_INT(test.core.topic_count, 1);
    rt_local_detach(&listener.local);
    rt_local_detach(&listener.local);
    test_core_pass_time(&test, 2 * RT_TOPIC_IDLE_MS);
    rt_core_tick(&test.core);
    EXPECT_INT(test.core.topic_count, 0);
    test_core_finish(&test);
}

TEST("a local that finds no memory leaves no topic behind")
{
    for (uint64_t k = 1;; k++) {
        struct test_core test;
        struct listener listener = {.next = 1};
        struct rt_since since = {.kind = RT_SINCE_NOW};
        test_core_init(&test, retention);
        test_heap_fail_at(&test.heap, k);
        int err = rt_core_subscribe_local(&test.core, RT_BYTES("a"), &since,
                                          on_delivery, &listener.local);
        test_heap_fail_at(&test.heap, 0);
        EXPECT(err == 0 || err == RT_ENOMEM);
        EXPECT_INT(test.core.topic_count, err == 0 ? 1 : 0);
        rt_local_detach(&listener.local);
        test_core_finish(&test);
        if (err == 0) {
            EXPECT(k > 2);
            return;
        }
    }
}
