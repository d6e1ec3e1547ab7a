#include "storage/log/loss.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

static struct rt_log_loss loss_of(uint64_t id)
{
    return rt_log_index_shelf(&keeper.log->index, id)->loss;
}

/* Two topics, of which the second has nothing but in the first and in the last
 * segment. */
static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_publish(&keeper, 2, 1, 100);
    while (rt_log_usage(keeper.log).segment_count < 4) {
        keeper.options.wall_ms++;
        keeper_publish(&keeper, 1, 10, 500);
    }
    keeper_publish(&keeper, 2, 1, 100);
}

static void end(void)
{
    keeper_finish(&keeper);
}

TEST("a log that has lost nothing knows it after a start, too")
{
    begin();
    keeper_reopen(&keeper);
    EXPECT_INT(loss_of(1).sequence, 0);
    EXPECT_INT(loss_of(2).sequence, 0);
    EXPECT_INT(loss_of(2).wall_ms, 0);
    end();
}

TEST("what was removed came before what is left, as far as a start can tell")
{
    begin();
    keeper.log->options.retention.bytes = 1;
    EXPECT_INT(rt_log_retain(keeper.log, 0), 0);
    struct rt_log_loss one = loss_of(1);
    EXPECT(one.sequence > 20 && one.sequence < keeper.sequence);
    EXPECT_INT(loss_of(2).sequence, 1);
    keeper_reopen(&keeper);
    EXPECT(loss_of(1).sequence >= one.sequence);
    EXPECT(loss_of(1).sequence < one.sequence + 50);
    EXPECT(loss_of(1).wall_ms >= one.wall_ms);
    struct rt_log_extent extent;
    EXPECT(rt_log_extent(keeper.log, 1, &extent));
    EXPECT_INT(extent.lost_ms, loss_of(1).wall_ms);
    EXPECT(loss_of(2).sequence >= 1);
    EXPECT(loss_of(2).sequence < keeper.sequence);
    end();
}

TEST("what a topic does not count any more is lost, where it still is as well")
{
    begin();
    struct rt_log_part part = topic_part(&keeper, 1, "one");
    part.description.floor = part.description.next_offset;
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    uint64_t last = keeper.sequence - 1;
    EXPECT_INT(loss_of(1).sequence, last);
    keeper_fill(&keeper, 2, 6);
    keeper_reopen(&keeper);
    EXPECT(loss_of(1).sequence >= last);
    EXPECT_INT(loss_of(2).sequence, 0);
    end();
}

TEST("what was purged before it was written is lost as well")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_publish(&keeper, 2, 1, 100);
    keeper.sequence += 4; /* of topic 1 */
    struct rt_log_part part = topic_part(&keeper, 1, "one");
    part.description.next_offset = 5;
    part.description.floor = 5;
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    keeper_publish(&keeper, 2, 1, 100);
    keeper_reopen(&keeper);
    EXPECT(loss_of(1).sequence >= 5);
    EXPECT_INT(loss_of(2).sequence, 0);
    end();
}
