#include "protocol/problem.h"

#include <string.h>

#include "protocol/json.h"
#include "tests/support/test.h"

#define URN "{\"type\":\"urn:ringtail:problem:"

static struct rt_bytes written(char *memory, const struct rt_refusal *refusal)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_PROBLEM_BYTES_MAX);
    rt_problem_write(&writer, refusal);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

static void expect(struct rt_refusal refusal, const char *expected)
{
    char memory[RT_PROBLEM_BYTES_MAX];
    EXPECT_TEXT(written(memory, &refusal), expected);
}

TEST("a problem is its type, title and status on a line")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_NOT_FOUND},
           URN "not-found\",\"title\":\"There is nothing here\","
               "\"status\":404}\n");
}

TEST("a detail says what it is about, if there is something")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_BAD_TOPIC,
                               .subject = RT_BYTES("a..b"),
                               .detail = "a token is empty"},
           URN "bad-topic\",\"title\":\"That is not a topic\",\"status\":400,"
               "\"detail\":\"a..b: a token is empty\"}\n");
    expect((struct rt_refusal){.problem = RT_PROBLEM_BAD_TOPIC,
                               .detail = "a token is empty"},
           URN "bad-topic\",\"title\":\"That is not a topic\",\"status\":400,"
               "\"detail\":\"a token is empty\"}\n");
}

TEST("without a detail the subject is not shown either")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_NOT_FOUND,
                               .subject = RT_BYTES("/a")},
           URN "not-found\",\"title\":\"There is nothing here\","
               "\"status\":404}\n");
}

TEST("a limit that was passed is told")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_URI_TOO_LONG,
                               .detail = "too long",
                               .limit = 8192},
           URN "uri-too-long\",\"title\":\"The URL is too long\","
               "\"status\":414,\"detail\":\"too long\",\"limit\":8192}\n");
}

TEST("what is full, a stop, too much to do and no verdict may pass")
{
    for (int i = 0; i < RT_PROBLEM_COUNT; i++) {
        EXPECT_INT(rt_problem_may_pass((enum rt_problem)i),
                   i == RT_PROBLEM_DRAINING || i == RT_PROBLEM_OVERLOADED ||
                       i == RT_PROBLEM_AUTHORIZATION_TIMEOUT ||
                       i == RT_PROBLEM_INSUFFICIENT_STORAGE ||
                       i == RT_PROBLEM_STORAGE_FULL);
    }
}

TEST("the event of a batch is told, the first one too")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_BAD_BATCH,
                               .detail = "a line is not JSON",
                               .has_index = true},
           URN "bad-batch\",\"title\":\"An event of the batch is not valid\","
               "\"status\":400,\"detail\":\"a line is not JSON\","
               "\"index\":0}\n");
}

TEST("the cursors of the oldest and of the last event are told")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_EPOCH_CHANGED,
                               .has_cursors = true,
                               .earliest = {0x7f3a9c21, 18},
                               .latest = {0x7f3a9c21, 1042}},
           URN "epoch-changed\",\"title\":\"The log is another one\","
               "\"status\":410,\"earliest\":\"7f3a9c21-18\","
               "\"latest\":\"7f3a9c21-1042\"}\n");
}

TEST("what may pass says when to try again")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_OVERLOADED},
           URN "overloaded\",\"title\":\"The broker has too much to do\","
               "\"status\":503,\"retry_after\":1}\n");
    expect((struct rt_refusal){.problem = RT_PROBLEM_INSUFFICIENT_STORAGE,
                               .limit = 1},
           URN "insufficient-storage\",\"title\":\"The memory budget is spent\""
               ",\"status\":507,\"limit\":1,\"retry_after\":1}\n");
}

TEST("what the peer sent is escaped, and shown in printable ASCII")
{
    expect((struct rt_refusal){.problem = RT_PROBLEM_NOT_FOUND,
                               .subject = RT_BYTES("a\"b\\c\r\n\0\x1f\x7f\xc3"),
                               .detail = "try \"/\""},
           URN "not-found\",\"title\":\"There is nothing here\",\"status\":404,"
               "\"detail\":\"a\\\"b\\\\c\\u000d\\u000a\\u0000\\u001f\\u007f"
               "\\u00c3: try \\\"/\\\"\"}\n");
}

static size_t count(struct rt_bytes bytes, char wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        found += bytes.data[i] == wanted ? 1 : 0;
    }
    return found;
}

