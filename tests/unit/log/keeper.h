/* A log on a disk in memory, who appends to it, and what a start told. */
#ifndef TESTS_UNIT_LOG_KEEPER_H
#define TESTS_UNIT_LOG_KEEPER_H

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "storage/log/events.h"
#include "storage/log/log.h"
#include "storage/log/reader.h"
#include "storage/log/seal.h"
#include "storage/log/state.h"
#include "tests/support/test.h"
#include "tests/unit/storage/fake_disk.h"

#define KEEPER_TOPICS 8
#define KEEPER_KEYS   16

/* What the visitor was told of a topic; events in the order of offsets. */
struct kept_topic {
    char name[64];
    char state[64];
    uint64_t next_offset;
    uint64_t earliest;
    uint64_t floor;
    uint64_t wall_ms;
    uint64_t sequence;
    bool is_damaged;
    uint64_t event_count;
    uint64_t first_offset;
    char last_frame[64];
};

struct keeper {
    struct test_heap heap;
    struct fake_disk disk;
    struct rt_heap others; /* memory of publishers and readers */
    struct rt_store store;
    struct rt_log_options options;
    struct rt_log *log;
    struct rt_log_found found;
    uint64_t sequence;
    uint64_t next_offset[KEEPER_TOPICS];
    struct kept_topic topics[KEEPER_TOPICS];
    char keys[KEEPER_KEYS][32];
    uint32_t key_count;
    char node[64];
    uint64_t progress_count;
};

static inline void keeper_init(struct keeper *keeper)
{
    memset(keeper, 0, sizeof(*keeper));
    test_heap_init(&keeper->heap, SIZE_MAX);
    fake_disk_init(&keeper->disk, 1);
    rt_heap_init(&keeper->others, SIZE_MAX);
    keeper->store = (struct rt_store){.heap = &keeper->others};
    keeper->options = (struct rt_log_options){
        .disk = &keeper->disk.disk,
        .heap = &keeper->heap.heap,
        .segment_bytes = (uint64_t)64 * 1024,
        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .keys = {60000, UINT64_MAX},
        .wall_ms = 1000000,
        .identity = 0x1234567890abcdef};
}

static inline void kept_text(char *text, size_t size, struct rt_bytes bytes)
{
    EXPECT(bytes.len < size);
    memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
}

static inline int told_topic(void *context,
                             uint64_t id,
                             const struct rt_log_topic *topic,
                             const struct rt_log_standing *standing)
{
    struct keeper *keeper = context;
    if (id >= KEEPER_TOPICS) {
        return 0;
    }
    struct kept_topic *kept = &keeper->topics[id];
    kept_text(kept->name, sizeof(kept->name), topic->name);
    kept_text(kept->state, sizeof(kept->state), topic->state);
    kept->next_offset = topic->next_offset;
    kept->floor = topic->floor;
    kept->earliest = standing->earliest;
    kept->wall_ms = standing->wall_ms;
    kept->sequence = standing->sequence;
    kept->is_damaged = standing->is_damaged;
    keeper->next_offset[id] = topic->next_offset;
    return 0;
}

static inline int
told_events(void *context, uint64_t id, const struct rt_log_events *events)
{
    struct keeper *keeper = context;
    struct rt_log_event event;
    if (id >= KEEPER_TOPICS) {
        return 0;
    }
    struct kept_topic *kept = &keeper->topics[id];
    if (kept->event_count == 0) {
        kept->first_offset = events->offset;
    }
    EXPECT(events->offset >= kept->first_offset + kept->event_count);
    kept->event_count += events->count;
    EXPECT_INT(rt_log_events_get(events, events->count - 1, &event), 0);
    event.frame.len = event.frame.len < 63 ? event.frame.len : 63;
    kept_text(kept->last_frame, sizeof(kept->last_frame), event.frame);
    return 0;
}

static inline int told_key(void *context, struct rt_bytes state)
{
    struct keeper *keeper = context;
    EXPECT(keeper->key_count < KEEPER_KEYS);
    kept_text(keeper->keys[keeper->key_count++], sizeof(keeper->keys[0]),
              state);
    return 0;
}

static inline int told_node(void *context, struct rt_bytes state)
{
    struct keeper *keeper = context;
    kept_text(keeper->node, sizeof(keeper->node), state);
    return 0;
}

static inline void told_progress(void *context, uint64_t done, uint64_t all)
{
    struct keeper *keeper = context;
    EXPECT(done <= all);
    keeper->progress_count++;
}

