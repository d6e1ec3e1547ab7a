#include "tests/unit/log/truth.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "storage/log/events.h"
#include "storage/log/reader.h"

#define IDENTITY   77
#define READ_BYTES ((size_t)8 * 1024) /* at a time; any event has room */

/* --- what the log tells when it is opened --- */

#define WRONG (-4711)

static int complain(struct truth_witness *witness, const char *what)
{
    witness->wrong = witness->wrong == NULL ? what : witness->wrong;
    return WRONG;
}

/* The version in a topic's state; 0: it is none of ours. */
static uint32_t version_of(struct rt_bytes state)
{
    char text[32];
    for (uint32_t version = 1; version < TRUTH_OFFSETS_MAX; version++) {
        if (rt_bytes_equal(truth_state(version, text), state)) {
            return version;
        }
    }
    return 0;
}

static int see_topic(void *context,
                     uint64_t id,
                     const struct rt_log_topic *topic,
                     const struct rt_log_standing *standing)
{
    struct truth_witness *witness = context;
    char text[32];
    if (id == 0 || id >= TRUTH_IDS_MAX || witness->topics[id].id != 0 ||
        !rt_bytes_equal(truth_name(id, text), topic->name)) {
        return complain(witness, "a topic that was never there");
    }
    if (standing->earliest < topic->floor ||
        standing->earliest > topic->next_offset) {
        return complain(witness, "the earliest event is out of bounds");
    }
    witness->is_damaged[id] = standing->is_damaged;
    witness->sound_count += !standing->is_damaged;
    witness->topics[id] =
        (struct truth_topic){.id = id,
                             .next_offset = topic->next_offset,
                             .floor = topic->floor,
                             .version = version_of(topic->state)};
    return 0;
}

static int
see_events(void *context, uint64_t id, const struct rt_log_events *events)
{
    struct truth_witness *witness = context;
    if (id == 0 || id >= TRUTH_IDS_MAX || events->count == 0) {
        return complain(witness, "events of no topic");
    }
    if (events->offset <= witness->last[id]) {
        return complain(witness, "events of before");
    }
    for (uint32_t i = 0; i < events->count; i++) {
        uint64_t offset = events->offset + i;
        witness->told[id][offset / 64] |= UINT64_C(1) << offset % 64;
    }
    witness->first[id] =
        witness->first[id] == 0 ? events->offset : witness->first[id];
    witness->last[id] = events->offset + events->count - 1;
    const char *wrong = truth_check_events(id, events);
    return wrong == NULL ? 0 : complain(witness, wrong);
}

static int see_node(void *context, struct rt_bytes state)
{
    struct truth_witness *witness = context;
    int err = rt_bytes_to_u64(state, &witness->node);
    return err == 0 ? 0 : complain(witness, "the node's state");
}

/* Once each, in whatever order. */
static int see_key(void *context, struct rt_bytes state)
{
    struct truth_witness *witness = context;
    uint64_t key = 0;
    if (rt_bytes_to_u64(state, &key) < 0 || key >= TRUTH_KEYS_MAX ||
        witness->has_key[key]) {
        return complain(witness, "a key that was never there, or twice");
    }
    witness->has_key[key] = true;
    return 0;
}

/* --- and whether it is the account --- */

static bool
is_told(const struct truth_witness *witness, uint64_t id, uint64_t offset)
{
    return (witness->told[id][offset / 64] >> offset % 64 & 1) != 0;
}

/* Whether all events were told, from the first one on that was, and no other;
 * none at all is fine, for the last segment may have none. */
static bool has_told(const struct truth_witness *witness,
                     const struct truth_topic *topic)
{
    uint64_t first = witness->first[topic->id];
    for (uint64_t offset = first; first > 0 && offset < TRUTH_OFFSETS_MAX;
         offset++) {
        bool is_due = truth_has(topic, offset);
        bool was_told = is_told(witness, topic->id, offset);
        bool counts = offset >= topic->floor;
        if (was_told != is_due && (was_told || counts)) {
            return false;
        }
    }
    return true;
}

