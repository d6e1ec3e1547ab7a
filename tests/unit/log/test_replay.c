#include "storage/log/replay.h"

#include "storage/checksum.h"
#include "tests/unit/log/keeper.h"

static struct keeper keeper;

/* A closed log with two topics, six batches of events in turn: behind the
 * snapshot, number 1 and 2 are the topics, 3 the first events of topic 1. */
static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    for (uint64_t i = 0; i < 6; i++) {
        keeper_publish(&keeper, 1 + i % 2, 3, 40);
    }
    keeper_close(&keeper);
}

static void expect_end(uint64_t id, uint64_t next_offset, bool is_damaged)
{
    EXPECT_INT(keeper.topics[id].next_offset, next_offset);
    EXPECT_INT(keeper.topics[id].is_damaged, is_damaged);
}

/* The same of a topic that has all of its events in the last segment. */
static void expect_topic(uint64_t id, uint64_t next_offset, bool is_damaged)
{
    expect_end(id, next_offset, is_damaged);
    EXPECT_INT(keeper.topics[id].event_count, next_offset - 1);
}

TEST("a batch that is not whole at the end never was")
{
    begin();
    uint64_t last = keeper_batch(&keeper, 1, 8);
    uint64_t end = keeper_batch(&keeper, 1, 9);
    for (uint64_t at = last; at < end; at += 3) {
        struct fake_disk before;
        fake_disk_copy(&before, &keeper.disk);
        keeper_flip(&keeper, 1, at);
        keeper_open(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        EXPECT(keeper.found.torn_bytes > 0);
        expect_topic(1, 10, false);
        expect_topic(2, 7, false);
        keeper_publish(&keeper, 2, 1, 20);
        keeper_restart(&keeper);
        EXPECT_INT(keeper.found.torn_bytes, 0);
        expect_topic(2, 8, false);
        keeper_finish(&keeper);
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_finish(&before);
    }
    keeper_finish(&keeper);
}

TEST("what a crash left is wiped out, and never comes back")
{
    begin();
    uint64_t last = keeper_batch(&keeper, 1, 8);
    keeper_flip(&keeper, 1, last + 8);
    keeper_open(&keeper);
    keeper_close(&keeper);
    const struct fake_image *image = keeper_image(&keeper, 1);
    for (uint64_t at = last; at < image->len; at++) {
        EXPECT_INT(image->bytes[at], 0);
    }
    keeper_finish(&keeper);
}

TEST("a batch that is lost in the middle ends the topic that was in it")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 20);
    keeper_open(&keeper);
    expect_topic(1, 4, true);
    expect_topic(2, 10, false);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    EXPECT_INT(keeper.found.torn_bytes, 0);
    keeper_publish(&keeper, 2, 1, 20);
    keeper_reopen(&keeper);
    expect_end(1, 4, true);
    expect_end(2, 11, false);
    keeper_finish(&keeper);
}

TEST("a topic that is damaged is so in the segments that follow")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 20);
    keeper_open(&keeper);
    keeper_fill(&keeper, 2, 3);
    keeper_restart(&keeper);
    EXPECT(keeper.topics[1].is_damaged);
    EXPECT_INT(keeper.topics[1].next_offset, 4);
    EXPECT(!keeper.topics[2].is_damaged);
    keeper_finish(&keeper);
}

TEST("where nothing tells whether a topic lost events it is damaged")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 7) + 20);
    keeper_open(&keeper);
    expect_topic(1, 7, true);
    expect_topic(2, 10, false);
    keeper_finish(&keeper);
    begin();
    keeper_open(&keeper);
    keeper_describe(&keeper, 3, "three");
    keeper_publish(&keeper, 1, 1, 20);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 8) + 20);
    keeper_open(&keeper);
    expect_topic(1, 11, false);
    expect_topic(2, 7, true);
    EXPECT(!keeper.topics[3].is_damaged);
    keeper_finish(&keeper);
}

