#include "storage/log/rewrite.h"

#include "tests/unit/log/checker.h"
#include "tests/unit/log/damaging.h"

#define SEGMENT_BYTES ((uint64_t)8 * 1024)

static struct keeper old;
static struct keeper fresh;
static struct checker checker;

/* Two topics, one of which skips offsets, one that was removed, a key and the
 * node's state. */
static void make_old(void)
{
    keeper_init(&old);
    old.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&old);
    keeper_describe(&old, 1, "news");
    keeper_describe(&old, 2, "gone");
    keeper_describe(&old, 3, "sport");
    struct rt_log_part parts[3] = {
        {.kind = RT_LOG_REMOVED, .topic = 2},
        {.kind = RT_LOG_NODE, .opaque = RT_BYTES("a node")},
        {.kind = RT_LOG_KEY, .opaque = RT_BYTES("a key")}};
    EXPECT_INT(keeper_append(&old, parts, 2), 0);
    for (int i = 0; i < 20; i++) {
        keeper_publish(&old, 1, 10, 100);
        keeper_publish(&old, 3, 5, 100);
    }
    EXPECT_INT(keeper_append(&old, &parts[2], 1), 0);
    old.next_offset[1] += 7;
    keeper_describe(&old, 1, "news");
    keeper_publish(&old, 1, 3, 100);
}

/* Writes it to a log of its own, which is opened anew then. */
static void rewrite(void)
{
    struct rt_log_tally tally;
    struct rt_log_check_found found;
    struct rt_log_check_visitor visitor = {.context = NULL};
    keeper_init(&fresh);
    fresh.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&fresh);
    rt_log_tally_init(&tally, &old.heap.heap);
    EXPECT_INT(rt_log_check(&old.disk.disk, &tally, &visitor, &found), 0);
    EXPECT_INT(rt_log_rewrite_topics(fresh.log, &tally), 0);
    EXPECT_INT(rt_log_rewrite(fresh.log, &old.disk.disk, &old.heap.heap, 0), 0);
    EXPECT_INT(rt_log_rewrite_ends(fresh.log, &tally), 0);
    rt_log_tally_finish(&tally);
    keeper_reopen(&fresh);
}

static void expect_events(uint64_t topic, uint64_t offset, uint64_t count)
{
    int err = 0;
    EXPECT_INT(keeper_read(&fresh, topic, offset, &err), count);
    EXPECT_INT(err, RT_EAGAIN);
}

static void finish(void)
{
    keeper_close(&fresh);
    checker_run(&checker, &fresh);
    EXPECT(rt_log_check_is_sound(&checker.found));
    keeper_finish(&fresh);
    keeper_finish(&old);
}

TEST("a sound log is the same when it was written anew")
{
    make_old();
    keeper_close(&old);
    rewrite();
    EXPECT_INT(fresh.found.sequence, old.sequence);
    EXPECT_INT(fresh.found.damaged_topics, 0);
    EXPECT_TEXT(rt_bytes_of(fresh.topics[1].name), "news");
    EXPECT_TEXT(rt_bytes_of(fresh.topics[1].state), "state");
    EXPECT_TEXT(rt_bytes_of(fresh.topics[2].name), "");
    EXPECT_TEXT(rt_bytes_of(fresh.node), "a node");
    EXPECT_INT(fresh.key_count, 1);
    EXPECT_INT(fresh.topics[1].next_offset, 211);
    expect_events(1, 1, 210);
    expect_events(3, 1, 100);
    finish();
}

TEST("what does not check is skipped")
{
    make_old();
    uint64_t batch = keeper_batch(&old, 1, 7); /* ten events of the first */
    keeper_close(&old);
    keeper_flip(&old, 1, batch + 200);
    rewrite();
    EXPECT_INT(fresh.found.damaged_topics, 0);
    expect_events(1, 1, 210);
    expect_events(3, 1, 100);
    keeper_close(&fresh);
    checker_run(&checker, &fresh);
    EXPECT_INT(checker.topics[1].event_count, 193);
    EXPECT_INT(checker.topics[3].event_count, 100);
    keeper_open(&fresh);
    finish();
}

static void add_key(const char *text)
{
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = rt_bytes_of(text)};
    EXPECT_INT(keeper_append(&old, &key, 1), 0);
}

/* A log that never lacks a key, with one in each of its segments. */
static void make_keys(uint64_t segment_count)
{
    char text[16];
    keeper_init(&old);
    old.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&old);
    keeper_describe(&old, 1, "news");
    for (uint64_t i = 1; i <= segment_count; i++) {
        while (rt_log_usage(old.log).segment_count < i) {
            keeper_publish(&old, 1, 1, 1000);
        }
        (void)snprintf(text, sizeof(text), "key %u", (unsigned)i);
        add_key(text);
    }
}

