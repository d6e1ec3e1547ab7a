/* Subscribers who are given events when these are on disk. */
#include "broker/core/control.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"
#include "tests/support/random.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_since earliest = {.kind = RT_SINCE_EARLIEST};
static const struct rt_since now = {.kind = RT_SINCE_NOW};

static struct test_journal disk;
static struct test_sink sink;

/* Subscribes in raw, or in another format. */
static void
begin(struct rt_retention retention, enum rt_format format, int count)
{
    test_journal_init(&disk, retention);
    test_sink_init(&sink, &disk.test);
    test_core_publish_many(&disk.test, "a", count, 100);
    sink.subscriber.is_durable = true;
    if (format == RT_FORMAT_RAW) {
        (void)test_sink_subscribe(&sink, "a", now);
    } else {
        test_sink_subscribe_in(&sink, "a", format, now);
    }
}

static void finish(void)
{
    test_sink_finish(&sink);
    test_journal_finish(&disk);
}

static void publish(int count)
{
    test_core_publish_many(&disk.test, "a", count, 100);
    test_core_flush(&disk.test);
    rt_core_validate(&disk.test.core);
}

static void write_batch(void)
{
    test_journal_write(&disk);
    test_core_flush(&disk.test);
    rt_core_validate(&disk.test.core);
}

static struct rt_topic *topic(void)
{
    return test_core_topic(&disk.test, "a");
}

TEST("events are given when their batch is done, and those of memory at once")
{
    struct test_sink other;
    begin(roomy, RT_FORMAT_RAW, 0);
    test_sink_init(&other, &disk.test);
    test_sink_subscribe_now(&other, "a");
    for (uint64_t i = 0; i < 3; i++) {
        publish(5);
        test_sink_expect(&other, 5 * i + 1, 5 * i + 5);
        test_sink_expect(&sink, 1, 0);
        write_batch();
        test_sink_expect(&sink, 5 * i + 1, 5 * i + 5);
        test_sink_expect(&other, 1, 0);
    }
    test_sink_finish(&other);
    finish();
}

TEST("events that somebody waits for on disk are awaited, and no others")
{
    begin(roomy, RT_FORMAT_RAW, 0);
    EXPECT(disk.journal.is_awaited); /* what there was before it came */
    publish(1);
    test_journal_write(&disk);
    EXPECT(!disk.journal.is_awaited);
    test_core_publish(&disk.test, "b", 100);
    EXPECT(!disk.journal.is_awaited);
    publish(1);
    EXPECT(disk.journal.is_awaited);
    finish();
}

/* The batch that was taken is done, and some more is published before. */
static void end_batch(struct rt_journal_batch *batch, int count)
{
    publish(count);
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, 0);
    test_core_flush(&disk.test);
    rt_core_validate(&disk.test.core);
}

TEST("what is published while a batch is written is not given with it")
{
    begin(roomy, RT_FORMAT_RAW, 0);
    publish(5);
    end_batch(rt_journal_take(&disk.journal), 7);
    test_sink_expect(&sink, 1, 5);
    write_batch();
    test_sink_expect(&sink, 6, 12);
    finish();
}

TEST("formats have their own blocks, which end where the disk does")
{
    begin(roomy, RT_FORMAT_JSON, 0);
    publish(5);
    EXPECT_INT(sink.received.len, 0);
    write_batch();
    EXPECT_INT(rt_subscriber_next(&sink.subscriber), 6);
    size_t five = sink.received.len;
    EXPECT(five > 0);
    publish(5);
    EXPECT_INT(sink.received.len, five);
    write_batch();
    EXPECT_INT(rt_subscriber_next(&sink.subscriber), 11);
    finish();
}

TEST("who begins now gets what was published after, though more comes to disk")
{
    struct test_sink other;
    begin(roomy, RT_FORMAT_RAW, 5);
    EXPECT_INT(sink.subscriber.state, RT_SUBSCRIBER_ACTIVE);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    publish(2);
    test_sink_init(&other, &disk.test);
    other.subscriber.is_durable = true;
    EXPECT_INT(test_sink_subscribe(&other, "a", now).offset, 7);
    end_batch(batch, 1);
    test_sink_expect(&sink, 1, 0);
    test_sink_expect(&other, 1, 0);
    write_batch();
    test_sink_expect(&sink, 6, 8);
    test_sink_expect(&other, 8, 8);
    test_sink_finish(&other);
    finish();
}

TEST("what is fetched of a batch that is not done is not given either")
{
    begin(narrow, RT_FORMAT_RAW, 0);
    test_core_publish_many(&disk.test, "a", 200, 1000);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, 0);
    test_core_publish_many(&disk.test, "a", 200, 1000);
    batch = rt_journal_take(&disk.journal);
    test_journal_read(&disk, batch);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 200);
    rt_journal_done(&disk.journal, 0);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 201, 400);
    finish();
}

