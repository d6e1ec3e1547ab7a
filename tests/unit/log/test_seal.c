#include "storage/log/seal.h"

#include "storage/log/roll.h"
#include "tests/unit/log/checker.h"
#include "tests/unit/log/damaging.h"

static struct keeper keeper;
static struct checker checker;

static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_describe(&keeper, 2, "other");
    keeper_publish(&keeper, 2, 1, 100);
}

/* Until the second segment has a batch, and the first one is not sealed. */
static void fill(void)
{
    keeper_fill(&keeper, 1, 2);
    EXPECT(keeper.log->unsealed.is_due);
}

static struct rt_log_trailer trailer_of(uint64_t segment)
{
    struct rt_log_trailer trailer;
    const struct fake_image *image = keeper_image(&keeper, segment);
    memcpy(&trailer, image->bytes + image->len - sizeof(trailer),
           sizeof(trailer));
    return trailer;
}

static void expect_sealed(uint64_t segment, uint64_t place_count)
{
    struct rt_log_trailer trailer = trailer_of(segment);
    size_t len = keeper_image(&keeper, segment)->len;
    EXPECT(rt_log_trailer_check(&trailer));
    EXPECT_INT(trailer.place_count, place_count);
    EXPECT_INT(trailer.number, segment);
    EXPECT_INT(trailer.index + rt_log_seal_length(place_count), len);
    EXPECT(len <= keeper.options.segment_bytes + 4096);
    EXPECT(!keeper.log->unsealed.is_due);
}

/* The first topic's events are all there, and a check finds no damage. */
static void expect_sound(uint64_t next_offset)
{
    keeper_expect_all(&keeper, next_offset);
    EXPECT_INT(keeper.found.damaged_topics + keeper.found.damages, 0);
    keeper_close(&keeper);
    checker_run(&checker, &keeper);
    EXPECT(rt_log_check_is_sound(&checker.found));
}

TEST("a sealed segment ends with its index, of what it alone has")
{
    begin();
    fill();
    keeper_publish(&keeper, 2, 10, 500);
    EXPECT_INT(rt_log_seal(keeper.log), 0);
    expect_sealed(1, 2);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < 2; i++) {
        const struct rt_log_volume *volume = &keeper.log->index.volumes[i];
        bytes += volume->end + volume->seal;
    }
    EXPECT_INT(rt_log_usage(keeper.log).bytes, bytes);
    keeper_finish(&keeper);
}

TEST("retention seals what is to be sealed")
{
    begin();
    fill();
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), 0);
    expect_sealed(1, 2);
    keeper_finish(&keeper);
}

TEST("what is not sealed when the power goes is sealed by the next start")
{
    for (int bytes = 0; bytes < FAKE_BYTES_COUNT; bytes++) {
        for (uint64_t call = 1; call <= 3; call++) {
            begin();
            fill();
            uint64_t next_offset = keeper.next_offset[1];
            fake_disk_fault_at(&keeper.disk, call, FAKE_CRASH);
            EXPECT_INT(rt_log_seal(keeper.log), RT_EIO);
            keeper_close(&keeper);
            fake_disk_restart(&keeper.disk, (enum fake_bytes)bytes,
                              FAKE_NAMES_NONE);
            checker_run(&checker, &keeper);
            EXPECT(rt_log_check_is_sound(&checker.found));
            keeper_open(&keeper);
            expect_sealed(1, 2);
            expect_sound(next_offset);
            keeper_finish(&keeper);
        }
    }
}

TEST("what a start seals has skipped offsets, and no keys, which lie in the "
     "next")
{
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = RT_BYTES("key")};
    begin();
    EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
    keeper.next_offset[2] += 1000;
    keeper_describe(&keeper, 2, "other");
    keeper_publish(&keeper, 2, 5, 100);
    fill();
    keeper_reopen(&keeper);
    expect_sealed(1, 3);
    EXPECT_INT(keeper.key_count, 1);
    EXPECT(!keeper.topics[2].is_damaged);
    EXPECT_INT(keeper.topics[2].earliest, 1);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.key_count, 1);
    EXPECT_INT(keeper.topics[2].next_offset, 1007);
    expect_sound(keeper.next_offset[1]);
    keeper_finish(&keeper);
}

