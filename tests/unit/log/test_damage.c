/*
 * A log of which some byte is another one, or whose end is missing. What it
 * tells then is what it was told, up to somewhere; where that is not the end it
 * says so.
 *
 *     RINGTAIL_TEST_TAIL=65536 test_storage_log_damage
 *
 * tries every bit of the last 64 KiB, instead of 4 KiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "storage/log/check.h"
#include "storage/log/format.h"
#include "tests/support/test.h"
#include "tests/unit/log/truth.h"

#define TAIL_BYTES  ((size_t)4096)
#define TAIL_MAX    ((size_t)64 * 1024)
#define BATCHES_MAX 512
#define SEED        7
#define APPEND_EACH 61 /* what was opened is appended to, now and then */

static struct fake_disk whole;
static struct fake_disk damaged;

/* The accounts after each batch, and where the batch ends in its segment. */
static struct truth accounts[BATCHES_MAX];
static uint64_t ends[BATCHES_MAX];
static uint32_t account_count;

static char name[RT_LOG_NAME_SIZE] = "00000000000000000001.rtl";

static size_t tail_bytes(void)
{
    const char *text = getenv("RINGTAIL_TEST_TAIL");
    uint64_t len = TAIL_BYTES;
    if (text != NULL) {
        EXPECT_INT(rt_bytes_to_u64(rt_bytes_of(text), &len), 0);
        EXPECT(len >= TAIL_BYTES && len <= TAIL_MAX);
    }
    return len;
}

static uint64_t segment_bytes(void)
{
    return tail_bytes() * 2;
}

/* Where the batches of a segment end. */
static uint64_t end_of(const struct fake_image *image)
{
    struct rt_log_batch_head head;
    uint64_t at = sizeof(struct rt_log_segment_head);
    while (at + sizeof(head) <= image->len) {
        memcpy(&head, image->bytes + at, sizeof(head));
        if (memcmp(head.magic, "RTB1", 4) != 0) {
            break;
        }
        at += head.length;
    }
    return at;
}

static void note_account(const struct truth_log *log)
{
    RT_CHECK(account_count < BATCHES_MAX);
    accounts[account_count] = log->sure;
    ends[account_count] = end_of(fake_disk_image(&whole, name));
    account_count++;
}

/* A log with a tail of so many bytes in its only segment. */
static void make_whole(size_t tail)
{
    struct truth_log log;
    struct test_random random = {SEED};
    int err = 0;
    fake_disk_init(&whole, SEED);
    truth_log_init(&log, &whole);
    log.segment_bytes = segment_bytes();
    account_count = 0;
    EXPECT(truth_log_open(&log, &err) == NULL);
    note_account(&log);
    while (ends[account_count - 1] < tail + tail / 4) {
        EXPECT_INT(truth_log_append(&log, &random), 0);
        note_account(&log);
    }
    truth_log_close(&log);
    fake_disk_restart(&whole, FAKE_BYTES_ALL, FAKE_NAMES_ALL);
    EXPECT_INT(whole.now.count, 1);
}

/* The account that was seen, damaged topics aside; or none, -1. */
static int64_t find_account(const struct truth_witness *witness)
{
    for (int64_t i = (int64_t)account_count - 1; i >= 0; i--) {
        if (truth_compare(witness, &accounts[i]) == NULL) {
            return i;
        }
    }
    return -1;
}

static const char *append_more(struct truth_log *log, const struct truth *sure)
{
    struct test_random random = {SEED};
    int err = 0;
    log->sure = *sure;
    if (truth_log_append(log, &random) < 0) {
        return "it opens and takes nothing";
    }
    truth_log_close(log);
    return truth_log_open(log, &err);
}

/* What is wrong with what is told of the damaged disk; NULL: nothing. */
static const char *look(int64_t *account, uint64_t *damages, bool appends)
{
    static struct truth_witness witness;
    struct truth_log log;
    struct rt_log_found found;
    truth_log_init(&log, &damaged);
    log.segment_bytes = segment_bytes();
    int err = truth_log_look(&log, &witness, &found);
    const char *wrong = witness.wrong;
    *damages = found.damages + found.damaged_topics;
    *account = err < 0 ? -1 : find_account(&witness);
    if (err == 0 && wrong == NULL && *damages == 0) {
        wrong = *account < 0 ? "what was never so" : NULL;
    }
    if (err < 0 && err != RT_EDAMAGED) {
        wrong = "an error of another kind";
    }
    if (wrong == NULL && appends && *account >= 0 && *damages == 0) {
        wrong = append_more(&log, &accounts[*account]);
    }
    truth_log_close(&log);
    return wrong;
}

/* Whether a check of the damaged disk finds that it is whole. */
static bool is_found_whole(void)
{
    struct rt_heap heap;
    struct rt_log_check_found found;
    struct rt_log_check_visitor visitor = {.context = NULL};
    truth_heap_init(&heap);
    struct rt_log_tally tally;
    rt_log_tally_init(&tally, &heap);
    EXPECT_INT(rt_log_check(&damaged.disk, &tally, &visitor, &found), 0);
    rt_log_tally_finish(&tally);
    EXPECT_INT(heap.used, 0);
    return rt_log_check_is_sound(&found) && found.torn_bytes == 0;
}

