/* Subscribers of several topics who are given events when these are on disk. */
#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "tests/support/random.h"
#include "tests/unit/core/excerpts.h"

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

/* A node without events, and somebody who is given what is on disk. */
static void begin(struct rt_retention retention)
{
    test_journal_init(&disk, retention);
    memset(owners, 0, sizeof(owners));
    test_sink_init(&sink, &disk.test);
    sink.subscriber.gap = RT_GAP_TELL;
    sink.subscriber.is_durable = true;
}

static void join(struct test_sink *other, const char *topics, bool is_durable)
{
    test_sink_init(other, &disk.test);
    other->subscriber.gap = RT_GAP_TELL;
    other->subscriber.is_durable = is_durable;
    (void)choose(other, topics, now);
}

static void flush(void)
{
    test_journal_flush(&disk);
    rt_core_validate(&disk.test.core);
}

static void write_batch(void)
{
    test_journal_write(&disk);
    rt_excerpts_continue(&disk.test.core.excerpts);
    flush();
}

/* The batch that was taken is on disk, or it is not. */
static void end_batch(struct rt_journal_batch *batch, int err)
{
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, err);
    flush();
}

static struct rt_selection *selection(void)
{
    return sink.subscriber.stream->selection;
}

static uint64_t position(const struct test_sink *receiver)
{
    return rt_subscriber_cursor(&receiver->subscriber).offset;
}

TEST("events are given when their batch is done, and those of memory at once")
{
    struct test_sink other;
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    join(&other, "a,b", false);
    for (uint64_t i = 0; i < 3; i++) {
        publish("a", 2, 100);
        publish("c", 1, 100);
        publish("b", 2, 100);
        flush();
        expect_from(&other, "ab", 5 * i + 1, 5 * i + 5);
        expect_from(&sink, "ab", 1, 0);
        write_batch();
        expect_from(&sink, "ab", 5 * i + 1, 5 * i + 5);
        expect_from(&other, "ab", 1, 0);
    }
    test_sink_finish(&other);
    finish();
}

TEST("who is given what is on disk shares nothing with who is not")
{
    struct test_sink others[2];
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    join(&others[0], "a,b", false);
    join(&others[1], "a,b", true);
    EXPECT(others[0].subscriber.stream != sink.subscriber.stream);
    EXPECT(others[1].subscriber.stream == sink.subscriber.stream);
    EXPECT(rt_selection_is_durable(selection()));
    EXPECT(rt_stream_is_of(
        others[0].subscriber.stream,
        &(struct rt_selector){.patterns = {RT_BYTES("a"), RT_BYTES("b")},
                              .count = 2}));
    test_sink_finish(&others[0]);
    test_sink_finish(&others[1]);
    finish();
}

TEST("what is published while a batch is written is not given with it")
{
    begin(roomy);
    (void)choose(&sink, "*", now);
    publish("a", 5, 100);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    publish("b", 7, 100);
    end_batch(batch, 0);
    expect_from(&sink, "ab", 1, 5);
    EXPECT_INT(position(&sink), 5);
    write_batch();
    expect_from(&sink, "ab", 6, 12);
    EXPECT_INT(position(&sink), 12);
    finish();
}

TEST("events that somebody waits for on disk are awaited, and no others")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    EXPECT(disk.journal.is_awaited); /* what there was before it came */
    publish("a", 1, 100);
    test_journal_write(&disk);
    publish("c", 1, 100);
    EXPECT(!disk.journal.is_awaited);
    publish("b", 1, 100);
    EXPECT(disk.journal.is_awaited);
    test_journal_write(&disk);
    rt_topic_close(test_core_topic(&disk.test, "c"));
    EXPECT(!disk.journal.is_awaited);
    rt_topic_close(test_core_topic(&disk.test, "b"));
    EXPECT(disk.journal.is_awaited);
    finish();
}

