#include <string.h>

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/journal.h"
#include "broker/core/saved.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};

static struct test_journal disk;

static size_t note_count(const struct rt_journal_batch *batch)
{
    return batch->notes.len / sizeof(struct rt_note);
}

static struct rt_bytes name_of(const struct rt_journal_batch *batch,
                               size_t number)
{
    struct rt_note note = test_journal_note(batch, number);
    return (struct rt_bytes){batch->text.data + note.at, note.name_len};
}

static struct rt_saved_topic state_of(const struct rt_journal_batch *batch,
                                      size_t number)
{
    struct rt_note note = test_journal_note(batch, number);
    struct rt_saved_topic state;
    EXPECT_INT(note.state_len, sizeof(state));
    memcpy(&state, batch->text.data + note.at + note.name_len, sizeof(state));
    return state;
}

TEST("a topic is noted with its first event, and the node with a new topic")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_core_publish(&disk.test, "b", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 3);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_TOPIC);
    EXPECT_INT(test_journal_note(batch, 0).id, 1);
    EXPECT_TEXT(name_of(batch, 0), "a");
    EXPECT_TEXT(name_of(batch, 1), "b");
    EXPECT_INT(state_of(batch, 1).epoch,
               test_core_topic(&disk.test, "b")->epoch);
    EXPECT_INT(test_journal_note(batch, 2).kind, RT_NOTE_NODE);
    EXPECT_INT(batch->sequence, 2);
    EXPECT_INT(batch->wall_ms, TEST_WALL_MS);
    rt_journal_done(&disk.journal, 0);
    test_core_publish(&disk.test, "a", 5);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 0);
    EXPECT_INT(batch->extent_count, 1);
    test_journal_finish(&disk);
}

TEST("a topic that nobody has published to is not noted, and may go")
{
    struct test_sink sink;
    test_journal_init(&disk, roomy);
    test_sink_init(&sink, &disk.test);
    test_sink_subscribe_now(&sink, "a");
    EXPECT(rt_journal_is_idle(&disk.journal));
    EXPECT(rt_journal_take(&disk.journal) == NULL);
    test_sink_finish(&sink);
    test_core_pass_time(&disk.test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT_INT(disk.test.core.topic_count, 0);
    test_journal_finish(&disk);
}

TEST("what makes a topic special is noted, and undone by a purge")
{
    const struct rt_retention little = {64 * KIB, 10, UNLIMITED};
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_journal_write(&disk);
    struct rt_topic *topic = test_core_topic(&disk.test, "a");
    EXPECT_INT(rt_topic_retain(topic, &little), 0);
    rt_topic_close(topic);
    rt_topic_close(topic);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 1);
    EXPECT_INT(state_of(batch, 0).flags, RT_SAVED_CLOSED | RT_SAVED_RETAINED);
    EXPECT_INT(state_of(batch, 0).ring_events, 10);
    EXPECT_INT(test_journal_note(batch, 0).floor, 1);
    rt_journal_done(&disk.journal, 0);
    rt_topic_purge(topic);
    EXPECT(test_core_topic(&disk.test, "a") == topic);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(state_of(batch, 0).flags, 0);
    EXPECT_INT(test_journal_note(batch, 0).floor, 3);
    EXPECT(state_of(batch, 0).epoch != state_of(batch, 0).old_epoch);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("one batch is written at a time, and its number is a ticket")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    uint64_t first = rt_journal_ticket(&disk.journal);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(batch->number, first);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_ticket(&disk.journal), first + 1);
    EXPECT(rt_journal_take(&disk.journal) == NULL);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.done, first);
    EXPECT(!rt_journal_is_idle(&disk.journal));
    test_journal_write(&disk);
    EXPECT_INT(disk.journal.done, first + 1);
    EXPECT(rt_journal_is_idle(&disk.journal));
    test_journal_finish(&disk);
}

TEST("a batch that found no room is written when there is some")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    rt_journal_done(&disk.journal, RT_ENOSPC);
    EXPECT_INT(disk.journal.state, RT_JOURNAL_FULL);
    EXPECT(rt_journal_take(&disk.journal) == NULL);
    EXPECT(!rt_journal_has_batch(&disk.journal));
    EXPECT_INT(disk.journal.done, 0);
    rt_journal_set_full(&disk.journal, false);
    EXPECT(rt_journal_has_batch(&disk.journal));
    test_core_publish(&disk.test, "a", 5);
    EXPECT(rt_journal_take(&disk.journal) == batch);
    EXPECT_INT(batch->extents[0].count, 1);
    test_journal_read(&disk, batch);
    rt_journal_done(&disk.journal, 0);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 2);
    test_journal_finish(&disk);
}

TEST("what was admitted before the disk was full is written if it can be")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    rt_journal_set_full(&disk.journal, true);
    EXPECT_INT(test_core_try_publish(&disk.test, "a", 5), RT_ENOSPC);
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 1);
    EXPECT_INT(disk.journal.state, RT_JOURNAL_FULL);
    test_journal_finish(&disk);
}

TEST("new topics are noted in the order of their numbers")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_core_publish(&disk.test, "b", 5);
    rt_topic_close(test_core_topic(&disk.test, "a"));
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).id, 1);
    EXPECT_INT(test_journal_note(batch, 1).id, 2);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("what was purged before it was written is not, and its note says so")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_core_publish(&disk.test, "a", 5);
    rt_topic_purge(test_core_topic(&disk.test, "a"));
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).floor, 4);
    EXPECT_INT(test_journal_note(batch, 0).next_offset, 4);
    EXPECT_INT(batch->extent_count, 1);
    EXPECT_INT(batch->extents[0].offset, 4);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(test_core_topic(&disk.test, "a")->durable->next, 5);
    test_journal_finish(&disk);
}

TEST("a purge while its topic is written counts for the next batch")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    rt_topic_purge(test_core_topic(&disk.test, "a"));
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(batch->extent_count, 1);
    rt_journal_done(&disk.journal, 0);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).next_offset, 3);
    EXPECT_INT(batch->extent_count, 1);
    EXPECT_INT(batch->extents[0].offset, 3);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("the end is a batch of its own if there is nothing else")
{
    test_journal_init(&disk, roomy);
    rt_journal_end(&disk.journal);
    EXPECT(!rt_journal_is_idle(&disk.journal));
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT(batch->is_end);
    EXPECT_INT(note_count(batch), 1);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_NODE);
    rt_journal_done(&disk.journal, 0);
    EXPECT(rt_journal_is_idle(&disk.journal));
    test_journal_finish(&disk);
}

TEST("keys and topics that are gone are notes, too")
{
    test_journal_init(&disk, roomy);
    EXPECT_INT(rt_journal_note_key(&disk.journal, RT_BYTES("key")), 0);
    EXPECT_INT(rt_journal_note_removed(&disk.journal, 7), 0);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_KEY);
    EXPECT_INT(test_journal_note(batch, 0).state_len, 3);
    EXPECT_INT(test_journal_note(batch, 1).kind, RT_NOTE_REMOVED);
    EXPECT_INT(test_journal_note(batch, 1).id, 7);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("without memory for notes a batch waits")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    for (uint64_t k = 1; k <= 2; k++) {
        test_heap_fail_at(&disk.test.heap, k);
        EXPECT(rt_journal_take(&disk.journal) == NULL);
        EXPECT(rt_journal_has_batch(&disk.journal));
        test_heap_fail_at(&disk.test.heap, 0);
    }
    test_journal_write(&disk);
    EXPECT_INT(disk.written, 1);
    test_journal_finish(&disk);
}
