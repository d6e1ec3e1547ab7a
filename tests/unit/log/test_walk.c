#include "storage/log/walk.h"

#include "tests/unit/log/damaging.h"

static struct keeper keeper;
static struct rt_log_window window;
static struct rt_log_walk walk;

/* A log with a topic, and three batches of its events. */
static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 3; i++) {
        keeper_publish(&keeper, 1, 4, 30);
    }
    uint64_t size = 0;
    struct rt_file file;
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.others,
                       RT_LOG_WINDOW_NARROW);
    EXPECT_INT(rt_disk_open(&keeper.disk.disk, "00000000000000000001.rtl",
                            false, &file),
               0);
    EXPECT_INT(rt_disk_size(&keeper.disk.disk, &file, &size), 0);
    rt_log_window_turn(&window, file, size);
    rt_log_walk_init(&walk, &window, keeper.options.identity, 1);
}

static void end(void)
{
    rt_log_walk_leave(&walk);
    rt_log_window_finish(&window);
    keeper_finish(&keeper);
}

static void flip(uint64_t at)
{
    keeper_image(&keeper, 1)->bytes[at] ^= 4;
    rt_log_window_turn(&window, window.file, window.end);
}

TEST("a walk opens a segment where it is not in it, and closes it for another")
{
    begin();
    uint64_t size = window.end;
    rt_log_walk_leave(&walk);
    EXPECT_INT(rt_log_walk_enter(&walk, 1, size), 0);
    EXPECT_INT(rt_log_walk_to(&walk, 64), 0);
    uint64_t calls = keeper.disk.calls;
    EXPECT_INT(rt_log_walk_enter(&walk, 1, size - 8), 0);
    EXPECT_INT(window.end, size - 8);
    EXPECT_INT(keeper.disk.calls, calls);
    EXPECT_INT(rt_log_walk_enter(&walk, 2, size), RT_ENOENT);
    EXPECT_INT(walk.segment, 0);
    EXPECT_INT(rt_log_walk_enter(&walk, 1, size), 0);
    EXPECT_INT(rt_log_walk_to(&walk, 64), 0);
    rt_log_walk_leave(&walk);
    rt_log_walk_leave(&walk);
    end();
}

TEST("a walk goes from batch to batch, and from part to part")
{
    struct rt_bytes body;
    begin();
    uint64_t position = 64;
    for (uint64_t number = 1; number <= 5; number++) {
        EXPECT_INT(rt_log_walk_to(&walk, position), 0);
        EXPECT_INT(walk.batch.number, number);
        position = rt_log_walk_end(&walk);
    }
    EXPECT_INT(rt_log_walk_next(&walk), 1);
    EXPECT_INT(walk.part.kind, RT_LOG_EVENTS);
    EXPECT_INT(rt_log_walk_check(&walk), 0);
    EXPECT_INT(rt_log_walk_body(&walk, &body), 0);
    EXPECT_INT(rt_log_walk_events(&walk, body).offset, 9);
    EXPECT_INT(rt_log_walk_next(&walk), 0);
    EXPECT_INT(rt_log_walk_to(&walk, position), RT_EDAMAGED);
    EXPECT_INT(rt_log_walk_seek(&walk, position), 0);
    end();
}

TEST("a topic's part says what was said of it")
{
    struct rt_log_topic_head head;
    struct rt_bytes body;
    struct rt_log_topic topic;
    begin();
    EXPECT_INT(rt_log_walk_to(&walk, keeper_batch(&keeper, 1, 1)), 0);
    EXPECT_INT(rt_log_walk_next(&walk), 1);
    EXPECT_INT(rt_log_walk_body(&walk, &body), 0);
    EXPECT_INT(rt_log_walk_topic(&walk, body, &topic, &head), 0);
    EXPECT_TEXT(topic.name, "news");
    EXPECT_TEXT(topic.state, "state");
    EXPECT_INT(topic.next_offset, 1);
    EXPECT_INT(head.flags, 0);
    body.len--;
    EXPECT_INT(rt_log_walk_topic(&walk, body, &topic, &head), RT_EDAMAGED);
    body.len = 47;
    EXPECT_INT(rt_log_walk_topic(&walk, body, &topic, &head), RT_EDAMAGED);
    end();
}

