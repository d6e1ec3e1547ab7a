#include "storage/log/index.h"

#include "base/error.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

static struct test_heap heap;
static struct rt_log_index ours;

static void begin(void)
{
    test_heap_init(&heap, SIZE_MAX);
    EXPECT_INT(rt_log_index_init(&ours, &heap.heap), 0);
}

static void end(void)
{
    rt_log_index_finish(&ours);
    EXPECT_INT(heap.heap.used, 0);
}

static void begin_segment(uint64_t segment)
{
    struct rt_log_volume volume = {.segment = segment, .end = 1000};
    EXPECT_INT(rt_log_index_begin(&ours, &volume), 0);
}

static struct rt_log_shelf *add_topic(uint64_t topic)
{
    struct rt_log_shelf *shelf =
        rt_log_index_add(&ours, topic, RT_BYTES("name"));
    EXPECT(shelf != NULL);
    shelf->state = RT_LOG_SHELF_SOUND;
    return shelf;
}

static void add(struct rt_log_shelf *shelf,
                uint64_t segment,
                uint64_t position,
                uint64_t count)
{
    struct rt_log_span span = {.position = position,
                               .before = shelf->end,
                               .first = shelf->next_offset,
                               .last = shelf->next_offset + count - 1,
                               .bytes = count * 10};
    EXPECT_INT(rt_log_index_reserve(&ours, shelf), 0);
    (void)rt_log_shelf_add(shelf, segment, &span);
}

TEST("topics are found by their numbers, whichever are removed")
{
    struct test_random random = test_random_seed(1);
    begin();
    for (uint64_t topic = 1; topic <= 200; topic++) {
        (void)add_topic(topic * 3);
    }
    for (int i = 0; i < 100; i++) {
        uint64_t topic = 3 * (1 + test_random_below(&random, 200));
        struct rt_log_shelf *shelf = rt_log_index_shelf(&ours, topic);
        if (shelf != NULL) {
            EXPECT_INT(shelf->topic, topic);
            rt_log_index_remove(&ours, shelf);
        }
        EXPECT(rt_log_index_shelf(&ours, topic) == NULL);
        EXPECT(rt_log_index_shelf(&ours, topic + 1) == NULL);
    }
    EXPECT(rt_log_index_shelf(&ours, 0) == NULL);
    end();
}

TEST("events near each other share a place, and others have one of their own")
{
    begin();
    struct rt_log_shelf *shelf = add_topic(1);
    add(shelf, 1, 64, 500);
    add(shelf, 1, 64 + RT_LOG_PLACE_BYTES - 8, 5);
    EXPECT_INT(shelf->place_count, 1);
    add(shelf, 1, 64 + RT_LOG_PLACE_BYTES, 5);
    EXPECT_INT(shelf->place_count, 2);
    add(shelf, 2, 64 + RT_LOG_PLACE_BYTES + 8, 5);
    EXPECT_INT(shelf->place_count, 3);
    EXPECT_INT(shelf->places[0].span.last, 505);
    EXPECT_INT(shelf->places[0].span.bytes, 5050);
    EXPECT_INT(shelf->bytes, 5150);
    EXPECT_INT(shelf->next_offset, 516);
    end();
}

TEST("a topic with little has one place in a segment")
{
    begin();
    struct rt_log_shelf *shelf = add_topic(1);
    for (uint64_t i = 0; i < 100; i++) {
        add(shelf, 1, 64 + i * RT_LOG_PLACE_BYTES, 4);
    }
    EXPECT_INT(shelf->place_count, 1);
    for (uint64_t i = 100; i < 200; i++) {
        add(shelf, 1, 64 + i * RT_LOG_PLACE_BYTES, 5);
    }
    EXPECT_INT(shelf->place_count, 3);
    end();
}

TEST("an event is looked for from the last place before it")
{
    struct rt_log_spot spot;
    begin();
    struct rt_log_shelf *shelf = add_topic(1);
    for (uint64_t segment = 1; segment <= 20; segment++) {
        begin_segment(segment);
        add(shelf, segment, 64 + segment * 8, 10);
    }
    for (uint64_t offset = 1; offset <= 200; offset++) {
        uint64_t segment = (offset - 1) / 10 + 1;
        EXPECT_INT(rt_log_index_find(&ours, 1, offset, &spot), 0);
        EXPECT_INT(spot.segment, segment);
        EXPECT_INT(spot.position, 64 + segment * 8);
        EXPECT_INT(spot.end, 1000);
    }
    EXPECT_INT(rt_log_index_find(&ours, 1, 201, &spot), RT_EAGAIN);
    EXPECT_INT(rt_log_index_find(&ours, 1, 0, &spot), RT_ENOENT);
    EXPECT_INT(rt_log_index_find(&ours, 2, 1, &spot), RT_ENOENT);
    end();
}