static bool was_told(const char *text)
{
    for (uint32_t i = 0; i < fresh.key_count; i++) {
        if (strcmp(fresh.keys[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static int count_key(void *context,
                     const struct rt_log_walk *walk,
                     const struct rt_bytes *body)
{
    bool is_snapshot = (walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0;
    bool is_key = walk->part.kind == RT_LOG_KEY && body != NULL;
    *(uint32_t *)context += is_key && !is_snapshot ? 1 : 0;
    return 0;
}

/* How many keys the new log has, beside those in snapshots. */
static uint32_t count_written(void)
{
    uint32_t count = 0;
    struct rt_log_survey_visitor visitor = {.context = &count,
                                            .part = count_key};
    EXPECT_INT(rt_log_survey(&fresh.disk.disk, &fresh.heap.heap, 0, &visitor),
               0);
    return count;
}

TEST("keys are written once each, though many snapshots have them")
{
    make_keys(6);
    keeper_close(&old);
    rewrite();
    EXPECT_INT(count_written(), 6);
    EXPECT_INT(fresh.key_count, 6);
    EXPECT_TEXT(rt_bytes_of(fresh.keys[0]), "key 1");
    EXPECT_TEXT(rt_bytes_of(fresh.keys[5]), "key 6");
    finish();
}

TEST("keys of segments that are gone are in the snapshots behind them")
{
    make_keys(6);
    keeper_close(&old);
    keeper_remove(&old, 1);
    keeper_remove(&old, 4);
    rewrite();
    EXPECT(was_told("key 1"));
    EXPECT(was_told("key 3"));
    EXPECT(was_told("key 4"));
    EXPECT(was_told("key 6"));
    finish();
}

TEST("a key that nothing but the last snapshot has is written")
{
    make_keys(2);
    keeper_close(&old);
    keeper_remove(&old, 1);
    rewrite();
    EXPECT_INT(count_written(), 2);
    EXPECT(was_told("key 1"));
    EXPECT(was_told("key 2"));
    finish();
}

TEST("a key that was of no use any more is not taken along")
{
    make_keys(3);
    old.options.wall_ms += old.options.keys.age_ms + 1;
    EXPECT_INT(rt_log_retain(old.log, old.options.wall_ms), 0);
    while (rt_log_usage(old.log).segment_count < 4) {
        keeper_publish(&old, 1, 1, 1000);
    }
    add_key("new");
    while (rt_log_usage(old.log).segment_count < 5) {
        keeper_publish(&old, 1, 1, 1000);
    }
    keeper_close(&old);
    rewrite();
    EXPECT_INT(fresh.log->keys.bytes, 24);
    EXPECT(was_told("new"));
    finish();
}

TEST("offsets of events that are lost at the end are not used again")
{
    make_old();
    uint64_t last = rt_log_usage(old.log).segment_count;
    uint64_t position = keeper_last_batch(&old, last);
    keeper_publish(&old, 3, 1, 100);
    keeper_close(&old);
    keeper_flip(&old, last, position + 200);
    rewrite();
    EXPECT_INT(fresh.topics[1].next_offset, 211 + RT_LOG_REWRITE_SKIP);
    EXPECT_INT(fresh.topics[3].next_offset, 102);
    expect_events(1, 1, 200);
    finish();
}

TEST("a log without a node's state is not ended, and one with it is")
{
    keeper_init(&fresh);
    keeper_open(&fresh);
    EXPECT_INT(rt_log_rewrite_end(fresh.log, 9), 0);
    keeper_reopen(&fresh);
    EXPECT(!fresh.found.is_clean);
    struct rt_log_part node = {.kind = RT_LOG_NODE,
                               .opaque = RT_BYTES("a node")};
    EXPECT_INT(keeper_append(&fresh, &node, 1), 0);
    EXPECT_INT(rt_log_rewrite_end(fresh.log, 9), 0);
    keeper_reopen(&fresh);
    EXPECT(fresh.found.is_clean);
    EXPECT_INT(fresh.found.sequence, 9);
    EXPECT_TEXT(rt_bytes_of(fresh.node), "a node");
    keeper_finish(&fresh);
}

TEST("topics whose names are lost are not written, and others are all the same")
{
    make_old();
    uint64_t batch = keeper_batch(&old, 1, 1); /* what the first one is */
    uint64_t count = rt_log_usage(old.log).segment_count;
    keeper_close(&old);
    keeper_flip(&old, 1, batch + 20);
    for (uint64_t i = 2; i <= count; i++) {
        keeper_remove(&old, i);
    }
    rewrite();
    EXPECT_TEXT(rt_bytes_of(fresh.topics[1].name), "");
    EXPECT_TEXT(rt_bytes_of(fresh.topics[3].name), "sport");
    EXPECT(fresh.topics[3].next_offset > 1);
    finish();
}
