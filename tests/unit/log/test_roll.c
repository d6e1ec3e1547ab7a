#include "storage/log/roll.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

static void begin(void)
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
}

TEST("a full segment is followed by another one, and nothing is lost")
{
    int err = 0;
    begin();
    keeper_fill(&keeper, 1, 5);
    uint64_t count = keeper.next_offset[1] - 1;
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), count);
    EXPECT_INT(err, RT_EAGAIN);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.segment_count, 5);
    EXPECT_INT(keeper.topics[1].next_offset, count + 1);
    EXPECT_INT(keeper.topics[1].earliest, 1);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), count);
    keeper_finish(&keeper);
}

TEST("a batch waits for the beginning of its segment and for no sealing")
{
    begin();
    keeper_fill_last(&keeper);
    uint64_t before = keeper.disk.syncs;
    keeper_publish(&keeper, 1, 10, 500);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 2);
    EXPECT_INT(keeper.disk.syncs - before, 3); /* snapshot, name, batch */
    EXPECT(keeper.log->unsealed.is_due);
    keeper_finish(&keeper);
}

TEST("a segment is sealed before the next one but one begins")
{
    struct rt_log_trailer trailer;
    begin();
    keeper_fill(&keeper, 1, 3);
    const struct fake_image *image = keeper_image(&keeper, 1);
    memcpy(&trailer, image->bytes + image->len - sizeof(trailer),
           sizeof(trailer));
    EXPECT(rt_log_trailer_check(&trailer));
    EXPECT_INT(trailer.number, 1);
    EXPECT(keeper.log->unsealed.is_due);
    EXPECT_INT(keeper.log->unsealed.segment, 2);
    keeper_finish(&keeper);
}

TEST("a batch that is larger than a segment has one for itself")
{
    int err = 0;
    begin();
    keeper_publish(&keeper, 1, 5, 50);
    keeper_publish(&keeper, 1, 40, 5000);
    const struct rt_log_tail *tail = &keeper.log->tail;
    EXPECT(tail->position + rt_log_seal_length(1) <= tail->capacity);
    keeper_publish(&keeper, 1, 5, 50);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 3);
    keeper_restart(&keeper);
    EXPECT_INT(keeper_read(&keeper, 1, 1, &err), 50);
    keeper_finish(&keeper);
}

TEST("many small batches and their places leave room for the index")
{
    begin();
    for (uint64_t id = 2; id < KEEPER_TOPICS; id++) {
        keeper_describe(&keeper, id, "other");
    }
    for (int i = 0; i < 3000; i++) {
        keeper_publish(&keeper, 1 + (uint64_t)i % (KEEPER_TOPICS - 1), 1, 10);
    }
    EXPECT(rt_log_usage(keeper.log).segment_count > 5);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.found.sequence, 3000);
    EXPECT_INT(keeper.found.damaged_topics, 0);
    keeper_finish(&keeper);
}

TEST("a segment for which there is no room after all is taken back")
{
    begin();
    keeper_fill_last(&keeper);
    fake_disk_fault_at(&keeper.disk, 3, FAKE_ENOSPC);
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 500), RT_ENOSPC);
    EXPECT(fake_disk_image(&keeper.disk, "00000000000000000002.rtl") == NULL);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 1);
    keeper_publish(&keeper, 1, 10, 500);
    EXPECT_INT(rt_log_usage(keeper.log).segment_count, 2);
    keeper_finish(&keeper);
}

static uint64_t room;

static int free_as_told(struct rt_disk *under, uint64_t *bytes)
{
    (void)under;
    *bytes = room;
    return 0;
}

TEST("a segment begins where there is room for its length, and no less")
{
    struct rt_disk_ops ops;
    char state[4096] = {0};
    struct rt_log_part key = {.kind = RT_LOG_KEY,
                              .opaque = {state, sizeof(state)}};
    begin();
    for (int i = 0; i < 50; i++) {
        EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
    }
    keeper_fill_last(&keeper);
    ops = *keeper.disk.disk.ops;
    ops.free_bytes = free_as_told;
    keeper.disk.disk.ops = &ops;
    EXPECT(rt_log_next_length(keeper.log) > 2 * 50 * sizeof(state));
    room = rt_log_next_length(keeper.log) - 1;
    EXPECT_INT(keeper_try_publish(&keeper, 1, 10, 500), RT_ENOSPC);
    room++;
    keeper_publish(&keeper, 1, 10, 500);
    keeper_finish(&keeper);
}