TEST("who begins with the oldest has caught up where the disk ends")
{
    struct test_sink other;
    begin(roomy, RT_FORMAT_RAW, 0);
    publish(5);
    write_batch();
    publish(5);
    test_sink_init(&other, &disk.test);
    other.subscriber.is_durable = true;
    test_sink_subscribe_in(&other, "a", RT_FORMAT_JSON, earliest);
    test_core_flush(&disk.test);
    EXPECT_INT(other.caught_up_count, 1);
    EXPECT_INT(rt_subscriber_next(&other.subscriber), 6);
    write_batch();
    EXPECT_INT(rt_subscriber_next(&other.subscriber), 11);
    test_sink_finish(&other);
    finish();
}

TEST("what has left the ring before it was on disk is fetched from there")
{
    begin(narrow, RT_FORMAT_RAW, 0);
    test_core_publish_many(&disk.test, "a", 200, 1000);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1, 0);
    EXPECT(rt_ring_earliest(&topic()->ring) > 100);
    test_journal_write(&disk);
    test_journal_flush(&disk);
    test_sink_expect(&sink, 1, 200);
    EXPECT_INT(sink.gap_count, 0);
    publish(1);
    write_batch();
    test_sink_expect(&sink, 201, 201);
    finish();
}

TEST("so it is in other formats")
{
    begin(narrow, RT_FORMAT_JSON, 0);
    test_core_publish_many(&disk.test, "a", 200, 1000);
    test_core_flush(&disk.test);
    test_journal_write(&disk);
    test_journal_flush(&disk);
    EXPECT_INT(rt_subscriber_next(&sink.subscriber), 201);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("a topic that is closed closes when all of it is on disk and given")
{
    begin(roomy, RT_FORMAT_RAW, 0);
    publish(5);
    rt_topic_close(topic());
    test_core_flush(&disk.test);
    EXPECT(!sink.is_closed);
    write_batch();
    test_sink_expect(&sink, 1, 5);
    test_core_flush(&disk.test);
    test_sink_expect_closed(&sink, RT_CLOSE_TOPIC_CLOSED, 5, 0);
    finish();
}

TEST("who has everything of a topic is closed with it")
{
    begin(roomy, RT_FORMAT_RAW, 0);
    publish(5);
    write_batch();
    rt_topic_close(topic());
    test_core_flush(&disk.test);
    test_core_flush(&disk.test);
    EXPECT(sink.is_closed);
    finish();
}

TEST("a purge is told, with what had not come to disk")
{
    begin(roomy, RT_FORMAT_JSON, 0);
    publish(5);
    EXPECT_INT(rt_topic_purge(topic()), 0);
    test_core_flush(&disk.test);
    test_core_flush(&disk.test);
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(sink.gap.reason, RT_CLOSE_EPOCH_CHANGED);
    publish(2);
    write_batch();
    EXPECT_INT(sink.gap_count, 1);
    EXPECT_INT(rt_subscriber_cursor(&sink.subscriber).offset, 2);
    finish();
}

TEST("who stalls goes on where he was")
{
    begin(roomy, RT_FORMAT_RAW, 0);
    sink.room = 30;
    publish(20);
    write_batch();
    publish(20);
    sink.room = SIZE_MAX;
    test_sink_drain(&sink);
    test_core_flush(&disk.test);
    test_sink_expect(&sink, 1, 20);
    write_batch();
    test_sink_expect(&sink, 21, 40);
    finish();
}

/* A batch may be taken at any time, and done at any later one. */
static void run(uint32_t seed)
{
    struct test_random random = test_random_seed(seed);
    struct rt_journal_batch *batch = NULL;
    begin(narrow, seed % 2 == 0 ? RT_FORMAT_RAW : RT_FORMAT_JSON, 0);
    for (int i = 0; i < 200; i++) {
        publish((int)test_random_below(&random, 30));
        if (batch != NULL && test_random_below(&random, 2) == 0) {
            test_journal_read(&disk, batch);
            rt_journal_done(&disk.journal, 0);
            batch = NULL;
        } else if (batch == NULL) {
            batch = rt_journal_take(&disk.journal);
        }
        test_journal_flush(&disk);
        rt_core_validate(&disk.test.core);
        EXPECT(rt_subscriber_next(&sink.subscriber) <= topic()->durable->next);
    }
    if (batch != NULL) {
        test_journal_read(&disk, batch);
        rt_journal_done(&disk.journal, 0);
    }
    if (!rt_journal_is_idle(&disk.journal)) {
        test_journal_write(&disk);
    }
    test_journal_flush(&disk);
    EXPECT_INT(rt_subscriber_next(&sink.subscriber), topic()->ring.next_offset);
    EXPECT_INT(sink.gap_count, 0);
    finish();
}

TEST("nobody is given anything before it is on disk, and everything then")
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        run(seed);
    }
}
