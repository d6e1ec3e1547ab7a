#include "storage/log/log.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

/* Describes topic 1 with a retention of its own. */
static void describe(struct rt_retention retention)
{
    struct rt_log_part part = topic_part(&keeper, 1, "news");
    part.description.retention = retention;
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
}

/* A log with six segments, a second between events; events of 100,000 bytes
 * have places of their own after each three. */
static void begin(void)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)1024 * 1024;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    while (rt_log_usage(keeper.log).segment_count < 6) {
        keeper.options.wall_ms += 1000;
        keeper_publish(&keeper, 1, 2, 50000);
    }
    EXPECT_INT(rt_log_seal(keeper.log), 0);
}

static void retain(void)
{
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), 0);
}

static struct rt_log_extent extent(void)
{
    struct rt_log_extent extent;
    EXPECT(rt_log_extent(keeper.log, 1, &extent));
    return extent;
}

/* What retention left is what can be read, now and after a start. */
static void expect_readable(uint64_t earliest)
{
    int err = 0;
    uint64_t count = keeper.next_offset[1] - earliest;
    EXPECT_INT(extent().earliest, earliest);
    struct rt_log_reader reader;
    size_t needed = 0;
    struct rt_segment *segment = rt_segment_create(&keeper.store, 65536);
    rt_log_reader_init(&reader, keeper.log, &keeper.store);
    err = rt_log_read(&reader, 1, earliest - 1, segment, &needed);
    EXPECT_INT(err, RT_ENOENT);
    EXPECT_INT(rt_log_read(&reader, 1, earliest, segment, &needed), 0);
    EXPECT(count > 0);
    rt_log_reader_finish(&reader);
    rt_segment_unref(&keeper.store, segment);
}

TEST("without limits everything is kept")
{
    begin();
    retain();
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 6);
    EXPECT_INT(extent().earliest, 1);
    keeper_finish(&keeper);
}

TEST("all topics together keep so many bytes")
{
    begin();
    keeper.log->options.retention.bytes = (uint64_t)3 * 1024 * 1024;
    retain();
    EXPECT(rt_log_usage(keeper.log).bytes <= (uint64_t)3 * 1024 * 1024);
    EXPECT(rt_log_usage(keeper.log).segment_count >= 3);
    expect_readable(extent().earliest);
    keeper_restart(&keeper);
    EXPECT(keeper.topics[1].earliest > 1);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

/* What all files take, with all that is allocated. */
static uint64_t bytes_on_disk(void)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < keeper.disk.now.count; i++) {
        const struct fake_name *name = &keeper.disk.now.names[i];
        bytes += keeper.disk.files[name->file].now.len;
    }
    return bytes;
}

TEST("nor for a moment is there more on the disk, with all that is allocated")
{
    uint64_t most = 0;
    uint64_t bytes_max = (uint64_t)4 * 1024 * 1024;
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)1024 * 1024;
    keeper.options.retention.bytes = bytes_max;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 200; i++) {
        keeper_publish(&keeper, 1, 2, 50000);
        uint64_t bytes = bytes_on_disk();
        most = bytes > most ? bytes : most;
    }
    EXPECT(most <= bytes_max);
    EXPECT(most > bytes_max / 4 * 3);
    expect_readable(extent().earliest);
    keeper_restart(&keeper);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

/* All that the files take, but for what is allocated and not used. */
static void expect_all_counted(void)
{
    const struct rt_log_tail *tail = &keeper.log->tail;
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    EXPECT_INT(rt_log_usage(keeper.log).bytes,
               bytes_on_disk() - tail->capacity + tail->position);
}

TEST("what segments are sealed with is counted, also after a start")
{
    begin();
    expect_all_counted();
    keeper_restart(&keeper);
    expect_all_counted();
    keeper.log->options.retention.bytes = (uint64_t)3 * 1024 * 1024;
    retain();
    expect_all_counted();
    keeper_finish(&keeper);
}

TEST("all topics together keep so many events")
{
    begin();
    uint64_t all = keeper.sequence;
    keeper.log->options.retention.events = 50;
    retain();
    EXPECT(rt_log_usage(keeper.log).events >= 50);
    EXPECT(rt_log_usage(keeper.log).events < all);
    expect_readable(extent().earliest);
    keeper_finish(&keeper);
}

TEST("all topics together keep events for so long")
{
    begin();
    keeper.log->options.retention.age_ms = 20000;
    retain();
    EXPECT(rt_log_usage(keeper.log).segment_count < 6);
    EXPECT(keeper.next_offset[1] - extent().earliest >= 40);
    keeper_finish(&keeper);
}

TEST("the last segment stays, whatever the limit")
{
    begin();
    keeper.log->options.retention = (struct rt_retention){1, 1, 1};
    keeper.options.wall_ms += 100000;
    retain();
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.segment_count, 1);
    EXPECT_INT(keeper.topics[1].next_offset, keeper.next_offset[1]);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

TEST("a topic keeps so many bytes, and segments that nothing needs go")
{
    begin();
    describe((struct rt_retention){1000000, UINT64_MAX, UINT64_MAX});
    retain();
    EXPECT(extent().bytes >= 1000000 - 300000);
    EXPECT(extent().bytes < 1000000 + 300000);
    EXPECT(rt_log_usage(keeper.log).segment_count <= 3);
    expect_readable(extent().earliest);
    keeper_finish(&keeper);
}

