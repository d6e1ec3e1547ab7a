#include "protocol/topic_state.h"

#include <string.h>

#include "base/error.h"
#include "protocol/topic.h"
#include "tests/support/test.h"

#define KIB 1024

static struct rt_bytes write(char *memory, const struct rt_topic_state *state)
{
    struct rt_writer writer;
    rt_writer_init(&writer, memory, RT_TOPIC_STATE_BYTES_MAX);
    rt_topic_state_write(&writer, state);
    EXPECT(!writer.overflowed);
    return rt_writer_bytes(&writer);
}

TEST("a state is what is known of a topic")
{
    char memory[RT_TOPIC_STATE_BYTES_MAX];
    struct rt_topic_state state = {
        .topic = RT_BYTES("chat.42"),
        .earliest = {0x7f3a9c21, 18},
        .latest = {0x7f3a9c21, 1042},
        .events = 1025,
        .bytes = 131072,
        .configuration = {.ring_bytes = 1048576,
                          .ring_events = UINT64_MAX,
                          .max_age_ms = 3600000},
    };
    EXPECT_TEXT(write(memory, &state),
                "{\"topic\":\"chat.42\",\"epoch\":\"7f3a9c21\",\"earliest\":"
                "\"7f3a9c21-18\",\"latest\":\"7f3a9c21-1042\",\"events\":1025,"
                "\"bytes\":131072,\"closed\":false,\"configuration\":{"
                "\"ring_bytes\":1048576,\"ring_events\":\"unlimited\","
                "\"max_age\":\"1h\"}}");
    state.has_subscribers = true;
    state.is_closed = true;
    state.configuration.max_age_ms = UINT64_MAX;
    EXPECT_TEXT(write(memory, &state),
                "{\"topic\":\"chat.42\",\"epoch\":\"7f3a9c21\",\"earliest\":"
                "\"7f3a9c21-18\",\"latest\":\"7f3a9c21-1042\",\"events\":1025,"
                "\"bytes\":131072,\"subscribers\":0,\"closed\":true,"
                "\"configuration\":{\"ring_bytes\":1048576,\"ring_events\":"
                "\"unlimited\",\"max_age\":\"unlimited\"}}");
}

TEST("the largest state fits")
{
    char memory[RT_TOPIC_STATE_BYTES_MAX];
    char name[RT_TOPIC_BYTES_MAX];
    memset(name, 'n', sizeof(name));
    struct rt_topic_state state = {
        .topic = {name, sizeof(name)},
        .earliest = {UINT32_MAX, UINT64_MAX},
        .latest = {UINT32_MAX, UINT64_MAX},
        .events = UINT64_MAX,
        .bytes = UINT64_MAX,
        .has_subscribers = true,
        .subscribers = UINT32_MAX,
        .configuration = {UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1,
                          UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1},
        .has_data = true,
        .ack = RT_ACK_MEMORY,
    };
    EXPECT(write(memory, &state).len > 400);
}

static const struct rt_topic_configuration before = {1, 2, 3, 4, 5, 6};

static int read(const char *body,
                struct rt_topic_change *change,
                struct rt_refusal *refusal)
{
    *change = (struct rt_topic_change){.configuration = before};
    return rt_topic_change_read(rt_bytes_of(body), change, refusal);
}

TEST("what is asked is as the command line has it, or a number")
{
    static const struct {
        const char *body;
        struct rt_topic_configuration wanted;
    } cases[] = {
        {"{}", {1, 2, 3, 4, 5, 6}},
        {"{\"ring_bytes\":4096}", {4096, 2, 3, 4, 5, 6}},
        {"{\"ring_bytes\":\"64KiB\"}", {64 * KIB, 2, 3, 4, 5, 6}},
        {"{\"ring_bytes\":\"unlimited\"}", {UINT64_MAX, 2, 3, 4, 5, 6}},
        {"{\"ring_events\":100}", {1, 100, 3, 4, 5, 6}},
        {"{\"ring_events\":\"100\"}", {1, 100, 3, 4, 5, 6}},
        {"{\"ring_events\":\"unlimited\"}", {1, UINT64_MAX, 3, 4, 5, 6}},
        {"{\"max_age\":\"250ms\"}", {1, 2, 250, 4, 5, 6}},
        {" {\"max_age\" : \"1\\u0068\"\n}\n", {1, 2, 3600000, 4, 5, 6}},
        {"{\"max_age\":\"unlimited\",\"ring_bytes\":8,\"ring_events\":9}",
         {8, 9, UINT64_MAX, 4, 5, 6}},
        {"{\"data_bytes\":\"1GiB\"}",
         {1, 2, 3, (uint64_t)KIB * KIB * KIB, 5, 6}},
        {"{\"data_events\":7,\"data_age\":\"30d\"}",
         {1, 2, 3, 4, 7, UINT64_C(2592000000)}},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        struct rt_topic_change change;
        struct rt_refusal refusal;
        EXPECT_INT(read(cases[i].body, &change, &refusal), 0);
        EXPECT_INT(memcmp(&change.configuration, &cases[i].wanted,
                          sizeof(cases[i].wanted)),
                   0);
        EXPECT_INT(change.has_data, strstr(cases[i].body, "data") != NULL);
        EXPECT(!change.has_closed);
    }
}

