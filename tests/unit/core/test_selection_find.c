/* What a selection encodes, and what it does not do again. */
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/support/history.h"

static const struct rt_retention roomy = {1024 * (size_t)1024, UINT64_MAX,
                                          UINT64_MAX};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_history history;
static struct test_sink sink;

/* A selection of a.*, with somebody who has it. */
static struct rt_selection *begin(void)
{
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "a.*", now);
    return sink.subscriber.stream->selection;
}

static void end(void)
{
    rt_core_validate(&history.test.core);
    test_sink_finish(&sink);
    test_history_finish(&history);
}

static void publish(const char *topic, int count, size_t len)
{
    test_history_publish(&history, topic, count, len);
}

static struct rt_run find(struct rt_selection *selection, uint64_t sequence)
{
    struct rt_run run;
    EXPECT_INT(rt_selection_find(selection, sequence, &run), 0);
    return run;
}

static void trim_after(uint64_t ms)
{
    test_core_pass_time(&history.test, ms);
    rt_selections_trim(&history.test.core);
}

TEST("what is encoded is found without a look at any topic")
{
    struct rt_selection *selection = begin();
    publish("a.1", 2, 10);
    EXPECT_INT(find(selection, 1).topics, 1);
    publish("a.1", 1, 10);
    struct rt_run run = find(selection, 2);
    EXPECT_INT(run.topics, 0);
    EXPECT_INT(run.index, 1);
    EXPECT_INT(run.end, 3); /* what has come since is another visit's */
    EXPECT_INT(find(selection, 3).topics, 1);
    EXPECT_INT(selection->blocks.count, 1);
    end();
}

TEST("a block reaches up to the next one, whatever others had in between")
{
    struct rt_selection *selection = begin();
    publish("a.1", 1, 10);
    publish("b", 5, 10);
    publish("a.1", 1, 10);
    EXPECT_INT(find(selection, 7).end, 8);
    EXPECT_INT(find(selection, 1).end, 7);
    struct rt_run run = find(selection, 3);
    EXPECT(run.segment == NULL);
    EXPECT_INT(run.end, 7);
    EXPECT_INT(run.topics, 0);
    end();
}

TEST("a block that has no room is followed by one that begins where it ends")
{
    struct rt_selection *selection = begin();
    publish("a.1", 1, 10);
    publish("b", 5, 10);
    publish("a.1", 1, 4000);
    (void)find(selection, 7);
    trim_after(RT_BLOCK_IDLE_MS);
    (void)find(selection, 1);
    trim_after(1);
    EXPECT_INT(selection->blocks.count, 1);
    EXPECT_INT(selection->blocks.blocks[0].end, 7);
    EXPECT_INT(find(selection, 3).end, 8);
    EXPECT_INT(selection->blocks.count, 2);
    EXPECT_INT(selection->blocks.blocks[1].first, 7);
    end();
}

TEST("a block that somebody looks at stays")
{
    struct rt_selection *selection = begin();
    publish("a.1", 1, 10);
    (void)find(selection, 1);
    for (int i = 0; i < 3; i++) {
        trim_after(RT_BLOCK_IDLE_MS);
        EXPECT_INT(find(selection, 1).topics, 0);
    }
    trim_after(RT_BLOCK_IDLE_MS + 1);
    EXPECT_INT(selection->blocks.count, 0);
    end();
}

static bool is_of(const struct rt_selection *selection, const char *text)
{
    struct rt_selector selector;
    struct rt_refusal refusal;
    EXPECT_INT(rt_selector_parse(rt_bytes_of(text), &selector, &refusal), 0);
    return rt_selection_is_of(selection, &selector);
}

TEST("a selection is of its patterns, and of no others")
{
    test_history_init(&history, roomy);
    (void)test_history_select(&history, &sink, "b.*,c,d", now);
    const struct rt_selection *selection = sink.subscriber.stream->selection;
    EXPECT(is_of(selection, "b.*,c,d"));
    EXPECT(is_of(selection, "d,b.*,c"));
    EXPECT(!is_of(selection, "b.*,c"));
    EXPECT(!is_of(selection, "b.*,c,d,e"));
    EXPECT(!is_of(selection, "a.*,c,d"));
    EXPECT(!is_of(selection, "b.*,c.c,d"));
    EXPECT(!is_of(selection, "b.*,c,e"));
    end();
}