TEST("nobody is woken by a batch that has nothing of its topics")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    publish("c", 5, 100);
    test_journal_write(&disk);
    EXPECT(rt_list_is_empty(&disk.test.core.dirty));
    publish("a", 5, 100);
    EXPECT(rt_list_is_empty(&disk.test.core.dirty));
    test_journal_write(&disk);
    EXPECT(!rt_list_is_empty(&disk.test.core.dirty));
    flush();
    finish();
}

TEST("a cursor is never ahead of what is on disk, but for who begins there")
{
    struct test_sink other;
    begin(roomy);
    publish("a", 5, 100);
    write_batch();
    (void)choose(&sink, "a,b", earliest);
    publish("a", 3, 100);
    flush();
    EXPECT_INT(position(&sink), 5);
    publish("c", 3, 100);
    join(&other, "a,b", true);
    write_batch();
    EXPECT_INT(position(&sink), 11);
    EXPECT_INT(position(&other), 11);
    expect_from(&sink, "ab", 1, 8);
    expect_from(&other, "ab", 1, 0);
    test_sink_finish(&other);
    finish();
}

TEST("who begins with the oldest has caught up where the disk ends")
{
    begin(roomy);
    publish("a", 5, 100);
    write_batch();
    publish("b", 5, 100);
    EXPECT(choose(&sink, "a,b", earliest).is_behind);
    flush();
    EXPECT_INT(sink.caught_up_count, 1);
    expect_from(&sink, "ab", 1, 5);
    write_batch();
    expect_from(&sink, "ab", 6, 10);
    EXPECT_INT(sink.caught_up_count, 1);
    finish();
}

TEST("who resumes ahead of the disk is given what comes behind that")
{
    begin(roomy);
    publish("a", 5, 100);
    EXPECT(choose(&sink, "a,b", behind(3)).is_behind);
    flush();
    EXPECT_INT(sink.caught_up_count, 1);
    EXPECT_INT(position(&sink), 3);
    write_batch();
    expect_from(&sink, "ab", 4, 5);
    finish();
}

TEST("who resumes ahead of the disk is told of a purge before that")
{
    begin(roomy);
    publish("a", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    publish("b", 1, 100);
    (void)choose(&sink, "a,b", behind(3));
    flush();
    EXPECT_INT(sink.gap_count, 1);
    write_batch();
    expect_from(&sink, "b", 1, 6);
    EXPECT_INT(sink.gap_count, 1);
    finish();
}

TEST("what has left the rings before it was on disk is read from there")
{
    begin(narrow);
    (void)choose(&sink, "a,b", now);
    for (int i = 0; i < 20; i++) {
        publish("a", 5, 1000);
        publish("b", 5, 1000);
    }
    flush();
    expect_from(&sink, "ab", 1, 0);
    write_batch();
    expect_from(&sink, "ab", 1, 200);
    EXPECT_INT(sink.gap_count, 0);
    publish("b", 1, 100);
    write_batch();
    expect_from(&sink, "ab", 201, 201);
    finish();
}

TEST("a time is looked for ahead of the disk, too")
{
    begin(narrow);
    publish("a", 100, 1000);
    test_core_pass_time(&disk.test, 1000);
    publish("b", 100, 1000);
    struct rt_since since = {.kind = RT_SINCE_TIME,
                             .wall_ms = disk.test.core.wall_ms};
    (void)choose(&sink, "a,b", since);
    flush();
    expect_from(&sink, "ab", 1, 0);
    EXPECT_INT(sink.caught_up_count, 0);
    write_batch();
    expect_from(&sink, "ab", 101, 200);
    EXPECT_INT(sink.caught_up_count, 1);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("a closing is told when it is on disk, and the last one ends it")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    publish("a", 1, 100);
    publish("b", 1, 100);
    write_batch();
    expect_from(&sink, "ab", 1, 2);
    size_t given = sink.received.len;
    rt_topic_close(test_core_topic(&disk.test, "a"));
    flush();
    EXPECT_INT(sink.received.len, given);
    write_batch();
    EXPECT(sink.received.len > given);
    rt_topic_close(test_core_topic(&disk.test, "b"));
    flush();
    EXPECT(!sink.is_closed);
    write_batch();
    flush();
    EXPECT(sink.is_closed);
    EXPECT_INT(sink.reason, RT_CLOSE_TOPIC_CLOSED);
    EXPECT_INT(sink.resume.cursor.offset, 4);
    finish();
}

TEST("a purge is told once, with what had not come to disk")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    publish("a", 3, 100);
    publish("b", 3, 100);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    publish("a", 2, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    flush();
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    end_batch(batch, 0);
    expect_from(&sink, "b", 1, 8);
    publish("a", 2, 100);
    write_batch();
    expect_from(&sink, "ab", 9, 10);
    EXPECT_INT(sink.gap_count, 1);
    finish();
}

TEST("a purge of what is on disk and was given is not told")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    publish("a", 3, 100);
    write_batch();
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    flush();
    write_batch();
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("who cannot be told of a purge for want of memory is closed")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    publish("a", 3, 100);
    EXPECT_INT(rt_journal_reserve_key(&disk.journal, 100), 0);
    test_heap_fail_at(&disk.test.heap, 1);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_heap_fail_at(&disk.test.heap, 0);
    EXPECT(sink.is_closed);
    EXPECT_INT(sink.reason, RT_CLOSE_OVERLOAD);
    finish();
}

