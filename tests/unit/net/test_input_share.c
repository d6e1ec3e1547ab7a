#include "broker/net/input_share.h"

#include "broker/net/server.h"
#include "tests/support/test.h"

static const char readers[RT_INPUT_TURN_BYTES / RT_INPUT_PART_MIN * 2];

/* What one reader is given in a turn, read by read. */
static size_t read_all(struct rt_input_share *share, const void *reader)
{
    size_t sum = 0;
    size_t got;
    while ((got = rt_input_share_take(share, reader, 0)) > 0) {
        EXPECT(got <= RT_READ_BYTES);
        sum += got;
    }
    return sum;
}

TEST("who reads alone has the whole turn, in reads that fit the buffer")
{
    struct rt_input_share share;
    rt_input_share_init(&share);
    EXPECT_INT(read_all(&share, &readers[0]), RT_INPUT_TURN_BYTES);
    rt_input_share_renew(&share);
    EXPECT_INT(read_all(&share, &readers[0]), RT_INPUT_TURN_BYTES);
}

TEST("a turn is divided among as many as read in the one before")
{
    struct rt_input_share share;
    rt_input_share_init(&share);
    for (int turn = 0; turn < 2; turn++) {
        rt_input_share_renew(&share);
        for (int i = 0; i < 8; i++) {
            size_t got = read_all(&share, &readers[i]);
            EXPECT(turn == 0 || got == RT_INPUT_TURN_BYTES / 8);
        }
    }
}

TEST("however many read, nobody is given nothing")
{
    struct rt_input_share share;
    rt_input_share_init(&share);
    for (int turn = 0; turn < 2; turn++) {
        rt_input_share_renew(&share);
        for (size_t i = 0; i < sizeof(readers); i++) {
            EXPECT(read_all(&share, &readers[i]) >= RT_INPUT_PART_MIN);
        }
    }
    EXPECT_INT(read_all(&share, &share), RT_INPUT_PART_MIN);
    EXPECT_INT(rt_input_share_take(&share, &readers[0], RT_READ_BYTES),
               RT_READ_BYTES);
}

/* A turn in which every reader's part is full of requests of `len` bytes. */
static uint32_t crowded_turn(struct rt_input_share *share, size_t len)
{
    for (size_t i = 0; i < sizeof(readers); i++) {
        share->requests += (uint32_t)(read_all(share, &readers[i]) / len);
    }
    uint32_t requests = share->requests;
    rt_input_share_renew(share);
    return requests;
}

TEST("many short requests make the parts smaller, few make them grow again")
{
    struct rt_input_share share;
    rt_input_share_init(&share);
    EXPECT(crowded_turn(&share, 32) > RT_TURN_REQUESTS);
    for (int turn = 0; turn < 8; turn++) {
        EXPECT(crowded_turn(&share, 32) <= RT_TURN_REQUESTS);
    }
    EXPECT(share.part_min < RT_INPUT_PART_MIN);
    for (int turn = 0; turn < 8; turn++) {
        (void)crowded_turn(&share, RT_INPUT_PART_MIN);
    }
    EXPECT_INT(share.part_min, RT_INPUT_PART_MIN);
}
