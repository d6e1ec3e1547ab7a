#include "storage/log/gather.h"

#include <stdlib.h>

#include "tests/unit/log/keeper.h"

static struct keeper keeper;
static struct rt_log_window window;
static struct rt_log_walk walk;
static struct rt_log_gather gather;
static struct rt_segment *segment;

/* At the events of a batch that was just appended. */
static void begin(uint32_t count, size_t len, size_t capacity)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, count, len);
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.others, 4096);
    EXPECT_INT(rt_log_window_open(&window, 1), 0);
    rt_log_walk_init(&walk, &window, keeper.options.identity, 1);
    EXPECT_INT(rt_log_walk_to(&walk, keeper_batch(&keeper, 1, 2)), 0);
    EXPECT_INT(rt_log_walk_next(&walk), 1);
    gather = (struct rt_log_gather){.walk = &walk, .store = &keeper.store};
    segment = rt_segment_create(&keeper.store, capacity);
}

static void end(void)
{
    rt_segment_unref(&keeper.store, segment);
    rt_log_window_close(&window);
    rt_log_window_finish(&window);
    keeper_finish(&keeper);
}

TEST("events of a part are put into a segment, one after the other")
{
    size_t needed = 0;
    struct rt_log_event event;
    begin(5, 100, 4096);
    EXPECT_INT(rt_log_gather_begin(&gather), 0);
    EXPECT_INT(gather.events.count, 5);
    for (uint32_t i = 2; i < 5; i++) {
        EXPECT_INT(rt_log_gather_get(&gather, i, &event), 0);
        EXPECT_INT(event.entry.sequence, i + 1);
        EXPECT_INT(rt_log_gather_put(&gather, i, segment, &needed), 0);
    }
    EXPECT_INT(segment->event_count, 3);
    EXPECT_INT(rt_segment_entry(segment, 0)->sequence, 3);
    EXPECT_TEXT(rt_segment_type(segment, rt_segment_entry(segment, 2)), "type");
    EXPECT(memcmp(segment->bytes + 200, "000005.", 7) == 0);
    end();
}

TEST("without room it is said how much is needed")
{
    size_t needed = 0;
    begin(2, 101, 200);
    EXPECT_INT(rt_log_gather_begin(&gather), 0);
    EXPECT_INT(rt_log_gather_put(&gather, 0, segment, &needed), 0);
    EXPECT_INT(rt_log_gather_put(&gather, 1, segment, &needed), RT_ERANGE);
    EXPECT_INT(needed, 104 + sizeof(struct rt_entry));
    EXPECT_INT(segment->event_count, 1);
    end();
}

TEST("all events of a part are put at once, as many as have room")
{
    size_t needed = 0;
    begin(5, 101, 512);
    EXPECT_INT(rt_log_gather_begin(&gather), 0);
    EXPECT_INT(rt_log_gather_put_all(&gather, 1, segment, &needed), 0);
    EXPECT_INT(segment->event_count, 4);
    EXPECT_INT(segment->used, 404);
    for (uint32_t i = 0; i < 4; i++) {
        const struct rt_entry *entry = rt_segment_entry(segment, i);
        EXPECT_INT(entry->sequence, i + 2);
        EXPECT_INT(entry->start, i * 101);
        EXPECT_TEXT(rt_segment_type(segment, entry), "type");
    }
    EXPECT(memcmp(segment->bytes + 303, "000005.", 7) == 0);
    rt_segment_reset(segment);
    EXPECT_INT(rt_log_gather_put_all(&gather, 0, segment, &needed), RT_ERANGE);
    EXPECT_INT(needed, 104 + sizeof(struct rt_entry));
    EXPECT_INT(segment->event_count, 4);
    EXPECT(memcmp(segment->bytes + 303, "000004.", 7) == 0);
    end();
}

