#include "storage/log/repair.h"

#include "storage/log/overlay.h"
#include "storage/log/rewrite.h"
#include "tests/unit/log/checker.h"
#include "tests/unit/log/truth.h"

#define SEGMENT_BYTES ((uint64_t)4 * 1024)
#define SEEDS         150
#define CALLS_MAX     2000
#define DAMAGES_MAX   3
#define BATCHES       60
#define PUBLISHED     240 /* events of each topic */

static struct keeper keeper;
static struct keeper copy;
static struct checker before;
static struct checker after;

static void make_log(void)
{
    keeper_init(&keeper);
    keeper.options.segment_bytes = SEGMENT_BYTES;
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "sport");
    for (int i = 0; i < 60; i++) {
        keeper_publish(&keeper, 1 + (uint64_t)(i % 2), 8, 80);
    }
    keeper_close(&keeper);
    fake_disk_restart(&keeper.disk, FAKE_BYTES_ALL, FAKE_NAMES_ALL);
}

static int repair(struct keeper *mended)
{
    struct rt_log_check_found found;
    struct rt_log_check_visitor visitor = {.context = NULL};
    struct rt_log_repair_options options = {.disk = &mended->disk.disk,
                                            .heap = &mended->heap.heap,
                                            .segment_bytes = SEGMENT_BYTES,
                                            .identity = 5,
                                            .wall_ms = 1000};
    int err = rt_log_repair(&options, &visitor, &found);
    EXPECT_INT(mended->heap.heap.used, 0);
    return err;
}

/* Events of a topic, from its first one on: those that are there, each with the
 * bytes that it had. */
static void expect_readable(struct keeper *mended, uint64_t topic)
{
    int err = 0;
    uint64_t first = mended->topics[topic].earliest;
    uint64_t count = keeper_read(mended, topic, first, &err);
    EXPECT_INT(err, RT_EAGAIN);
    EXPECT(first + count <= mended->topics[topic].next_offset);
}

/* Nothing is damaged any more, all that was there is, and it goes on. */
static void expect_mended(struct keeper *mended)
{
    checker_run(&after, mended);
    EXPECT(rt_log_check_is_sound(&after.found));
    EXPECT_INT(after.found.event_count, before.found.event_count);
    EXPECT_INT(after.found.topic_count, before.found.topic_count);
    keeper_open(mended);
    EXPECT_INT(mended->found.damaged_topics, 0);
    EXPECT_INT(mended->found.damages, 0);
    for (uint64_t topic = 1; topic <= 2; topic++) {
        EXPECT_INT(after.topics[topic].event_count,
                   before.topics[topic].event_count);
        EXPECT(mended->next_offset[topic] >= before.topics[topic].next_offset);
        expect_readable(mended, topic);
        keeper_publish(mended, topic, 1, 80);
    }
    keeper_close(mended);
}

static void damage(struct test_random *random)
{
    uint32_t count = 1 + test_random_below(random, DAMAGES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        size_t segments = keeper.disk.now.count;
        uint64_t segment = 1 + test_random_below(random, (uint32_t)segments);
        size_t len = keeper_image(&keeper, segment)->len;
        keeper_flip(&keeper, segment, test_random_next(random) % len);
    }
}

TEST("a sound log is left alone")
{
    make_log();
    EXPECT_INT(repair(&keeper), 0);
    for (int i = 0; i < keeper.disk.file_count; i++) {
        EXPECT_INT(keeper.disk.files[i].change_count, 0);
    }
    checker_run(&before, &keeper);
    EXPECT_INT(before.found.event_count, 2 * PUBLISHED);
    expect_mended(&keeper);
    keeper_finish(&keeper);
}

TEST("a damaged log is mended, and has all that checks")
{
    struct test_random random = test_random_seed(3);
    for (int i = 0; i < SEEDS; i++) {
        make_log();
        damage(&random);
        checker_run(&before, &keeper);
        EXPECT_INT(repair(&keeper), 0);
        expect_mended(&keeper);
        keeper_finish(&keeper);
    }
}

TEST("a log whose last segment is empty, and had begun, is mended")
{
    make_log();
    keeper_open(&keeper);
    uint64_t next_offset[] = {0, keeper.next_offset[1], keeper.next_offset[2]};
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    uint64_t last = rt_log_usage(keeper.log).last_segment;
    keeper_close(&keeper);
    memset(keeper_image(&keeper, last)->bytes, 0,
           keeper_image(&keeper, last)->len);
    checker_run(&before, &keeper);
    EXPECT_INT(before.found.damaged_topics, 2);
    EXPECT_INT(before.found.first_damaged, last);
    EXPECT_INT(repair(&keeper), 0);
    expect_mended(&keeper);
    for (uint64_t topic = 1; topic <= 2; topic++) {
        EXPECT(keeper.next_offset[topic] > next_offset[topic]);
    }
    keeper_finish(&keeper);
}

