#include "storage/log/last.h"

#include "storage/checksum.h"
#include "tests/unit/log/keeper.h"

static struct keeper keeper;

TEST("a log of whose snapshots none is left is not opened, and not changed")
{
    keeper_begin_three(&keeper);
    keeper_remove(&keeper, 1);
    keeper_remove(&keeper, 2);
    uint64_t next_offset = keeper.next_offset[1];
    static const uint64_t places[] = {64, 70, 90, 127, 130, 190};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(places); i++) {
        keeper_flip(&keeper, 3, places[i]);
        EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
        EXPECT_INT(keeper.heap.heap.used, 0);
        keeper_flip(&keeper, 3, places[i]);
    }
    keeper_open(&keeper);
    EXPECT_INT(keeper.topics[1].next_offset, next_offset);
    EXPECT(!keeper.topics[1].is_damaged);
    keeper_finish(&keeper);
}

TEST("a head that does not check is made again")
{
    keeper_begin_three(&keeper);
    for (uint64_t at = 0; at < 64; at++) {
        keeper_flip(&keeper, 3, at);
        keeper_open(&keeper);
        keeper_expect_all(&keeper, keeper.next_offset[1]);
        EXPECT_INT(keeper.found.next_topic, 2);
        keeper_close(&keeper);
        struct rt_log_segment_head head;
        memcpy(&head, keeper_image(&keeper, 3)->bytes, sizeof(head));
        EXPECT(rt_log_segment_head_check(&head));
        EXPECT_INT(head.number, 3);
        EXPECT_INT(head.topic, 1);
    }
    keeper_finish(&keeper);
}

TEST("topics that begin behind a head that was made again are not forgotten")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "news");
    keeper_publish(&keeper, 1, 3, 100);
    keeper_close(&keeper);
    keeper_flip(&keeper, 1, 20);
    for (int i = 0; i < 2; i++) {
        keeper_open(&keeper);
        keeper_expect_all(&keeper, 4);
        EXPECT_INT(keeper.found.next_topic, 2);
        keeper_close(&keeper);
    }
    keeper_finish(&keeper);
}

TEST("a log of another version is not opened, and not changed")
{
    struct rt_log_segment_head head;
    keeper_begin_three(&keeper);
    struct fake_image *image = keeper_image(&keeper, 3);
    memcpy(&head, image->bytes, sizeof(head));
    head.version = 2;
    head.crc = 0;
    head.crc = rt_checksum(0, &head, sizeof(head));
    memset(image->bytes, 0, image->len);
    memcpy(image->bytes, &head, sizeof(head));
    EXPECT_INT(keeper_try_open(&keeper), RT_EDAMAGED);
    EXPECT(keeper_image(&keeper, 3) != NULL);
    keeper_finish(&keeper);
}