TEST("offsets that no event has lead to the next one")
{
    struct rt_log_spot spot;
    begin();
    begin_segment(1);
    struct rt_log_shelf *shelf = add_topic(1);
    add(shelf, 1, 64, 10);
    shelf->next_offset = 101;
    EXPECT_INT(rt_log_index_find(&ours, 1, 11, &spot), RT_EAGAIN);
    add(shelf, 1, 128, 10);
    EXPECT_INT(shelf->place_count, 2);
    EXPECT_INT(shelf->events, 20);
    for (uint64_t offset = 11; offset <= 101; offset++) {
        EXPECT_INT(rt_log_index_find(&ours, 1, offset, &spot), 0);
        EXPECT_INT(spot.offset, 101);
        EXPECT_INT(spot.position, 128);
    }
    EXPECT_INT(rt_log_index_find(&ours, 1, 105, &spot), 0);
    EXPECT_INT(spot.offset, 105);
    end();
}

TEST("a topic is not there before its batch is safe")
{
    struct rt_log_spot spot;
    begin();
    struct rt_log_shelf *shelf = add_topic(1);
    shelf->state = RT_LOG_SHELF_NEW;
    EXPECT_INT(rt_log_index_find(&ours, 1, 1, &spot), RT_ENOENT);
    shelf->state = RT_LOG_SHELF_SOUND;
    EXPECT_INT(rt_log_index_find(&ours, 1, 1, &spot), RT_EAGAIN);
    end();
}

TEST("what is below the floor does not count")
{
    struct rt_log_spot spot;
    begin();
    begin_segment(1);
    begin_segment(2);
    struct rt_log_shelf *shelf = add_topic(1);
    add(shelf, 1, 64, 10);
    add(shelf, 2, 64, 10);
    rt_log_shelf_raise(shelf, 5);
    EXPECT_INT(rt_log_shelf_earliest(shelf), 5);
    EXPECT_INT(rt_log_index_find(&ours, 1, 4, &spot), RT_ENOENT);
    EXPECT_INT(rt_log_index_find(&ours, 1, 5, &spot), 0);
    rt_log_shelf_raise(shelf, 11);
    EXPECT_INT(shelf->place_count, 1);
    EXPECT_INT(shelf->bytes, 100);
    rt_log_shelf_raise(shelf, 3);
    EXPECT_INT(rt_log_shelf_earliest(shelf), 11);
    rt_log_shelf_raise(shelf, 21);
    EXPECT_INT(rt_log_shelf_earliest(shelf), 21);
    EXPECT_INT(shelf->bytes, 0);
    EXPECT_INT(shelf->events, 0);
    end();
}

TEST("the oldest segment is forgotten with what topics have in it")
{
    begin();
    struct rt_log_shelf *one = add_topic(1);
    struct rt_log_shelf *two = add_topic(2);
    begin_segment(1);
    add(one, 1, 64, 10);
    begin_segment(2);
    add(one, 2, 64, 10);
    add(two, 2, 128, 10);
    rt_log_index_empty(&ours);
    rt_log_index_drop(&ours);
    EXPECT_INT(rt_log_shelf_earliest(one), 11);
    EXPECT_INT(rt_log_shelf_earliest(two), 1);
    EXPECT_INT(ours.bytes, 1000);
    EXPECT(rt_log_index_volume(&ours, 1) == NULL);
    EXPECT_INT(rt_log_index_newest(&ours)->segment, 2);
    end();
}

TEST("the newest segment becomes longer")
{
    begin();
    begin_segment(1);
    begin_segment(2);
    rt_log_index_extend(&ours, 1500, 3, 7);
    rt_log_index_extend(&ours, 1600, 1, 6);
    EXPECT_INT(ours.events, 4);
    EXPECT_INT(ours.bytes, 2600);
    EXPECT_INT(rt_log_index_newest(&ours)->end, 1600);
    EXPECT_INT(rt_log_index_newest(&ours)->wall_ms, 7);
    end();
}

TEST("without memory the index is as it was")
{
    begin();
    struct rt_log_shelf *shelf = add_topic(1);
    test_heap_fail_at(&heap, 1);
    EXPECT(rt_log_index_add(&ours, 2, RT_BYTES("b")) == NULL);
    test_heap_fail_at(&heap, 2);
    EXPECT(rt_log_index_add(&ours, 2, RT_BYTES("b")) == NULL);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_index_reserve(&ours, shelf), RT_ENOMEM);
    struct rt_log_volume volume = {.segment = 1};
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_log_index_begin(&ours, &volume), RT_ENOMEM);
    EXPECT_INT(ours.shelf_count, 1);
    EXPECT_INT(ours.volume_count, 0);
    end();
}
