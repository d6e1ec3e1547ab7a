#include "storage/log/visit.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

static void add_key(const char *text)
{
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = rt_bytes_of(text)};
    EXPECT_INT(keeper_append(&keeper, &key, 1), 0);
}

TEST("the last segment's events are told, and of topics before them all")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_publish(&keeper, 2, 3, 100);
    keeper_fill(&keeper, 1, 2);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].event_count, 10);
    EXPECT_INT(keeper.topics[1].earliest, 1);
    EXPECT_INT(keeper.topics[2].event_count, 0);
    EXPECT_INT(keeper.topics[2].next_offset, 4);
    EXPECT_INT(keeper.topics[2].earliest, 1);
    keeper_finish(&keeper);
}

TEST("of a topic it is told when its last event was, and its number")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_describe(&keeper, 3, "three");
    uint64_t wall_ms = keeper.options.wall_ms;
    keeper_publish(&keeper, 1, 7, 100);
    keeper.options.wall_ms += 1000;
    keeper_publish(&keeper, 3, 2, 100);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[1].wall_ms, wall_ms);
    EXPECT_INT(keeper.topics[1].sequence, 7);
    EXPECT_INT(keeper.topics[2].wall_ms, 0);
    EXPECT_INT(keeper.topics[2].sequence, 0);
    EXPECT_INT(keeper.topics[3].sequence, 9);
    keeper_finish(&keeper);
}

/* A second between two segments. */
static void fill_slowly(uint64_t segment_count)
{
    for (uint64_t i = 2; i <= segment_count; i++) {
        keeper_fill(&keeper, 1, i);
        keeper.options.wall_ms += 1000;
        keeper_publish(&keeper, 1, 1, 100);
    }
}

TEST(
    "of one whose events are gone it is told when they were gone at the latest")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_describe(&keeper, 2, "two");
    keeper_describe(&keeper, 3, "three");
    uint64_t wall_ms = keeper.options.wall_ms;
    keeper_publish(&keeper, 2, 3, 100);
    fill_slowly(5);
    keeper.log->options.retention.bytes = rt_log_usage(keeper.log).bytes - 1;
    EXPECT_INT(rt_log_retain(keeper.log, keeper.options.wall_ms), 0);
    keeper_restart(&keeper);
    EXPECT_INT(keeper.topics[2].earliest, 4);
    EXPECT(keeper.topics[2].wall_ms >= wall_ms);
    EXPECT(keeper.topics[2].wall_ms < keeper.options.wall_ms);
    EXPECT_INT(keeper.topics[3].wall_ms, 0);
    keeper_finish(&keeper);
}

TEST("keys are told once each, whichever segment they came with")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    for (uint64_t i = 1; i <= KEEPER_KEYS; i++) {
        char key[16];
        keeper_fill(&keeper, 1, i);
        (void)snprintf(key, sizeof(key), "key %u", (unsigned)i);
        add_key(key);
    }
    keeper_restart(&keeper);
    EXPECT_INT(keeper.key_count, KEEPER_KEYS);
    EXPECT_TEXT(rt_bytes_of(keeper.keys[0]), "key 1");
    EXPECT_TEXT(rt_bytes_of(keeper.keys[KEEPER_KEYS - 1]), "key 16");
    keeper_finish(&keeper);
}

TEST("keys that are too old to be of use are not told")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    add_key("old");
    keeper_fill(&keeper, 1, 2);
    add_key("older");
    keeper.options.wall_ms += keeper.options.keys.age_ms + 1;
    add_key("new");
    keeper_restart(&keeper);
    EXPECT_INT(keeper.key_count, 1);
    EXPECT_TEXT(rt_bytes_of(keeper.keys[0]), "new");
    keeper_finish(&keeper);
}

TEST("the node's state is told wherever it was told last")
{
    struct rt_log_part node = {.kind = RT_LOG_NODE,
                               .opaque = RT_BYTES("first")};
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    node.opaque = RT_BYTES("second");
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    keeper_fill(&keeper, 1, 4);
    keeper_restart(&keeper);
    EXPECT_TEXT(rt_bytes_of(keeper.node), "second");
    keeper_finish(&keeper);
}

static int refuse_topic(void *context,
                        uint64_t id,
                        const struct rt_log_topic *topic,
                        const struct rt_log_standing *standing)
{
    (void)context;
    (void)id;
    (void)topic;
    (void)standing;
    return -7;
}

static int
refuse_events(void *context, uint64_t id, const struct rt_log_events *events)
{
    (void)context;
    (void)id;
    (void)events;
    return -8;
}

static int refuse_bytes(void *context, struct rt_bytes state)
{
    (void)context;
    (void)state;
    return -9;
}

TEST("a visitor may end the opening, and need not listen")
{
    static const struct rt_log_visitor visitors[] = {{.topic = refuse_topic},
                                                     {.events = refuse_events},
                                                     {.key = refuse_bytes},
                                                     {.node = refuse_bytes},
                                                     {.context = NULL}};
    static const int errors[] = {-7, -8, -9, -9, 0};
    keeper_init(&keeper);
    keeper_open(&keeper);
    keeper_describe(&keeper, 1, "one");
    keeper_publish(&keeper, 1, 1, 20);
    add_key("key");
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("n")};
    EXPECT_INT(keeper_append(&keeper, &node, 1), 0);
    keeper_close(&keeper);
    for (size_t i = 0; i < RT_ARRAY_LENGTH(visitors); i++) {
        EXPECT_INT(rt_log_open(&keeper.log, &keeper.options, &visitors[i],
                               &keeper.found),
                   errors[i]);
    }
    keeper_finish(&keeper);
}