TEST("a segment of which a batch is missing is not sealed, last or not")
{
    for (int is_last = 0; is_last < 2; is_last++) {
        begin();
        fill();
        uint64_t end = keeper.log->unsealed.position;
        keeper_close(&keeper);
        keeper_flip(&keeper, 1,
                    is_last ? keeper_last_batch(&keeper, 1) + 16
                            : keeper_batch(&keeper, 1, 5) + 16);
        keeper_open(&keeper);
        EXPECT_INT(keeper.found.damaged_topics, 1);
        EXPECT(!keeper_is_sealed(&keeper, 1));
        EXPECT_INT(keeper_image(&keeper, 1)->bytes[end], 0);
        keeper_finish(&keeper);
    }
}

TEST("nor is one that has lost what no topic misses")
{
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("node")};
    begin();
    uint64_t lost = keeper.log->tail.position;
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    fill();
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, lost + 16);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    EXPECT(!keeper_is_sealed(&keeper, 1));
    keeper_finish(&keeper);
}

TEST("nor is one behind it, which cannot tell where the topic goes on")
{
    begin();
    keeper_fill(&keeper, 1, 3);
    keeper_close(&keeper);
    keeper_unseal(&keeper, 1);
    keeper_flip(&keeper, 1, keeper_batch(&keeper, 1, 5) + 16);
    keeper_open(&keeper);
    EXPECT_INT(keeper.found.damaged_topics, 1);
    EXPECT(!keeper_is_sealed(&keeper, 2));
    keeper_finish(&keeper);
}

TEST("a segment that finds no room for its index is sealed later")
{
    begin();
    fill();
    fake_disk_fault_at(&keeper.disk, 1, FAKE_ENOSPC);
    EXPECT_INT(rt_log_seal(keeper.log), RT_ENOSPC);
    keeper_publish(&keeper, 1, 1, 100);
    fake_disk_fault_at(&keeper.disk, 1, FAKE_ENOSPC);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_ENOSPC);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), 0);
    expect_sealed(1, 2);
    keeper_finish(&keeper);
}

TEST("so is one for which a start finds no room")
{
    begin();
    fill();
    uint64_t next_offset = keeper.next_offset[1];
    keeper_close(&keeper);
    struct fake_disk before;
    fake_disk_copy(&before, &keeper.disk);
    uint64_t calls = keeper.disk.calls;
    keeper_open(&keeper);
    calls = keeper.disk.calls - calls;
    keeper_finish(&keeper);
    for (uint64_t call = calls - 2; call <= calls; call++) {
        fake_disk_copy(&keeper.disk, &before);
        fake_disk_fault_at(&keeper.disk, call, FAKE_ENOSPC);
        keeper_open(&keeper);
        EXPECT(keeper.log->unsealed.is_due);
        EXPECT_INT(rt_log_seal(keeper.log), 0);
        expect_sealed(1, 2);
        keeper_expect_all(&keeper, next_offset);
        keeper_finish(&keeper);
    }
    fake_disk_finish(&before);
}

TEST("a log whose segment could not be sealed has failed, and lost nothing")
{
    for (uint64_t call = 1; call <= 3; call++) {
        begin();
        fill();
        uint64_t next_offset = keeper.next_offset[1];
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_EIO);
        EXPECT_INT(keeper_try_publish(&keeper, 1, 1, 100), RT_EFAILED);
        keeper_reopen(&keeper);
        expect_sealed(1, 2);
        expect_sound(next_offset);
        keeper_finish(&keeper);
    }
}

TEST("a segment that is removed need not be sealed")
{
    begin();
    fill();
    keeper.log->options.retention.events = 1;
    fake_disk_fault_at(&keeper.disk, 1, FAKE_ENOSPC);
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), RT_ENOSPC);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    EXPECT(!keeper.log->unsealed.is_due);
    keeper_finish(&keeper);
}