TEST("what its receipts say is in a configuration where it may differ")
{
    const enum rt_ack acks[] = {RT_ACK_MEMORY, RT_ACK_DISK};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(acks); i++) {
        char memory[RT_TOPIC_STATE_BYTES_MAX];
        struct rt_topic_state state = {.topic = RT_BYTES("a"), .ack = acks[i]};
        struct rt_bytes text = write(memory, &state);
        const char *inner = memmem(text.data, text.len, ",\"ack\":", 7);
        struct rt_topic_change change;
        struct rt_refusal refusal;
        EXPECT(inner != NULL);
        memory[inner - memory] = '{';
        memory[text.len - 1] = '\0';
        EXPECT_INT(read(inner, &change, &refusal), 0);
        EXPECT_INT(change.ack, acks[i]);
    }
}

TEST("closed is true, false or not said")
{
    struct rt_topic_change change;
    struct rt_refusal refusal;
    EXPECT_INT(read("{\"closed\":true}", &change, &refusal), 0);
    EXPECT(change.has_closed && change.is_closed);
    EXPECT_INT(read("{\"closed\":false}", &change, &refusal), 0);
    EXPECT(change.has_closed && !change.is_closed);
}

TEST("a configuration may be asked for as it is said")
{
    static const struct rt_topic_configuration configurations[] = {
        {1048576, UINT64_MAX, 3600000, 3600000, 1048576, UINT64_MAX},
        {1, 1, 1, 1, 1, 1},
        {UINT64_MAX, 7, UINT64_MAX, UINT64_MAX, UINT64_MAX, 7},
        {4096, 100, 90000, 90000, 4096, 100},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(configurations); i++) {
        char memory[RT_TOPIC_STATE_BYTES_MAX];
        struct rt_topic_state state = {.topic = RT_BYTES("a"),
                                       .configuration = configurations[i],
                                       .has_data = true};
        struct rt_bytes text = write(memory, &state);
        const char *inner = memchr(text.data + 1, '{', text.len - 1);
        struct rt_bytes body = {inner,
                                (size_t)(text.data + text.len - 1 - inner)};
        struct rt_topic_change change = {.configuration = before};
        struct rt_refusal refusal;
        EXPECT_INT(rt_topic_change_read(body, &change, &refusal), 0);
        EXPECT_INT(memcmp(&change.configuration, &configurations[i],
                          sizeof(configurations[i])),
                   0);
    }
}

TEST("what is wrong is named")
{
    static const struct {
        const char *body;
        enum rt_problem problem;
        const char *subject;
    } cases[] = {
        {"", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"{", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"[]", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"\"{}\"", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"{\"a\":\"\xff\"}", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"{\"\":1}", RT_PROBLEM_BAD_PARAMETER, ""},
        {"{\"ring-bytes\":1}", RT_PROBLEM_BAD_PARAMETER, "ring-bytes"},
        {"{\"Closed\":true}", RT_PROBLEM_BAD_PARAMETER, "Closed"},
        {"{\"closed\":1}", RT_PROBLEM_BAD_PARAMETER, "closed"},
        {"{\"closed\":\"true\"}", RT_PROBLEM_BAD_PARAMETER, "closed"},
        {"{\"closed\":null}", RT_PROBLEM_BAD_PARAMETER, "closed"},
        {"{\"closed\":true,\"closed\":true}", RT_PROBLEM_BAD_PARAMETER,
         "closed"},
        {"{\"ring_bytes\":0}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":-1}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":1.5}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":1e3}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":\"64kb\"}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":null}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":{}}", RT_PROBLEM_BAD_PARAMETER, "ring_bytes"},
        {"{\"ring_bytes\":18446744073709551616}", RT_PROBLEM_BAD_PARAMETER,
         "ring_bytes"},
        {"{\"ring_events\":\"\"}", RT_PROBLEM_BAD_PARAMETER, "ring_events"},
        {"{\"ring_events\":\"\\ud800\"}", RT_PROBLEM_BAD_PARAMETER,
         "ring_events"},
        {"{\"ack\":\"quorum\"}", RT_PROBLEM_BAD_PARAMETER, "ack"},
        {"{\"ack\":2}", RT_PROBLEM_BAD_PARAMETER, "ack"},
        {"{\"ack\":memory}", RT_PROBLEM_BAD_PAYLOAD, ""},
        {"{\"max_age\":5}", RT_PROBLEM_BAD_PARAMETER, "max_age"},
        {"{\"max_age\":\"0s\"}", RT_PROBLEM_BAD_PARAMETER, "max_age"},
        {"{\"max_age\":\"5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s5s"
         "5s5s5s5s5s5s5s5s5s5s5s5s5s5s\"}",
         RT_PROBLEM_BAD_PARAMETER, "max_age"},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(cases); i++) {
        struct rt_topic_change change;
        struct rt_refusal refusal;
        EXPECT_INT(read(cases[i].body, &change, &refusal), RT_EINVAL);
        EXPECT_INT(refusal.problem, cases[i].problem);
        EXPECT_TEXT(refusal.subject, cases[i].subject);
        EXPECT(refusal.detail != NULL);
    }
}