TEST("a log of which segments are missing is mended")
{
    for (uint64_t missing = 2; missing <= 4; missing++) {
        make_log();
        keeper_remove(&keeper, missing);
        checker_run(&before, &keeper);
        EXPECT(before.found.lost_events > 0);
        EXPECT_INT(repair(&keeper), 0);
        expect_mended(&keeper);
        keeper_finish(&keeper);
    }
}

TEST("a topic that a start found damaged takes events again")
{
    make_log();
    uint64_t last = keeper.disk.now.count;
    keeper_open(&keeper);
    keeper_publish(&keeper, 1, 2, 80);
    keeper_publish(&keeper, 2, 2, 80);
    uint64_t batch = keeper_batch(&keeper, last, 1);
    keeper_close(&keeper);
    keeper_flip(&keeper, last, batch + 4);
    keeper_open(&keeper);
    EXPECT(keeper.found.damaged_topics > 0);
    EXPECT_INT(keeper.found.damages, 1);
    keeper_close(&keeper);
    checker_run(&before, &keeper);
    EXPECT_INT(repair(&keeper), 0);
    expect_mended(&keeper);
    keeper_finish(&keeper);
}

/* Forgets all events of a topic; returns where it goes on. */
static uint64_t purge(uint64_t topic, const char *name)
{
    struct rt_log_part part = topic_part(&keeper, topic, name);
    part.description.floor = part.description.next_offset;
    EXPECT_INT(keeper_append(&keeper, &part, 1), 0);
    return part.description.floor;
}

TEST("what was purged of a damaged topic does not come back")
{
    make_log();
    uint64_t last = keeper.disk.now.count;
    keeper_flip(&keeper, last, keeper_batch(&keeper, last, 1) + 128 + 30);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    uint64_t end =
        keeper.topics[1].is_damaged ? purge(1, "news") : purge(2, "sport");
    uint64_t topic = keeper.topics[1].is_damaged ? 1 : 2;
    EXPECT(end < keeper.next_offset[3 - topic]);
    keeper_close(&keeper);
    EXPECT_INT(repair(&keeper), 0);
    keeper_open(&keeper);
    EXPECT(!keeper.topics[topic].is_damaged);
    EXPECT_INT(keeper.topics[topic].event_count, 0);
    EXPECT_INT(keeper.topics[topic].earliest, keeper.topics[topic].next_offset);
    expect_readable(&keeper, 3 - topic);
    keeper_finish(&keeper);
}

/* Ends the log on purpose, as its node does. */
static void end_log(void)
{
    struct rt_log_part node = {.kind = RT_LOG_NODE,
                               .opaque = RT_BYTES("a node")};
    struct rt_log_batch batch = {.parts = &node,
                                 .part_count = 1,
                                 .sequence = keeper.sequence,
                                 .is_end = true};
    keeper_open(&keeper);
    EXPECT_INT(rt_log_append(keeper.log, &batch), 0);
    keeper_close(&keeper);
}

TEST("a log that was ended on purpose still is, and who lost events goes on")
{
    make_log();
    end_log();
    keeper_flip(&keeper, 2, keeper_batch(&keeper, 2, 1) + 200);
    checker_run(&before, &keeper);
    EXPECT(before.found.is_clean);
    EXPECT_INT(before.found.damaged_topics, 1);
    EXPECT_INT(repair(&keeper), 0);
    keeper_open(&keeper);
    EXPECT(keeper.found.is_clean);
    EXPECT_INT(keeper.found.sequence, before.found.sequence);
    for (uint64_t topic = 1; topic <= 2; topic++) {
        uint64_t skip =
            before.topics[topic].is_damaged ? RT_LOG_REWRITE_SKIP : 0;
        EXPECT_INT(keeper.topics[topic].next_offset,
                   before.topics[topic].next_offset + skip);
    }
    keeper_finish(&keeper);
}