TEST("a topic keeps so many events, and for so long")
{
    begin();
    describe((struct rt_retention){UINT64_MAX, 30, UINT64_MAX});
    retain();
    uint64_t count = keeper.next_offset[1] - extent().earliest;
    EXPECT(count >= 30 && count < 40);
    describe((struct rt_retention){UINT64_MAX, UINT64_MAX, 5000});
    retain();
    count = keeper.next_offset[1] - extent().earliest;
    EXPECT(count >= 10 && count < 20);
    expect_readable(extent().earliest);
    keeper_finish(&keeper);
}

TEST("a topic that keeps everything keeps the segments that it is in")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    describe((struct rt_retention){1000, UINT64_MAX, UINT64_MAX});
    keeper_describe(&keeper, 2, "kept");
    keeper_publish(&keeper, 2, 1, 100);
    for (int i = 0; i < 50; i++) {
        keeper_publish(&keeper, 1, 10, 1000);
    }
    retain();
    EXPECT(rt_log_usage(keeper.log).segment_count > 5);
    struct rt_log_part removal = {.kind = RT_LOG_REMOVED, .topic = 2};
    EXPECT_INT(keeper_append(&keeper, &removal, 1), 0);
    retain();
    EXPECT(rt_log_usage(keeper.log).segment_count <= 2);
    keeper_finish(&keeper);
}

TEST("a key does not go with its segment, but when it is of no use any more")
{
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = RT_BYTES("key")};
    keeper_init(&keeper);
    keeper_open(&keeper);
    describe((struct rt_retention){1, UINT64_MAX, UINT64_MAX});
    EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
    while (rt_log_usage(keeper.log).segment_count < 5) {
        keeper_publish(&keeper, 1, 10, 1000);
    }
    keeper.options.wall_ms += keeper.options.keys.age_ms;
    retain();
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    EXPECT(keeper.log->keys.bytes > 0);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.key_count, 1);
    keeper.options.wall_ms++;
    retain();
    EXPECT_INT(keeper.log->keys.bytes, 0);
    keeper_finish(&keeper);
}

TEST("offsets go on where they were when no event is left")
{
    begin();
    describe((struct rt_retention){UINT64_MAX, UINT64_MAX, 1000});
    keeper.options.wall_ms += 100000;
    uint64_t next_offset = keeper.next_offset[1];
    retain();
    EXPECT_INT(extent().earliest, next_offset);
    for (int i = 0; i < 3; i++) {
        keeper_restart(&keeper);
        EXPECT_INT(keeper.topics[1].next_offset, next_offset);
        EXPECT(!keeper.topics[1].is_damaged);
    }
    keeper_publish(&keeper, 1, 1, 100);
    keeper_finish(&keeper);
}

TEST("a removal that fails loses nothing, and is done later")
{
    begin();
    keeper.log->options.retention.bytes = (uint64_t)2 * 1024 * 1024;
    fake_disk_fault_at(&keeper.disk, 2, FAKE_EIO);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_EIO);
    retain();
    EXPECT(rt_log_usage(keeper.log).bytes <= (uint64_t)2 * 1024 * 1024);
    keeper_restart(&keeper);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

TEST("the file of the segment that was removed last is handed over, open")
{
    struct rt_file file;
    uint64_t size = 0;
    begin();
    EXPECT(!rt_log_take_removed(keeper.log, &file));
    keeper.log->options.retention.bytes = (uint64_t)3 * 1024 * 1024;
    retain();
    EXPECT(rt_log_take_removed(keeper.log, &file));
    EXPECT_INT(rt_disk_size(&keeper.disk.disk, &file, &size), 0);
    EXPECT(size > 0);
    rt_disk_close(&keeper.disk.disk, &file);
    EXPECT(!rt_log_take_removed(keeper.log, &file));
    keeper.log->options.retention.bytes = 1;
    retain(); /* closed by itself, and with the log */
    keeper_finish(&keeper);
}

TEST("one that cannot be opened is removed all the same")
{
    struct rt_file file;
    begin();
    keeper.log->options.retention.bytes = rt_log_usage(keeper.log).bytes - 1;
    fake_disk_fault_at(&keeper.disk, 1, FAKE_EIO);
    retain();
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 5);
    EXPECT(!rt_log_take_removed(keeper.log, &file));
    keeper_finish(&keeper);
}

TEST("a segment that somebody else has removed is forgotten")
{
    begin();
    keeper_remove(&keeper, 1);
    keeper.log->options.retention.bytes = (uint64_t)2 * 1024 * 1024;
    retain();
    EXPECT(rt_log_usage(keeper.log).bytes <= (uint64_t)2 * 1024 * 1024);
    keeper_finish(&keeper);
}

TEST("a name that was removed and not synced ends the log")
{
    begin();
    keeper.log->options.retention.bytes = (uint64_t)2 * 1024 * 1024;
    fake_disk_fault_at(&keeper.disk, 3, FAKE_EIO);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_EIO);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_EFAILED);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 1, 100), RT_EFAILED);
    keeper_restart(&keeper);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}
