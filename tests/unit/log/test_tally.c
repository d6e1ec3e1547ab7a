#include "storage/log/tally.h"

#include "tests/unit/log/checker.h"

#define SEGMENT_BYTES ((uint64_t)16 * 1024)

static struct keeper keeper;
static struct checker checker;

static void open_log(void)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "sport");
}

static void check(void)
{
    keeper_close(&keeper);
    checker_run(&checker, &keeper);
}

static void expect_topic(uint64_t topic,
                         uint64_t first,
                         uint64_t next,
                         uint64_t event_count,
                         uint64_t lost_count)
{
    const struct rt_log_topic_report *report = &checker.topics[topic];
    EXPECT_INT(report->first_offset, first);
    EXPECT_INT(report->next_offset, next);
    EXPECT_INT(report->event_count, event_count);
    EXPECT_INT(report->lost_count, lost_count);
    EXPECT_INT(report->is_damaged, lost_count > 0);
}

TEST("the events of each topic are counted")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 2, 5, 100);
    keeper_publish(&keeper, 1, 4, 100);
    check();
    EXPECT_INT(checker.found.topic_count, 2);
    EXPECT_TEXT(rt_bytes_of(checker.names[1]), "news");
    EXPECT_TEXT(rt_bytes_of(checker.names[2]), "sport");
    expect_topic(1, 1, 8, 7, 0);
    expect_topic(2, 1, 6, 5, 0);
    keeper_finish(&keeper);
}

TEST("the events of many segments are counted")
{
    open_log();
    for (int i = 0; i < 100; i++) {
        keeper_publish(&keeper, 1 + (uint64_t)(i % 2), 10, 200);
    }
    check();
    EXPECT(checker.segment_count > 5);
    expect_topic(1, 1, 501, 500, 0);
    expect_topic(2, 1, 501, 500, 0);
    keeper_finish(&keeper);
}

TEST("events whose bytes do not check are lost to their topic alone")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 2, 5, 100);
    keeper_publish(&keeper, 1, 4, 100);
    uint64_t batch = keeper_batch(&keeper, 1, 3);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 200);
    checker_run(&checker, &keeper);
    expect_topic(1, 4, 8, 4, 3);
    expect_topic(2, 1, 6, 5, 0);
    keeper_finish(&keeper);
}

TEST("events of a batch that is missing are lost, of those that go on")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 2, 5, 100);
    keeper_publish(&keeper, 1, 4, 100);
    keeper_publish(&keeper, 1, 2, 100);
    uint64_t batch = keeper_batch(&keeper, 1, 5);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 4);
    checker_run(&checker, &keeper);
    expect_topic(1, 1, 10, 5, 4);
    EXPECT_INT(checker.topics[2].lost_count, 0);
    EXPECT(checker.topics[2].is_damaged); /* for nothing tells that it is not */
    keeper_finish(&keeper);
}

TEST("a topic that goes on behind a hole lost nothing in it")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 1, 4, 100);
    keeper_publish(&keeper, 1, 2, 100);
    keeper_publish(&keeper, 2, 5, 100);
    uint64_t batch = keeper_batch(&keeper, 1, 4);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 4);
    checker_run(&checker, &keeper);
    expect_topic(1, 1, 10, 5, 4);
    expect_topic(2, 1, 6, 5, 0);
    keeper_finish(&keeper);
}

TEST("offsets that a topic skips are not lost")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper.next_offset[1] = 10;
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 2, 100);
    check();
    expect_topic(1, 1, 12, 5, 0);
    keeper_finish(&keeper);
}

TEST("what was lost before a purge does not count")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 1, 3, 100);
    keeper.next_offset[1]++;
    struct rt_log_part part = topic_part(&keeper, 1, "news");
    part.description.floor = keeper.next_offset[1];
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    keeper_publish(&keeper, 1, 2, 100);
    keeper_publish(&keeper, 2, 1, 100);
    uint64_t batch = keeper_batch(&keeper, 1, 3);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 4);
    checker_run(&checker, &keeper);
    expect_topic(1, 8, 10, 2, 0);
    expect_topic(2, 1, 2, 1, 0);
    keeper_finish(&keeper);
}

TEST("a topic that was removed is not there")
{
    open_log();
    struct rt_log_part part = {.kind = RT_LOG_REMOVED, .topic = 1};
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    check();
    EXPECT_INT(checker.found.topic_count, 1);
    EXPECT_INT(checker.topics[1].topic, 0);
    keeper_finish(&keeper);
}

TEST("a topic of which nothing tells the name is damaged, and its events lost")
{
    open_log();
    keeper_publish(&keeper, 1, 3, 100);
    keeper_publish(&keeper, 2, 3, 100);
    uint64_t batch = keeper_batch(&keeper, 1, 2);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, batch + 4);
    checker_run(&checker, &keeper);
    expect_topic(1, 1, 4, 3, 0);
    EXPECT_TEXT(rt_bytes_of(checker.names[2]), "");
    EXPECT(checker.topics[2].is_damaged);
    EXPECT_INT(checker.topics[2].event_count, 0);
    EXPECT_INT(checker.topics[2].lost_count, 3);
    keeper_finish(&keeper);
}

TEST("events that were lost with a segment are told by the next snapshot")
{
    open_log();
    for (int i = 0; i < 100; i++) {
        keeper_publish(&keeper, 1, 10, 200);
    }
    keeper_close(&keeper);
    keeper_remove(&keeper, 3);
    checker_run(&checker, &keeper);
    const struct rt_log_topic_report *report = &checker.topics[1];
    EXPECT(report->is_damaged);
    EXPECT_INT(report->next_offset, 1001);
    EXPECT_INT(report->event_count + report->lost_count, 1000);
    EXPECT(!checker.topics[2].is_damaged);
    keeper_finish(&keeper);
}
