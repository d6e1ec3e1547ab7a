#include "storage/log/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "storage/log/index.h"
#include "storage/log/state.h"

void rt_log_scanner_init(struct rt_log_scanner *scanner,
                         struct rt_log *log,
                         struct rt_store *store)
{
    *scanner = (struct rt_log_scanner){.log = log, .store = store};
    rt_log_window_init(&scanner->window, log->options.disk, store->heap,
                       RT_LOG_WINDOW_NARROW);
    rt_log_walk_init(&scanner->walk, &scanner->window, log->options.identity,
                     0);
}

void rt_log_scanner_finish(struct rt_log_scanner *scanner)
{
    if (scanner == NULL || scanner->log == NULL) {
        return;
    }
    rt_log_walk_leave(&scanner->walk);
    rt_log_window_finish(&scanner->window);
    *scanner = (struct rt_log_scanner){0};
}

/* --- where to begin --- */

/* The first place of any topic that has something wanted, and the end of its
 * segment. */
struct spot {
    uint64_t segment; /* 0: there is none */
    uint64_t position;
    uint64_t sequence; /* of the place's last event */
    uint64_t end;
};

/* The first place that ends at or behind a number and a time. */
static const struct rt_log_place *place_from(const struct rt_log_shelf *shelf,
                                             uint64_t sequence,
                                             uint64_t wall_ms)
{
    uint32_t low = 0;
    uint32_t high = shelf->place_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct rt_log_span *span = &shelf->places[middle].span;
        if (span->sequence < sequence || span->wall_ms < wall_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < shelf->place_count ? &shelf->places[low] : NULL;
}

static bool is_before(const struct rt_log_place *place, const struct spot *spot)
{
    return spot->segment == 0 || place->segment < spot->segment ||
           (place->segment == spot->segment &&
            place->span.position < spot->position);
}

/* Under the lock. */
static void look_at(const struct rt_log_index *index,
                    const struct rt_log_scan *scan,
                    uint64_t id,
                    struct spot *spot)
{
    const struct rt_log_shelf *shelf = rt_log_index_shelf(index, id);
    uint64_t wall_ms = scan->event_count > 0 ? 0 : scan->wall_ms;
    const struct rt_log_place *place =
        shelf == NULL ? NULL : place_from(shelf, scan->end, wall_ms);
    if (place != NULL && is_before(place, spot)) {
        const struct rt_log_volume *volume =
            rt_log_index_volume(index, place->segment);
        *spot = (struct spot){.segment = place->segment,
                              .position = place->span.position,
                              .sequence = place->span.sequence,
                              .end = volume->end};
    }
}

/* For one topic after the other: nobody waits for the lock long. */
static struct spot find_spot(const struct rt_log_scanner *scanner,
                             const struct rt_log_scan *scan)
{
    struct rt_log_index *index = &scanner->log->index;
    struct spot spot = {0};
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        rt_log_index_lock(index);
        look_at(index, scan, scan->topics[i].id, &spot);
        rt_log_index_unlock(index);
    }
    return spot;
}

/* --- from batch to batch --- */

/* Whether nothing wanted is before the mark. What is before the spot of some
 * topics may be of others, with any number; and so may what is damaged there.
 */
static bool goes_on(const struct rt_log_scan_mark *mark,
                    const struct rt_log_scan *scan,
                    const struct spot *spot)
{
    return mark->segment == spot->segment &&
           ((mark->position == spot->position && !mark->is_behind_damage) ||
            (mark->position > spot->position && mark->next <= scan->end));
}

/* The place of the mark that goes on farthest; RT_LOG_SCAN_MARKS: none does. */
static uint32_t find_mark(const struct rt_log_scanner *scanner,
                          const struct rt_log_scan *scan,
                          const struct spot *spot)
{
    const struct rt_log_scan_mark *marks = scanner->marks;
    uint32_t found = RT_LOG_SCAN_MARKS;
    for (uint32_t i = 0; i < RT_LOG_SCAN_MARKS; i++) {
        if (goes_on(&marks[i], scan, spot) &&
            (found == RT_LOG_SCAN_MARKS ||
             marks[i].position > marks[found].position)) {
            found = i;
        }
    }
    return found;
}

/* Puts that mark first, or one at the spot in place of the last. */
static void take_mark(struct rt_log_scanner *scanner,
                      const struct rt_log_scan *scan,
                      const struct spot *spot)
{
    struct rt_log_scan_mark *marks = scanner->marks;
    uint32_t place = find_mark(scanner, scan, spot);
    struct rt_log_scan_mark mark = {.segment = spot->segment,
                                    .position = spot->position,
                                    .next = UINT64_MAX};
    if (place < RT_LOG_SCAN_MARKS) {
        mark = marks[place];
    } else {
        place = RT_LOG_SCAN_MARKS - 1;
    }
    memmove(&marks[1], &marks[0], place * sizeof(mark));
    marks[0] = mark;
}

/* Goes to the spot, or farther on, to where a scan ended. */
static int enter(struct rt_log_scanner *scanner,
                 const struct rt_log_scan *scan,
                 const struct spot *spot)
{
    int err = rt_log_walk_enter(&scanner->walk, spot->segment, spot->end);
    if (err == 0) {
        take_mark(scanner, scan, spot);
    }
    return err;
}

