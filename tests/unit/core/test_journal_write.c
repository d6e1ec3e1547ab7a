#include "broker/core/journal_write.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/saved.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};

static struct test_journal disk;
static struct test_heap heap;
static struct rt_journal_parts parts;
static struct rt_log_batch written;

static void begin(void)
{
    test_journal_init(&disk, roomy);
    test_heap_init(&heap, SIZE_MAX);
    parts = (struct rt_journal_parts){.parts = NULL};
}

static void end(void)
{
    rt_journal_parts_finish(&parts, &heap.heap);
    EXPECT_INT(heap.heap.used, 0);
    test_journal_finish(&disk);
}

static void write_batch(void)
{
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    EXPECT(batch != NULL);
    EXPECT_INT(rt_journal_write(&parts, &heap.heap, batch, &written), 0);
    EXPECT_INT(written.part_count, rt_journal_part_count(batch));
}

static const struct rt_log_part *part_at(uint32_t number)
{
    EXPECT(number < written.part_count);
    return &written.parts[number];
}

static void publish_typed(const char *topic, const char *type)
{
    struct rt_event event = test_core_event(&disk.test, topic, 5);
    struct rt_receipt receipt;
    event.type = rt_bytes_of(type);
    EXPECT_INT(rt_core_publish(&disk.test.core, &event, &receipt), 0);
}

TEST("notes come before events, each as the log knows it")
{
    begin();
    test_core_publish(&disk.test, "a", 5);
    EXPECT_INT(rt_journal_note_key(&disk.journal, RT_BYTES("key")), 0);
    EXPECT_INT(rt_journal_note_removed(&disk.journal, 7), 0);
    write_batch();
    EXPECT_INT(written.part_count, 5);
    EXPECT_INT(part_at(0)->kind, RT_LOG_KEY);
    EXPECT_TEXT(part_at(0)->opaque, "key");
    EXPECT_INT(part_at(1)->kind, RT_LOG_REMOVED);
    EXPECT_INT(part_at(1)->topic, 7);
    EXPECT_INT(part_at(2)->kind, RT_LOG_TOPIC);
    EXPECT_INT(part_at(3)->kind, RT_LOG_NODE);
    EXPECT_INT(part_at(3)->opaque.len, sizeof(struct rt_saved_node));
    EXPECT_INT(part_at(4)->kind, RT_LOG_EVENTS);
    EXPECT_INT(written.sequence, 1);
    EXPECT_INT(written.wall_ms, TEST_WALL_MS);
    EXPECT(!written.is_end);
    rt_journal_done(&disk.journal, 0);
    end();
}

TEST("a topic is told with its name, where it goes on, and its state")
{
    begin();
    test_core_publish(&disk.test, "news", 5);
    write_batch();
    const struct rt_log_topic *topic = &part_at(0)->description;
    EXPECT_INT(part_at(0)->topic, 1);
    EXPECT_TEXT(topic->name, "news");
    EXPECT_INT(topic->next_offset, 1);
    EXPECT_INT(topic->floor, 1);
    EXPECT(topic->retention.bytes == UNLIMITED);
    EXPECT_INT(topic->state.len, sizeof(struct rt_saved_topic));
    EXPECT(topic->state.len <= RT_LOG_STATE_MAX);
    rt_journal_done(&disk.journal, 0);
    end();
}

TEST("events are the segment's own bytes, from the first that was not written")
{
    begin();
    test_core_publish(&disk.test, "a", 100);
    test_journal_write(&disk);
    test_core_publish_many(&disk.test, "a", 2, 100);
    write_batch();
    const struct rt_log_events *events = &part_at(0)->events;
    const struct rt_ring *ring = &test_core_topic(&disk.test, "a")->ring;
    const struct rt_segment *segment = rt_ring_find(ring, 2);
    EXPECT_INT(events->offset, 2);
    EXPECT_INT(events->count, 2);
    EXPECT_INT(events->start, rt_segment_start(segment, 1));
    EXPECT_INT(events->entries.len, 2 * sizeof(struct rt_entry));
    EXPECT(events->entries.data == (const char *)rt_segment_entry(segment, 2));
    EXPECT(events->frames.data == (const char *)segment->bytes + events->start);
    EXPECT_INT(events->frames.len, segment->used - events->start);
    EXPECT_INT(events->types.len, 0);
    EXPECT_INT(events->type, 0);
    rt_journal_done(&disk.journal, 0);
    end();
}

TEST("types go with the events that have them, from the first one's on")
{
    begin();
    publish_typed("a", "one");
    test_journal_write(&disk);
    publish_typed("a", "");
    publish_typed("a", "two");
    write_batch();
    const struct rt_log_events *events = &part_at(0)->events;
    EXPECT_INT(events->type, 2);
    EXPECT_INT(events->types.len, RT_TYPE_GRAIN);
    EXPECT(memcmp(events->types.data, "\3two", 4) == 0);
    rt_journal_done(&disk.journal, 0);
    end();
}

TEST("the end is told")
{
    begin();
    rt_journal_end(&disk.journal);
    write_batch();
    EXPECT(written.is_end);
    EXPECT_INT(written.part_count, 1);
    rt_journal_done(&disk.journal, 0);
    end();
}

TEST("a batch of any size finds its parts, or no memory")
{
    begin();
    for (int i = 0; i < 199; i++) {
        EXPECT_INT(rt_journal_note_removed(&disk.journal, 1), 0);
    }
    struct rt_journal_batch *batch = rt_journal_take(&disk.journal);
    test_heap_fail_at(&heap, 1);
    EXPECT_INT(rt_journal_write(&parts, &heap.heap, batch, &written),
               RT_ENOMEM);
    test_heap_fail_at(&heap, 0);
    EXPECT_INT(rt_journal_write(&parts, &heap.heap, batch, &written), 0);
    EXPECT_INT(written.part_count, 200);
    rt_journal_done(&disk.journal, 0);
    end();
}