TEST("what a segment has left is less by a batch, and by what seals that")
{
    begin();
    uint64_t left = rt_log_left(keeper.log);
    uint64_t position = keeper.log->tail.position;
    EXPECT(left > 60000);
    keeper_publish(&keeper, 1, 10, 500);
    uint64_t taken = left - rt_log_left(keeper.log);
    EXPECT(taken > keeper.log->tail.position - position);
    EXPECT(taken < 6000);
    keeper_fill(&keeper, 1, 2);
    EXPECT(rt_log_left(keeper.log) > 50000);
    keeper_finish(&keeper);
}

TEST("the next segment's room is its length, but for what is removed for it")
{
    begin();
    keeper_fill(&keeper, 1, 3);
    uint64_t length = rt_log_next_length(keeper.log);
    EXPECT_INT(rt_log_next_room(keeper.log), length);
    keeper.log->options.retention.bytes = rt_log_usage(keeper.log).bytes;
    uint64_t room_beside = rt_log_next_room(keeper.log);
    EXPECT(room_beside < length);
    keeper.log->options.retention.bytes = 1;
    EXPECT_INT(rt_log_next_room(keeper.log), 0);
    keeper_finish(&keeper);
}

TEST("the oldest goes where the next one and an index would be too much")
{
    for (uint64_t less = 0; less < 2; less++) {
        begin();
        keeper_fill(&keeper, 1, 3);
        keeper_fill_last(&keeper);
        EXPECT_INT(rt_log_seal(keeper.log), 0);
        keeper.log->options.retention.bytes =
            rt_log_usage(keeper.log).bytes +
            rt_log_seal_length(keeper.log->tail.place_count) +
            rt_log_next_length(keeper.log) - less;
        const struct rt_log_volume *oldest = keeper.log->index.volumes;
        EXPECT_INT(rt_log_next_room(keeper.log) +
                       less * (oldest->end + oldest->seal),
                   rt_log_next_length(keeper.log));
        keeper_publish(&keeper, 1, 10, 500);
        EXPECT_INT(rt_log_usage(keeper.log).segment_count, 4 - less);
        keeper_finish(&keeper);
    }
}

static const struct rt_disk_ops *honest;

/* A removed file that is open still has its room. */
static int free_but_for_removed(struct rt_disk *under, uint64_t *bytes)
{
    int err = honest->free_bytes(under, bytes);
    *bytes = keeper.log->has_removed ? 0 : *bytes;
    return err;
}

TEST("the room of a segment that was removed for the next one is there for it")
{
    begin();
    honest = keeper.disk.disk.ops;
    struct rt_disk_ops ops = *honest;
    ops.free_bytes = free_but_for_removed;
    keeper.disk.disk.ops = &ops;
    keeper.log->options.retention.bytes = 4 * keeper.options.segment_bytes;
    uint64_t last = rt_log_index_newest(&keeper.log->index)->segment;
    while (rt_log_index_newest(&keeper.log->index)->segment < last + 10) {
        keeper_publish(&keeper, 1, 10, 500);
    }
    EXPECT(keeper.log->index.volumes[0].segment > last);
    keeper.disk.disk.ops = honest;
    keeper_finish(&keeper);
}

TEST("a failure on the way to the next segment is for good, and loses nothing")
{
    for (uint64_t call = 1; call <= 12; call++) {
        int err = 0;
        begin();
        keeper_fill_last(&keeper);
        fake_disk_fault_at(&keeper.disk, call, FAKE_EIO);
        err = keeper_try_publish(&keeper, 1, 10, 500);
        if (err < 0) {
            EXPECT_INT(err, RT_EIO);
            EXPECT_INT(keeper_try_publish(&keeper, 1, 1, 10), RT_EFAILED);
        }
        fake_disk_fault_at(&keeper.disk, 0, FAKE_EIO);
        uint64_t count = keeper.next_offset[1] - 1;
        EXPECT_INT(keeper_read(&keeper, 1, 1, &err), count);
        keeper_restart(&keeper);
        EXPECT_INT(keeper.topics[1].next_offset, count + 1);
        keeper_publish(&keeper, 1, 10, 500);
        keeper_finish(&keeper);
    }
}