TEST("a batch whose heads are other ones is none, and is leapt over")
{
    struct rt_log_debris debris;
    begin();
    uint64_t second = keeper_batch(&keeper, 1, 2);
    uint64_t third = keeper_batch(&keeper, 1, 3);
    for (uint64_t at = second; at < second + 128; at++) {
        flip(at);
        EXPECT_INT(rt_log_walk_to(&walk, second), RT_EDAMAGED);
        EXPECT_INT(rt_log_walk_seek(&walk, second), 1);
        EXPECT_INT(walk.position, third);
        flip(at);
    }
    EXPECT_INT(rt_log_walk_search(&walk, second + 8, 6, &debris), 0);
    EXPECT_INT(debris.position, 0);
    EXPECT(debris.end <= keeper_batch(&keeper, 1, 5));
    EXPECT(debris.end + 8 >= keeper_batch(&keeper, 1, 5));
    end();
}

TEST("a body that is another one is seen, and the batch is one still")
{
    struct rt_bytes body;
    begin();
    uint64_t third = keeper_batch(&keeper, 1, 3);
    flip(third + 130);
    EXPECT_INT(rt_log_walk_to(&walk, third), 0);
    EXPECT_INT(rt_log_walk_next(&walk), 1);
    EXPECT_INT(rt_log_walk_check(&walk), RT_EDAMAGED);
    EXPECT_INT(rt_log_walk_body(&walk, &body), RT_EDAMAGED);
    end();
}

TEST("batches of another log or of another segment are none")
{
    begin();
    walk.log++;
    EXPECT_INT(rt_log_walk_to(&walk, 64), RT_EDAMAGED);
    walk.log = 0;
    EXPECT_INT(rt_log_walk_to(&walk, 64), 0);
    walk.segment = 2;
    EXPECT_INT(rt_log_walk_to(&walk, 64), RT_EDAMAGED);
    EXPECT_INT(rt_log_walk_seek(&walk, 0), 0);
    end();
}

TEST("a part that leads out of its batch makes no sense")
{
    static const uint64_t lengths[] = {1, 8, UINT64_MAX - 3, UINT64_MAX};
    begin();
    for (size_t i = 0; i < RT_ARRAY_LENGTH(lengths); i++) {
        uint64_t position = keeper_batch(&keeper, 1, 5);
        struct rt_log_part_head part = {.kind = RT_LOG_NODE,
                                        .length = lengths[i]};
        struct rt_log_batch_head head = {.log = keeper.options.identity,
                                         .segment = 1,
                                         .number = 6,
                                         .length = sizeof(head) + sizeof(part),
                                         .part_count = 1};
        uint32_t crc = rt_log_batch_crc_begin(&head);
        rt_log_batch_head_sign(&head, rt_log_batch_crc_add(crc, &part));
        char *at = keeper_image(&keeper, 1)->bytes + position;
        memcpy(at, &head, sizeof(head));
        memcpy(at + sizeof(head), &part, sizeof(part));
        rt_log_window_turn(&window, window.file, window.end);
        EXPECT_INT(rt_log_walk_to(&walk, position), 0);
        EXPECT_INT(rt_log_walk_next(&walk), RT_EDAMAGED);
    }
    end();
}

/* Behind the log, heads that lie in one another. */
static void fill_with_heads(uint64_t position, uint32_t count)
{
    keeper_fill_with_heads(&keeper, 1, position, count);
    rt_log_window_turn(&window, window.file, window.end);
}

TEST("a search gives up where heads lie in one another")
{
    struct rt_log_debris debris;
    begin();
    uint64_t position = keeper.log->tail.position;
    fill_with_heads(position, 4);
    EXPECT_INT(rt_log_walk_search(&walk, position, 0, &debris), 0);
    EXPECT_INT(debris.position, 0);
    fill_with_heads(position, (uint32_t)(window.end - position) / 64);
    EXPECT_INT(rt_log_walk_search(&walk, position, 0, &debris), RT_EDAMAGED);
    EXPECT_INT(rt_log_walk_seek(&walk, position), RT_EDAMAGED);
    end();
}

TEST("what the disk says ends a search")
{
    begin();
    rt_log_window_turn(&window, window.file, window.end);
    fake_disk_fault_at(&keeper.disk, 1, FAKE_EIO);
    EXPECT_INT(rt_log_walk_seek(&walk, 8), RT_EIO);
    end();
}