TEST("a body that does not check damages its own topic alone")
{
    begin();
    uint64_t body = keeper_batch(&keeper, 1, 5) + 128;
    keeper_flip(&keeper, 1, body + 30);
    keeper_open(&keeper);
    expect_topic(1, 4, true);
    expect_topic(2, 10, false);
    keeper_finish(&keeper);
}

TEST("of a topic whose beginning is lost nothing but the number is known")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 2) + 20);
    keeper_open(&keeper);
    EXPECT_TEXT(rt_bytes_of(keeper.topics[2].name), "");
    EXPECT_INT(keeper.found.damaged_topics, 1);
    EXPECT_INT(keeper.found.next_topic, 3);
    expect_topic(1, 10, false);
    keeper_reopen(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    keeper_finish(&keeper);
}

TEST("a batch of another history is behind a hole")
{
    char batch[512];
    struct fake_disk other;
    begin();
    fake_disk_copy(&other, &keeper.disk);
    keeper_open(&keeper);
    keeper_publish(&keeper, 2, 1, 60);
    keeper_publish(&keeper, 1, 1, 60);
    uint64_t at = keeper_batch(&keeper, 1, 10);
    uint64_t len = keeper_batch(&keeper, 1, 11) - at;
    EXPECT(len <= sizeof(batch));
    memcpy(batch, keeper_image(&keeper, 1)->bytes + at, len);
    keeper_finish(&keeper);
    fake_disk_copy(&keeper.disk, &other);
    fake_disk_finish(&other);
    keeper.options.wall_ms += 5; /* what makes this history another one */
    keeper_open(&keeper);
    keeper_publish(&keeper, 2, 1, 60);
    keeper_close(&keeper);
    memcpy(keeper_image(&keeper, 1)->bytes + at, batch, len);
    keeper_open(&keeper);
    expect_topic(1, 11, false);
    expect_topic(2, 11, true);
    keeper_finish(&keeper);
}

TEST("a purge behind what is lost makes it not matter")
{
    begin();
    keeper_open(&keeper);
    struct rt_log_part purge = topic_part(&keeper, 1, "one");
    purge.description.next_offset = 20;
    purge.description.floor = 20;
    EXPECT_INT(keeper_append(&keeper, &purge, 1), 0);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 7) + 20);
    keeper_open(&keeper);
    EXPECT(!keeper.topics[1].is_damaged);
    EXPECT_INT(keeper.topics[1].next_offset, 20);
    keeper_finish(&keeper);
}

TEST("what is changed of a damaged topic holds, and it stays damaged")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 128 + 30);
    keeper_open(&keeper);
    expect_topic(1, 4, true);
    struct rt_log_part purge = topic_part(&keeper, 1, "one");
    purge.description.floor = 4;
    purge.description.state = RT_BYTES("purged");
    EXPECT_INT(keeper_append(&keeper, &purge, 1), 0);
    keeper_reopen(&keeper);
    EXPECT_TEXT(rt_bytes_of(keeper.topics[1].state), "purged");
    EXPECT_INT(keeper.topics[1].floor, 4);
    EXPECT_INT(keeper.topics[1].earliest, 4);
    expect_end(1, 4, true);
    keeper_finish(&keeper);
}

TEST("what nothing told of is not told by what was changed since then")
{
    begin();
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 7) + 20);
    keeper_open(&keeper);
    expect_topic(1, 7, true);
    keeper_describe(&keeper, 1, "one");
    keeper_reopen(&keeper);
    expect_end(1, 7, true);
    keeper_finish(&keeper);
}

TEST("what was purged behind what does not check does not come back")
{
    begin();
    keeper_open(&keeper);
    struct rt_log_part purge = topic_part(&keeper, 1, "one");
    purge.description.floor = purge.description.next_offset;
    EXPECT_INT(keeper_append(&keeper, &purge, 1), 0);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 128 + 30);
    keeper_open(&keeper);
    expect_end(1, 10, true);
    EXPECT_INT(keeper.topics[1].earliest, 10);
    keeper_finish(&keeper);
}

