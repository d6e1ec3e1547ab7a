#include "tests/support/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"

/* --- the disk --- */

static bool
find_extent(void *context, uint64_t id, uint64_t *earliest, uint64_t *end)
{
    const struct test_journal *disk = context;
    *earliest = UINT64_MAX;
    *end = 0;
    for (uint64_t i = 0; i < disk->written; i++) {
        const struct test_written *event = &disk->events[i];
        if (event->id == id && event->offset >= disk->earliest[id]) {
            *earliest = event->offset < *earliest ? event->offset : *earliest;
            *end = event->offset + 1;
        }
    }
    return *end > 0;
}

static uint64_t find_lost(void *context, uint64_t id)
{
    const struct test_journal *disk = context;
    uint64_t lost_ms = 0;
    for (uint64_t i = 0; i < disk->written; i++) {
        const struct test_written *event = &disk->events[i];
        if (event->id == id && event->offset < disk->earliest[id]) {
            lost_ms = event->entry.wall_ms;
        }
    }
    return lost_ms;
}

static uint64_t find_since(void *context, uint64_t id, uint64_t wall_ms)
{
    const struct test_journal *disk = context;
    uint64_t end = 0;
    for (uint64_t i = 0; i < disk->written; i++) {
        const struct test_written *event = &disk->events[i];
        if (event->id == id && event->entry.wall_ms >= wall_ms) {
            return event->offset;
        }
        end = event->id == id ? event->offset + 1 : end;
    }
    return end;
}

static uint64_t
find_before(void *context, uint64_t id, uint64_t offset, uint64_t count)
{
    const struct test_journal *disk = context;
    uint64_t found = offset;
    for (uint64_t i = disk->written; i > 0 && count > 0; i--) {
        const struct test_written *event = &disk->events[i - 1];
        if (event->id == id && event->offset < offset &&
            event->offset >= disk->earliest[id]) {
            found = event->offset;
            count--;
        }
    }
    return found;
}

static void
want(void *context, uint64_t id, uint64_t offset, struct rt_segment *segment)
{
    struct test_journal *disk = context;
    EXPECT_INT(disk->fetch_id, 0);
    EXPECT_INT(segment->event_count, 0);
    disk->fetch_id = id;
    disk->fetch_offset = offset;
    disk->segment = segment;
}

static void want_scan(void *context, struct rt_log_scan *scan)
{
    struct test_journal *disk = context;
    EXPECT(disk->scan == NULL);
    EXPECT(scan->first < scan->until && scan->segment->event_count == 0);
    disk->scan = scan;
}

static const struct rt_history_ops history_ops = {.extent = find_extent,
                                                  .lost_ms = find_lost,
                                                  .offset_since = find_since,
                                                  .offset_before = find_before,
                                                  .fetch = want,
                                                  .scan = want_scan};

/* Returns whether there was room. */
static bool fill_in(struct rt_segment *segment,
                    const struct test_written *event)
{
    struct rt_bytes frame = {event->frame, event->len};
    if (!rt_segment_has_room(segment, event->len)) {
        return false;
    }
    if (segment->event_count == 0) {
        segment->first_offset = event->offset;
    }
    rt_segment_append(segment, frame, (struct rt_bytes){NULL, 0}, event->entry);
    return true;
}

void test_journal_fail_fetch(struct test_journal *disk, int err)
{
    EXPECT(disk->fetch_id > 0);
    disk->fetch_id = 0;
    disk->fetches++;
    rt_history_fetched(&disk->test.core.history, err, 0);
}

void test_journal_fetch(struct test_journal *disk)
{
    uint64_t id = disk->fetch_id;
    uint64_t next = disk->fetch_offset;
    size_t needed = 0;
    for (uint64_t i = 0; i < disk->written && needed == 0; i++) {
        const struct test_written *event = &disk->events[i];
        bool is_wanted =
            event->id == id && event->offset >= next &&
            event->offset >= disk->earliest[id] &&
            (disk->segment->event_count == 0 || event->offset == next);
        if (is_wanted && !fill_in(disk->segment, event)) {
            needed = event->len + sizeof(struct rt_entry);
        } else if (is_wanted) {
            next = event->offset + 1;
        }
    }
    disk->fetch_id = 0;
    disk->fetches++;
    if (disk->segment->event_count > 0) {
        rt_history_fetched(&disk->test.core.history, 0, 0);
    } else {
        rt_history_fetched(&disk->test.core.history,
                           needed > 0 ? RT_ERANGE : RT_EIO, needed);
    }
}

/* --- scans --- */

