#include "broker/core/journal.h"

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/publication.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};

static struct test_journal disk;
static struct rt_publication publication;
static struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];

static struct rt_durable *durable(const char *name)
{
    return test_core_topic(&disk.test, name)->durable;
}

TEST("every event is collected once, in order")
{
    test_journal_init(&disk, roomy);
    for (int i = 0; i < 50; i++) {
        test_core_publish_many(&disk.test, "a", i % 7, 100);
        test_core_publish_many(&disk.test, "b", i % 3, 2000);
        if (!rt_journal_is_idle(&disk.journal)) {
            test_journal_write(&disk);
        }
    }
    EXPECT_INT(disk.written, disk.test.core.sequence);
    EXPECT_INT(durable("a")->next, durable("a")->topic->ring.next_offset);
    EXPECT_INT(disk.journal.bytes, 0);
    EXPECT(rt_journal_is_idle(&disk.journal));
    test_journal_finish(&disk);
}

static struct rt_receipt receipt_of(const char *topic)
{
    struct rt_event event = test_core_event(&disk.test, topic, 5);
    struct rt_receipt receipt;
    EXPECT_INT(rt_core_publish(&disk.test.core, &event, &receipt), 0);
    return receipt;
}

TEST("a receipt says in which batch the event is, and what it waits for")
{
    test_journal_init(&disk, roomy);
    disk.test.core.options.ack = RT_ACK_MEMORY;
    struct rt_receipt receipt = receipt_of("a");
    EXPECT_INT(receipt.ticket, rt_journal_ticket(&disk.journal));
    EXPECT_INT(receipt.ack, RT_ACK_MEMORY);
    rt_topic_set_ack(durable("a")->topic, RT_ACK_DISK);
    EXPECT_INT(receipt_of("a").ack, RT_ACK_DISK);
    EXPECT_INT(receipt_of("b").ack, RT_ACK_MEMORY);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    EXPECT_INT(receipt_of("a").ticket, receipt.ticket + 1);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("without a journal receipts speak of no disk")
{
    struct test_core test;
    struct rt_receipt receipt;
    test_core_init(&test, roomy);
    test.core.options.ack = RT_ACK_DISK;
    struct rt_event event = test_core_event(&test, "a", 5);
    EXPECT_INT(rt_core_publish(&test.core, &event, &receipt), 0);
    EXPECT_INT(receipt.ack, RT_ACK_UNSAID);
    EXPECT_INT(receipt.ticket, 0);
    test_core_finish(&test);
}

TEST("what a topic asks for is brought to disk, and purged with it")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_journal_write(&disk);
    struct rt_topic *topic = durable("a")->topic;
    rt_topic_set_ack(topic, RT_ACK_DISK);
    EXPECT(!rt_journal_is_idle(&disk.journal));
    test_journal_write(&disk);
    rt_topic_set_ack(topic, RT_ACK_DISK);
    EXPECT(rt_journal_is_idle(&disk.journal));
    EXPECT_INT(rt_topic_purge(topic), 0);
    EXPECT_INT(topic->ack, RT_ACK_UNSAID);
    test_journal_write(&disk);
    test_journal_finish(&disk);
}

TEST("what the ring drops is collected before")
{
    test_journal_init(&disk, narrow);
    test_core_publish_many(&disk.test, "a", 500, 1000);
    EXPECT(rt_ring_earliest(&durable("a")->topic->ring) > 400);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 500);
    test_journal_finish(&disk);
}

TEST("what ages is not dropped before it is collected")
{
    struct rt_retention short_lived = {1024 * KIB, UNLIMITED, 1000};
    test_journal_init(&disk, short_lived);
    test_core_publish_many(&disk.test, "a", 5, 100);
    test_core_pass_time(&disk.test, 5000);
    rt_core_tick(&disk.test.core);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 5);
    rt_core_tick(&disk.test.core);
    EXPECT_INT(durable("a")->topic->ring.segment_count, 0);
    test_journal_finish(&disk);
}

