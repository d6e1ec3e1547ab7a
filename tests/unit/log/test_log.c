#include "storage/log/log.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

TEST("a new log is empty, and is found again")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.segment_count, 1);
    EXPECT_INT(keeper.found.sequence, 0);
    EXPECT_INT(keeper.found.next_topic, 1);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.segment_count, 1);
    EXPECT_INT(keeper.found.torn_bytes, 0);
    keeper_finish(&keeper);
}

TEST("what was appended is there after the power was lost")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 10, 100);
    keeper_publish(&keeper, 1, 1, 50);
    keeper_restart(&keeper);
    const struct kept_topic *news = &keeper.topics[1];
    EXPECT_TEXT(rt_bytes_of(news->name), "news");
    EXPECT_TEXT(rt_bytes_of(news->state), "state");
    EXPECT_INT(news->next_offset, 12);
    EXPECT_INT(news->earliest, 1);
    EXPECT_INT(news->event_count, 11);
    EXPECT(memcmp(news->last_frame, "000011.", 7) == 0);
    EXPECT_INT(keeper.found.sequence, 11);
    EXPECT_INT(keeper.found.next_topic, 2);
    keeper_finish(&keeper);
}

TEST("a log goes on where it ended")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 20; i++) {
        keeper_publish(&keeper, 1, 5, 20);
        keeper_restart(&keeper);
        EXPECT_INT(keeper.topics[1].event_count, 5 * (i + 1));
    }
    EXPECT_INT(keeper.found.segment_count, 1);
    keeper_finish(&keeper);
}

TEST("one batch may have parts of all kinds")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_segment *segment = segment_with(&keeper, 1, 3, 40, "a");
    struct rt_log_part parts[] = {
        topic_part(&keeper, 1, "one"),
        {.kind = RT_LOG_EVENTS,
         .topic = 1,
         .events = rt_log_events_of(segment, 0, 3)},
        topic_part(&keeper, 2, "two"),
        {.kind = RT_LOG_NODE, .opaque = RT_BYTES("the node")},
        {.kind = RT_LOG_KEY, .opaque = RT_BYTES("a key")},
        {.kind = RT_LOG_REMOVED, .topic = 2}};
    keeper.sequence = 3;
    EXPECT_INT(keeper_append(&keeper, parts, RT_ARRAY_LENGTH(parts)), 0);
    rt_segment_unref(&keeper.store, segment);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].event_count, 3);
    EXPECT_TEXT(rt_bytes_of(keeper.topics[2].name), "");
    EXPECT_TEXT(rt_bytes_of(keeper.node), "the node");
    EXPECT_INT(keeper.key_count, 1);
    EXPECT_TEXT(rt_bytes_of(keeper.keys[0]), "a key");
    EXPECT_INT(keeper.found.next_topic, 3);
    keeper_finish(&keeper);
}

TEST("events of a topic that the same batch removes are gone with it")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    struct rt_segment *segment = segment_with(&keeper, 1, 3, 40, "a");
    struct rt_log_part parts[] = {{.kind = RT_LOG_REMOVED, .topic = 1},
                                  {.kind = RT_LOG_EVENTS,
                                   .topic = 1,
                                   .events = rt_log_events_of(segment, 0, 3)}};
    EXPECT_INT(keeper_append(&keeper, parts, 2), 0);
    rt_segment_unref(&keeper.store, segment);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    EXPECT_INT(keeper.topics[1].event_count, 0);
    keeper_finish(&keeper);
}

TEST("a purge raises the floor, and what was before is not told")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 5, 20);
    struct rt_log_part purge = topic_part(&keeper, 1, "news");
    purge.description.next_offset = 7;
    purge.description.floor = 7;
    EXPECT_INT(keeper_append(&keeper, &purge, 1), 0);
    keeper.next_offset[1] = 7;
    keeper_publish(&keeper, 1, 2, 20);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].first_offset, 7);
    EXPECT_INT(keeper.topics[1].event_count, 2);
    EXPECT_INT(keeper.topics[1].earliest, 7);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

TEST("a topic may skip offsets, and nothing is missing there")
{
    int err = 0;
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 20; i++) {
        keeper_publish(&keeper, 1, 10, 900);
        keeper.next_offset[1] += 1000;
        keeper_describe(&keeper, 1, "news");
        keeper_restart(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        EXPECT_INT(keeper.topics[1].next_offset, 1010 * (i + 1) + 1);
    }
    EXPECT(rt_log_usage(keeper.log).segment_count > 2);
    EXPECT_INT(rt_log_usage(keeper.log).events, 200);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), 19 * 1010 + 10);
    EXPECT_INT(err, RT_EAGAIN);
    keeper_finish(&keeper);
}

