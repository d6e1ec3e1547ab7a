#include "storage/log/reader.h"

#include <stdlib.h>

#include "tests/unit/log/keeper.h"

static struct keeper keeper;
static struct rt_log_reader reader;

static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    rt_log_reader_init(&reader, keeper.log, &keeper.store);
}

static void end(void)
{
    rt_log_reader_finish(&reader);
    keeper_finish(&keeper);
}

/* Reads once; how many events there were, or an error. */
static int64_t
read_some(uint64_t id, uint64_t offset, size_t capacity, size_t *needed)
{
    struct rt_segment *segment = rt_segment_create(&keeper.store, capacity);
    int err = rt_log_read(&reader, id, offset, segment, needed);
    int64_t count = segment->event_count;
    EXPECT(err == 0 ? count > 0 : count == 0);
    if (err == 0) {
        EXPECT_INT(segment->first_offset, offset);
        EXPECT_INT(strtoull((const char *)segment->bytes, NULL, 10), offset);
    }
    rt_segment_unref(&keeper.store, segment);
    return err < 0 ? err : count;
}

TEST("a topic is read from any offset on, whatever is between")
{
    size_t needed = 0;
    begin();
    for (int i = 0; i < 60; i++) {
        keeper_publish(&keeper, 1, 3, 300);
        keeper_publish(&keeper, 2, 1, 4000);
    }
    EXPECT(rt_log_usage(keeper.log).segment_count > 3);
    for (uint64_t offset = 1; offset <= 180; offset++) {
        EXPECT(read_some(1, offset, 4096, &needed) > 0);
    }
    EXPECT_INT(read_some(1, 181, 4096, &needed), RT_EAGAIN);
    EXPECT_INT(read_some(1, 0, 4096, &needed), RT_ENOENT);
    EXPECT_INT(read_some(3, 1, 4096, &needed), RT_ENOENT);
    end();
}

TEST("a reader follows the log as it is written")
{
    size_t needed = 0;
    begin();
    uint64_t offset = 1;
    for (int i = 0; i < 300; i++) {
        keeper_publish(&keeper, 1, 1, 500);
        EXPECT_INT(read_some(1, offset, 4096, &needed), 1);
        EXPECT_INT(read_some(1, ++offset, 4096, &needed), RT_EAGAIN);
    }
    end();
}

TEST("events with a type of their own keep it")
{
    int err = 0;
    begin();
    for (int i = 0; i < 50; i++) {
        keeper_publish(&keeper, 1, 20, 60);
    }
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), 1000);
    EXPECT_INT(err, RT_EAGAIN);
    end();
}

TEST("going on where one ended costs little")
{
    size_t needed = 0;
    begin();
    keeper_finish(&keeper);
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)8 * 1024 * 1024;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    rt_log_reader_init(&reader, keeper.log, &keeper.store);
    for (int i = 0; i < 100; i++) {
        keeper_publish(&keeper, 1, 1, 100);
        keeper_publish(&keeper, 2, 1, 60000);
    }
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    EXPECT_INT(read_some(1, 20, 200, &needed), 1);
    for (uint64_t offset = 21; offset <= 100; offset++) {
        uint64_t calls = keeper.disk.calls;
        EXPECT_INT(read_some(1, offset, 200, &needed), 1);
        EXPECT(keeper.disk.calls - calls <= 2);
    }
    end();
}

TEST("a part that has no room in a block begins the next one")
{
    size_t needed = 0;
    begin();
    for (int i = 0; i < 6; i++) {
        keeper_publish(&keeper, 1, 20, 100);
    }
    EXPECT_INT(read_some(1, 1, 6400, &needed), 40);
    EXPECT_INT(read_some(1, 41, 6400, &needed), 40);
    EXPECT_INT(read_some(1, 90, 6400, &needed), 31);
    EXPECT_INT(read_some(1, 81, 2048, &needed), 16);
    EXPECT_INT(read_some(1, 97, 2048, &needed), 4);
    end();
}

TEST("what is behind the last event is not gone through")
{
    size_t needed = 0;
    begin();
    keeper_finish(&keeper);
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)8 * 1024 * 1024;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    rt_log_reader_init(&reader, keeper.log, &keeper.store);
    keeper_publish(&keeper, 1, 1, 100);
    for (int i = 0; i < 50; i++) {
        keeper_publish(&keeper, 2, 1, 60000);
    }
    uint64_t calls = keeper.disk.calls;
    EXPECT_INT(read_some(1, 1, 4096, &needed), 1);
    EXPECT(keeper.disk.calls - calls <= 4);
    end();
}

