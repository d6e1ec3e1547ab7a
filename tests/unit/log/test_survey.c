#include "storage/log/survey.h"

#include "tests/unit/log/checker.h"
#include "tests/unit/log/damaging.h"

#define SEGMENT_BYTES ((uint64_t)4096)
#define EVENTS        8 /* of a batch */
#define EVENT_BYTES   100
#define BATCHES       12

static struct keeper keeper;
static struct checker checker;

/* Several segments of one topic, of which the last is not sealed. */
static void make_log(void)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < BATCHES; i++) {
        keeper_publish(&keeper, 1, EVENTS, EVENT_BYTES);
    }
}

static void check(void)
{
    keeper_close(&keeper);
    checker_run(&checker, &keeper);
}

static const struct rt_log_segment_report *report_of(uint64_t number)
{
    for (size_t i = 0; i < checker.segment_count; i++) {
        if (checker.segments[i].number == number) {
            return &checker.segments[i];
        }
    }
    test_fail(__FILE__, __LINE__, "segment %d is not told", (int)number);
}

static size_t count_damaged(void)
{
    size_t count = 0;
    for (size_t i = 0; i < checker.segment_count; i++) {
        count += checker.segments[i].finding != RT_LOG_SOUND;
    }
    return count;
}

/* Damages a byte of a log that is made anew, and expects that this segment
 * alone is found damaged, there. */
static void
expect_damage_at(uint64_t segment, uint32_t batch, uint64_t byte, uint64_t at)
{
    make_log();
    uint64_t begin = keeper_batch(&keeper, segment, batch);
    keeper_close(&keeper);
    keeper_flip(&keeper, segment, begin + byte);
    checker_run(&checker, &keeper);
    EXPECT_INT(count_damaged(), 1);
    EXPECT_INT(report_of(segment)->finding, RT_LOG_DAMAGED);
    EXPECT_INT(report_of(segment)->damage, begin + at);
    keeper_finish(&keeper);
}

TEST("an empty directory is a log without segments")
{
    keeper_init(&keeper);
    checker_run(&checker, &keeper);
    EXPECT_INT(checker.segment_count, 0);
    keeper_finish(&keeper);
}

TEST("each segment of a sound log is told, with what it has")
{
    make_log();
    check();
    uint64_t events = 0;
    EXPECT(checker.segment_count > 3);
    for (size_t i = 0; i < checker.segment_count; i++) {
        const struct rt_log_segment_report *report = &checker.segments[i];
        EXPECT_INT(report->finding, RT_LOG_SOUND);
        EXPECT_INT(report->number, i + 1);
        EXPECT_INT(report->count, 1);
        EXPECT_INT(report->bytes, keeper_image(&keeper, i + 1)->len);
        EXPECT(report->batch_count > 1);
        events += report->event_count;
    }
    EXPECT_INT(events, EVENTS * BATCHES);
    keeper_finish(&keeper);
}

TEST("a body that does not check is damage where it is")
{
    expect_damage_at(2, 1, 200, 128);
}

TEST("a batch whose head does not check is damage where it is")
{
    expect_damage_at(2, 1, 20, 0);
    expect_damage_at(2, 1, 70, 0);
}

TEST("a snapshot that does not check is damage where it is")
{
    expect_damage_at(2, 0, 20, 0);
}

TEST("the last batch of a sealed segment is missed")
{
    make_log();
    uint64_t last = keeper_batch(&keeper, 2, 3);
    keeper_close(&keeper);
    keeper_flip(&keeper, 2, last + 4);
    checker_run(&checker, &keeper);
    EXPECT_INT(count_damaged(), 1);
    EXPECT_INT(report_of(2)->finding, RT_LOG_DAMAGED);
    EXPECT_INT(report_of(2)->torn_bytes, 0);
    keeper_unseal(&keeper, 2); /* and 3 and 4 are behind it */
    checker_run(&checker, &keeper);
    EXPECT_INT(report_of(2)->finding, RT_LOG_DAMAGED);
    EXPECT_INT(report_of(2)->torn_bytes, 0);
    keeper_finish(&keeper);
}