TEST("a frame that is wider than the window goes where it belongs at once")
{
    size_t needed = 0;
    begin(1, 20000, 4096);
    size_t used = keeper.others.used;
    EXPECT_INT(rt_log_gather_begin(&gather), 0);
    EXPECT_INT(rt_log_gather_put(&gather, 0, segment, &needed), RT_ERANGE);
    rt_segment_unref(&keeper.store, segment);
    segment = rt_segment_create(&keeper.store, needed);
    used += needed - 4096;
    EXPECT_INT(rt_log_gather_put(&gather, 0, segment, &needed), 0);
    EXPECT(keeper.others.used - used <= 8192 + RT_TYPES_BYTES_MAX);
    EXPECT_INT(segment->used, 20000);
    EXPECT(memcmp(segment->bytes, "000001.", 7) == 0);
    end();
}

TEST("what does not check is not gathered")
{
    begin(5, 100, 4096);
    keeper_image(&keeper, 1)->bytes[walk.body + 300] ^= 1;
    rt_log_window_turn(&window, window.file, window.end);
    EXPECT_INT(rt_log_gather_begin(&gather), RT_EDAMAGED);
    end();
}

TEST("a large frame that does not check is not, either")
{
    begin(1, 20000, 32768);
    keeper_image(&keeper, 1)->bytes[walk.body + 19000] ^= 1;
    rt_log_window_turn(&window, window.file, window.end);
    EXPECT_INT(rt_log_gather_begin(&gather), RT_EDAMAGED);
    end();
}

/* --- a whole part --- */

/* Events with their numbers, one after the other. */
static void expect_events(uint32_t first, uint32_t count, size_t len)
{
    EXPECT_INT(segment->event_count, first + count);
    for (uint32_t i = first; i < first + count; i++) {
        const struct rt_entry *entry = rt_segment_entry(segment, i);
        const char *frame = (const char *)segment->bytes + entry->start;
        EXPECT_INT(entry->start, i * len);
        EXPECT_INT(strtoull(frame, NULL, 10), i - first + 1);
        EXPECT_TEXT(rt_segment_type(segment, entry), "type");
    }
}

TEST("a whole part is read to where the segment has it")
{
    size_t needed = 0;
    begin(50, 401, 65536);
    uint64_t calls = keeper.disk.calls;
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), 0);
    EXPECT_INT(keeper.disk.calls, calls + 1);
    expect_events(0, 50, 401);
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), 0);
    expect_events(50, 50, 401);
    EXPECT_INT(segment->used, 40100);
    end();
}

TEST("a part that has no room as a whole leaves the segment as it was")
{
    size_t needed = 0;
    begin(5, 100, 504 + 5 * sizeof(struct rt_entry));
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), 0);
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), RT_ERANGE);
    expect_events(0, 5, 100);
    rt_segment_unref(&keeper.store, segment);
    segment =
        rt_segment_create(&keeper.store, 512 + 4 * sizeof(struct rt_entry));
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), RT_ERANGE);
    EXPECT_INT(segment->event_count, 0);
    end();
}

TEST("of a part with one event it is said how much that needs")
{
    size_t needed = 0;
    begin(1, 20001, 4096);
    uint64_t calls = keeper.disk.calls;
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), RT_ERANGE);
    EXPECT_INT(needed, 20008 + sizeof(struct rt_entry));
    EXPECT_INT(keeper.disk.calls, calls);
    end();
}

TEST("a whole part that does not check is not put, wherever the bit is")
{
    size_t needed = 0;
    begin(50, 400, 65536);
    for (size_t at = 0; at < walk.part.length; at += 97) {
        keeper_image(&keeper, 1)->bytes[walk.body + at] ^= 1;
        rt_log_window_turn(&window, window.file, window.end);
        EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), RT_EDAMAGED);
        EXPECT_INT(segment->event_count, 0);
        keeper_image(&keeper, 1)->bytes[walk.body + at] ^= 1;
    }
    rt_log_window_turn(&window, window.file, window.end);
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), 0);
    expect_events(0, 50, 400);
    end();
}

TEST("what the disk says of a whole part is told")
{
    size_t needed = 0;
    begin(50, 400, 65536);
    rt_log_window_turn(&window, window.file, window.end);
    for (uint64_t call = 1; call <= 2; call++) {
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), RT_EIO);
        EXPECT_INT(segment->event_count, 0);
    }
    EXPECT_INT(rt_log_gather_whole(&gather, segment, &needed), 0);
    end();
}