TEST("the files that were damaged are kept")
{
    make_log();
    keeper_flip(&keeper, 2, 100);
    struct fake_image old = *keeper_image(&keeper, 2);
    EXPECT_INT(repair(&keeper), 0);
    char name[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(2, RT_LOG_DAMAGED, name);
    const struct fake_image *kept = fake_disk_image(&keeper.disk, name);
    EXPECT(kept != NULL && kept->bytes == old.bytes && kept->len == old.len);
    rt_log_overlay_name(1, RT_LOG_DAMAGED, name);
    EXPECT(fake_disk_image(&keeper.disk, name) == NULL);
    keeper_finish(&keeper);
}

TEST("files of a repair are not written over by the next one")
{
    make_log();
    keeper_flip(&keeper, 2, 100);
    EXPECT_INT(repair(&keeper), 0);
    keeper_flip(&keeper, 2, 100);
    EXPECT_INT(repair(&keeper), RT_EEXIST);
    checker_run(&after, &keeper);
    EXPECT(!rt_log_check_is_sound(&after.found));
    keeper_finish(&keeper);
}

/* --- logs of all kinds of batches --- */

/* Topics that begin, skip offsets, are purged and removed; keys; the node. */
static void make_full_log(uint64_t seed)
{
    int err = 0;
    struct truth_log log;
    struct test_random random = {seed};
    keeper_init(&keeper);
    truth_log_init(&log, &keeper.disk);
    log.segment_bytes = SEGMENT_BYTES;
    EXPECT(truth_log_open(&log, &err) == NULL);
    for (int i = 0; i < BATCHES; i++) {
        EXPECT_INT(truth_log_append(&log, &random), 0);
    }
    truth_log_close(&log);
    fake_disk_restart(&keeper.disk, FAKE_BYTES_ALL, FAKE_NAMES_ALL);
}

/* What a check counts, of topics of any number. */
static struct rt_log_check_found count(void)
{
    struct rt_log_tally tally;
    struct rt_log_check_found found;
    struct rt_log_check_visitor visitor = {.context = NULL};
    rt_log_tally_init(&tally, &keeper.heap.heap);
    EXPECT_INT(rt_log_check(&keeper.disk.disk, &tally, &visitor, &found), 0);
    rt_log_tally_finish(&tally);
    return found;
}

/* It opens without damage, and nothing that is told was never so. */
static void expect_truth(void)
{
    struct truth_log log;
    struct rt_log_found found;
    static struct truth_witness witness;
    truth_log_init(&log, &keeper.disk);
    log.segment_bytes = SEGMENT_BYTES;
    EXPECT_INT(truth_log_look(&log, &witness, &found), 0);
    EXPECT(witness.wrong == NULL);
    EXPECT_INT(found.damaged_topics + found.damages, 0);
    truth_log_close(&log);
}

TEST("a damaged log of all kinds of batches is mended")
{
    struct test_random random = test_random_seed(5);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        make_full_log(seed);
        damage(&random);
        struct rt_log_check_found found = count();
        EXPECT_INT(repair(&keeper), 0);
        struct rt_log_check_found mended = count();
        EXPECT(rt_log_check_is_sound(&mended));
        EXPECT(mended.event_count <= found.event_count);
        expect_truth();
        keeper_finish(&keeper);
    }
}

/* --- what interrupts it --- */

static void copy_keeper(void)
{
    keeper_init(&copy);
    copy.options.segment_bytes = SEGMENT_BYTES;
    fake_disk_copy(&copy.disk, &keeper.disk);
}

/* Whether a log that opens has all that it can: no start takes a part of a
 * repair for the log. */
static void expect_whole_or_closed(void)
{
    int err = keeper_try_open(&copy);
    bool is_damaged = err == 0 && copy.found.damaged_topics > 0;
    EXPECT(err == 0 || err == RT_EUNENDED);
    keeper_close(&copy);
    if (err == 0 && !is_damaged) {
        checker_run(&after, &copy);
        EXPECT_INT(after.found.event_count, before.found.event_count);
    }
}

static bool
crash_at(uint64_t call, enum fake_bytes bytes, enum fake_names names)
{
    copy_keeper();
    fake_disk_fault_at(&copy.disk, call, FAKE_CRASH);
    int err = repair(&copy);
    bool has_crashed = copy.disk.has_crashed;
    EXPECT_INT(err, has_crashed ? RT_EIO : 0);
    fake_disk_restart(&copy.disk, bytes, names);
    if (has_crashed) {
        expect_whole_or_closed();
        EXPECT_INT(repair(&copy), 0);
    }
    expect_mended(&copy);
    keeper_finish(&copy);
    return has_crashed;
}

TEST("a repair may be interrupted anywhere, and is ended by the next one")
{
    make_log();
    keeper_flip(&keeper, 3, 300);
    RT_CONTAINER(keeper_image(&keeper, 3), struct fake_file, now)
        ->safe.bytes[300] ^= 1;
    checker_run(&before, &keeper);
    EXPECT(!rt_log_check_is_sound(&before.found));
    for (int names = 0; names < FAKE_NAMES_COUNT; names++) {
        uint64_t call = 1;
        while (crash_at(call, FAKE_BYTES_PAGES, (enum fake_names)names)) {
            call++;
        }
        EXPECT(call > 20 && call < CALLS_MAX);
    }
    keeper_finish(&keeper);
}

TEST("a repair without memory changes nothing")
{
    make_log();
    keeper_flip(&keeper, 3, 300);
    checker_run(&before, &keeper);
    int err = RT_ENOMEM;
    for (uint64_t k = 1; err == RT_ENOMEM; k++) {
        copy_keeper();
        test_heap_fail_at(&copy.heap, k);
        err = repair(&copy);
        test_heap_fail_at(&copy.heap, 0);
        EXPECT_INT(repair(&copy), 0);
        expect_mended(&copy);
        keeper_finish(&copy);
    }
    EXPECT_INT(err, 0);
    keeper_finish(&keeper);
}
