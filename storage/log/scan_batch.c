/* What a scan takes from one batch. */
#include <stdlib.h>

#include "base/error.h"
#include "storage/log/gather.h"
#include "storage/log/scan.h"

/* What is taken together: all numbers from the scan's end to before `limit`, as
 * long as there is room. */
struct taking {
    struct rt_log_scanner *scanner;
    struct rt_log_scan *scan;
    struct rt_log_gather gather;
    uint32_t topic; /* of the part */
    uint64_t limit;
    uint64_t wall_ms;
};

/* Its place among the topics; topic_count: it is none of them. */
static uint32_t find_topic(const struct rt_log_scan *scan, uint64_t id)
{
    uint32_t low = 0;
    uint32_t high = scan->topic_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (scan->topics[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < scan->topic_count && scan->topics[low].id == id;
    return is_there ? low : scan->topic_count;
}

static int put(struct taking *taking, uint32_t index, uint64_t sequence)
{
    struct rt_log_scan *scan = taking->scan;
    if (scan->event_count == scan->event_max) {
        return RT_ERANGE;
    }
    uint32_t place = scan->segment->event_count;
    int err =
        rt_log_gather_put(&taking->gather, index, scan->segment, &scan->needed);
    if (err == 0) {
        scan->events[scan->event_count++] = (struct rt_log_scan_event){
            .sequence = sequence,
            .offset = taking->gather.events.offset + index,
            .topic = taking->topic,
            .index = place};
    }
    return err;
}

/* One event, if its number is wanted: 1, or 0 behind those that are. */
static int take_event(struct taking *taking, uint32_t index)
{
    struct rt_log_event event;
    int err = rt_log_gather_get(&taking->gather, index, &event);
    if (err < 0) {
        return err;
    }
    uint64_t sequence = event.entry.sequence;
    if (sequence >= taking->limit) {
        return 0;
    }
    if (sequence >= taking->scan->end &&
        event.entry.wall_ms >= taking->wall_ms) {
        err = put(taking, index, sequence);
    }
    return err < 0 ? err : 1;
}

/* What the disk has lost of a part may be anything that the batch had. */
static int take_part(struct taking *taking)
{
    struct rt_log_walk *walk = &taking->scanner->walk;
    int more = rt_log_gather_begin(&taking->gather);
    if (more == 0) {
        more = 1;
    }
    for (uint32_t i = 0; more > 0 && i < taking->gather.events.count; i++) {
        more = take_event(taking, i);
    }
    if (more == RT_EDAMAGED) {
        taking->scan->topics[taking->topic].damaged = walk->batch.sequence;
        return 0;
    }
    return more < 0 ? more : 0;
}

static int take_parts(struct taking *taking)
{
    struct rt_log_walk *walk = &taking->scanner->walk;
    const struct rt_log_scan *scan = taking->scan;
    int err = rt_log_walk_to(walk, walk->position); /* before its first part */
    int more = err < 0 ? err : rt_log_walk_next(walk);
    while (more > 0) {
        taking->topic = find_topic(scan, walk->part.topic);
        bool is_wanted = walk->part.kind == RT_LOG_EVENTS &&
                         taking->topic < scan->topic_count;
        err = is_wanted ? take_part(taking) : 0;
        more = err < 0 ? err : rt_log_walk_next(walk);
    }
    return more;
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t left = ((const struct rt_log_scan_event *)a)->sequence;
    uint64_t right = ((const struct rt_log_scan_event *)b)->sequence;
    return left < right ? -1 : left > right;
}

/* All or nothing. Parts are in the order of topics, not of numbers. */
static int
take(struct rt_log_scanner *scanner, struct rt_log_scan *scan, uint64_t limit)
{
    uint32_t used = scan->segment->used;
    uint32_t count = scan->event_count;
    struct taking taking = {
        .scanner = scanner,
        .scan = scan,
        .gather = {.walk = &scanner->walk, .store = scanner->store},
        .limit = limit,
        .wall_ms = count > 0 ? 0 : scan->wall_ms};
    int err = take_parts(&taking);
    if (err < 0) {
        scan->segment->used = used;
        scan->segment->event_count = count;
        scan->event_count = count;
        return err;
    }
    qsort(scan->events + count, scan->event_count - count,
          sizeof(struct rt_log_scan_event), by_sequence);
    return 0;
}

/* A batch that has no room as a whole is taken in several scans: so many
 * numbers at a time as had room the last time, or twice as many. */
int rt_log_scan_batch(struct rt_log_scanner *scanner, struct rt_log_scan *scan)
{
    uint64_t last = scanner->walk.batch.sequence;
    uint64_t end = last < scan->until ? last + 1 : scan->until;
    if (end <= scan->end) {
        return 0;
    }
    uint64_t width = end - scan->end;
    if (scanner->width > 0 && scanner->width < width) {
        width = scanner->width;
    }
    int err = take(scanner, scan, scan->end + width);
    while (err == RT_ERANGE && scan->event_count == 0 && width > 1) {
        width /= 2;
        err = take(scanner, scan, scan->end + width);
    }
    if (err == 0) {
        scan->end += width;
        scanner->width = scan->end < end ? 2 * width : 0;
    }
    return err;
}
