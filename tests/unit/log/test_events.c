#include "storage/log/events.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

static struct test_heap heap;
static struct rt_store store;
static struct rt_segment *segment;

static void add(const char *type, const char *frame)
{
    struct rt_entry entry = {.wall_ms = 7, .content = 2};
    EXPECT_INT(
        rt_segment_add_type(&store, segment, rt_bytes_of(type), &entry.type),
        0);
    rt_segment_append(segment, rt_bytes_of(frame), (struct rt_bytes){0}, entry);
}

static void begin(void)
{
    test_heap_init(&heap, SIZE_MAX);
    store = (struct rt_store){.heap = &heap.heap};
    segment = rt_segment_create(&store, 4096);
    EXPECT(segment != NULL);
    segment->first_offset = 100;
    add("", "first");
    add("joined", "second event");
    add("joined", "");
    add("left", "fourth");
    add("", "fifth");
}

static void end(void)
{
    rt_segment_unref(&store, segment);
    EXPECT_INT(heap.heap.used, 0);
}

static void expect_event(const struct rt_log_events *events,
                         uint32_t index,
                         const char *type,
                         const char *frame)
{
    struct rt_log_event event;
    EXPECT_INT(rt_log_events_get(events, index, &event), 0);
    EXPECT_TEXT(event.type, type);
    EXPECT_TEXT(event.frame, frame);
    EXPECT_INT(event.entry.wall_ms, 7);
    EXPECT_INT(event.entry.content, 2);
}

TEST("any run of events is given as it is, and got event by event")
{
    static const char *const types[] = {"", "joined", "joined", "left", ""};
    static const char *const frames[] = {"first", "second event", "", "fourth",
                                         "fifth"};
    begin();
    for (uint32_t first = 0; first < 5; first++) {
        for (uint32_t count = 1; first + count <= 5; count++) {
            struct rt_log_events events =
                rt_log_events_of(segment, first, count);
            EXPECT_INT(events.offset, 100 + first);
            EXPECT_INT(events.count, count);
            for (uint32_t i = 0; i < count; i++) {
                expect_event(&events, i, types[first + i], frames[first + i]);
            }
        }
    }
    end();
}

TEST("events without types bring none")
{
    begin();
    struct rt_log_events events = rt_log_events_of(segment, 4, 1);
    EXPECT_INT(events.type, 0);
    EXPECT_INT(events.types.len, 0);
    EXPECT(rt_log_events_of(segment, 3, 1).types.len > 0);
    end();
}

TEST("nothing that an entry says leads out of what there is")
{
    struct rt_log_event event;
    begin();
    struct rt_log_events whole = rt_log_events_of(segment, 0, 5);
    struct rt_log_events events = whole;
    events.frames.len = 3;
    EXPECT_INT(rt_log_events_get(&events, 0, &event), RT_EDAMAGED);
    EXPECT_INT(rt_log_events_get(&events, 4, &event), RT_EDAMAGED);
    events = whole;
    events.start = 1;
    EXPECT_INT(rt_log_events_get(&events, 0, &event), RT_EDAMAGED);
    events = whole;
    events.types.len = 3;
    EXPECT_INT(rt_log_events_get(&events, 1, &event), RT_EDAMAGED);
    events.types.len = 0;
    EXPECT_INT(rt_log_events_get(&events, 1, &event), RT_EDAMAGED);
    events = whole;
    events.type = 2;
    EXPECT_INT(rt_log_events_get(&events, 1, &event), RT_EDAMAGED);
    segment->types[0] = (char)200;
    EXPECT_INT(rt_log_events_get(&whole, 1, &event), RT_EDAMAGED);
    end();
}
