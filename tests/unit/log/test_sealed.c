#include "storage/log/sealed.h"

#include "tests/unit/log/damaging.h"

static struct keeper keeper;

/* A closed log with two topics in four segments. */
static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    while (rt_log_usage(keeper.log).segment_count < 4) {
        keeper_publish(&keeper, 1, 10, 500);
        keeper_publish(&keeper, 2, 1, 500);
    }
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    keeper_close(&keeper);
}

/* Whether a topic ends before it did, and is damaged. */
static bool is_cut(uint64_t id, uint64_t next_offset)
{
    EXPECT_INT(keeper.topics[id].is_damaged,
               keeper.topics[id].next_offset < next_offset);
    return keeper.topics[id].is_damaged;
}

TEST("an index that does not check is made anew from the batches")
{
    int err = 0;
    begin();
    uint64_t one = keeper.next_offset[1];
    size_t len = keeper_image(&keeper, 2)->len;
    for (size_t at = len - 64 - 128; at < len; at += 5) {
        keeper_flip(&keeper, 2, at);
        keeper_open(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        EXPECT_INT(keeper_read(&keeper, 1, 1, &err), one - 1);
        keeper_close(&keeper);
        keeper_flip(&keeper, 2, at);
    }
    keeper_finish(&keeper);
}

TEST("neither head nor snapshot are needed in a sealed segment")
{
    int err = 0;
    begin();
    uint64_t one = keeper.next_offset[1];
    uint64_t end = keeper_batch(&keeper, 2, 1);
    for (uint64_t at = 0; at < end; at += 5) {
        keeper_flip(&keeper, 2, at);
        keeper_open(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 0);
        EXPECT_INT(keeper_read(&keeper, 1, 1, &err), one - 1);
        keeper_close(&keeper);
    }
    keeper_finish(&keeper);
}

TEST("a batch that is lost with the index ends the topics that were in it")
{
    int err = 0;
    begin();
    uint64_t one = keeper.next_offset[1];
    uint64_t two = keeper.next_offset[2];
    uint64_t batch = keeper_batch(&keeper, 2, 4);
    keeper_flip(&keeper, 2, keeper_image(&keeper, 2)->len - 1);
    keeper_flip(&keeper, 2, batch + 16);
    keeper_open(&keeper);
    EXPECT(is_cut(1, one) != is_cut(2, two));
    EXPECT_INT(keeper.found.damaged_topics, 1);
    uint64_t cut = keeper.topics[1].is_damaged ? 1 : 2;
    uint64_t next_offset = keeper.topics[cut].next_offset;
    EXPECT_INT(keeper_read(&keeper, cut, 1, &err), next_offset - 1);
    EXPECT_INT(err, RT_EAGAIN);
    keeper_finish(&keeper);
}

TEST("a segment that is missing ends the topics that were in it")
{
    int err = 0;
    begin();
    uint64_t one = keeper.next_offset[1];
    keeper_remove(&keeper, 2);
    keeper_open(&keeper);
    EXPECT(is_cut(1, one));
    EXPECT_INT(keeper.found.damaged_topics, 2);
    uint64_t next_offset = keeper.topics[1].next_offset;
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), next_offset - 1);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, next_offset);
    EXPECT(keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

TEST("a topic that had events in a missing segment alone is damaged")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_describe(&keeper, 3, "without any");
    for (uint64_t segment = 2; segment <= 4; segment++) {
        while (rt_log_usage(keeper.log).segment_count < segment) {
            keeper_publish(&keeper, 1, 10, 500);
        }
        if (segment == 2) {
            keeper_publish(&keeper, 2, 1, 500);
        }
    }
    keeper_close(&keeper);
    keeper_remove(&keeper, 2);
    keeper_open(&keeper);
    EXPECT(keeper.topics[2].is_damaged);
    EXPECT(!keeper.topics[3].is_damaged);
    keeper_finish(&keeper);
}

TEST("what is damaged stays so from segment to segment")
{
    begin();
    keeper_remove(&keeper, 2);
    keeper_open(&keeper);
    uint64_t next_offset = keeper.topics[1].next_offset;
    keeper_describe(&keeper, 3, "three");
    keeper_fill(&keeper, 3, 6);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 2);
    EXPECT_INT(keeper.topics[1].next_offset, next_offset);
    EXPECT(!keeper.topics[3].is_damaged);
    keeper_finish(&keeper);
}

/* The body of the last events of topic 1 does not check. */
static void begin_damaged(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_publish(&keeper, 1, 3, 40);
    keeper_publish(&keeper, 1, 3, 40);
    keeper_publish(&keeper, 2, 3, 40);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 4) + 128 + 30);
    keeper_open(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, 4);
    EXPECT(keeper.topics[1].is_damaged);
}

TEST("what a start has not believed does not come back without the index")
{
    begin_damaged();
    while (rt_log_usage(keeper.log).segment_count < 3) {
        keeper_publish(&keeper, 2, 10, 500);
    }
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, keeper_image(&keeper, 1)->len - 1);
    keeper_open(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, 4);
    EXPECT(keeper.topics[1].is_damaged);
    EXPECT(!keeper.topics[2].is_damaged);
    keeper_finish(&keeper);
}