TEST("behind a disk that has failed nothing is given, and nothing told")
{
    begin(narrow);
    (void)choose(&sink, "a,b", now);
    publish("a", 3, 100);
    write_batch();
    expect_from(&sink, "ab", 1, 3);
    publish("a", 100, 1000);
    end_batch(rt_journal_take(&disk.journal), RT_EIO);
    expect_from(&sink, "ab", 1, 0);
    EXPECT_INT(sink.gap_count, 0);
    EXPECT_INT(position(&sink), 3);
    finish();
}

TEST("who stalls goes on where he was")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    sink.room = 30;
    publish("a", 20, 100);
    write_batch();
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_BLOCKED);
    publish("b", 20, 100);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    flush();
    expect_from(&sink, "ab", 1, 20);
    write_batch();
    expect_from(&sink, "ab", 21, 40);
    finish();
}

TEST("who leaves last takes the selection with him")
{
    begin(roomy);
    (void)choose(&sink, "a,b", now);
    EXPECT(!rt_list_is_empty(&disk.test.core.durable_list));
    rt_subscriber_detach(&sink.subscriber);
    rt_core_tick(&disk.test.core);
    EXPECT(rt_list_is_empty(&disk.test.core.durable_list));
    publish("a", 1, 100);
    write_batch();
    finish();
}

static const char *some_topic(struct test_random *random)
{
    static const char *const topics[] = {"a", "b", "c"};
    return topics[test_random_below(random, 3)];
}

/* A batch may be taken at any time, and done at any later one. */
static void run_random(uint32_t seed)
{
    struct test_random random = test_random_seed(seed);
    struct rt_journal_batch *batch = NULL;
    begin(seed % 2 == 0 ? narrow : roomy);
    (void)choose(&sink, "a,c", now);
    for (int i = 0; i < 150; i++) {
        publish(some_topic(&random), (int)test_random_below(&random, 20), 200);
        if (batch != NULL && test_random_below(&random, 2) == 0) {
            end_batch(batch, 0);
            batch = NULL;
        } else if (batch == NULL) {
            batch = rt_journal_take(&disk.journal);
        }
        flush();
        EXPECT(position(&sink) <= disk.journal.sequence);
    }
    if (batch != NULL) {
        end_batch(batch, 0);
    }
    if (!rt_journal_is_idle(&disk.journal)) {
        write_batch();
    }
    expect_from(&sink, "ac", 1, disk.test.core.sequence);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("nobody is given anything before it is on disk, and everything then")
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        run_random(seed);
    }
}
