#include "storage/log/apply.h"

#include "tests/unit/log/keeper.h"

static struct keeper keeper;

static const struct rt_log_part news = {
    .kind = RT_LOG_TOPIC,
    .topic = 1,
    .description = {.name = {"news", 4},
                    .next_offset = 1,
                    .retention = {10, 20, 30},
                    .state = {"open", 4}}};

static void apply(const struct rt_log_part *part)
{
    struct rt_log_origin origin = {.segment = 1, .position = 640};
    EXPECT_INT(rt_log_admit(keeper.log, part), 0);
    rt_log_index_lock(&keeper.log->index);
    rt_log_apply(keeper.log, part, &origin, 100);
    rt_log_index_unlock(&keeper.log->index);
}

static struct rt_log_shelf *shelf_of(uint64_t topic)
{
    return rt_log_index_shelf(&keeper.log->index, topic);
}

TEST("a topic is new until it is applied, and gone if it is withdrawn")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    EXPECT_INT(rt_log_admit(keeper.log, &news), 0);
    EXPECT_INT(shelf_of(1)->state, RT_LOG_SHELF_NEW);
    rt_log_withdraw(keeper.log, &news);
    EXPECT(shelf_of(1) == NULL);
    apply(&news);
    EXPECT_INT(shelf_of(1)->state, RT_LOG_SHELF_SOUND);
    rt_log_withdraw(keeper.log, &news);
    EXPECT(shelf_of(1) != NULL);
    EXPECT_INT(shelf_of(1)->retention.events, 20);
    EXPECT_INT(keeper.log->next_topic, 2);
    keeper_finish(&keeper);
}

TEST("events continue a topic, and are found where they are")
{
    struct rt_log_spot spot;
    keeper_init(&keeper);
    keeper_open(&keeper);
    apply(&news);
    struct rt_segment *segment = segment_with(&keeper, 1, 5, 20, "t");
    struct rt_log_part part = {.kind = RT_LOG_EVENTS,
                               .topic = 1,
                               .events = rt_log_events_of(segment, 0, 5)};
    apply(&part);
    EXPECT_INT(shelf_of(1)->next_offset, 6);
    EXPECT_INT(shelf_of(1)->bytes, 100);
    EXPECT_INT(shelf_of(1)->places[0].span.sequence, 5);
    EXPECT_INT(keeper.log->tail.place_count, 1);
    EXPECT_INT(rt_log_index_find(&keeper.log->index, 1, 3, &spot), 0);
    EXPECT_INT(spot.position, 640);
    rt_segment_unref(&keeper.store, segment);
    keeper_finish(&keeper);
}

TEST("a topic's new state takes the place of the old one")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    apply(&news);
    struct rt_log_part later = news;
    later.description.state = RT_BYTES("x");
    later.description.floor = 9;
    later.description.next_offset = 9;
    apply(&later);
    EXPECT_INT(shelf_of(1)->state_len, 1);
    EXPECT_INT(shelf_of(1)->next_offset, 9);
    EXPECT_INT(rt_log_shelf_earliest(shelf_of(1)), 9);
    struct rt_log_part removal = {.kind = RT_LOG_REMOVED, .topic = 1};
    apply(&removal);
    apply(&removal);
    EXPECT(shelf_of(1) == NULL);
    EXPECT_INT(keeper.log->next_topic, 2);
    keeper_finish(&keeper);
}

static int add_bytes(void *context, struct rt_bytes state)
{
    *(size_t *)context += state.len;
    return 0;
}

static size_t key_bytes(void)
{
    size_t bytes = 0;
    EXPECT_INT(rt_log_keys_tell(&keeper.log->keys, 0, add_bytes, &bytes), 0);
    return bytes;
}

TEST("keys are kept, and of the node the last state")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = RT_BYTES("k")};
    struct rt_log_part node = {.kind = RT_LOG_NODE, .opaque = RT_BYTES("n")};
    apply(&key);
    apply(&key);
    apply(&node);
    EXPECT_INT(key_bytes(), 2);
    EXPECT_BYTES(rt_log_node(keeper.log), RT_BYTES("n"));
    node.opaque.len = 0;
    apply(&node);
    EXPECT_INT(rt_log_node(keeper.log).len, 0);
    keeper_finish(&keeper);
}

TEST("without memory a part is not admitted")
{
    keeper_init(&keeper);
    keeper_open(&keeper);
    struct rt_log_part key = {.kind = RT_LOG_KEY, .opaque = RT_BYTES("k")};
    test_heap_fail_at(&keeper.heap, 1);
    EXPECT_INT(rt_log_admit(keeper.log, &news), RT_ENOMEM);
    test_heap_fail_at(&keeper.heap, 1);
    EXPECT_INT(rt_log_admit(keeper.log, &key), RT_ENOMEM);
    EXPECT_INT(rt_log_admit(keeper.log, &key), 0);
    rt_log_withdraw(keeper.log, &key);
    EXPECT(rt_list_is_empty(&keeper.log->keys.spares));
    EXPECT_INT(key_bytes(), 0);
    apply(&key);
    EXPECT_INT(key_bytes(), 1);
    keeper_finish(&keeper);
}
