#include "broker/net/input_share.h"

#include "broker/net/server.h"
#include "tests/support/test.h"

static const char readers[RT_INPUT_TURN_BYTES / RT_INPUT_PART_MIN * 2];

/* What one reader is given in a turn, read by read. */
static size_t read_all(struct rt_input_share *share, const void *reader)
{
    size_t sum = 0;
    size_t got;
    while ((got = rt_input_share_take(share, reader, RT_INPUT_PART_MIN)) > 0) {
        EXPECT(got <= RT_READ_BYTES);
        sum += got;
    }
    return sum;
}

TEST("who reads alone has the whole turn, in reads that fit the buffer")
{
    struct rt_input_share share = {0};
    rt_input_share_renew(&share);
    EXPECT_INT(read_all(&share, &readers[0]), RT_INPUT_TURN_BYTES);
    rt_input_share_renew(&share);
    EXPECT_INT(read_all(&share, &readers[0]), RT_INPUT_TURN_BYTES);
}

TEST("a turn is divided among as many as read in the one before")
{
    struct rt_input_share share = {0};
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
    struct rt_input_share share = {0};
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

/* A turn in which so many have as many requests as they may have; of one. */
static uint32_t requests_of_each(struct rt_input_share *share, size_t askers)
{
    uint32_t count = 0;
    for (size_t i = 0; i < askers; i++) {
        struct rt_request_share requests = {0};
        count = 0;
        while (count < 2 * RT_REQUESTS_TURN &&
               rt_input_share_take_request(share, &requests)) {
            count++;
        }
    }
    rt_input_share_renew(share);
    return count;
}

TEST("the requests of a turn are divided, too, and nobody has none")
{
    struct rt_input_share share = {0};
    rt_input_share_renew(&share);
    (void)requests_of_each(&share, 1);
    EXPECT_INT(requests_of_each(&share, 8), RT_REQUESTS_TURN);
    EXPECT_INT(requests_of_each(&share, 4096), RT_REQUESTS_TURN / 8);
    EXPECT_INT(requests_of_each(&share, 1), RT_REQUESTS_PART_MIN);
}

TEST("who had its part of a turn has another one in the next")
{
    struct rt_input_share share = {0};
    struct rt_request_share requests = {0};
    rt_input_share_renew(&share);
    (void)requests_of_each(&share, 4096);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < RT_REQUESTS_PART_MIN; i++) {
            EXPECT(rt_input_share_take_request(&share, &requests));
        }
        rt_input_share_renew(&share);
        share.askers_before = 4096;
    }
}
