/* A log on a disk whose power goes, or that fails, at each call of a life. */
#include <stdio.h>

#include "base/error.h"
#include "storage/log/check.h"
#include "tests/support/test.h"
#include "tests/unit/log/truth.h"

#define SEEDS          2
#define BATCHES        40 /* of a life */
#define BATCHES_LATER  6  /* of the life after it */
#define BATCHES_MAX    1000
#define CAPACITY       ((uint64_t)100 * 1024)
#define MIN_FREE       ((uint64_t)32 * 1024)
#define SEGMENT_BYTES  ((uint64_t)16 * 1024)
#define RETAINED_BYTES ((uint64_t)32 * 1024)
#define RETAIN_EVERY   4 /* batches */
#define CALLS_MAX      5000
#define RECOVERY_CALLS 24 /* within which the power may go again */

/* A life, and what the tests change about it. */
struct life {
    struct fake_disk disk;
    struct truth_log log;
    struct test_random random;
    bool forgets_names; /* from the first batch on */
    bool forgets_bytes;
};

static struct life life;
static struct life next_life;

static void begin(uint64_t seed)
{
    fake_disk_init(&life.disk, seed);
    truth_log_init(&life.log, &life.disk);
    life.log.segment_bytes = SEGMENT_BYTES;
    life.log.retained_bytes = RETAINED_BYTES;
    life.random.state = seed;
}

/* It may be tried again. */
static int retain(struct life *of)
{
    uint64_t wall_ms = TRUTH_WALL_MS + of->log.sure.sequence;
    int err = rt_log_retain(of->log.log, wall_ms);
    return err < 0 ? rt_log_retain(of->log.log, wall_ms) : 0;
}

static int append_some(struct life *of, uint32_t count)
{
    int err = 0;
    for (uint32_t i = 1; i <= count && err == 0; i++) {
        err = truth_log_append(&of->log, &of->random);
        if (err == 0 && i % RETAIN_EVERY == 0) {
            err = retain(of);
        }
    }
    return err;
}

/* Lives until the disk does not do what it is asked for: what the log said. */
static int live(struct life *of, uint32_t count)
{
    int err = 0;
    (void)truth_log_open(&of->log, &err);
    of->disk.forgets_names = of->forgets_names;
    of->disk.forgets_bytes = of->forgets_bytes;
    err = err == 0 ? append_some(of, count) : err;
    return err;
}

/* What is wrong with what is left, before it is opened; NULL: nothing. */
static const char *check(struct life *of)
{
    struct rt_log_check_visitor visitor = {.context = NULL};
    struct rt_log_check_found found;
    struct rt_log_tally tally;
    rt_log_tally_init(&tally, &of->log.heap);
    int err = rt_log_check(&of->disk.disk, &tally, &visitor, &found);
    rt_log_tally_finish(&tally);
    return err == 0 && rt_log_check_is_sound(&found)
               ? NULL
               : "a check finds that a crash is damage";
}

/* Opens what is left, goes on, and opens it again: what is wrong, or NULL. */
static const char *live_on(struct life *of)
{
    int err = 0;
    of->disk.forgets_names = false;
    of->disk.forgets_bytes = false;
    const char *wrong = check(of);
    if (wrong == NULL) {
        wrong = truth_log_open(&of->log, &err);
    }
    if (wrong == NULL && append_some(of, BATCHES_LATER) < 0) {
        wrong = "the log does not go on";
    }
    truth_log_close(&of->log);
    fake_disk_restart(&of->disk, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    if (wrong == NULL) {
        wrong = truth_log_open(&of->log, &err);
        truth_log_close(&of->log);
    }
    return wrong;
}

/* A copy of the life, whose log is not open. */
static void fork_life(void)
{
    next_life = life;
    fake_disk_copy(&next_life.disk, &life.disk);
    next_life.log.disk = &next_life.disk;
    next_life.log.log = NULL;
}

/* --- the power goes --- */

/* The power goes a second time, while the log is opened, and a third. */
static void stumble(enum fake_bytes bytes, enum fake_names names)
{
    int err = 0;
    uint64_t call = 1 + test_random_below(&next_life.random, RECOVERY_CALLS);
    fake_disk_fault_at(&next_life.disk, call, FAKE_CRASH);
    (void)truth_log_open(&next_life.log, &err);
    truth_log_close(&next_life.log);
    fake_disk_restart(&next_life.disk, bytes, names);
}

static const char *survive(enum fake_bytes bytes, enum fake_names names)
{
    fork_life();
    next_life.disk.random.state += bytes * 16 + names;
    fake_disk_restart(&next_life.disk, bytes, names);
    bool stumbles = test_random_below(&next_life.disk.random, 2) == 0;
    if (stumbles) {
        stumble(bytes, names);
    }
    const char *wrong = live_on(&next_life);
    fake_disk_finish(&next_life.disk);
    return wrong;
}

/* How many of the ways in which the power can go lose something. */
static uint32_t lose(uint64_t seed, uint64_t call, bool is_told)
{
    uint32_t losses = 0;
    for (int bytes = 0; bytes < FAKE_BYTES_COUNT; bytes++) {
        for (int names = 0; names < FAKE_NAMES_COUNT; names++) {
            const char *wrong =
                survive((enum fake_bytes)bytes, (enum fake_names)names);
            losses += wrong != NULL;
            if (wrong != NULL && is_told) {
                (void)printf("# seed %d, call %d, bytes %d, names %d: %s\n",
                             (int)seed, (int)call, bytes, names, wrong);
            }
        }
    }
    return losses;
}

/* One life whose power goes at that call: false if it has no such call. */
static bool crash_at(uint64_t seed, uint64_t call, uint32_t *losses)
{
    begin(seed);
    bool is_told = !life.forgets_names && !life.forgets_bytes;
    fake_disk_fault_at(&life.disk, call, FAKE_CRASH);
    int err = live(&life, BATCHES);
    bool has_crashed = life.disk.has_crashed;
    EXPECT(has_crashed == (err < 0));
    truth_log_close(&life.log);
    if (has_crashed) {
        *losses += lose(seed, call, is_told);
    }
    fake_disk_finish(&life.disk);
    return has_crashed;
}

/* All lives of the seeds: how many lost something. */
static uint32_t crash_everywhere(uint64_t seeds)
{
    uint32_t losses = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t call = 1;
        while (crash_at(seed, call, &losses) && losses == 0) {
            call++;
        }
        EXPECT(call < CALLS_MAX);
        (void)printf("# seed %d: %d calls\n", (int)seed, (int)call);
    }
    return losses;
}