TEST("what a segment has cost a topic does not come back when that is gone")
{
    begin();
    keeper_flip(&keeper, 2, keeper_batch(&keeper, 2, 4) + 16);
    keeper_flip(&keeper, 2, keeper_image(&keeper, 2)->len - 1);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    uint64_t cut = keeper.topics[1].is_damaged ? 1 : 2;
    uint64_t next_offset = keeper.topics[cut].next_offset;
    keeper_close(&keeper);
    keeper_remove(&keeper, 1);
    keeper_remove(&keeper, 2);
    keeper_open(&keeper);
    EXPECT(keeper.topics[cut].is_damaged);
    EXPECT_INT(keeper.topics[cut].next_offset, next_offset);
    keeper_finish(&keeper);
}

/* --- segments that are gone through --- */

/* What the node says until there is another segment: with that one ends, and
 * the other begins. */
static void fill_with_nodes(void)
{
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("node")};
    while (rt_log_usage(keeper.log).segment_count < 2) {
        EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    }
}

/* A closed log with a topic that skips offsets in the second segment, behind
 * what the node says; neither that nor the first one is sealed, and others
 * follow. */
static void begin_skipping(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_fill_last(&keeper);
    fill_with_nodes();
    keeper_publish(&keeper, 1, 1, 100);
    keeper.next_offset[1] += 1000;
    keeper_describe(&keeper, 1, "one");
    keeper_fill(&keeper, 1, 4);
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    keeper_close(&keeper);
    keeper_unseal(&keeper, 1);
    keeper_unseal(&keeper, 2);
}

static void expect_skipped(bool is_damaged)
{
    keeper_open(&keeper);
    EXPECT_INT(keeper.topics[1].is_damaged, is_damaged);
    const struct rt_log_volume *volume =
        rt_log_index_volume(&keeper.log->index, 2);
    EXPECT_INT(volume->end + volume->seal, keeper_image(&keeper, 2)->len);
    keeper_finish(&keeper);
}

TEST("offsets may be skipped where no batch is missing but a snapshot")
{
    begin_skipping();
    expect_skipped(false);
    begin_skipping();
    keeper_flip(&keeper, 2, 70);
    expect_skipped(false);
}

TEST("what is missing may have had the offsets that are")
{
    begin_skipping();
    keeper_flip(&keeper, 1, keeper_last_batch(&keeper, 1) + 20);
    expect_skipped(true);
    begin_skipping();
    uint64_t first = keeper_batch(&keeper, 2, 1);
    keeper_flip(&keeper, 2, 70);
    keeper_flip(&keeper, 2, first + 20);
    expect_skipped(true);
    begin_skipping();
    keeper_flip(&keeper, 2, first + 20);
    expect_skipped(true);
    begin_skipping();
    keeper_remove(&keeper, 1);
    expect_skipped(false);
    begin_skipping();
    keeper_remove(&keeper, 1);
    keeper_flip(&keeper, 2, 70);
    expect_skipped(true);
}

TEST("a batch that says what none does is passed over")
{
    begin_skipping();
    uint64_t batch = keeper_batch(&keeper, 2, 4);
    keeper_image(&keeper, 2)->bytes[batch + 64] = 99; /* no kind of part */
    keeper_sign(&keeper, 2, batch);
    expect_skipped(true);
}

TEST("a topic whose events were removed in time is not damaged by that")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_publish(&keeper, 2, 1, 100);
    keeper_fill(&keeper, 1, 4);
    keeper.log->options.retention.bytes = rt_log_usage(keeper.log).bytes - 1;
    EXPECT_INT(rt_log_retain(keeper.log, 0), 0);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 3);
    keeper_reopen(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    EXPECT_INT(keeper.topics[2].next_offset, 2);
    keeper_finish(&keeper);
}

/* --- trailers --- */

TEST("a trailer whose index leads out of the file is none")
{
    struct rt_file file;
    struct rt_log_window window;
    struct rt_log_trailer trailer = {.log = 5, .number = 1};
    struct rt_bytes range = {(const char *)&trailer, sizeof(trailer)};
    keeper_init(&keeper);
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.others,
                       RT_LOG_WINDOW_NARROW);
    EXPECT_INT(rt_disk_open(&keeper.disk.disk, "file", true, &file), 0);
    for (uint64_t index = 0; index < 3; index++) {
        trailer.index = index;
        trailer.place_count = index == 0 ? (uint64_t)1 << 58 : index;
        rt_log_trailer_sign(&trailer);
        EXPECT_INT(rt_disk_write(&keeper.disk.disk, &file, &range, 1, 0), 0);
        rt_log_window_turn(&window, file, sizeof(trailer));
        EXPECT_INT(rt_log_sealed_trailer(&window, 5, 1, &trailer), RT_EDAMAGED);
    }
    rt_log_window_turn(&window, file, 63);
    EXPECT_INT(rt_log_sealed_trailer(&window, 5, 1, &trailer), RT_EDAMAGED);
    rt_log_window_finish(&window);
    rt_disk_close(&keeper.disk.disk, &file);
    keeper_finish(&keeper);
}

TEST("a trailer of another log or of another segment is none")
{
    struct rt_log_window window;
    struct rt_log_trailer trailer;
    begin();
    uint64_t log = keeper.options.identity;
    rt_log_window_init(&window, &keeper.disk.disk, &keeper.others,
                       RT_LOG_WINDOW_NARROW);
    EXPECT_INT(rt_log_window_open(&window, 2), 0);
    EXPECT_INT(rt_log_sealed_trailer(&window, log, 2, &trailer), 0);
    EXPECT_INT(rt_log_sealed_trailer(&window, log + 1, 2, &trailer),
               RT_EDAMAGED);
    EXPECT_INT(rt_log_sealed_trailer(&window, log, 3, &trailer), RT_EDAMAGED);
    rt_log_window_close(&window);
    rt_log_window_finish(&window);
    keeper_finish(&keeper);
}