TEST("a batch is collected, also when it is larger than the ring")
{
    test_journal_init(&disk, narrow);
    test_core_publish_many(&disk.test, "a", 3, 100);
    rt_publication_init(&publication, &disk.test.core);
    for (int i = 0; i < 100; i++) {
        struct rt_event event = test_core_event(&disk.test, "a", 1000);
        EXPECT_INT(rt_publication_add(&publication, &event), 0);
    }
    rt_publication_commit(&publication, receipts);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 103);
    test_journal_finish(&disk);
}

TEST("a batch that is taken back is not collected")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 100);
    rt_publication_init(&publication, &disk.test.core);
    struct rt_event event = test_core_event(&disk.test, "a", 100);
    EXPECT_INT(rt_publication_add(&publication, &event), 0);
    rt_publication_abandon(&publication);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 1);
    test_journal_finish(&disk);
}

TEST("a purge drops nothing that is being written, and nothing comes twice")
{
    test_journal_init(&disk, roomy);
    test_core_publish_many(&disk.test, "a", 5, 100);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    test_core_publish_many(&disk.test, "a", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish_many(&disk.test, "a", 5, 100);
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(durable("a")->next, 12); /* behind what was purged */
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 10); /* but for what was purged before */
    EXPECT_INT(durable("a")->next, 17);
    EXPECT(rt_journal_has_all(durable("a")->topic));
    test_journal_finish(&disk);
}

TEST("publishers wait for the disk with many keys, too")
{
    static const char key[200];
    uint64_t count = 0;
    test_journal_init(&disk, roomy);
    while (!rt_journal_is_behind(&disk.journal)) {
        EXPECT_INT(rt_journal_note_key(&disk.journal,
                                       (struct rt_bytes){key, sizeof(key)}),
                   0);
        EXPECT(++count < 100000);
    }
    EXPECT(count * sizeof(key) < disk.journal.bytes);
    test_journal_write(&disk);
    EXPECT_INT(disk.journal.bytes, 0);
    test_journal_finish(&disk);
}

TEST("nobody waits for a disk that is full or has failed")
{
    test_journal_init(&disk, narrow);
    while (!rt_journal_is_behind(&disk.journal)) {
        test_core_publish(&disk.test, "a", 200 * KIB);
    }
    rt_journal_set_full(&disk.journal, true);
    EXPECT(!rt_journal_is_behind(&disk.journal));
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_ENOSPC);
    rt_journal_set_full(&disk.journal, false);
    EXPECT(rt_journal_is_behind(&disk.journal));
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    test_core_publish(&disk.test, "a", 200 * KIB);
    rt_journal_done(&disk.journal, RT_EIO);
    disk.journal.bytes += RT_JOURNAL_BYTES_HIGH;
    EXPECT(!rt_journal_is_behind(&disk.journal));
    test_journal_finish(&disk);
}

TEST("publishers wait for the disk, and are refused when that does not help")
{
    test_journal_init(&disk, narrow);
    while (!rt_journal_is_behind(&disk.journal)) {
        test_core_publish(&disk.test, "a", 200 * KIB);
    }
    EXPECT(rt_core_is_congested(&disk.test.core, RT_BYTES("a")));
    EXPECT(disk.journal.bytes < RT_JOURNAL_BYTES_HIGH + 256 * KIB);
    while (disk.journal.bytes < RT_JOURNAL_BYTES_MAX) {
        test_core_publish(&disk.test, "a", 200 * KIB);
    }
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_EAGAIN);
    test_journal_write(&disk);
    EXPECT_INT(disk.journal.bytes, 0);
    test_core_publish(&disk.test, "a", 5);
    test_journal_finish(&disk);
}

