/* What a scan takes from one batch. */
#include <stdlib.h>

#include "base/error.h"
#include "storage/log/gather.h"
#include "storage/log/scan.h"

/* What is looked at together: all numbers from `first` to before `limit`; and
 * what is done with each, as long as that returns 0. */
struct taking {
    struct rt_log_scanner *scanner;
    struct rt_log_scan *scan;
    struct rt_log_gather gather;
    uint32_t topic; /* of the part */
    uint64_t first;
    uint64_t limit;
    int (*visit)(struct taking *taking,
                 uint32_t index,
                 const struct rt_entry *entry);
    uint64_t found; /* the least number of those that are late enough */
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

/* --- what is done with an event --- */

static int
put(struct taking *taking, uint32_t index, const struct rt_entry *entry)
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
            .sequence = entry->sequence,
            .offset = taking->gather.events.offset + index,
            .topic = taking->topic,
            .index = place};
    }
    return err;
}

static int compare_time(struct taking *taking,
                        uint32_t index,
                        const struct rt_entry *entry)
{
    (void)index;
    if (entry->wall_ms >= taking->scan->wall_ms &&
        entry->sequence < taking->found) {
        taking->found = entry->sequence;
    }
    return 0;
}

/* --- which events there are --- */

/* One event, if its number is wanted: 1, or 0 behind those that are. */
static int visit_event(struct taking *taking, uint32_t index)
{
    struct rt_log_event event;
    int err = rt_log_gather_get(&taking->gather, index, &event);
    if (err < 0) {
        return err;
    }
    if (event.entry.sequence >= taking->limit) {
        return 0;
    }
    if (event.entry.sequence >= taking->first) {
        err = taking->visit(taking, index, &event.entry);
    }
    return err < 0 ? err : 1;
}

/* What the disk has lost of a part may be anything that the batch had. */
static int visit_part(struct taking *taking)
{
    struct rt_log_walk *walk = &taking->scanner->walk;
    int more = rt_log_gather_begin(&taking->gather);
    if (more == 0) {
        more = 1;
    }
    for (uint32_t i = 0; more > 0 && i < taking->gather.events.count; i++) {
        more = visit_event(taking, i);
    }
    if (more == RT_EDAMAGED) {
        taking->scan->topics[taking->topic].damaged = walk->batch.sequence;
        return 0;
    }
    return more < 0 ? more : 0;
}

static int visit_parts(struct taking *taking)
{
    struct rt_log_walk *walk = &taking->scanner->walk;
    const struct rt_log_scan *scan = taking->scan;
    int err = rt_log_walk_to(walk, walk->position); /* before its first part */
    int more = err < 0 ? err : rt_log_walk_next(walk);
    while (more > 0) {
        taking->topic = find_topic(scan, walk->part.topic);
        bool is_wanted = walk->part.kind == RT_LOG_EVENTS &&
                         taking->topic < scan->topic_count;
        err = is_wanted ? visit_part(taking) : 0;
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

/* Leaves out what comes before the first event that was stamped at the scan's
 * time or later; all if none was. Stamps follow one another in a topic, but not
 * from one to the other. */
static int skip_early(struct taking *taking)
{
    taking->visit = compare_time;
    taking->found = taking->limit;
    int err = visit_parts(taking);
    taking->first = taking->found;
    return err;
}

/* All or nothing. Parts are in the order of topics, not of numbers. */
static int put_all(struct taking *taking)
{
    struct rt_log_scan *scan = taking->scan;
    uint32_t used = scan->segment->used;
    uint32_t count = scan->event_count;
    taking->visit = put;
    int err = visit_parts(taking);
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

static int
take(struct rt_log_scanner *scanner, struct rt_log_scan *scan, uint64_t limit)
{
    struct taking taking = {
        .scanner = scanner,
        .scan = scan,
        .gather = {.walk = &scanner->walk, .store = scanner->store},
        .first = scan->end,
        .limit = limit};
    int err = 0;
    if (scan->wall_ms > 0 && scan->event_count == 0) {
        err = skip_early(&taking);
    }
    return err == 0 && taking.first < limit ? put_all(&taking) : err;
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
    struct rt_log_scan_mark *mark = &scanner->marks[0];
    if (mark->width > 0 && mark->width < width) {
        width = mark->width;
    }
    int err = take(scanner, scan, scan->end + width);
    while (err == RT_ERANGE && scan->event_count == 0 && width > 1) {
        width /= 2;
        err = take(scanner, scan, scan->end + width);
    }
    if (err == 0) {
        scan->end += width;
        mark->width = scan->end < end ? 2 * width : 0;
    }
    return err;
}