TEST("what does not check is lost also where the topic was changed behind it")
{
    begin();
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 128 + 30);
    keeper_open(&keeper);
    expect_topic(1, 4, true);
    keeper_finish(&keeper);
}

/* Writes a batch behind the log's last one. */
static void write_behind(struct rt_log_draft *draft)
{
    struct rt_log_tail *tail = &keeper.log->tail;
    rt_log_draft_sign(draft, &tail->head, tail->batch + 1, tail->chain);
    EXPECT_INT(rt_disk_write(&keeper.disk.disk, &tail->file, draft->ranges,
                             draft->range_count, tail->position),
               0);
}

TEST("what no log says is not taken for what one does")
{
    static const struct rt_log_part parts[] = {
        {.kind = RT_LOG_TOPIC, .topic = 0, .description.next_offset = 1},
        {.kind = RT_LOG_TOPIC, .topic = 3, .description.next_offset = 0},
        {.kind = RT_LOG_TOPIC,
         .topic = UINT64_MAX,
         .description.next_offset = 1},
        {.kind = RT_LOG_TOPIC,
         .topic = 3,
         .description.next_offset = UINT64_MAX},
        {.kind = RT_LOG_REMOVED, .topic = 0}};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(parts); i++) {
        struct rt_log_draft draft;
        struct rt_log_batch batch = {.parts = &parts[i], .part_count = 1};
        begin();
        keeper_open(&keeper);
        rt_log_draft_init(&draft, &keeper.others);
        EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
        write_behind(&draft);
        rt_log_draft_finish(&draft);
        keeper_close(&keeper);
        EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
        keeper_finish(&keeper);
    }
}

TEST("nor is it of what does not check")
{
    struct rt_log_draft draft;
    static const struct rt_log_part part = {
        .kind = RT_LOG_TOPIC,
        .topic = UINT64_MAX,
        .description = {.name = {"none", 4}, .next_offset = 1}};
    struct rt_log_batch batch = {.parts = &part, .part_count = 1};
    begin();
    keeper_open(&keeper);
    rt_log_draft_init(&draft, &keeper.others);
    EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
    draft.made.data[0] ^= 1;
    write_behind(&draft);
    struct rt_log_tail *tail = &keeper.log->tail;
    tail->position += draft.head.length;
    tail->chain = draft.head.crc;
    tail->batch++;
    rt_log_draft_finish(&draft);
    keeper_describe(&keeper, 3, "three");
    keeper_close(&keeper);
    EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
    keeper_finish(&keeper);
}

TEST("a key that is longer than there may be one is left out")
{
    struct rt_log_draft draft;
    static const struct rt_log_part key = {.kind = RT_LOG_KEY,
                                           .opaque = {"the key", 7}};
    struct rt_log_batch batch = {.parts = &key, .part_count = 1};
    struct rt_log_key_head head = {.length = 8};
    begin();
    keeper_open(&keeper);
    EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
    rt_log_draft_init(&draft, &keeper.others);
    EXPECT_INT(rt_log_draft_fill(&draft, &batch), 0);
    memcpy(draft.made.data, &head, sizeof(head));
    uint32_t crc = rt_checksum(0, &head, sizeof(head));
    draft.parts[0].crc = rt_checksum(crc, "the key", 7);
    write_behind(&draft);
    rt_log_draft_finish(&draft);
    keeper_close(&keeper);
    keeper_open(&keeper);
    EXPECT_INT(keeper.key_count, 1);
    EXPECT_INT(keeper.found.damages, 1);
    keeper_finish(&keeper);
}

TEST("progress is told when there is much to go through")
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = (uint64_t)64 * 1024 * 1024;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    for (int i = 0; i < 12; i++) {
        keeper_publish(&keeper, 1, 60, 60000);
    }
    EXPECT_INT(keeper.progress_count, 0);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.progress_count, 2);
    keeper_finish(&keeper);
}