static const char *look_at_flip(size_t byte, int bit, uint32_t *told)
{
    int64_t account = 0;
    uint64_t damages = 0;
    bool appends = (byte * 8 + (size_t)bit) % APPEND_EACH == 0;
    fake_disk_copy(&damaged, &whole);
    fake_disk_image(&damaged, name)->bytes[byte] ^= (char)(1 << bit);
    bool is_whole = is_found_whole();
    const char *wrong = look(&account, &damages, appends);
    fake_disk_finish(&damaged);
    *told += account < 0 || damages > 0;
    if (wrong == NULL && is_whole && account + 1 < (int64_t)account_count) {
        return "a check finds nothing, and something is missing";
    }
    /* What is torn can be the last batch alone. */
    if (wrong == NULL && damages == 0 && account >= 0 &&
        account + 2 < (int64_t)account_count) {
        return "batches are missing, and nothing is said";
    }
    return wrong;
}

TEST("of a log with a bit that is another one nothing is told that was not so")
{
    size_t tail = tail_bytes();
    make_whole(tail);
    uint64_t end = ends[account_count - 1];
    uint32_t told = 0;
    for (uint64_t byte = end - tail; byte < end; byte++) {
        for (int bit = 0; bit < 8; bit++) {
            const char *wrong = look_at_flip(byte, bit, &told);
            if (wrong != NULL) {
                test_fail(__FILE__, __LINE__, "byte %d of %d, bit %d: %s",
                          (int)byte, (int)end, bit, wrong);
            }
        }
    }
    (void)printf("# %d batches, %d bits, damage told %d times\n",
                 (int)account_count, (int)tail * 8, (int)told);
    fake_disk_finish(&whole);
}

/* Of the snapshot nothing is needed that is not known, nor of the head. */
static const char *look_at_beginning(size_t byte, int bit)
{
    int64_t account = 0;
    uint64_t damages = 0;
    fake_disk_copy(&damaged, &whole);
    fake_disk_image(&damaged, name)->bytes[byte] ^= (char)(1 << bit);
    const char *wrong = look(&account, &damages, true);
    fake_disk_finish(&damaged);
    if (account < 0 && damages == 0) {
        return "it does not open";
    }
    bool is_needed = byte >= ends[0];
    bool is_all = account + 1 == (int64_t)account_count;
    return wrong == NULL && !is_needed && !is_all ? "something is lost" : wrong;
}

TEST("a log with another bit at its beginning opens, and has all that checks")
{
    make_whole(tail_bytes());
    for (uint64_t byte = 0; byte < ends[1]; byte++) {
        for (int bit = 0; bit < 8; bit++) {
            const char *wrong = look_at_beginning(byte, bit);
            if (wrong != NULL) {
                test_fail(__FILE__, __LINE__, "byte %d, bit %d: %s", (int)byte,
                          bit, wrong);
            }
        }
    }
    fake_disk_finish(&whole);
}

/* How many batches end before it. */
static int64_t batches_before(uint64_t end)
{
    int64_t count = 0;
    while (count < (int64_t)account_count && ends[count] <= end) {
        count++;
    }
    return count - 1;
}

/* Cuts the file, or leaves zeros where its end was. */
static const char *look_at_cut(uint64_t end, bool is_cut, int64_t *account)
{
    uint64_t damages = 0;
    fake_disk_copy(&damaged, &whole);
    struct fake_image *image = fake_disk_image(&damaged, name);
    if (is_cut) {
        image->len = end;
    } else {
        memset(image->bytes + end, 0, image->len - end);
    }
    const char *wrong = look(account, &damages, end % APPEND_EACH == 0);
    fake_disk_finish(&damaged);
    return wrong == NULL && damages > 0 ? "a cut is no damage" : wrong;
}

/* Up to where the file is what it was: it may have had zeros there anyway. */
static uint64_t end_of_truth(uint64_t cut, bool is_cut)
{
    const struct fake_image *image = fake_disk_image(&whole, name);
    while (!is_cut && cut < image->len && image->bytes[cut] == '\0') {
        cut++;
    }
    return cut;
}

static void cut_everywhere(bool is_cut)
{
    size_t tail = tail_bytes();
    make_whole(tail);
    uint64_t end = ends[account_count - 1];
    for (uint64_t cut = end - tail; cut <= end; cut++) {
        int64_t account = -1;
        const char *wrong = look_at_cut(cut, is_cut, &account);
        if (wrong != NULL) {
            test_fail(__FILE__, __LINE__, "cut at %d of %d: %s", (int)cut,
                      (int)end, wrong);
        }
        EXPECT_INT(account, batches_before(end_of_truth(cut, is_cut)));
    }
    fake_disk_finish(&whole);
}

TEST("a log that ends early has all batches that are whole")
{
    cut_everywhere(true);
}

TEST("a log with zeros at its end has all batches that are whole")
{
    cut_everywhere(false);
}
