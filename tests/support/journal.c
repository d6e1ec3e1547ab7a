#include "tests/support/journal.h"

#include <string.h>

#include "broker/core/topic.h"
#include "protocol/ws_frame.h"

void test_journal_init(struct test_journal *disk, struct rt_retention retention)
{
    *disk = (struct test_journal){.written = 0};
    test_core_init(&disk->test, retention);
    rt_journal_init(&disk->journal, &disk->test.core);
    disk->test.core.journal = &disk->journal;
}

void test_journal_finish(struct test_journal *disk)
{
    rt_journal_finish(&disk->journal);
    test_core_finish(&disk->test);
}

/* The payload begins with the topic's first letter and the offset. */
static void read_event(const struct rt_extent *extent, uint32_t number)
{
    const struct rt_segment *segment = extent->segment;
    uint32_t index = extent->index + number;
    uint32_t start = rt_segment_start(segment, index);
    struct rt_bytes frame = {(const char *)segment->bytes + start,
                             rt_segment_start(segment, index + 1) - start};
    struct rt_bytes payload = rt_frame_payload(frame);
    uint32_t offset;
    memcpy(&offset, payload.data + 1, sizeof(offset));
    EXPECT_INT(payload.data[0], extent->topic->name[0]);
    EXPECT_INT(offset, extent->offset + number);
}

void test_journal_read(struct test_journal *disk,
                       const struct rt_journal_batch *batch)
{
    for (uint32_t i = 0; i < batch->extent_count; i++) {
        const struct rt_extent *extent = &batch->extents[i];
        EXPECT(extent->count > 0 && extent->id > 0);
        EXPECT_INT(extent->start,
                   rt_segment_start(extent->segment, extent->index));
        for (uint32_t j = 0; j < extent->count; j++) {
            read_event(extent, j);
        }
        disk->written += extent->count;
    }
}

void test_journal_write(struct test_journal *disk)
{
    struct rt_journal_batch *batch = rt_journal_take(&disk->journal);
    EXPECT(batch != NULL);
    test_journal_read(disk, batch);
    rt_journal_done(&disk->journal, 0);
    rt_core_validate(&disk->test.core);
}

struct rt_note test_journal_note(const struct rt_journal_batch *batch,
                                 size_t number)
{
    struct rt_note note;
    EXPECT((number + 1) * sizeof(note) <= batch->notes.len);
    memcpy(&note, batch->notes.data + number * sizeof(note), sizeof(note));
    return note;
}