static const struct test_written *find_number(const struct test_journal *disk,
                                              uint64_t number)
{
    for (uint64_t i = 0; i < disk->written; i++) {
        if (disk->events[i].entry.sequence == number) {
            return &disk->events[i];
        }
    }
    return NULL;
}

/* The place of its topic, if the scan wants the event; else topic_count. */
static uint32_t place_of(const struct test_journal *disk,
                         const struct test_written *event)
{
    const struct rt_log_scan *scan = disk->scan;
    uint32_t place = 0;
    if (event == NULL || event->offset < disk->earliest[event->id] ||
        (scan->event_count == 0 && event->entry.wall_ms < scan->wall_ms)) {
        return scan->topic_count;
    }
    while (place < scan->topic_count && scan->topics[place].id != event->id) {
        place++;
    }
    return place;
}

/* Returns whether there was room. */
static bool scan_number(struct test_journal *disk, uint64_t number)
{
    struct rt_log_scan *scan = disk->scan;
    const struct test_written *event = find_number(disk, number);
    uint32_t place = place_of(disk, event);
    if (place == scan->topic_count) {
        return true;
    }
    if (scan->event_count == scan->event_max ||
        !fill_in(scan->segment, event)) {
        scan->needed = (event->len + 7) / 8 * 8 + sizeof(struct rt_entry);
        return false;
    }
    scan->events[scan->event_count] =
        (struct rt_log_scan_event){.sequence = number,
                                   .offset = event->offset,
                                   .topic = place,
                                   .index = scan->event_count};
    scan->event_count++;
    return true;
}

static void tell_losses(const struct test_journal *disk)
{
    const struct rt_log_scan *scan = disk->scan;
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        struct rt_log_scan_topic *topic = &scan->topics[i];
        for (uint64_t j = 0; j < disk->written; j++) {
            const struct test_written *event = &disk->events[j];
            bool is_lost = event->id == topic->id &&
                           event->offset < disk->earliest[topic->id] &&
                           event->entry.sequence >= scan->first &&
                           event->entry.wall_ms >= scan->wall_ms;
            topic->lost = is_lost ? event->entry.sequence : topic->lost;
        }
    }
}

void test_journal_fail_scan(struct test_journal *disk, int err)
{
    EXPECT(disk->scan != NULL);
    disk->scan = NULL;
    disk->scans++;
    rt_excerpts_fetched(&disk->test.core.excerpts, err);
}

void test_journal_scan(struct test_journal *disk)
{
    struct rt_log_scan *scan = disk->scan;
    EXPECT(scan != NULL);
    uint64_t number = scan->first;
    while (number < scan->until && scan_number(disk, number)) {
        number++;
    }
    scan->end = number;
    scan->damaged = disk->damaged;
    tell_losses(disk);
    test_journal_fail_scan(disk, number > scan->first ? 0 : RT_ERANGE);
}

void test_journal_flush(struct test_journal *disk)
{
    test_core_flush(&disk->test);
    while (disk->fetch_id > 0 || disk->scan != NULL) {
        if (disk->fetch_id > 0) {
            test_journal_fetch(disk);
        }
        if (disk->scan != NULL) {
            test_journal_scan(disk);
        }
        test_core_flush(&disk->test);
    }
}

/* --- what is written --- */

void test_journal_init(struct test_journal *disk, struct rt_retention retention)
{
    *disk = (struct test_journal){.written = 0};
    test_core_init(&disk->test, retention);
    rt_journal_init(&disk->journal, &disk->test.core);
    disk->test.core.journal = &disk->journal;
    disk->test.core.history.ops = &history_ops;
    disk->test.core.history.context = disk;
}

void test_journal_finish(struct test_journal *disk)
{
    for (uint64_t i = 0; i < disk->written; i++) {
        free(disk->events[i].frame);
    }
    rt_journal_finish(&disk->journal);
    test_core_finish(&disk->test);
}

static void remember(struct test_journal *disk,
                     const struct rt_extent *extent,
                     uint32_t number,
                     struct rt_bytes frame)
{
    EXPECT(disk->written < TEST_DISK_EVENTS);
    struct test_written *event = &disk->events[disk->written++];
    *event = (struct test_written){
        .id = extent->id,
        .offset = extent->offset + number,
        .entry = *rt_segment_entry(extent->segment, extent->index + number),
        .frame = malloc(frame.len),
        .len = frame.len};
    EXPECT(event->frame != NULL);
    memcpy(event->frame, frame.data, frame.len);
}

/* The payload begins with the topic's first letter and the offset. */
static void read_event(struct test_journal *disk,
                       const struct rt_extent *extent,
                       uint32_t number)
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
    remember(disk, extent, number, frame);
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
            read_event(disk, extent, j);
        }
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
