#include "protocol/etag.h"

#include "tests/support/test.h"

TEST("a tag is of the bytes, quoted")
{
    char memory[RT_ETAG_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_etag_write(&writer, RT_BYTES("abc"));
    EXPECT_TEXT(rt_writer_bytes(&writer), "\"ba7816bf8f01cfea\"");
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_etag_write(&writer, RT_BYTES(""));
    EXPECT_TEXT(rt_writer_bytes(&writer), "\"e3b0c44298fc1c14\"");
}

TEST("a tag is known if it is in the list, weak or not, or if all are")
{
    static const struct {
        const char *field;
        bool is_known;
    } cases[] = {
        {"\"a-1\"", true},
        {"W/\"a-1\"", true},
        {"\"x\", \"a-1\"", true},
        {"\"x\",W/\"y\" ,\t\"a-1\"", true},
        {"*", true},
        {"\"a-2\"", false},
        {"a-1", false},
        {"\"a-1", false},
        {"w/\"a-1\"", false},
        {"W/", false},
        {"\"A-1\"", false},
        {"", false},
        {",,", false},
        {"\"a-1\"\"x\"", false},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        EXPECT_INT(
            rt_etag_is_known(rt_bytes_of(cases[i].field), RT_BYTES("\"a-1\"")),
            cases[i].is_known);
    }
    EXPECT(!rt_etag_is_known((struct rt_bytes){NULL, 0}, RT_BYTES("\"a-1\"")));
}
