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
    EXPECT_INT(rt_topic_purge(topic), 0);
    EXPECT(test_core_topic(&disk.test, "a") == topic);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 2);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_KEY); /* forgotten */
    EXPECT_INT(state_of(batch, 1).flags, 0);
    EXPECT_INT(test_journal_note(batch, 1).floor, 3);
    EXPECT(state_of(batch, 1).epoch != state_of(batch, 1).old_epoch);
    rt_journal_done(&disk.journal, 0);
    test_journal_finish(&disk);
}

TEST("two batches may be taken, in order, and their numbers are tickets")
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    uint64_t first = rt_journal_ticket(&disk.journal);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(batch->number, first);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_ticket(&disk.journal), first + 1);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(batch->number, first + 1);
    test_core_publish(&disk.test, "a", 5);
    EXPECT(rt_journal_take(&disk.journal) == NULL);
    EXPECT(rt_journal_has_batch(&disk.journal));
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.done, first);
    EXPECT(disk.journal.writing == batch);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.done, first + 1);
    test_journal_write(&disk);
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
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 1).floor, 4);
    EXPECT_INT(test_journal_note(batch, 1).next_offset, 4);
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
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(batch->extent_count, 1);
    rt_journal_done(&disk.journal, 0);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 1).next_offset, 3);
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

TEST("a topic that is removed is noted with what the node knows of it then")
{
    struct rt_saved_node node;
    test_journal_init(&disk, roomy);
    test_core_publish_many(&disk.test, "a", 3, 5);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_journal_write(&disk);
    test_core_pass_time(&disk.test, RT_TOPIC_IDLE_MS + 1);
    rt_core_tick(&disk.test.core);
    EXPECT(rt_topic_find(&disk.test.core, RT_BYTES("a")) == NULL);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 2);
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_REMOVED);
    struct rt_note note = test_journal_note(batch, 1);
    EXPECT_INT(note.kind, RT_NOTE_NODE);
    EXPECT_INT(note.state_len, sizeof(node));
    memcpy(&node, batch->text.data + note.at, sizeof(node));
    EXPECT_INT(node.removed_sequence, 3);
    EXPECT_INT(node.removed_ms, TEST_WALL_MS);
    rt_journal_done(&disk.journal, 0);
    EXPECT(rt_journal_is_idle(&disk.journal));
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

/* --- a batch that is not written yet --- */

/* Takes a batch, which is being written from now on. */
static void begin_writing(void)
{
    test_journal_init(&disk, roomy);
    test_core_publish(&disk.test, "a", 5);
    test_core_publish(&disk.test, "b", 5);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
}

TEST("what is published before a batch is written is in it, and next to it")
{
    begin_writing();
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    uint64_t first = batch->number;
    test_core_publish(&disk.test, "b", 5);
    test_core_publish(&disk.test, "a", 5);
    uint64_t ticket = rt_journal_ticket(&disk.journal);
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    EXPECT(disk.journal.offered == batch);
    EXPECT_INT(batch->number, ticket);
    EXPECT_INT(rt_journal_ticket(&disk.journal), ticket + 1);
    EXPECT_INT(batch->extent_count, 2);
    EXPECT_INT(batch->extents[0].count, 2);
    EXPECT_INT(batch->sequence, 5);
    EXPECT_INT(rt_journal_batch_of(&disk.journal, first), ticket);
    rt_journal_done(&disk.journal, 0);
    test_journal_read(&disk, batch);
    EXPECT_INT(disk.written, 3);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.done, ticket);
    EXPECT_INT(disk.journal.bytes, 0);
    test_journal_finish(&disk);
}

TEST("the first batch can be extended as well, while there is no other")
{
    begin_writing();
    struct rt_journal_batch *batch = disk.journal.writing;
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    EXPECT(disk.journal.writing == batch && disk.journal.offered == NULL);
    test_journal_read(&disk, batch);
    EXPECT_INT(disk.written, 3);
    rt_journal_done(&disk.journal, 0);
    EXPECT(rt_journal_is_idle(&disk.journal));
    test_journal_finish(&disk);
}

TEST("what was collected before it was dropped is in it, too")
{
    const struct rt_retention narrow = {16 * KIB, UNLIMITED, UNLIMITED};
    test_journal_init(&disk, narrow);
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    for (int i = 0; i < 3; i++) {
        test_core_publish_many(&disk.test, "a", 50, 1000);
        EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    }
    test_journal_read(&disk, batch);
    EXPECT_INT(disk.written, 151);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.bytes, 0);
    test_journal_finish(&disk);
}

static void publish_typed(const char *topic, const char *type)
{
    struct rt_event event = test_core_event(&disk.test, topic, 5);
    struct rt_receipt receipt;
    event.type = rt_bytes_of(type);
    EXPECT_INT(rt_core_publish(&disk.test.core, &event, &receipt), 0);
}

TEST("events with types come behind some without, and the other way round")
{
    begin_writing();
    test_core_publish(&disk.test, "a", 5);
    const struct rt_extent *extent = rt_journal_take(&disk.journal)->extents;
    EXPECT_INT(extent->types_end, 0);
    publish_typed("a", "one");
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    EXPECT_INT(extent->types_start, 0);
    EXPECT_INT(extent->types_end, RT_TYPE_GRAIN);
    test_core_publish(&disk.test, "a", 5);
    publish_typed("a", "two");
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    EXPECT_INT(extent->types_start, 0);
    EXPECT_INT(extent->types_end, 2 * RT_TYPE_GRAIN);
    EXPECT_INT(extent->count, 4);
    test_journal_finish(&disk);
}

