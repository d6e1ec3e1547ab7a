#include "broker/core/close_reason.h"

#include <string.h>

#include "protocol/ws_frame.h"
#include "tests/support/test.h"

static struct rt_bytes written(char *memory,
                               size_t size,
                               enum rt_close_reason reason,
                               const struct rt_resume *resume)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, size);
    rt_close_write(&writer, reason, resume);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

TEST("the longest text of each reason fits a close frame")
{
    char memory[RT_CLOSE_TEXT_MAX];
    struct rt_resume resume = {{UINT32_MAX, UINT64_MAX},
                               UINT64_MAX,
                               .has_cursor = true,
                               .is_node = true};
    for (int reason = 0; reason < RT_CLOSE_COUNT; reason++) {
        struct rt_bytes text = written(memory, sizeof(memory),
                                       (enum rt_close_reason)reason, &resume);
        EXPECT(text.len > strlen(rt_close_slug((enum rt_close_reason)reason)));
    }
}

TEST("a reason says where to go on, and what was missed if anything was")
{
    char memory[RT_CLOSE_TEXT_MAX];
    struct rt_resume resume = {{0x7f3a9c21, 901}, .missed = 884, true};
    EXPECT_TEXT(
        written(memory, sizeof(memory), RT_CLOSE_CURSOR_EVICTED, &resume),
        "cursor-evicted; cursor=7f3a9c21-901; missed=884");
    resume.missed = 0;
    EXPECT_TEXT(
        written(memory, sizeof(memory), RT_CLOSE_SLOW_CONSUMER, &resume),
        "slow-consumer; cursor=7f3a9c21-901");
    resume.is_node = true;
    EXPECT_TEXT(
        written(memory, sizeof(memory), RT_CLOSE_SLOW_CONSUMER, &resume),
        "slow-consumer; cursor=*7f3a9c21-901");
}

TEST("a reason without a cursor is a slug")
{
    char memory[RT_CLOSE_TEXT_MAX];
    struct rt_resume resume = {{0x7f3a9c21, 901}, 884, .has_cursor = false};
    EXPECT_TEXT(written(memory, sizeof(memory), RT_CLOSE_LEAVING, &resume),
                "leaving");
    EXPECT_TEXT(written(memory, sizeof(memory), RT_CLOSE_LEAVING, NULL),
                "leaving");
}

TEST("every reason has a slug of its own")
{
    for (int a = 0; a < RT_CLOSE_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            EXPECT(strcmp(rt_close_slug((enum rt_close_reason)a),
                          rt_close_slug((enum rt_close_reason)b)) != 0);
        }
    }
}

TEST("every code may be sent, but for that of a connection that is gone")
{
    for (int reason = 0; reason < RT_CLOSE_COUNT; reason++) {
        uint16_t code = rt_close_code((enum rt_close_reason)reason);
        EXPECT_INT(rt_close_code_is_valid(code), reason != RT_CLOSE_LOST);
    }
    EXPECT_INT(rt_close_code(RT_CLOSE_SLOW_CONSUMER), 4408);
    EXPECT_INT(rt_close_code(RT_CLOSE_CURSOR_EVICTED), 4410);
    EXPECT_INT(rt_close_code(RT_CLOSE_LEAVING), 1001);
}
