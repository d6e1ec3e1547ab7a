#include "storage/log/snapshot.h"

#include "storage/log/walk.h"
#include "tests/unit/log/keeper.h"

static struct keeper keeper;

/* Writes a snapshot of the keeper's log into a file of its own. */
static struct rt_log_batch_head write_snapshot(struct rt_file *file)
{
    struct rt_log_batch_head head = {.log = 1, .segment = 2, .number = 3};
    struct rt_log_stage *stage = &keeper.log->stage;
    EXPECT_INT(rt_disk_open(&keeper.disk.disk, "snapshot", true, file), 0);
    rt_log_snapshot_begin(&head, keeper.log);
    rt_log_stage_turn(stage, file, 0);
    rt_log_snapshot_write(&head, keeper.log, stage);
    EXPECT_INT(rt_log_stage_flush(stage), 0);
    EXPECT_INT(head.length, rt_log_snapshot_length(keeper.log));
    return head;
}

/* Goes through it; returns how many parts of a kind it has. */
static uint32_t count_parts(struct rt_file file,
                            const struct rt_log_batch_head *head,
                            enum rt_log_part_kind kind)
{
    uint32_t count = 0;
    struct rt_log_walk walk;
    struct rt_log_window window;
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.others,
                       RT_LOG_WINDOW_NARROW);
    rt_log_window_turn(&window, file, head->length);
    rt_log_walk_init(&walk, &window, 1, 2);
    EXPECT_INT(rt_log_walk_to(&walk, 0), 0);
    EXPECT_INT(walk.batch.flags, RT_LOG_FLAG_SNAPSHOT);
    while (rt_log_walk_next(&walk) > 0) {
        EXPECT_INT(rt_log_walk_check(&walk), 0);
        count += walk.part.kind == kind ? 1 : 0;
    }
    EXPECT_INT(rt_log_walk_end(&walk), head->length);
    rt_log_window_finish(&window);
    return count;
}

TEST("a snapshot is a batch with a part for each topic, and the node's")
{
    struct rt_file file;
    char name[16];
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("n")};
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    for (uint64_t id = 1; id < KEEPER_TOPICS; id++) {
        (void)snprintf(name, sizeof(name), "topic-%u", (unsigned)id);
        keeper_describe(&keeper, id, name);
    }
    struct rt_log_batch_head head = write_snapshot(&file);
    EXPECT_INT(head.part_count, KEEPER_TOPICS);
    EXPECT_INT(count_parts(file, &head, RT_LOG_TOPIC), KEEPER_TOPICS - 1);
    rt_disk_close(&keeper.disk.disk, &file);
    keeper_finish(&keeper);
}

TEST("a topic that is not safe yet is not in it")
{
    struct rt_file file;
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    rt_log_index_shelf(&keeper.log->index, 1)->state = RT_LOG_SHELF_NEW;
    struct rt_log_batch_head head = write_snapshot(&file);
    EXPECT_INT(head.part_count, 0);
    EXPECT_INT(count_parts(file, &head, RT_LOG_TOPIC), 0);
    rt_disk_close(&keeper.disk.disk, &file);
    keeper_finish(&keeper);
}

TEST("it has all keys, many in a part")
{
    struct rt_file file;
    static char bytes[1000];
    struct rt_log_part key = {.kind = RT_LOG_KEY,
                              .opaque = {bytes, sizeof(bytes)}};
    keeper_init(&keeper);
    keeper_open(&keeper);
    for (int i = 0; i < 100; i++) {
        EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
    }
    struct rt_log_batch_head head = write_snapshot(&file);
    EXPECT_INT(count_parts(file, &head, RT_LOG_KEY), 7); /* 16 in each */
    EXPECT_INT(head.part_count, 7);
    rt_disk_close(&keeper.disk.disk, &file);
    keeper_finish(&keeper);
}