TEST("keys go with their events")
{
    begin_writing();
    EXPECT_INT(rt_journal_note_key(&disk.journal, RT_BYTES("one")), 0);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(rt_journal_note_key(&disk.journal, RT_BYTES("three")), 0);
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    EXPECT_INT(note_count(batch), 2);
    struct rt_note note = test_journal_note(batch, 1);
    EXPECT_INT(note.state_len, 5);
    EXPECT(memcmp(batch->text.data + note.at, "three", 5) == 0);
    test_journal_finish(&disk);
}

TEST("what is noted of topics and of the node is in a batch of its own")
{
    begin_writing();
    test_core_publish(&disk.test, "c", 5);
    EXPECT_INT(rt_journal_extend(&disk.journal), RT_EAGAIN);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 2);
    rt_topic_set_ack(test_core_topic(&disk.test, "a"), RT_ACK_DISK);
    EXPECT_INT(rt_journal_extend(&disk.journal), RT_EAGAIN);
    rt_journal_done(&disk.journal, 0);
    rt_journal_end(&disk.journal);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(note_count(batch), 2);
    EXPECT(batch->is_end);
    test_journal_finish(&disk);
}

TEST("a note says where its topic goes on behind the batches before")
{
    begin_writing();
    struct rt_topic *topic = test_core_topic(&disk.test, "a");
    rt_topic_set_ack(topic, RT_ACK_DISK);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).next_offset, 2);
    rt_journal_done(&disk.journal, 0);
    test_core_publish(&disk.test, "a", 5);
    rt_topic_set_ack(topic, RT_ACK_MEMORY);
    rt_journal_collect(topic);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 0).next_offset, 2);
    EXPECT_INT(batch->extents[0].offset, 2);
    test_journal_finish(&disk);
}

TEST("a purge leaves alone what was taken, and comes behind it")
{
    begin_writing();
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_topic_purge(test_core_topic(&disk.test, "a")), 0);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_extend(&disk.journal), RT_EAGAIN);
    EXPECT_INT(batch->extents[0].count, 1);
    rt_journal_done(&disk.journal, 0);
    batch = rt_journal_take(&disk.journal);
    EXPECT_INT(test_journal_note(batch, 1).next_offset, 5);
    EXPECT_INT(batch->extent_count, 1);
    EXPECT_INT(batch->extents[0].offset, 5);
    test_journal_finish(&disk);
}

TEST("a batch that found no room is written before the next one")
{
    begin_writing();
    struct rt_journal_batch *first = disk.journal.writing;
    test_core_publish(&disk.test, "a", 5);
    struct rt_journal_batch *second = rt_journal_take(&disk.journal);
    rt_journal_done(&disk.journal, RT_ENOSPC);
    EXPECT(!rt_journal_has_batch(&disk.journal));
    rt_journal_set_full(&disk.journal, false);
    EXPECT(rt_journal_take(&disk.journal) == first);
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_extend(&disk.journal), 0);
    rt_journal_done(&disk.journal, 0);
    EXPECT(disk.journal.writing == second);
    rt_journal_done(&disk.journal, 0);
    EXPECT_INT(disk.journal.bytes, 0);
    test_journal_finish(&disk);
}

TEST("after a failure nothing is left of the next one either")
{
    begin_writing();
    test_core_publish(&disk.test, "a", 5);
    EXPECT(rt_journal_take(&disk.journal) != NULL);
    rt_journal_done(&disk.journal, RT_EIO);
    EXPECT(disk.journal.writing == NULL && disk.journal.offered == NULL);
    EXPECT_INT(disk.journal.bytes, 0);
    EXPECT_INT(disk.journal.done, 0);
    EXPECT(rt_journal_has_all(test_core_topic(&disk.test, "a")));
    test_journal_finish(&disk);
}

TEST("without memory a batch that was taken stays as it is")
{
    begin_writing();
    struct rt_journal_batch *batch = disk.journal.writing;
    uint64_t k = 0;
    int err = RT_ENOMEM;
    EXPECT_INT(rt_journal_note_key(&disk.journal, RT_BYTES("key")), 0);
    for (int i = 0; i < 100; i++) {
        char name[3] = {(char)('a' + i / 10), (char)('a' + i % 10), '\0'};
        test_core_publish(&disk.test, name, 5);
    }
    while (!rt_list_is_empty(&disk.journal.changed)) {
        rt_list_remove(disk.journal.changed.next); /* they are known */
    }
    disk.journal.noted_id = disk.journal.next_id;
    while (err == RT_ENOMEM) {
        test_heap_fail_at(&disk.test.heap, ++k);
        err = rt_journal_extend(&disk.journal);
        test_heap_fail_at(&disk.test.heap, 0);
        EXPECT_INT(batch->extent_count, err == 0 ? 102 : 2);
    }
    EXPECT_INT(err, 0);
    EXPECT(k > 1);
    test_journal_finish(&disk);
}