TEST("an end on purpose is known, until something is appended")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("x")};
    struct rt_log_batch batch = {
        .parts = &node, .part_count = 1, .is_end = true};
    EXPECT_INT(rt_log_append(keeper.log, &batch), 0);
    keeper_restart(&keeper);
    EXPECT(keeper.found.is_clean);
    keeper_describe(&keeper, 1, "news");
    keeper_restart(&keeper);
    EXPECT(!keeper.found.is_clean);
    keeper_finish(&keeper);
}

TEST("an end on purpose is none if what is behind it is torn")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("x")};
    struct rt_log_batch batch = {
        .parts = &node, .part_count = 1, .is_end = true};
    EXPECT_INT(rt_log_append(keeper.log, &batch), 0);
    keeper_describe(&keeper, 1, "news");
    uint64_t torn = keeper_batch(&keeper, 1, 2);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, torn + offsetof(struct rt_log_batch_head, crc));
    keeper_open(&keeper);
    EXPECT(keeper.found.torn_bytes > 0);
    EXPECT(!keeper.found.is_clean);
    keeper_finish(&keeper);
}

TEST("without room for a segment nothing is appended, and later it is")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper.disk.capacity = (uint64_t)100 * 1024;
    int err = 0;
    while (err == 0) {
        err = keeper_try_publish(&keeper, 1, 10, 500);
    }
    EXPECT_INT(err, RT_ENOSPC);
    uint64_t next_offset = keeper.next_offset[1];
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 500), RT_ENOSPC);
    keeper.disk.capacity = (uint64_t)1024 * 1024;
    keeper_publish(&keeper, 1, 10, 500);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, next_offset + 10);
    keeper_finish(&keeper);
}

TEST("what others may have of the disk is left to them")
{
    keeper_init(&keeper);
    keeper.disk.capacity = (uint64_t)200 * 1024;
    keeper.options.min_free = (uint64_t)100 * 1024;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    int err = 0;
    while (err == 0) {
        err = keeper_try_publish(&keeper, 1, 10, 500);
    }
    EXPECT_INT(err, RT_ENOSPC);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    keeper_finish(&keeper);
}

TEST("after a sync that failed nothing is appended, and all can be read")
{
    int err = 0;
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 5, 20);
    fake_disk_fault_at(&keeper.disk, 2, FAKE_EIO);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 20), RT_EIO);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 20), RT_EFAILED);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), 5);
    EXPECT_INT(err, RT_EAGAIN);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].event_count, 5);
    keeper_finish(&keeper);
}

TEST("a write for which there is no room is taken back")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    uint64_t position = keeper.log->tail.position;
    struct fake_image *image = keeper_image(&keeper, 1);
    memset(image->bytes + position, 'x', 64); /* what it did write */
    fake_disk_fault_at(&keeper.disk, 1, FAKE_ENOSPC);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 20), RT_ENOSPC);
    for (int i = 0; i < 64; i++) {
        EXPECT_INT(image->bytes[position + (uint64_t)i], 0);
    }
    keeper_publish(&keeper, 1, 2, 20);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].event_count, 2);
    keeper_finish(&keeper);
}

static const struct rt_disk_ops *honest;
static uint64_t failing; /* which call behind the refused write */

static int refusing_write(struct rt_disk *disk,
                          struct rt_file *file,
                          const struct rt_bytes *ranges,
                          size_t count,
                          uint64_t at)
{
    (void)file;
    (void)ranges;
    (void)count;
    (void)at;
    disk->ops = honest;
    fake_disk_fault_at(&keeper.disk, failing, FAKE_EIO);
    return RT_ENOSPC;
}

TEST("where such a write cannot be taken back the log has failed")
{
    for (failing = 1; failing <= 2; failing++) { /* zeros, and their sync */
        keeper_init(&keeper);
        keeper_open(&keeper);
        keeper_describe(&keeper, 1, "news");
        honest = keeper.disk.disk.ops;
        struct rt_disk_ops refusing = *honest;
        refusing.write = refusing_write;
        keeper.disk.disk.ops = &refusing;
        EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 20), RT_EIO);
        EXPECT_INT(keeper_try_publish(&keeper, 1, 5, 20), RT_EFAILED);
        EXPECT(rt_log_has_failed(keeper.log));
        keeper_finish(&keeper);
    }
}

TEST("a topic that was refused was never there")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    fake_disk_fault_at(&keeper.disk, 1, FAKE_ENOSPC);
    struct rt_log_part part = topic_part(&keeper, 1, "news");
    struct rt_log_extent extent;
    EXPECT_INT(keeper_append(&keeper, &part, 1), RT_ENOSPC);
    EXPECT(!rt_log_extent(keeper.log, 1, &extent));
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    EXPECT(rt_log_extent(keeper.log, 1, &extent));
    keeper_finish(&keeper);
}