TEST("what was acknowledged survives whenever the power goes")
{
    life = (struct life){.forgets_names = false};
    EXPECT_INT(crash_everywhere(SEEDS), 0);
}

TEST("without the sync of the directory events would be lost, and it is seen")
{
    life = (struct life){.forgets_names = true};
    EXPECT(crash_everywhere(1) > 0);
}

TEST("without the sync of files events would be lost, and it is seen")
{
    life = (struct life){.forgets_bytes = true};
    EXPECT(crash_everywhere(1) > 0);
}

/* --- calls fail --- */

/* A log that has failed takes nothing more. */
static void expect_failed(void)
{
    if (life.log.log != NULL) {
        EXPECT_INT(truth_log_append(&life.log, &life.random), RT_EFAILED);
    }
}

/* The process begins again, on what the kernel has or on what the disk has. */
static const char *begin_again(bool has_power_gone)
{
    fork_life();
    if (has_power_gone) {
        fake_disk_restart(&next_life.disk, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    }
    next_life.disk.fault_at = 0;
    const char *wrong = live_on(&next_life);
    fake_disk_finish(&next_life.disk);
    return wrong;
}

static void expect_survival(uint64_t seed, uint64_t call)
{
    for (int has_power_gone = 0; has_power_gone <= 1; has_power_gone++) {
        const char *wrong = begin_again(has_power_gone == 1);
        if (wrong != NULL) {
            (void)printf("# seed %d, call %d, power %d: %s\n", (int)seed,
                         (int)call, has_power_gone, wrong);
        }
        EXPECT(wrong == NULL);
    }
}

/* One life in which that call fails: false if it has no such call. */
static bool fail_at(uint64_t seed, uint64_t call, enum fake_fault fault)
{
    begin(seed);
    fake_disk_fault_at(&life.disk, call, fault);
    int err = live(&life, BATCHES);
    bool has_failed = life.disk.calls >= call;
    if (err < 0) {
        expect_failed();
    }
    truth_log_close(&life.log);
    expect_survival(seed, call);
    fake_disk_finish(&life.disk);
    return has_failed;
}

static void fail_everywhere(enum fake_fault fault)
{
    life = (struct life){.forgets_names = false};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t call = 1;
        while (fail_at(seed, call, fault)) {
            call++;
        }
        EXPECT(call < CALLS_MAX);
    }
}

TEST("what was acknowledged survives whichever call fails")
{
    fail_everywhere(FAKE_EIO);
}

TEST("what was acknowledged survives whichever call finds the disk full")
{
    fail_everywhere(FAKE_ENOSPC);
}

TEST("what was acknowledged survives whichever write is a part of one")
{
    fail_everywhere(FAKE_PARTIAL);
}

/* --- the disk is full --- */

/* Appends until there is no room: the error that says so. */
static int fill(void)
{
    int err = 0;
    for (int i = 0; i < BATCHES_MAX && err == 0; i++) {
        err = append_some(&life, 1);
    }
    return err;
}

TEST("a log without room is as before, and goes on when there is some")
{
    int err = 0;
    life = (struct life){.forgets_names = false};
    for (uint64_t min_free = 0; min_free <= MIN_FREE; min_free += MIN_FREE) {
        begin(1);
        life.log.retained_bytes = UINT64_MAX;
        life.log.min_free = min_free;
        life.disk.capacity = CAPACITY;
        EXPECT(truth_log_open(&life.log, &err) == NULL);
        EXPECT_INT(fill(), RT_ENOSPC);
        EXPECT(truth_log_read(&life.log) == NULL);
        life.disk.capacity *= 2;
        EXPECT_INT(append_some(&life, BATCHES_LATER), 0);
        truth_log_close(&life.log);
        EXPECT(begin_again(true) == NULL);
        fake_disk_finish(&life.disk);
    }
}
