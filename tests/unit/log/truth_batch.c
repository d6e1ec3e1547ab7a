#include "tests/unit/log/truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "storage/segment.h"

#define EVENT_BYTES_MAX  ((size_t)4096)
#define SEGMENT_CAPACITY ((size_t)64 * 1024)
#define EVENTS_MAX       5 /* of a part */
#define SKIPPED_MAX      9

static bool one_in(struct test_random *random, uint32_t count)
{
    return test_random_below(random, count) == 0;
}

/* --- events, which their numbers determine --- */

static size_t event_len(uint64_t sequence)
{
    size_t len = 48 + sequence * 37 % 150;
    return sequence % 29 == 0 ? EVENT_BYTES_MAX - len : len;
}

static size_t event_text(char text[EVENT_BYTES_MAX],
                         uint64_t id,
                         uint64_t offset,
                         uint64_t sequence)
{
    size_t len = event_len(sequence);
    memset(text, 'a' + (int)(sequence % 26), len);
    int head = snprintf(text, len, "%" PRIu64 ".%" PRIu64 ".%" PRIu64, id,
                        offset, sequence);
    text[head] = ' ';
    return len;
}

static struct rt_bytes event_type(uint64_t sequence)
{
    static const char *const types[] = {"", "alpha", "a.type.of.many.letters"};
    return rt_bytes_of(types[sequence / 2 % 3]);
}

static struct rt_entry event_entry(uint64_t sequence)
{
    return (struct rt_entry){.wall_ms = TRUTH_WALL_MS + sequence,
                             .sequence = sequence,
                             .content = (uint8_t)(sequence % 4)};
}

/* What is wrong with the event number `index` of a run; NULL: nothing. */
static const char *
check_event(uint64_t id, const struct rt_log_events *events, uint32_t index)
{
    struct rt_entry entries[2];
    size_t size = sizeof(entries[0]);
    char text[EVENT_BYTES_MAX];
    const char *at = events->entries.data + (events->count - 1 - index) * size;
    memcpy(&entries[0], at, size);
    size_t begin = entries[0].start - events->start;
    size_t end = events->frames.len;
    if (index + 1 < events->count) {
        memcpy(&entries[1], at - size, size);
        end = entries[1].start - events->start;
    }
    uint64_t sequence = entries[0].sequence;
    struct rt_entry expected = event_entry(sequence);
    size_t len = event_text(text, id, events->offset + index, sequence);
    if (begin > end || end > events->frames.len || end - begin != len ||
        memcmp(events->frames.data + begin, text, len) != 0) {
        return "an event with other bytes";
    }
    expected.start = entries[0].start;
    expected.type = entries[0].type;
    return memcmp(&expected, &entries[0], size) == 0 ? NULL
                                                     : "an event's entry";
}

static const char *check_type(const struct rt_log_events *events,
                              uint32_t index)
{
    struct rt_entry entry;
    size_t size = sizeof(entry);
    memcpy(&entry, events->entries.data + (events->count - 1 - index) * size,
           size);
    struct rt_bytes expected = event_type(entry.sequence);
    if (entry.type == 0 || expected.len == 0) {
        return (entry.type == 0) == (expected.len == 0) ? NULL : "no type";
    }
    size_t at = (size_t)(entry.type - events->type) * RT_TYPE_GRAIN;
    if (entry.type < events->type ||
        at + 1 + expected.len > events->types.len) {
        return "a type's place";
    }
    struct rt_bytes type = {events->types.data + at + 1,
                            (unsigned char)events->types.data[at]};
    return rt_bytes_equal(type, expected) ? NULL : "an event's type";
}

