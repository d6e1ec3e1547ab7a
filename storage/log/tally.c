#include "storage/log/tally.h"

#include <string.h>

#include "base/error.h"
#include "storage/log/format.h"
#include "storage/log/log.h"

#define TOPICS_FIRST ((size_t)64)

void rt_log_tally_init(struct rt_log_tally *tally, struct rt_heap *heap)
{
    *tally = (struct rt_log_tally){.heap = heap};
}

static void drop_name(struct rt_log_tally *tally,
                      struct rt_log_tally_topic *topic)
{
    rt_heap_free(tally->heap, topic->name, topic->report.name.len);
    topic->name = NULL;
}

void rt_log_tally_finish(struct rt_log_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        drop_name(tally, &tally->topics[i]);
    }
    rt_heap_free(tally->heap, tally->topics,
                 tally->capacity * sizeof(*tally->topics));
    rt_log_tally_init(tally, tally->heap);
}

/* --- the topics --- */

/* Where the topic of that number is, or would be. */
static size_t place_of(const struct rt_log_tally *tally, uint64_t topic)
{
    size_t low = 0;
    size_t high = tally->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tally->topics[middle].report.topic < topic) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int reserve(struct rt_log_tally *tally)
{
    if (tally->count < tally->capacity) {
        return 0;
    }
    size_t size = sizeof(*tally->topics);
    size_t more = tally->capacity == 0 ? TOPICS_FIRST : tally->capacity * 2;
    struct rt_log_tally_topic *topics = rt_heap_resize(
        tally->heap, tally->topics, tally->capacity * size, more * size);
    if (topics == NULL) {
        return RT_ENOMEM;
    }
    tally->topics = topics;
    tally->capacity = more;
    return 0;
}

/* The topic of that number, a new one if it is not there; NULL without memory.
 * Its `next_offset` is 0 then, which tells that nothing is known. */
static struct rt_log_tally_topic *topic_at(struct rt_log_tally *tally,
                                           uint64_t topic)
{
    size_t place = place_of(tally, topic);
    struct rt_log_tally_topic *at = tally->topics + place;
    if (place < tally->count && at->report.topic == topic) {
        return at;
    }
    if (reserve(tally) < 0) {
        return NULL;
    }
    at = tally->topics + place;
    memmove(at + 1, at, (tally->count - place) * sizeof(*at));
    *at = (struct rt_log_tally_topic){.report = {.topic = topic}};
    tally->count++;
    return at;
}

static int keep_name(struct rt_log_tally *tally,
                     struct rt_log_tally_topic *topic,
                     struct rt_bytes name)
{
    if (topic->name != NULL || name.len == 0) {
        return 0;
    }
    topic->name = rt_heap_alloc(tally->heap, name.len);
    if (topic->name == NULL) {
        return RT_ENOMEM;
    }
    memcpy(topic->name, name.data, name.len);
    topic->report.name = (struct rt_bytes){topic->name, name.len};
    return 0;
}

/* --- what parts tell --- */

static void lose(struct rt_log_topic_report *report, uint64_t count)
{
    report->is_damaged = true;
    report->lost_count += count;
}

static bool is_known(const struct rt_log_tally_topic *topic)
{
    return topic->report.next_offset > 0;
}

static void count_events(struct rt_log_tally_topic *topic,
                         const struct rt_log_part_head *part,
                         bool is_sound)
{
    struct rt_log_topic_report *report = &topic->report;
    if (is_known(topic) && part->offset > report->next_offset) {
        lose(report, part->offset - report->next_offset);
    }
    if (is_sound && report->event_count == 0) {
        report->first_offset = part->offset;
    }
    report->event_count += is_sound ? part->count : 0;
    if (!is_sound) {
        lose(report, part->count);
    }
    report->next_offset = part->offset + part->count;
    report->is_damaged = report->is_damaged || topic->name == NULL;
    topic->end = report->next_offset;
    topic->is_in_doubt = false;
}

/* All events before the topic's next one do not count any more, whatever became
 * of them. */
static void forget(struct rt_log_tally_topic *topic)
{
    struct rt_log_topic_report *report = &topic->report;
    topic->is_in_doubt = false;
    *report = (struct rt_log_topic_report){.topic = report->topic,
                                           .name = report->name};
}

