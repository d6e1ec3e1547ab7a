#include "storage/log/check.h"

#include "tests/unit/log/checker.h"

#define SEGMENT_BYTES ((uint64_t)8 * 1024)
#define CALLS_MAX     1000

static struct keeper keeper;
static struct checker checker;

static void make_log(void)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "sport");
    for (int i = 0; i < 20; i++) {
        keeper_publish(&keeper, 1 + (uint64_t)(i % 2), 10, 100);
    }
}

TEST("a sound log is summed up")
{
    make_log();
    uint64_t segments = rt_log_usage(keeper.log).segment_count;
    keeper_close(&keeper);
    checker_run(&checker, &keeper);
    const struct rt_log_check_found *found = &checker.found;
    EXPECT(rt_log_check_is_sound(found));
    EXPECT_INT(found->segment_count, segments);
    EXPECT_INT(found->topic_count, 2);
    EXPECT_INT(found->event_count, 200);
    EXPECT_INT(found->batch_count, 22 + segments);
    EXPECT_INT(found->lost_events, 0);
    EXPECT_INT(found->torn_bytes, 0);
    EXPECT(found->bytes > 200 * 100);
    keeper_finish(&keeper);
}

TEST("damage is summed up")
{
    make_log();
    uint64_t batch = keeper_batch(&keeper, 1, 3);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 200);
    keeper_flip(&keeper, 3, 8);
    checker_run(&checker, &keeper);
    EXPECT(!rt_log_check_is_sound(&checker.found));
    EXPECT_INT(checker.found.damaged_segments, 2);
    EXPECT_INT(checker.found.damaged_topics, 1);
    EXPECT_INT(checker.found.lost_events, 10);
    EXPECT_INT(checker.found.first_damaged, 1);
    keeper_finish(&keeper);
}

TEST("damage of a segment is damage though no event is lost")
{
    make_log();
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_image(&keeper, 1)->len - 70);
    checker_run(&checker, &keeper);
    EXPECT(!rt_log_check_is_sound(&checker.found));
    EXPECT_INT(checker.found.damaged_topics, 0);
    keeper_finish(&keeper);
}

TEST("nobody needs to be told")
{
    make_log();
    keeper_close(&keeper);
    struct rt_log_check_visitor visitor = {.context = NULL};
    struct rt_log_check_found found;
    struct rt_log_tally tally;
    rt_log_tally_init(&tally, &keeper.heap.heap);
    EXPECT_INT(rt_log_check(&keeper.disk.disk, &tally, &visitor, &found), 0);
    rt_log_tally_finish(&tally);
    EXPECT_INT(found.event_count, 200);
    keeper_finish(&keeper);
}

TEST("a check changes nothing")
{
    make_log();
    keeper_close(&keeper);
    fake_disk_restart(&keeper.disk, FAKE_BYTES_ALL, FAKE_NAMES_ALL);
    checker_run(&checker, &keeper);
    for (int i = 0; i < keeper.disk.file_count; i++) {
        EXPECT_INT(keeper.disk.files[i].change_count, 0);
    }
    EXPECT_INT(keeper.disk.renaming_count, 0);
    keeper_finish(&keeper);
}

TEST("a check without memory says so")
{
    make_log();
    keeper_close(&keeper);
    uint64_t k = 1;
    int err = RT_ENOMEM;
    for (; err == RT_ENOMEM; k++) {
        test_heap_fail_at(&keeper.heap, k);
        err = checker_try(&checker, &keeper);
    }
    EXPECT_INT(err, 0);
    EXPECT(k > 4);
    keeper_finish(&keeper);
}

TEST("a check that cannot read says so")
{
    make_log();
    keeper_close(&keeper);
    int err = RT_EIO;
    for (uint64_t call = 1; err == RT_EIO; call++) {
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        err = checker_try(&checker, &keeper);
        EXPECT(call < CALLS_MAX);
    }
    EXPECT_INT(err, 0);
    keeper_finish(&keeper);
}