TEST("of a long subject the first bytes are shown")
{
    char memory[RT_PROBLEM_BYTES_MAX];
    char text[RT_SUBJECT_MAX + 1];
    memset(text, '#', sizeof(text));
    struct rt_refusal refusal = {.problem = RT_PROBLEM_NOT_FOUND,
                                 .subject = {text, RT_SUBJECT_MAX},
                                 .detail = "x"};
    struct rt_bytes whole = written(memory, &refusal);
    EXPECT_INT(count(whole, '#'), RT_SUBJECT_MAX);
    EXPECT_INT(count(whole, '.'), 0);
    refusal.subject.len++;
    struct rt_bytes cut = written(memory, &refusal);
    EXPECT_INT(count(cut, '#'), RT_SUBJECT_MAX);
    EXPECT(memmem(cut.data, cut.len, "#...: x\"", 8) != NULL);
}

/* No detail in the program is longer than this. */
#define LONG_DETAIL                                                    \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

TEST("every problem fits and is JSON, even with the worst subject")
{
    char memory[RT_PROBLEM_BYTES_MAX];
    char subject[4 * RT_SUBJECT_MAX];
    memset(subject, '\xff', sizeof(subject));
    for (int i = 0; i < RT_PROBLEM_COUNT; i++) {
        struct rt_refusal refusal = {.problem = (enum rt_problem)i,
                                     .subject = {subject, sizeof(subject)},
                                     .detail = LONG_DETAIL,
                                     .limit = UINT64_MAX,
                                     .has_cursors = true,
                                     .earliest = {UINT32_MAX, UINT64_MAX},
                                     .latest = {UINT32_MAX, UINT64_MAX},
                                     .has_index = true,
                                     .index = UINT32_MAX};
        struct rt_bytes bytes = written(memory, &refusal);
        EXPECT_INT(bytes.data[bytes.len - 1], '\n');
        EXPECT(rt_json_is_valid(bytes));
    }
}

static void expect_reason(struct rt_refusal refusal, const char *expected)
{
    char memory[RT_PROBLEM_REASON_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_reason_write(&writer, &refusal);
    EXPECT(!writer.overflowed);
    EXPECT_TEXT(rt_writer_bytes(&writer), expected);
}

TEST("a close frame has the slug, and the parameter that is wrong")
{
    expect_reason((struct rt_refusal){.problem = RT_PROBLEM_FORBIDDEN,
                                      .subject = RT_BYTES("a")},
                  "forbidden");
    expect_reason((struct rt_refusal){.problem = RT_PROBLEM_BAD_PARAMETER,
                                      .subject = RT_BYTES("since")},
                  "bad-parameter; parameter=since");
}

TEST("of a long parameter a close frame has as much as fits")
{
    char name[1000];
    char memory[RT_PROBLEM_REASON_MAX];
    struct rt_writer writer;
    struct rt_refusal refusal = {.problem = RT_PROBLEM_BAD_PARAMETER,
                                 .subject = {name, sizeof(name)}};
    memset(name, '#', sizeof(name));
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_reason_write(&writer, &refusal);
    EXPECT(!writer.overflowed);
    EXPECT_INT(count(rt_writer_bytes(&writer), '#'), 64);
}

TEST("the close code says the status, or to come again later")
{
    EXPECT_INT(rt_problem_close_code(RT_PROBLEM_BAD_TOPIC), 4400);
    EXPECT_INT(rt_problem_close_code(RT_PROBLEM_UNAUTHORIZED), 4401);
    EXPECT_INT(rt_problem_close_code(RT_PROBLEM_FORBIDDEN), 4403);
    EXPECT_INT(rt_problem_close_code(RT_PROBLEM_DRAINING), 1013);
    EXPECT_INT(rt_problem_close_code(RT_PROBLEM_INSUFFICIENT_STORAGE), 1013);
}

static bool is_slug(struct rt_bytes slug)
{
    for (size_t i = 0; i < slug.len; i++) {
        char c = slug.data[i];
        if ((c < 'a' || c > 'z') && c != '-') {
            return false;
        }
    }
    return slug.len > 0;
}

TEST("a problem is told by its slug alone, and is an error")
{
    for (int i = 0; i < RT_PROBLEM_COUNT; i++) {
        struct rt_bytes slug = rt_bytes_of(rt_problem_slug((enum rt_problem)i));
        uint16_t status = rt_problem_status((enum rt_problem)i);
        EXPECT(is_slug(slug));
        EXPECT(status >= 400 && status < 600);
        for (int j = 0; j < i; j++) {
            const char *other = rt_problem_slug((enum rt_problem)j);
            EXPECT(!rt_bytes_equal(slug, rt_bytes_of(other)));
        }
    }
}
