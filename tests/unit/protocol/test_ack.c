#include "protocol/ack.h"

#include "base/error.h"
#include "tests/support/test.h"

TEST("each level is read by its name")
{
    const enum rt_ack levels[] = {RT_ACK_MEMORY, RT_ACK_DISK, RT_ACK_QUORUM};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(levels); i++) {
        enum rt_ack ack = RT_ACK_UNSAID;
        EXPECT_INT(rt_ack_parse(rt_ack_name(levels[i]), &ack), 0);
        EXPECT_INT(ack, levels[i]);
        EXPECT(rt_ack_name(levels[i]).len <= RT_ACK_BYTES_MAX);
    }
}

TEST("what is no level is refused, and changes nothing")
{
    const char *const texts[] = {"", "none", "Disk", "disk ", "diskk", "dis"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(texts); i++) {
        enum rt_ack ack = RT_ACK_DISK;
        EXPECT_INT(rt_ack_parse(rt_bytes_of(texts[i]), &ack), RT_EINVAL);
        EXPECT_INT(ack, RT_ACK_DISK);
    }
}

TEST("a level includes those before it")
{
    EXPECT(RT_ACK_UNSAID < RT_ACK_MEMORY);
    EXPECT(RT_ACK_MEMORY < RT_ACK_DISK);
    EXPECT(RT_ACK_DISK < RT_ACK_QUORUM);
}

TEST("it is said in a header field, if it is said")
{
    char memory[64];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_ack_write(&writer, RT_ACK_UNSAID);
    EXPECT_TEXT(rt_writer_bytes(&writer), "");
    rt_ack_write(&writer, RT_ACK_DISK);
    EXPECT_TEXT(rt_writer_bytes(&writer), "Ringtail-Ack: disk\r\n");
}
