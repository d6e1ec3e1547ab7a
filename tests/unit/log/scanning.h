/* A keeper's log, and scans of it that look at every event they find. */
#ifndef TESTS_UNIT_LOG_SCANNING_H
#define TESTS_UNIT_LOG_SCANNING_H

#include <stdlib.h>

#include "storage/log/scan.h"
#include "tests/unit/log/keeper.h"

#define SCAN_TOPICS  6 /* that there are, numbered from 1 */
#define SCAN_NUMBERS 4096
#define SCAN_EVENTS  64

struct scanning {
    struct keeper keeper;
    struct rt_log_scanner scanner;
    struct rt_log_scan scan;
    struct rt_log_scan_topic topics[SCAN_TOPICS];
    struct rt_log_scan_event events[SCAN_EVENTS];
    uint64_t owners[SCAN_NUMBERS]; /* topics of numbers; 0: there is none */
    uint64_t offsets[SCAN_NUMBERS];
    size_t capacity;  /* of a scan's segment */
    uint64_t skew_ms; /* how much later the other of two topics has stamps */
    uint64_t until;   /* number that a scan ends before; 0: behind the last */
};

static inline void scanning_init(struct scanning *scanning)
{
    memset(scanning, 0, sizeof(*scanning));
    keeper_init(&scanning->keeper);
    keeper_open(&scanning->keeper);
    for (uint64_t id = 1; id <= SCAN_TOPICS; id++) {
        char name[2] = {(char)('a' + id), '\0'};
        keeper_describe(&scanning->keeper, id, name);
    }
    scanning->capacity = 4096;
    rt_log_scanner_init(&scanning->scanner, scanning->keeper.log,
                        &scanning->keeper.store);
}

static inline void scanning_finish(struct scanning *scanning)
{
    rt_log_scanner_finish(&scanning->scanner);
    keeper_finish(&scanning->keeper);
}

static inline void
scanning_note(struct scanning *scanning, uint64_t id, uint32_t count)
{
    struct keeper *keeper = &scanning->keeper;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sequence = keeper->sequence + 1 + i;
        EXPECT(sequence < SCAN_NUMBERS);
        scanning->owners[sequence] = id;
        scanning->offsets[sequence] = keeper->next_offset[id] + i;
    }
}

/* A batch of one topic. */
static inline void scanning_publish(struct scanning *scanning,
                                    uint64_t id,
                                    uint32_t count,
                                    size_t len)
{
    scanning_note(scanning, id, count);
    keeper_publish(&scanning->keeper, id, count, len);
}

/* A batch of two topics, whose events have numbers in turn. */
static inline void scanning_publish_both(struct scanning *scanning,
                                         uint64_t one,
                                         uint64_t other,
                                         uint32_t count,
                                         size_t len)
{
    struct keeper *keeper = &scanning->keeper;
    uint64_t ids[2] = {one, other};
    struct rt_segment *segments[2];
    struct rt_log_part parts[2];
    uint64_t sequence = keeper->sequence;
    for (size_t i = 0; i < 2; i++) {
        uint64_t offset = keeper->next_offset[ids[i]];
        segments[i] = segment_with(keeper, offset, count, len, "type");
        for (uint32_t j = 0; j < count; j++) {
            uint64_t number = sequence + 1 + 2 * j + i;
            struct rt_entry *entry =
                (struct rt_entry *)(uintptr_t)rt_segment_entry(segments[i], j);
            entry->sequence = number;
            entry->wall_ms += i * scanning->skew_ms;
            scanning->owners[number] = ids[i];
            scanning->offsets[number] = offset + j;
        }
        parts[i] = (struct rt_log_part){
            .kind = RT_LOG_EVENTS,
            .topic = ids[i],
            .events = rt_log_events_of(segments[i], 0, count)};
        keeper->next_offset[ids[i]] += count;
    }
    keeper->sequence += 2 * count;
    EXPECT_INT(keeper_append(keeper, parts, 2), 0);
    rt_segment_unref(&keeper->store, segments[0]);
    rt_segment_unref(&keeper->store, segments[1]);
}

/* Looks for the topics that a mask has, from a number on. */
static inline int
scanning_try(struct scanning *scanning, uint32_t mask, uint64_t first)
{
    struct rt_log_scan *scan = &scanning->scan;
    *scan = (struct rt_log_scan){
        .topics = scanning->topics,
        .first = first,
        .until = scanning->until > 0 ? scanning->until
                                     : scanning->keeper.sequence + 1,
        .wall_ms = scan->wall_ms,
        .segment =
            rt_segment_create(&scanning->keeper.store, scanning->capacity),
        .events = scanning->events,
        .event_max = SCAN_EVENTS};
    for (uint64_t id = SCAN_TOPICS; id >= 1; id--) {
        if ((mask >> id & 1) != 0) {
            scanning->topics[scan->topic_count++] =
                (struct rt_log_scan_topic){.id = id};
        }
    }
    return rt_log_scan(&scanning->scanner, scan);
}

static inline void scanning_release(struct scanning *scanning)
{
    rt_segment_unref(&scanning->keeper.store, scanning->scan.segment);
}

/* One event that was found is what was published. */
static inline void scanning_look(const struct scanning *scanning, uint32_t i)
{
    char text[8];
    const struct rt_log_scan *scan = &scanning->scan;
    const struct rt_log_scan_event *event = &scan->events[i];
    uint64_t offset = scanning->offsets[event->sequence];
    const struct rt_entry *entry =
        rt_segment_entry(scan->segment, event->index);
    EXPECT_INT(scan->topics[event->topic].id,
               scanning->owners[event->sequence]);
    EXPECT_INT(event->offset, offset);
    EXPECT_INT(entry->sequence, event->sequence);
    (void)snprintf(text, sizeof(text), "%06u.", (unsigned)offset);
    EXPECT(memcmp(scan->segment->bytes + entry->start, text, 7) == 0);
    EXPECT_TEXT(rt_segment_type(scan->segment, entry), "type");
}

/* Whether a number is an event of a mask's topics. */
static inline bool
scanning_wants(const struct scanning *scanning, uint32_t mask, uint64_t number)
{
    uint64_t owner = scanning->owners[number];
    return owner > 0 && (mask >> owner & 1) != 0;
}

/* One scan, which finds just what there is up to where it ended; returns that.
 */
static inline uint64_t
scanning_step(struct scanning *scanning, uint32_t mask, uint64_t first)
{
    uint32_t found = 0;
    const struct rt_log_scan *scan = &scanning->scan;
    EXPECT_INT(scanning_try(scanning, mask, first), 0);
    EXPECT(scan->end > first && scan->end <= scan->until);
    for (uint64_t number = first; number < scan->end; number++) {
        if (scanning_wants(scanning, mask, number)) {
            EXPECT(found < scan->event_count);
            EXPECT_INT(scan->events[found].sequence, number);
            scanning_look(scanning, found);
            found++;
        }
    }
    EXPECT_INT(found, scan->event_count);
    scanning_release(scanning);
    return scan->end;
}

/* Scans to the end; returns how many scans that took. */
static inline uint64_t
scanning_all(struct scanning *scanning, uint32_t mask, uint64_t first)
{
    uint64_t scans = 0;
    while (first <= scanning->keeper.sequence) {
        first = scanning_step(scanning, mask, first);
        scans++;
    }
    return scans;
}

#endif