TEST("heads, indexes and trailers of segments are looked at")
{
    make_log();
    keeper_close(&keeper);
    uint64_t size = keeper_image(&keeper, 2)->len;
    const uint64_t places[] = {3, 20, 40, size - 64, size - 10, size - 80};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(places); i++) {
        keeper_flip(&keeper, 2, places[i]);
        checker_run(&checker, &keeper);
        EXPECT_INT(count_damaged(), 1);
        EXPECT_INT(report_of(2)->finding, RT_LOG_DAMAGED);
        keeper_flip(&keeper, 2, places[i]);
    }
    keeper_finish(&keeper);
}

/* A trailer that says something else, and checks. */
static void forge_trailer(uint64_t segment, size_t place)
{
    struct rt_log_trailer trailer;
    const struct fake_image *image = keeper_image(&keeper, segment);
    char *at = image->bytes + image->len - sizeof(trailer);
    at[place]++;
    memcpy(&trailer, at, sizeof(trailer));
    rt_log_trailer_sign(&trailer);
    memcpy(at, &trailer, sizeof(trailer));
}

TEST("a trailer of another log, segment or history is noticed")
{
    static const size_t places[] = {offsetof(struct rt_log_trailer, log),
                                    offsetof(struct rt_log_trailer, number),
                                    offsetof(struct rt_log_trailer, chain)};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(places); i++) {
        make_log();
        keeper_close(&keeper);
        forge_trailer(2, places[i]);
        checker_run(&checker, &keeper);
        EXPECT_INT(count_damaged(), 1);
        EXPECT_INT(report_of(2)->finding, RT_LOG_DAMAGED);
        keeper_finish(&keeper);
    }
}

TEST("so is a batch of another history, or with another number")
{
    static const size_t places[] = {offsetof(struct rt_log_batch_head, chain),
                                    offsetof(struct rt_log_batch_head, number)};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(places); i++) {
        make_log();
        uint64_t last = rt_log_usage(keeper.log).segment_count;
        uint64_t batch = keeper_last_batch(&keeper, last);
        keeper_close(&keeper);
        keeper_image(&keeper, last)->bytes[batch + places[i]] += 2;
        keeper_sign(&keeper, last, batch);
        checker_run(&checker, &keeper);
        EXPECT_INT(report_of(last)->finding, RT_LOG_DAMAGED);
        EXPECT_INT(report_of(last)->damage, batch);
        keeper_finish(&keeper);
    }
}

/* A log of three segments, of which the second has its trailer or not. */
static void make_three(bool is_sealed)
{
    keeper_begin_three(&keeper);
    if (!is_sealed) {
        keeper_unseal(&keeper, 2);
    }
}

static void expect_second(enum rt_log_finding finding)
{
    checker_run(&checker, &keeper);
    EXPECT_INT(report_of(2)->finding, finding);
    keeper_finish(&keeper);
}

TEST("a segment before the last one may be half sealed, but lacks no batch")
{
    make_three(false);
    expect_second(RT_LOG_TORN);
    make_three(false);
    keeper_flip(&keeper, 2, keeper_last_batch(&keeper, 2) + 20);
    expect_second(RT_LOG_DAMAGED);
    make_three(true);
    keeper_flip(&keeper, 2, keeper_last_batch(&keeper, 2) + 20);
    expect_second(RT_LOG_DAMAGED);
    EXPECT_INT(report_of(2)->torn_bytes, 0);
}

TEST("whether it does nobody knows without the last one's head")
{
    make_three(false);
    keeper_flip(&keeper, 3, 20);
    expect_second(RT_LOG_DAMAGED);
    make_three(true);
    forge_trailer(2, offsetof(struct rt_log_trailer, log));
    keeper_image(&keeper, 3)->len = 40;
    expect_second(RT_LOG_DAMAGED);
}

TEST("nor where the one behind it is missing")
{
    keeper_begin_three(&keeper);
    keeper_open(&keeper);
    keeper_fill(&keeper, 1, 4);
    keeper_close(&keeper);
    keeper_unseal(&keeper, 2);
    keeper_remove(&keeper, 3);
    expect_second(RT_LOG_DAMAGED);
}

TEST("an index of the one before the last is made anew, and of the last is not")
{
    make_three(true);
    uint64_t index = keeper_image(&keeper, 2)->len - 80;
    keeper_flip(&keeper, 2, index);
    expect_second(RT_LOG_TORN);
    make_three(true);
    keeper_flip(&keeper, 2, index);
    keeper_remove(&keeper, 3);
    expect_second(RT_LOG_DAMAGED);
}