static const char *compare_topic(const struct truth_witness *witness,
                                 const struct truth_topic *topic)
{
    const struct truth_topic *seen = &witness->topics[topic->id];
    if (seen->id == 0) {
        return "a topic is lost";
    }
    if (seen->next_offset != topic->next_offset) {
        return "a topic ends elsewhere";
    }
    if (seen->version != topic->version) {
        return "a topic's state is an old one";
    }
    if (seen->floor < topic->floor ||
        (seen->floor > topic->floor && !witness->may_forget)) {
        return "a topic begins elsewhere";
    }
    return has_told(witness, topic) ? NULL : "events are missing";
}

/* Whether all keys were told up to the last one, from any on. */
static bool has_last_keys(const struct truth_witness *witness, uint64_t last)
{
    uint64_t key = last;
    uint32_t count = 0;
    while (key > 0 && witness->has_key[key]) {
        key--;
    }
    for (uint64_t i = 0; i < TRUTH_KEYS_MAX; i++) {
        count += witness->has_key[i];
    }
    return count == last - key;
}

const char *truth_compare(const struct truth_witness *witness,
                          const struct truth *truth)
{
    uint32_t count = 0;
    for (size_t i = 0; i < TRUTH_TOPICS; i++) {
        const struct truth_topic *topic = &truth->topics[i];
        bool is_compared = topic->id != 0 && !witness->is_damaged[topic->id];
        const char *wrong = is_compared ? compare_topic(witness, topic) : NULL;
        if (wrong != NULL) {
            return wrong;
        }
        count += is_compared;
    }
    if (count != witness->sound_count) {
        return "a topic too many";
    }
    if (witness->sequence != truth->sequence) {
        return "the number of the last event";
    }
    if (!has_last_keys(witness, truth->keys)) {
        return "the last keys";
    }
    return witness->node == truth->node ? NULL : "the node's last state";
}

/* --- the log --- */

/*
 * Large blocks are kept and given out again: a log is opened up to a million
 * times here, and under a sanitizer fresh ones are most of what that costs.
 */
#define KEPT_MIN   ((size_t)32 * 1024)
#define KEPT_COUNT 8

struct kept {
    void *memory;
    size_t size;
};

static struct kept kept[KEPT_COUNT];

/* Exchanges a kept block; what comes out may be of another size, or NULL. */
static struct kept exchange(struct kept block, size_t size)
{
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        if (kept[i].size == size) {
            struct kept found = kept[i];
            kept[i] = block;
            return found;
        }
    }
    return block;
}

static void *
keeping_resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    (void)context;
    if (new_size == 0) {
        bool is_large = memory != NULL && old_size >= KEPT_MIN;
        struct kept block = {memory, old_size};
        free(is_large ? exchange(block, 0).memory : memory);
        return NULL;
    }
    if (memory == NULL && new_size >= KEPT_MIN) {
        memory = exchange((struct kept){NULL, 0}, new_size).memory;
        return memory != NULL ? memory : malloc(new_size);
    }
    return realloc(memory, new_size);
}

void truth_heap_init(struct rt_heap *heap)
{
    rt_heap_init_over(heap, SIZE_MAX, keeping_resize, NULL);
}

void truth_log_init(struct truth_log *log, struct fake_disk *disk)
{
    *log = (struct truth_log){.disk = disk,
                              .segment_bytes = RT_LOG_SEGMENT_BYTES,
                              .retained_bytes = UINT64_MAX};
    truth_heap_init(&log->heap);
}

struct rt_log_options truth_log_options(struct truth_log *log)
{
    return (struct rt_log_options){
        .disk = &log->disk->disk,
        .heap = &log->heap,
        .segment_bytes = log->segment_bytes,
        .retention = {log->retained_bytes, UINT64_MAX, UINT64_MAX},
        .keys = {UINT64_MAX, UINT64_MAX},
        .min_free = log->min_free,
        .wall_ms = TRUTH_WALL_MS + log->sure.sequence,
        .identity = IDENTITY};
}

int truth_log_look(struct truth_log *log,
                   struct truth_witness *witness,
                   struct rt_log_found *found)
{
    memset(witness, 0, sizeof(*witness));
    memset(found, 0, sizeof(*found));
    witness->may_forget = log->retained_bytes < UINT64_MAX;
    struct rt_log_options options = truth_log_options(log);
    struct rt_log_visitor visitor = {.context = witness,
                                     .topic = see_topic,
                                     .events = see_events,
                                     .key = see_key,
                                     .node = see_node};
    int err = rt_log_open(&log->log, &options, &visitor, found);
    witness->sequence = found->sequence;
    return err;
}