static bool is_over(const struct rt_log_scanner *scanner,
                    const struct rt_log_scan *scan)
{
    return scan->end >= scan->until || scanner->walked >= RT_LOG_SCAN_BYTES;
}

/* The batch that the walk is at. What came before it without being found there
 * is damaged, also for others who go on from the mark before the batch was
 * taken. One that is passed over on the way to the first number does not count:
 * who begins at the spot again, each time, would never come there. */
static int scan_batch(struct rt_log_scanner *scanner, struct rt_log_scan *scan)
{
    const struct rt_log_walk *walk = &scanner->walk;
    struct rt_log_scan_mark *mark = &scanner->marks[0];
    if (walk->position > mark->position) {
        mark->position = walk->position;
        mark->is_behind_damage = true;
    }
    if (mark->is_behind_damage) {
        scan->damaged = walk->batch.sequence;
    }
    uint64_t wanted = scan->end;
    int err = rt_log_scan_batch(scanner, scan);
    if (err == 0 && scan->end > walk->batch.sequence) {
        mark->position = rt_log_walk_end(walk);
        mark->next = walk->batch.sequence + 1;
        mark->is_behind_damage = false;
        scanner->walked += scan->end > wanted ? walk->batch.length : 0;
    }
    return err;
}

/* What a place promised, and is not there, is damaged. */
static void miss(struct rt_log_scan *scan, const struct spot *spot)
{
    if (scan->end <= spot->sequence) {
        scan->end = spot->sequence + 1;
        scan->damaged = spot->sequence;
    }
}

static int scan_segment(struct rt_log_scanner *scanner,
                        struct rt_log_scan *scan,
                        const struct spot *spot)
{
    int err = enter(scanner, scan, spot);
    const struct rt_log_scan_mark *mark = &scanner->marks[0];
    int found =
        err < 0 ? err : rt_log_walk_seek(&scanner->walk, mark->position);
    while (found > 0) {
        err = scan_batch(scanner, scan);
        if (err < 0 || is_over(scanner, scan)) {
            return err;
        }
        found = rt_log_walk_seek(&scanner->walk, mark->position);
    }
    if (found == 0) {
        miss(scan, spot);
    }
    return found;
}

static int scan_some(struct rt_log_scanner *scanner, struct rt_log_scan *scan)
{
    struct spot spot = find_spot(scanner, scan);
    if (spot.segment == 0) {
        scan->end = scan->until;
        return 0;
    }
    int err = scan_segment(scanner, scan, &spot);
    return err == RT_ENOENT ? 0 : err; /* retention was faster: look again */
}

/* --- what does not count any more --- */

/* Under the lock. What the log has lost behind what is looked for, since that
 * was said to be on disk, is told when it is looked for. */
static void settle_topic(const struct rt_log_index *index,
                         const struct rt_log_scan *scan,
                         struct rt_log_scan_topic *topic)
{
    const struct rt_log_shelf *shelf = rt_log_index_shelf(index, topic->id);
    topic->lost = 0;
    topic->floor = UINT64_MAX;
    if (shelf != NULL) {
        bool is_missed = shelf->loss.sequence >= scan->first &&
                         shelf->loss.wall_ms >= scan->wall_ms;
        uint64_t last = scan->until - 1;
        uint64_t lost = shelf->loss.sequence;
        topic->lost = !is_missed ? 0 : lost < last ? lost : last;
        topic->floor = rt_log_shelf_earliest(shelf);
    }
}

/* What was lost is asked at the end: so it is told of all that was not found.
 */
static void settle_topics(struct rt_log_scanner *scanner,
                          struct rt_log_scan *scan)
{
    struct rt_log_index *index = &scanner->log->index;
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        rt_log_index_lock(index);
        settle_topic(index, scan, &scan->topics[i]);
        rt_log_index_unlock(index);
    }
}

static void drop_lost(struct rt_log_scan *scan)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scan->event_count; i++) {
        struct rt_log_scan_event event = scan->events[i];
        if (event.offset >= scan->topics[event.topic].floor) {
            scan->events[kept++] = event;
        }
    }
    scan->event_count = kept;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = ((const struct rt_log_scan_topic *)a)->id;
    uint64_t right = ((const struct rt_log_scan_topic *)b)->id;
    return left < right ? -1 : left > right;
}

static void begin(struct rt_log_scanner *scanner, struct rt_log_scan *scan)
{
    RT_CHECK(scan->first < scan->until && scan->segment->event_count == 0);
    scan->end = scan->first;
    scan->event_count = 0;
    scan->needed = 0;
    scan->damaged = 0;
    qsort(scan->topics, scan->topic_count, sizeof(*scan->topics), by_id);
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        scan->topics[i].damaged = 0;
    }
    scanner->walked = 0;
}

int rt_log_scan(struct rt_log_scanner *scanner, struct rt_log_scan *scan)
{
    int err = 0;
    begin(scanner, scan);
    while (err == 0 && !is_over(scanner, scan)) {
        err = scan_some(scanner, scan);
    }
    if (err < 0 && scan->end == scan->first) {
        return err;
    }
    settle_topics(scanner, scan);
    drop_lost(scan);
    return 0;
}