const char *truth_check_events(uint64_t id, const struct rt_log_events *events)
{
    if (events->entries.len != events->count * sizeof(struct rt_entry)) {
        return "as many entries as events";
    }
    for (uint32_t i = 0; i < events->count; i++) {
        const char *wrong = check_event(id, events, i);
        wrong = wrong == NULL ? check_type(events, i) : wrong;
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

/* --- segments of them --- */

static void append_event(struct truth_batch *batch,
                         struct rt_segment *segment,
                         uint64_t id,
                         uint64_t offset,
                         uint64_t sequence)
{
    char text[EVENT_BYTES_MAX];
    size_t len = event_text(text, id, offset, sequence);
    struct rt_entry entry = event_entry(sequence);
    RT_CHECK(rt_segment_add_type(&batch->store, segment, event_type(sequence),
                                 &entry.type) == 0);
    rt_segment_append(segment, (struct rt_bytes){text, len},
                      (struct rt_bytes){NULL, 0}, entry);
}

/* The lowest place of a type in the events from `first` on; 0: none has one. */
static uint32_t first_type(const struct rt_segment *segment, uint32_t first)
{
    uint32_t lowest = 0;
    for (uint32_t i = first; i < segment->event_count; i++) {
        uint32_t type = rt_segment_entry(segment, i)->type;
        lowest = type > 0 && (lowest == 0 || type < lowest) ? type : lowest;
    }
    return lowest;
}

static struct rt_bytes types_from(const struct rt_segment *segment,
                                  uint32_t type)
{
    size_t skipped =
        type == 0 ? segment->types_len : (size_t)(type - 1) * RT_TYPE_GRAIN;
    return segment->types_len == skipped
               ? (struct rt_bytes){"", 0}
               : (struct rt_bytes){segment->types + skipped,
                                   segment->types_len - skipped};
}

/* The events of a segment from `first` on, in place. */
static struct rt_log_events
events_from(const struct rt_segment *segment, uint32_t first, uint64_t offset)
{
    uint32_t count = segment->event_count - first;
    uint32_t start = rt_segment_start(segment, first);
    uint32_t type = first_type(segment, first);
    const char *bytes = (const char *)segment->bytes;
    return (struct rt_log_events){
        .offset = offset,
        .count = count,
        .start = start,
        .type = type,
        .entries = {(const char *)rt_segment_entry(segment,
                                                   segment->event_count - 1),
                    count * sizeof(struct rt_entry)},
        .types = types_from(segment, type),
        .frames = {bytes + start, segment->used - start}};
}

/* --- batches --- */

static struct rt_log_part *
add_part(struct truth_batch *batch, enum rt_log_part_kind kind, uint64_t id)
{
    RT_CHECK(batch->batch.part_count < TRUTH_PARTS_MAX);
    struct rt_log_part *part = &batch->parts[batch->batch.part_count++];
    *part = (struct rt_log_part){.kind = kind, .topic = id};
    return part;
}

static char *text_of(struct truth_batch *batch)
{
    return batch->texts[batch->batch.part_count - 1];
}

/* Behind some that were written before, as it were. */
static void add_events(struct truth_batch *batch,
                       struct truth *truth,
                       struct truth_topic *topic,
                       struct test_random *random)
{
    uint32_t before = test_random_below(random, 3);
    uint32_t count = 1 + test_random_below(random, EVENTS_MAX);
    uint64_t offset = topic->next_offset;
    struct rt_segment *segment =
        rt_segment_create(&batch->store, SEGMENT_CAPACITY);
    RT_CHECK(segment != NULL);
    for (uint32_t i = 0; i < before; i++) {
        append_event(batch, segment, topic->id, 0, i + 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        append_event(batch, segment, topic->id, topic->next_offset++,
                     ++truth->sequence);
    }
    struct rt_log_part *part = add_part(batch, RT_LOG_EVENTS, topic->id);
    part->events = events_from(segment, before, offset);
    batch->segments[batch->batch.part_count - 1] = segment;
}

struct rt_bytes truth_name(uint64_t id, char text[32])
{
    (void)snprintf(text, 32, "topic.%" PRIu64, id);
    return rt_bytes_of(text);
}

struct rt_bytes truth_state(uint32_t version, char text[32])
{
    (void)snprintf(text, 32, "version %" PRIu32, version);
    return rt_bytes_of(text);
}

static void add_topic(struct truth_batch *batch, struct truth_topic *topic)
{
    struct rt_log_part *part = add_part(batch, RT_LOG_TOPIC, topic->id);
    char *text = text_of(batch);
    part->description = (struct rt_log_topic){
        .name = truth_name(topic->id, text),
        .next_offset = topic->next_offset,
        .floor = topic->floor,
        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .state = truth_state(++topic->version, text + 32)};
}

static void add_new_topic(struct truth_batch *batch,
                          struct truth *truth,
                          struct truth_topic *topic)
{
    *topic = (struct truth_topic){
        .id = ++truth->last_id, .next_offset = 1, .floor = 1};
    RT_CHECK(topic->id < TRUTH_IDS_MAX);
    add_topic(batch, topic);
}

static void add_purge(struct truth_batch *batch, struct truth_topic *topic)
{
    topic->skipped[topic->next_offset / 64] |= UINT64_C(1)
                                               << topic->next_offset % 64;
    topic->next_offset++;
    topic->floor = topic->next_offset;
    add_topic(batch, topic);
}

bool truth_has(const struct truth_topic *topic, uint64_t offset)
{
    RT_CHECK(topic->next_offset <= TRUTH_OFFSETS_MAX);
    return offset > 0 && offset < topic->next_offset &&
           (topic->skipped[offset / 64] >> offset % 64 & 1) == 0;
}

/* Offsets without events. */
static void add_skip(struct truth_batch *batch,
                     struct truth_topic *topic,
                     struct test_random *random)
{
    uint32_t count = 1 + test_random_below(random, SKIPPED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t offset = topic->next_offset++;
        topic->skipped[offset / 64] |= UINT64_C(1) << offset % 64;
    }
    add_topic(batch, topic);
}

static void add_removal(struct truth_batch *batch, struct truth_topic *topic)
{
    (void)add_part(batch, RT_LOG_REMOVED, topic->id);
    topic->id = 0;
}

static void add_opaque(struct truth_batch *batch,
                       enum rt_log_part_kind kind,
                       uint64_t number)
{
    struct rt_log_part *part = add_part(batch, kind, 0);
    char *text = text_of(batch);
    (void)snprintf(text, 32, "%" PRIu64, number);
    part->opaque = rt_bytes_of(text);
}

/* Whether the batch has events of the topic: then it skips no offsets. */
static bool has_events(const struct truth_batch *batch, uint64_t id)
{
    for (uint32_t i = 0; i < batch->batch.part_count; i++) {
        if (batch->parts[i].kind == RT_LOG_EVENTS &&
            batch->parts[i].topic == id) {
            return true;
        }
    }
    return false;
}

static void add_something(struct truth_batch *batch,
                          struct truth *truth,
                          struct test_random *random)
{
    struct truth_topic *topic =
        &truth->topics[test_random_below(random, TRUTH_TOPICS)];
    uint32_t chance = test_random_below(random, 100);
    if (topic->id == 0) {
        add_new_topic(batch, truth, topic);
    } else if (chance < 70 || (chance < 82 && has_events(batch, topic->id))) {
        add_events(batch, truth, topic, random);
    } else if (chance < 75) {
        add_topic(batch, topic);
    } else if (chance < 78) {
        add_skip(batch, topic, random);
    } else if (chance < 82) {
        add_purge(batch, topic);
    } else if (chance < 85) {
        add_removal(batch, topic);
    } else if (chance < 92) {
        truth->node = truth->batches;
        add_opaque(batch, RT_LOG_NODE, truth->node);
    } else {
        RT_CHECK(truth->keys + 1 < TRUTH_KEYS_MAX);
        add_opaque(batch, RT_LOG_KEY, ++truth->keys);
    }
}

void truth_batch_init(struct truth_batch *batch,
                      struct truth *truth,
                      struct test_random *random)
{
    uint32_t count = 1 + test_random_below(random, 4);
    memset(batch, 0, sizeof(*batch));
    rt_heap_init(&batch->heap, SIZE_MAX);
    batch->store.heap = &batch->heap;
    truth->batches++;
    for (uint32_t i = 0; i < count; i++) {
        add_something(batch, truth, random);
    }
    batch->batch.parts = batch->parts;
    batch->batch.sequence = truth->sequence;
    batch->batch.wall_ms = TRUTH_WALL_MS + truth->sequence;
    batch->batch.is_end = one_in(random, 16);
}

void truth_batch_finish(struct truth_batch *batch)
{
    for (size_t i = 0; i < TRUTH_PARTS_MAX; i++) {
        rt_segment_unref(&batch->store, batch->segments[i]);
    }
    RT_CHECK(batch->heap.used == 0);
}
