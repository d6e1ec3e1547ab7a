#include "protocol/problem_read.h"

#include "base/heap.h"
#include "tests/support/test.h"

static void expect_text(const char *body, const char *text)
{
    char memory[64];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_explain(&writer, rt_bytes_of(body));
    EXPECT_TEXT(rt_writer_bytes(&writer), text);
}

TEST("the detail explains a problem, else the title does")
{
    expect_text("{\"title\":\"T\",\"status\":400,\"detail\":\"D d\"}\n", "D d");
    expect_text("{ \"status\" : 400 , \"title\" : \"T\" }", "T");
}

TEST("quotes and backslashes are unescaped, and nothing else is")
{
    expect_text("{\"detail\":\"a\\\"b\\\\c\\u0007\\n\"}", "a\"b\\c\\u0007\\n");
}

/* U+009B begins a control sequence, as ESC [ does. */
TEST("what is not printable ASCII never reaches the reader")
{
    expect_text("{\"detail\":\"\x1b[1m\x7f\xc2\x9b"
                "2J\xff\"}",
                "?[1m???2J?");
}

TEST("only a string of the outermost object counts")
{
    expect_text("{\"a\":{\"detail\":\"x\"},\"b\":\"detail\",\"title\":\"T\"}",
                "T");
    expect_text("[\"detail\",\"x\"]", "");
    expect_text("{\"detail\":7,\"title\":\"T\"}", "T");
}

TEST("any bytes may come")
{
    static const char *const bodies[] = {
        "", "{", "{\"", "{\"detail\":\"", "{\"detail\":\"\\", "<html>"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(bodies); i++) {
        char memory[64];
        struct rt_writer writer;
        rt_writer_init(&writer, memory, sizeof(memory));
        rt_problem_explain(&writer, rt_bytes_of(bodies[i]));
        EXPECT(rt_writer_bytes(&writer).len <= 1);
    }
}

TEST("a long text is cut where the memory ends")
{
    char memory[4];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_explain(&writer, RT_BYTES("{\"detail\":\"abcdefgh\"}"));
    EXPECT_TEXT(rt_writer_bytes(&writer), "abcd");
}