static inline int keeper_try_open(struct keeper *keeper)
{
    struct rt_log_visitor visitor = {.context = keeper,
                                     .topic = told_topic,
                                     .events = told_events,
                                     .key = told_key,
                                     .node = told_node,
                                     .progress = told_progress};
    memset(keeper->topics, 0, sizeof(keeper->topics));
    memset(keeper->next_offset, 0, sizeof(keeper->next_offset));
    memset(keeper->node, 0, sizeof(keeper->node));
    keeper->key_count = 0;
    keeper->log = NULL;
    int err =
        rt_log_open(&keeper->log, &keeper->options, &visitor, &keeper->found);
    if (err == 0) {
        keeper->sequence = keeper->found.sequence;
    }
    return err;
}

static inline void keeper_open(struct keeper *keeper)
{
    EXPECT_INT(keeper_try_open(keeper), 0);
}

static inline void keeper_close(struct keeper *keeper)
{
    rt_log_close(keeper->log);
    keeper->log = NULL;
    EXPECT_INT(keeper->heap.heap.used, 0);
}

static inline void keeper_finish(struct keeper *keeper)
{
    keeper_close(keeper);
    EXPECT_INT(keeper->others.used, 0);
    EXPECT_INT(keeper->disk.open_count, 0);
    fake_disk_finish(&keeper->disk);
}

/* The same machine, another process. */
static inline void keeper_reopen(struct keeper *keeper)
{
    keeper_close(keeper);
    keeper_open(keeper);
}

/* A machine that begins anew with what was synced, and the log on it. */
static inline void keeper_restart(struct keeper *keeper)
{
    keeper_close(keeper);
    fake_disk_restart(&keeper->disk, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    keeper_open(keeper);
}

static inline int keeper_append(struct keeper *keeper,
                                const struct rt_log_part *parts,
                                uint32_t count)
{
    struct rt_log_batch batch = {.parts = parts,
                                 .part_count = count,
                                 .sequence = keeper->sequence,
                                 .wall_ms = keeper->options.wall_ms};
    return rt_log_append(keeper->log, &batch);
}

static inline struct rt_log_part
topic_part(struct keeper *keeper, uint64_t id, const char *name)
{
    if (keeper->next_offset[id] == 0) {
        keeper->next_offset[id] = 1;
    }
    return (struct rt_log_part){
        .kind = RT_LOG_TOPIC,
        .topic = id,
        .description = {.name = rt_bytes_of(name),
                        .next_offset = keeper->next_offset[id],
                        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
                        .state = RT_BYTES("state")}};
}

static inline void
keeper_describe(struct keeper *keeper, uint64_t id, const char *name)
{
    struct rt_log_part part = topic_part(keeper, id, name);
    EXPECT_INT(keeper_append(keeper, &part, 1), 0);
}

/* A segment with so many events, each of `len` bytes that tell its offset. */
static inline struct rt_segment *segment_with(struct keeper *keeper,
                                              uint64_t offset,
                                              uint32_t count,
                                              size_t len,
                                              const char *type)
{
    struct rt_segment *segment = rt_segment_create(
        &keeper->store, (count * (len + sizeof(struct rt_entry)) + 7) / 8 * 8);
    EXPECT(segment != NULL);
    segment->first_offset = offset;
    for (uint32_t i = 0; i < count; i++) {
        static char frame[1 << 16];
        struct rt_entry entry = {.wall_ms = keeper->options.wall_ms,
                                 .sequence = keeper->sequence + 1 + i,
                                 .content = 1};
        memset(frame, '.', len);
        (void)snprintf(frame, sizeof(frame), "%06u",
                       (unsigned)(offset + i) % 1000000);
        frame[6] = '.';
        EXPECT_INT(rt_segment_add_type(&keeper->store, segment,
                                       rt_bytes_of(type), &entry.type),
                   0);
        rt_segment_append(segment, RT_BYTES(""), (struct rt_bytes){frame, len},
                          entry);
    }
    return segment;
}

/* Appends a batch of `count` events of `len` >= 7 bytes to a topic. */
static inline int keeper_try_publish(struct keeper *keeper,
                                     uint64_t id,
                                     uint32_t count,
                                     size_t len)
{
    struct rt_segment *segment =
        segment_with(keeper, keeper->next_offset[id], count, len, "type");
    struct rt_log_part part = {.kind = RT_LOG_EVENTS,
                               .topic = id,
                               .events = rt_log_events_of(segment, 0, count)};
    uint64_t before = keeper->sequence;
    keeper->sequence += count;
    int err = keeper_append(keeper, &part, 1);
    rt_segment_unref(&keeper->store, segment);
    if (err < 0) {
        keeper->sequence = before;
    } else {
        keeper->next_offset[id] += count;
    }
    return err;
}

static inline void
keeper_publish(struct keeper *keeper, uint64_t id, uint32_t count, size_t len)
{
    EXPECT_INT(keeper_try_publish(keeper, id, count, len), 0);
}

/* Reads all events of a topic that are on disk, from an offset on, and looks at
 * each; returns how many offsets that were, before it ended with `err`. */
static inline uint64_t
keeper_read(struct keeper *keeper, uint64_t id, uint64_t offset, int *err)
{
    struct rt_log_reader reader;
    uint64_t first = offset;
    *err = 0;
    rt_log_reader_init(&reader, keeper->log, &keeper->store);
    while (*err == 0) {
        size_t needed = 0;
        struct rt_segment *segment = rt_segment_create(&keeper->store, 16384);
        *err = rt_log_read(&reader, id, offset, segment, &needed);
        offset = *err == 0 ? segment->first_offset : offset;
        for (uint32_t i = 0; *err == 0 && i < segment->event_count; i++) {
            char text[8];
            const struct rt_entry *entry = rt_segment_entry(segment, i);
            (void)snprintf(text, sizeof(text), "%06u.",
                           (unsigned)(offset + i) % 1000000);
            EXPECT(memcmp(segment->bytes + entry->start, text, 7) == 0);
            EXPECT_TEXT(rt_segment_type(segment, entry), "type");
        }
        offset += *err == 0 ? segment->event_count : 0;
        rt_segment_unref(&keeper->store, segment);
    }
    rt_log_reader_finish(&reader);
    return offset - first;
}

/* The file of a segment. */
static inline struct fake_image *keeper_image(struct keeper *keeper,
                                              uint64_t segment)
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(segment, name);
    struct fake_image *image = fake_disk_image(&keeper->disk, name);
    EXPECT(image != NULL);
    return image;
}