TEST("others see what a topic keeps, and where to look by time")
{
    struct rt_log_extent extent;
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 8; i++) {
        keeper.options.wall_ms += 1000;
        keeper_publish(&keeper, 1, 10, 9000);
    }
    EXPECT(rt_log_extent(keeper.log, 1, &extent));
    EXPECT_INT(extent.earliest, 1);
    EXPECT_INT(extent.next_offset, 81);
    EXPECT(extent.bytes > 80 * 9000);
    uint64_t now = keeper.options.wall_ms;
    EXPECT_INT(rt_log_offset_since(keeper.log, 1, 0), 1);
    EXPECT_INT(rt_log_offset_since(keeper.log, 1, now - 1500), 61);
    EXPECT_INT(rt_log_offset_since(keeper.log, 1, now + 1), 81);
    EXPECT_INT(rt_log_offset_since(keeper.log, 2, 0), 0);
    EXPECT_INT(rt_log_usage(keeper.log).events, 80);
    keeper_finish(&keeper);
}

/* The topic goes on so many offsets further. */
static void skip_offsets(uint64_t count)
{
    keeper.next_offset[1] += count;
    struct rt_log_part part = topic_part(&keeper, 1, "news");
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
}

TEST("the last N events are found over offsets that no event has")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    EXPECT_INT(rt_log_offset_before(keeper.log, 1, 1, 5), 1);
    keeper_publish(&keeper, 1, 10, 100); /* 1 .. 10 */
    skip_offsets(1000);
    keeper_publish(&keeper, 1, 10, 100); /* 1011 .. 1020 */
    skip_offsets(1000);
    for (int i = 0; i < 2; i++) {
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 2021, 1), 1020);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 1015, 1), 1014);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 2021, 10), 1011);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 2021, 11), 10);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 500, 3), 8);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 2021, 20), 1);
        EXPECT_INT(rt_log_offset_before(keeper.log, 1, 2021, UINT64_MAX), 1);
        EXPECT_INT(rt_log_offset_before(keeper.log, 2, 7, 1), 7);
        keeper_restart(&keeper);
    }
    keeper_finish(&keeper);
}

TEST("the last N events are those that count")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 10, 100);
    struct rt_log_part part = topic_part(&keeper, 1, "news");
    part.description.floor = 6;
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    EXPECT_INT(rt_log_offset_before(keeper.log, 1, 11, 4), 7);
    EXPECT_INT(rt_log_offset_before(keeper.log, 1, 11, 100), 6);
    EXPECT_INT(rt_log_offset_before(keeper.log, 1, 6, 1), 6);
    keeper_finish(&keeper);
}

/* Opens a log, and appends until there are some segments. */
static int live(void)
{
    int err = keeper_try_open(&keeper);
    for (uint64_t i = 0; err == 0 && i < 16; i++) {
        uint64_t id = 1 + i / 8;
        if (i % 8 == 0) {
            struct rt_log_part part = topic_part(&keeper, id, "topic");
            err = keeper_append(&keeper, &part, 1);
        } else {
            err = keeper_try_publish(&keeper, id, 20, 900);
        }
    }
    return err;
}

TEST("without memory for it nothing happens, and nothing is lost")
{
    int err = RT_ENOMEM;
    for (uint64_t k = 1; err == RT_ENOMEM; k++) {
        keeper_init(&keeper);
        test_heap_fail_at(&keeper.heap, k);
        err = live();
        test_heap_fail_at(&keeper.heap, 0);
        EXPECT(err == 0 || err == RT_ENOMEM);
        if (keeper.log != NULL) {
            keeper_restart(&keeper);
        }
        EXPECT_INT(keeper.found.damaged_topics, 0);
        keeper_finish(&keeper);
        EXPECT(k < 500);
    }
}

TEST("a hundred thousand topics are no trouble")
{
    static struct rt_log_part parts[1000];
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)8 * 1024 * 1024;
    keeper_open(&keeper);
    for (uint64_t batch = 0; batch < 100; batch++) {
        for (uint64_t i = 0; i < 1000; i++) {
            parts[i] = (struct rt_log_part){
                .kind = RT_LOG_TOPIC,
                .topic = batch * 1000 + i + 1,
                .description = {.name = RT_BYTES("a.topic.among.many"),
                                .next_offset = 1}};
        }
        EXPECT_INT(keeper_append(&keeper, parts, 1000), 0);
    }
    EXPECT(rt_log_usage(keeper.log).segment_count > 1);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.next_topic, 100001);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    keeper_finish(&keeper);
}