const char *truth_log_open(struct truth_log *log, int *err)
{
    static struct truth_witness witness;
    struct rt_log_found found;
    *err = truth_log_look(log, &witness, &found);
    if (*err < 0) {
        return witness.wrong != NULL ? witness.wrong : "it does not open";
    }
    if (found.damaged_topics > 0) {
        return "something is damaged";
    }
    const char *wrong = truth_compare(&witness, &log->sure);
    if (wrong != NULL && truth_compare(&witness, &log->possible) == NULL) {
        log->sure = log->possible;
        wrong = NULL;
    }
    log->possible = log->sure;
    return wrong != NULL ? wrong : truth_log_read(log);
}

/* --- reading --- */

static const char *check_segment(uint64_t id, const struct rt_segment *segment)
{
    struct rt_log_events events =
        rt_log_events_of(segment, 0, segment->event_count);
    events.offset = segment->first_offset;
    return truth_check_events(id, &events);
}

/* Whether what was read is the next events there are. */
static bool is_next(const struct truth_topic *topic,
                    uint64_t offset,
                    const struct rt_segment *segment)
{
    uint64_t first = segment->first_offset;
    while (offset < first && !truth_has(topic, offset)) {
        offset++;
    }
    for (uint32_t i = 0; i < segment->event_count; i++) {
        if (!truth_has(topic, first + i)) {
            return false;
        }
    }
    return offset == first && segment->event_count > 0;
}

static const char *read_topic(struct rt_log_reader *reader,
                              const struct truth_topic *topic,
                              uint64_t offset,
                              struct rt_segment *segment)
{
    size_t needed = 0;
    while (offset < topic->next_offset) {
        rt_segment_reset(segment);
        int err = rt_log_read(reader, topic->id, offset, segment, &needed);
        bool is_end = err == RT_EAGAIN;
        for (; is_end && offset < topic->next_offset; offset++) {
            is_end = !truth_has(topic, offset);
        }
        if (err < 0) {
            return is_end ? NULL : "events cannot be read";
        }
        if (!is_next(topic, offset, segment)) {
            return "other events are read than the next";
        }
        const char *wrong = check_segment(topic->id, segment);
        if (wrong != NULL) {
            return wrong;
        }
        offset = segment->first_offset + segment->event_count;
    }
    return NULL;
}

const char *truth_log_read(struct truth_log *log)
{
    const char *wrong = NULL;
    struct rt_log_reader reader;
    struct rt_store store = {.heap = &log->heap};
    struct rt_segment *segment = rt_segment_create(&store, READ_BYTES);
    RT_CHECK(segment != NULL);
    rt_log_reader_init(&reader, log->log, &store);
    for (size_t i = 0; i < TRUTH_TOPICS && wrong == NULL; i++) {
        const struct truth_topic *topic = &log->sure.topics[i];
        struct rt_log_extent extent;
        if (topic->id == 0) {
            continue;
        }
        wrong = rt_log_extent(log->log, topic->id, &extent)
                    ? read_topic(&reader, topic, extent.earliest, segment)
                    : "a topic is not there";
    }
    rt_log_reader_finish(&reader);
    rt_segment_unref(&store, segment);
    return wrong;
}

int truth_log_append(struct truth_log *log, struct test_random *random)
{
    struct truth_batch batch;
    struct truth before = log->possible;
    log->possible = log->sure;
    truth_batch_init(&batch, &log->possible, random);
    int err = rt_log_append(log->log, &batch.batch);
    if (err == RT_ENOSPC) {
        err = rt_log_append(log->log, &batch.batch);
    }
    truth_batch_finish(&batch);
    if (err == 0) {
        log->sure = log->possible;
    } else if (log->has_failed) {
        log->possible = before; /* it was not even tried */
    }
    if (err == RT_ENOSPC) {
        log->possible = log->sure; /* it is as before */
        return err;
    }
    log->has_failed = err < 0;
    return err;
}

void truth_log_close(struct truth_log *log)
{
    rt_log_close(log->log);
    log->log = NULL;
    log->has_failed = false;
    RT_CHECK(log->heap.used == 0);
}
