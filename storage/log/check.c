#include "storage/log/check.h"

#include "storage/log/format.h"
#include "storage/log/log.h"

struct check {
    const struct rt_log_check_visitor *visitor;
    struct rt_log_check_found *found;
    struct rt_log_tally *tally;
};

static void note_damaged(struct check *check, uint64_t segment)
{
    struct rt_log_check_found *found = check->found;
    if (found->first_damaged == 0 || segment < found->first_damaged) {
        found->first_damaged = segment;
    }
}

/* A snapshot may know of damage in segments that have been removed since. */
static bool knows_damage(const struct rt_log_walk *walk,
                         const struct rt_bytes *body)
{
    struct rt_log_topic topic;
    struct rt_log_topic_head head;
    return walk->part.kind == RT_LOG_TOPIC && body != NULL &&
           rt_log_walk_topic(walk, *body, &topic, &head) == 0 &&
           (head.flags & RT_LOG_TOPIC_FLAG_DAMAGED) != 0;
}

static int count_part(void *context,
                      const struct rt_log_walk *walk,
                      const struct rt_bytes *body)
{
    struct check *check = context;
    if (knows_damage(walk, body)) {
        note_damaged(check, walk->segment);
    }
    return rt_log_tally_part(check->tally, walk, body);
}

static int note_hole(void *context)
{
    struct check *check = context;
    check->found->is_clean = false;
    rt_log_tally_hole(check->tally);
    return 0;
}

static int count_batch(void *context, const struct rt_log_walk *walk)
{
    struct rt_log_check_found *found = ((struct check *)context)->found;
    found->batch_count++;
    found->sequence = walk->batch.sequence;
    found->is_clean = (walk->batch.flags & RT_LOG_FLAG_END) != 0;
    return 0;
}

static int count_segment(void *context,
                         const struct rt_log_segment_report *report)
{
    struct check *check = context;
    struct rt_log_check_found *found = check->found;
    bool is_damaged =
        report->finding == RT_LOG_DAMAGED || report->finding == RT_LOG_MISSING;
    found->segment_count += report->finding == RT_LOG_MISSING ? 0 : 1;
    if (is_damaged) {
        found->damaged_segments += report->count;
        note_damaged(check, report->number);
    }
    found->bytes += report->bytes;
    found->torn_bytes += report->torn_bytes;
    if (check->visitor->segment != NULL) {
        check->visitor->segment(check->visitor->context, report);
    }
    return 0;
}

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    const struct check *check = context;
    if (check->visitor->progress != NULL) {
        check->visitor->progress(check->visitor->context, done, all);
    }
}

static void count_topics(struct check *check)
{
    struct rt_log_check_found *found = check->found;
    rt_log_tally_settle(check->tally);
    for (size_t i = 0; i < check->tally->count; i++) {
        const struct rt_log_topic_report *report =
            &check->tally->topics[i].report;
        found->topic_count++;
        found->event_count += report->event_count;
        found->lost_events += report->lost_count;
        found->damaged_topics += report->is_damaged;
        if (check->visitor->topic != NULL) {
            check->visitor->topic(check->visitor->context, report);
        }
    }
}

int rt_log_check(struct rt_disk *disk,
                 struct rt_log_tally *tally,
                 const struct rt_log_check_visitor *visitor,
                 struct rt_log_check_found *found)
{
    *found = (struct rt_log_check_found){0};
    struct check check = {.visitor = visitor, .found = found, .tally = tally};
    struct rt_log_survey_visitor survey = {.context = &check,
                                           .part = count_part,
                                           .hole = note_hole,
                                           .batch = count_batch,
                                           .segment = count_segment,
                                           .progress = tell_progress};
    int err = rt_log_survey(disk, tally->heap, 0, &survey);
    if (err == 0) {
        count_topics(&check);
    }
    return err;
}

bool rt_log_check_is_sound(const struct rt_log_check_found *found)
{
    return found->damaged_segments == 0 && found->damaged_topics == 0;
}