/* Where the batch with that number behind the snapshot is in an open log's
 * segment; 0: the snapshot itself. */
static inline uint64_t
keeper_batch(struct keeper *keeper, uint64_t segment, uint32_t number)
{
    const char *bytes = keeper_image(keeper, segment)->bytes;
    uint64_t position = sizeof(struct rt_log_segment_head);
    for (uint32_t i = 0; i < number; i++) {
        struct rt_log_batch_head head;
        memcpy(&head, bytes + position, sizeof(head));
        position += head.length;
    }
    return position;
}

/* Another bit at a place of a segment, with the log closed. */
static inline void
keeper_flip(struct keeper *keeper, uint64_t segment, uint64_t at)
{
    EXPECT(keeper->log == NULL);
    keeper_image(keeper, segment)->bytes[at] ^= 1;
}

static inline void keeper_remove(struct keeper *keeper, uint64_t segment)
{
    char name[RT_LOG_NAME_SIZE];
    rt_log_name(segment, name);
    EXPECT_INT(rt_disk_remove(&keeper->disk.disk, name), 0);
}

/* Publishes to a topic until there are so many segments. */
static inline void
keeper_fill(struct keeper *keeper, uint64_t id, uint64_t segment_count)
{
    while (rt_log_usage(keeper->log).segment_count < segment_count) {
        keeper_publish(keeper, id, 10, 500);
    }
}

/* The same until there is no room for one more batch of that. */
static inline void keeper_fill_last(struct keeper *keeper)
{
    const struct rt_log_tail *tail = &keeper->log->tail;
    while (tail->capacity - tail->position > 6000) {
        keeper_publish(keeper, 1, 10, 500);
    }
}

/* A closed log with one topic in three segments, events in each. */
static inline void keeper_begin_three(struct keeper *keeper)
{
    keeper_init(keeper);
    keeper_open(keeper);
    keeper_describe(keeper, 1, "news");
    keeper_fill(keeper, 1, 3);
    EXPECT_INT(rt_log_seal(keeper->log), 0);
    keeper_close(keeper);
}

/* All events of that topic are there. */
static inline void keeper_expect_all(struct keeper *keeper,
                                     uint64_t next_offset)
{
    int err = 0;
    EXPECT_INT(keeper->topics[1].next_offset, next_offset);
    EXPECT(!keeper->topics[1].is_damaged);
    EXPECT_INT(keeper_read(keeper, 1, 1, &err), next_offset - 1);
    EXPECT_INT(err, RT_EAGAIN);
}

#endif
