/* What a check says of the log of a keeper, which is not open. */
#ifndef TESTS_UNIT_LOG_CHECKER_H
#define TESTS_UNIT_LOG_CHECKER_H

#include "storage/log/check.h"
#include "tests/unit/log/keeper.h"

#define CHECKER_SEGMENTS 32

struct checker {
    struct rt_log_segment_report segments[CHECKER_SEGMENTS];
    size_t segment_count;
    struct rt_log_topic_report topics[KEEPER_TOPICS];
    char names[KEEPER_TOPICS][64];
    uint64_t told; /* how far progress was told */
    struct rt_log_check_found found;
};

static inline void check_segment(void *context,
                                 const struct rt_log_segment_report *report)
{
    struct checker *checker = context;
    EXPECT(checker->segment_count < CHECKER_SEGMENTS);
    checker->segments[checker->segment_count++] = *report;
}

static inline void check_topic(void *context,
                               const struct rt_log_topic_report *report)
{
    struct checker *checker = context;
    EXPECT(report->topic > 0 && report->topic < KEEPER_TOPICS);
    checker->topics[report->topic] = *report;
    if (report->name.len > 0) {
        kept_text(checker->names[report->topic], sizeof(checker->names[0]),
                  report->name);
    }
}

static inline void check_progress(void *context, uint64_t done, uint64_t all)
{
    struct checker *checker = context;
    EXPECT(done > checker->told && done <= all);
    checker->told = done;
}

static inline int checker_try(struct checker *checker, struct keeper *keeper)
{
    struct rt_log_check_visitor visitor = {.context = checker,
                                           .segment = check_segment,
                                           .topic = check_topic,
                                           .progress = check_progress};
    memset(checker, 0, sizeof(*checker));
    struct rt_log_tally tally;
    rt_log_tally_init(&tally, &keeper->heap.heap);
    int err =
        rt_log_check(&keeper->disk.disk, &tally, &visitor, &checker->found);
    rt_log_tally_finish(&tally);
    EXPECT_INT(keeper->heap.heap.used, 0);
    return err;
}

static inline void checker_run(struct checker *checker, struct keeper *keeper)
{
    EXPECT_INT(checker_try(checker, keeper), 0);
}

#endif