TEST("a crash does not cut the last batch of a sealed segment short")
{
    make_three(true);
    keeper_flip(&keeper, 2, keeper_last_batch(&keeper, 2) + 200);
    keeper_remove(&keeper, 3);
    expect_second(RT_LOG_DAMAGED);
    EXPECT_INT(checker.found.lost_events, 10);
    EXPECT_INT(report_of(3)->finding, RT_LOG_MISSING);
    EXPECT_INT(report_of(3)->count, 1);
}

/* Of the last segment, which has a snapshot and four batches of topic 1, these
 * are lost; what is found out of topic 2, which had an event before it. */
static bool is_quiet_damaged(uint32_t first, uint32_t last)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "quiet");
    keeper_publish(&keeper, 2, 1, 100);
    keeper_fill(&keeper, 1, 2);
    for (int i = 0; i < 3; i++) {
        keeper_publish(&keeper, 1, 10, 500);
    }
    keeper_close(&keeper);
    for (uint32_t i = first; i <= last; i++) {
        keeper_flip(&keeper, 2, keeper_batch(&keeper, 2, i) + 20);
    }
    checker_run(&checker, &keeper);
    EXPECT_INT(report_of(2)->finding, RT_LOG_DAMAGED);
    keeper_finish(&keeper);
    return checker.topics[2].is_damaged;
}

TEST("a lost batch may have been any topic's, a lost snapshot was nobody's")
{
    EXPECT(!is_quiet_damaged(0, 0));
    EXPECT(is_quiet_damaged(0, 1));
    EXPECT(is_quiet_damaged(1, 1));
    EXPECT(is_quiet_damaged(2, 2));
}

TEST("segments that are missing are told")
{
    make_log();
    keeper_close(&keeper);
    keeper_remove(&keeper, 2);
    keeper_remove(&keeper, 3);
    checker_run(&checker, &keeper);
    EXPECT_INT(count_damaged(), 1);
    EXPECT_INT(report_of(2)->finding, RT_LOG_MISSING);
    EXPECT_INT(report_of(2)->count, 2);
    keeper_finish(&keeper);
}

TEST("segments that retention has removed are not missing")
{
    make_log();
    keeper_close(&keeper);
    keeper_remove(&keeper, 1);
    checker_run(&checker, &keeper);
    EXPECT_INT(count_damaged(), 0);
    EXPECT(rt_log_check_is_sound(&checker.found));
    keeper_finish(&keeper);
}

TEST("what a crash leaves of the last batch is no damage")
{
    for (uint64_t byte = 0; byte < 400; byte += 200) {
        make_log();
        keeper_publish(&keeper, 1, 1, 300);
        uint64_t last = rt_log_usage(keeper.log).segment_count;
        uint64_t begin = keeper_last_batch(&keeper, last);
        uint64_t end = keeper.log->tail.position;
        keeper_close(&keeper);
        keeper_flip(&keeper, last, begin + byte);
        checker_run(&checker, &keeper);
        EXPECT_INT(count_damaged(), 1);
        EXPECT_INT(report_of(last)->finding, RT_LOG_TORN);
        EXPECT(report_of(last)->torn_bytes > 0 &&
               report_of(last)->torn_bytes <= end - begin);
        EXPECT(rt_log_check_is_sound(&checker.found));
        keeper_finish(&keeper);
    }
}

TEST("a segment of another log is noticed")
{
    make_log();
    keeper_close(&keeper);
    struct fake_image *image = keeper_image(&keeper, 3);
    struct rt_log_segment_head head;
    memcpy(&head, image->bytes, sizeof(head));
    head.log++;
    rt_log_segment_head_sign(&head);
    memcpy(image->bytes, &head, sizeof(head));
    checker_run(&checker, &keeper);
    EXPECT_INT(report_of(3)->finding, RT_LOG_DAMAGED);
    EXPECT(report_of(3)->event_count > 0); /* they are ours */
    keeper_finish(&keeper);
}

TEST("a log of many bytes is told how far it is")
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = 3 * RT_LOG_PROGRESS_BYTES;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    for (int i = 0; i < 20; i++) {
        keeper_publish(&keeper, 1, 32, 60000);
    }
    check();
    EXPECT(checker.told >= RT_LOG_PROGRESS_BYTES);
    keeper_finish(&keeper);
}