TEST("an event that has no room says how much it needs")
{
    size_t needed = 0;
    begin();
    keeper_publish(&keeper, 1, 1, 100);
    keeper_publish(&keeper, 1, 1, 5001);
    EXPECT_INT(read_some(1, 1, 4096, &needed), 1);
    EXPECT_INT(read_some(1, 2, 4096, &needed), RT_ERANGE);
    EXPECT_INT(needed, 5008 + sizeof(struct rt_entry));
    EXPECT_INT(read_some(1, 2, needed, &needed), 1);
    end();
}

TEST("an event of any size is read with little memory")
{
    size_t needed = 0;
    static const size_t len = (size_t)3 * 1024 * 1024 + 5;
    begin();
    keeper_publish(&keeper, 1, 1, 100);
    char *frame = malloc(len);
    struct rt_segment *segment =
        rt_segment_create(&keeper.store, (len + 31) / 8 * 8);
    for (size_t i = 0; i < len; i++) {
        frame[i] = (char)(i * 7 >> 4);
    }
    segment->first_offset = 2;
    struct rt_entry entry = {.type = 0};
    EXPECT_INT(rt_segment_add_type(&keeper.store, segment, RT_BYTES("large"),
                                   &entry.type),
               0);
    rt_segment_append(segment, (struct rt_bytes){frame, len},
                      (struct rt_bytes){NULL, 0}, entry);
    struct rt_log_part part = {.kind = RT_LOG_EVENTS,
                               .topic = 1,
                               .events = rt_log_events_of(segment, 0, 1)};
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    EXPECT_INT(read_some(1, 2, 4096, &needed), RT_ERANGE);
    rt_segment_unref(&keeper.store, segment);
    segment = rt_segment_create(&keeper.store, needed);
    size_t used = keeper.others.used;
    fake_disk_fault_at(&keeper.disk, 1, FAKE_EIO);
    EXPECT_INT(rt_log_read(&reader, 1, 2, segment, &needed), RT_EIO);
    EXPECT_INT(segment->event_count, 0);
    EXPECT_INT(segment->used, 0);
    EXPECT_INT(rt_log_read(&reader, 1, 2, segment, &needed), 0);
    EXPECT(keeper.others.used - used <= RT_TYPES_BYTES_MAX);
    EXPECT_INT(segment->used, len);
    EXPECT(memcmp(segment->bytes, frame, len) == 0);
    EXPECT_TEXT(rt_segment_type(segment, rt_segment_entry(segment, 0)),
                "large");
    rt_segment_unref(&keeper.store, segment);
    free(frame);
    keeper_reopen(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, 3);
    reader.log = keeper.log;
    end();
}

TEST("a segment that is removed is read to its end by who is in it")
{
    size_t needed = 0;
    begin();
    keeper_publish(&keeper, 1, 20, 500);
    EXPECT(read_some(1, 1, 4096, &needed) > 0);
    keeper_fill(&keeper, 1, 4);
    keeper.log->options.retention.bytes = 1;
    EXPECT_INT(rt_log_retain(keeper.log, 0), 0);
    struct rt_log_extent extent;
    EXPECT(rt_log_extent(keeper.log, 1, &extent));
    EXPECT_INT(read_some(1, 8, 4096, &needed), RT_ENOENT);
    EXPECT(read_some(1, extent.earliest, 4096, &needed) > 0);
    end();
}

TEST("what does not check is not given")
{
    size_t needed = 0;
    begin();
    keeper_publish(&keeper, 1, 2, 500);
    keeper_publish(&keeper, 1, 2, 500);
    uint64_t second = keeper_batch(&keeper, 1, 4);
    keeper_image(&keeper, 1)->bytes[second + 200] ^= 1;
    EXPECT_INT(read_some(1, 1, 4096, &needed), 2);
    EXPECT_INT(read_some(1, 3, 4096, &needed), RT_EDAMAGED);
    keeper_publish(&keeper, 1, 1, 500);
    EXPECT_INT(read_some(1, 5, 4096, &needed), 1);
    end();
}

TEST("what the disk says is told, and later it is asked again")
{
    size_t needed = 0;
    begin();
    keeper_publish(&keeper, 1, 2, 500);
    fake_disk_fault_at(&keeper.disk, 1, FAKE_EIO);
    EXPECT_INT(read_some(1, 1, 4096, &needed), RT_EIO);
    fake_disk_fault_at(&keeper.disk, 2, FAKE_EIO);
    EXPECT_INT(read_some(1, 1, 4096, &needed), RT_EIO);
    EXPECT_INT(read_some(1, 1, 4096, &needed), 2);
    end();
}