TEST("a disk that is full or has failed takes nothing, and says which")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    rt_journal_set_full(&disk.journal, true);
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_ENOSPC);
    rt_journal_set_full(&disk.journal, false);
    test_core_publish(&disk.test, "a", 5);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    rt_journal_done(&disk.journal, RT_EIO);
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_EFAILED);
    rt_journal_set_full(&disk.journal, false);
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_EFAILED);
    EXPECT_INT(durable("a")->next, 1);
    test_journal_finish(&disk);
}

TEST("a topic that has lost events takes no more; the others do")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    durable("a")->is_damaged = true;
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_EDAMAGED);
    test_core_publish(&disk.test, "b", 5);
    test_journal_finish(&disk);
}

TEST("without memory nothing is taken that could not be collected")
{
    uint64_t taken = 0;
    for (uint64_t k = 1; k < 30; k++) {
        test_journal_init(&disk, narrow);
        test_heap_fail_at(&disk.test.heap, k);
        for (int i = 0; i < 200; i++) {
            char name[2] = {(char)('a' + i % 20), '\0'};
            taken += test_core_try_publish(&disk.test, name, 3000) == 0;
        }
        test_heap_fail_at(&disk.test.heap, 0);
        EXPECT(rt_journal_take(&disk.journal) != NULL);
        test_journal_read(&disk, disk.journal.writing);
        EXPECT_INT(disk.written, disk.test.core.sequence);
        rt_journal_done(&disk.journal, 0);
        test_journal_finish(&disk);
    }
    EXPECT(taken > 5000);
}

TEST("a topic of which nothing is left on disk goes, and the log is told")
{
    struct rt_retention short_lived = {1024 * KIB, UNLIMITED, 1000};
    test_journal_init(&disk, short_lived);
    test_core_publish(&disk.test, "a", 100);
    test_core_publish(&disk.test, "b", 100);
    test_journal_write(&disk);
    disk.earliest[1] = 2; /* retention on disk */
    test_core_pass_time(&disk.test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT(rt_topic_find(&disk.test.core, RT_BYTES("a")) == NULL);
    EXPECT(rt_topic_find(&disk.test.core, RT_BYTES("b")) != NULL);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_REMOVED);
    EXPECT_INT(test_journal_note(batch, 0).id, 1);
    rt_journal_done(&disk.journal, 0);
    test_core_publish(&disk.test, "a", 100);
    EXPECT_INT(durable("a")->id, 3); /* never again the same */
    test_journal_finish(&disk);
}

TEST("a topic that is special, or is being written, does not go")
{
    struct rt_retention short_lived = {1024 * KIB, UNLIMITED, 1000};
    test_journal_init(&disk, short_lived);
    test_core_publish(&disk.test, "a", 100);
    test_core_publish(&disk.test, "b", 100);
    rt_topic_close(test_core_topic(&disk.test, "a"));
    test_journal_write(&disk);
    disk.earliest[1] = 2;
    test_core_publish(&disk.test, "b", 100);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    test_core_pass_time(&disk.test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT(!rt_journal_has_nothing(test_core_topic(&disk.test, "a")) ||
           test_core_topic(&disk.test, "a")->is_closed);
    EXPECT(!rt_journal_has_nothing(test_core_topic(&disk.test, "b")));
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("one batch has so many extents and no more")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    const struct rt_topic *topic = test_core_topic(&disk.test, "a");
    EXPECT_INT(rt_journal_admit(topic, RT_JOURNAL_EXTENTS_MAX), RT_EAGAIN);
    EXPECT_INT(rt_journal_admit(topic, RT_JOURNAL_EXTENTS_MAX - 1), 0);
    EXPECT(!rt_journal_is_behind(&disk.journal));
    disk.journal.extents_owed += RT_JOURNAL_EXTENTS_MAX / 2;
    EXPECT(rt_journal_is_behind(&disk.journal));
    disk.journal.extents_owed -= RT_JOURNAL_EXTENTS_MAX / 2;
    test_journal_finish(&disk);
}