/* The topic is described behind its last event: it may skip offsets, if nothing
 * is missing before. */
static void describe(struct rt_log_tally_topic *topic,
                     const struct rt_log_topic *description)
{
    struct rt_log_topic_report *report = &topic->report;
    if (description->floor >= description->next_offset) {
        forget(topic);
    } else if (is_known(topic) &&
               description->next_offset != report->next_offset) {
        report->is_damaged = report->is_damaged || topic->is_in_doubt;
    }
    topic->end = is_known(topic) ? topic->end : description->next_offset;
    report->next_offset = description->next_offset;
}

/* A snapshot knows where the topic's last event is. */
static void compare(struct rt_log_tally_topic *topic,
                    const struct rt_log_topic *description,
                    const struct rt_log_topic_head *head)
{
    struct rt_log_topic_report *report = &topic->report;
    bool is_missed = is_known(topic) && head->end > topic->end;
    if (is_missed && head->end > description->floor) {
        lose(report, head->end - topic->end);
    }
    if ((head->flags & RT_LOG_TOPIC_FLAG_DAMAGED) != 0) {
        report->is_damaged = true;
    }
    topic->end = head->end;
    topic->is_in_doubt = false;
    report->next_offset = description->next_offset;
}

static int count_topic(struct rt_log_tally *tally,
                       struct rt_log_tally_topic *topic,
                       const struct rt_log_walk *walk,
                       struct rt_bytes body)
{
    struct rt_log_topic description;
    struct rt_log_topic_head head;
    int err = rt_log_walk_topic(walk, body, &description, &head);
    if (err < 0) {
        topic->report.is_damaged = true;
        return 0;
    }
    if ((walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0) {
        compare(topic, &description, &head);
    } else {
        describe(topic, &description);
    }
    return keep_name(tally, topic, description.name);
}

/* A snapshot says of a topic what is known of it already. */
static bool is_told_again(const struct rt_log_tally_topic *topic,
                          const struct rt_log_walk *walk)
{
    return (walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0 &&
           topic->name != NULL && !topic->is_in_doubt;
}

static int count_part(struct rt_log_tally *tally,
                      struct rt_log_tally_topic *topic,
                      const struct rt_log_walk *walk,
                      const struct rt_bytes *body)
{
    switch (walk->part.kind) {
    case RT_LOG_EVENTS:
        count_events(topic, &walk->part, body != NULL);
        return 0;
    case RT_LOG_REMOVED:
        topic->is_removed = true;
        return 0;
    default:
        if (body != NULL) {
            return count_topic(tally, topic, walk, *body);
        }
        topic->report.is_damaged =
            topic->report.is_damaged || !is_told_again(topic, walk);
        return 0;
    }
}

int rt_log_tally_part(struct rt_log_tally *tally,
                      const struct rt_log_walk *walk,
                      const struct rt_bytes *body)
{
    if (walk->part.topic == 0) {
        return 0;
    }
    struct rt_log_tally_topic *topic = topic_at(tally, walk->part.topic);
    return topic == NULL ? RT_ENOMEM : count_part(tally, topic, walk, body);
}

void rt_log_tally_hole(struct rt_log_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        tally->topics[i].is_in_doubt = true;
    }
}

/* Of events that check, but whose topic nobody can name, none is left. */
static void lose_nameless(struct rt_log_topic_report *report)
{
    uint64_t count = report->event_count;
    if (report->name.len == 0 && count > 0) {
        report->event_count = 0;
        lose(report, count);
    }
}

void rt_log_tally_settle(struct rt_log_tally *tally)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->count; i++) {
        struct rt_log_tally_topic *topic = &tally->topics[i];
        if (topic->is_removed) {
            drop_name(tally, topic);
            continue;
        }
        struct rt_log_topic_report *report = &topic->report;
        report->is_damaged = report->is_damaged || topic->is_in_doubt;
        lose_nameless(report);
        if (report->event_count == 0) {
            report->first_offset = report->next_offset;
        }
        tally->topics[count++] = *topic;
    }
    tally->count = count;
}
