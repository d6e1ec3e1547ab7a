#include "broker/core/topic.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/subscriber.h"
#include "tests/support/random.h"
#include "tests/support/sink.h"

#define SUBSCRIBER_COUNT 40
#define SEEDS            20

static const struct rt_retention retention = {64 * 1024, UINT64_MAX,
                                              UINT64_MAX};

static struct rt_topic *obtain(struct test_core *test, const char *name)
{
    struct rt_topic *topic = rt_topic_obtain(&test->core, rt_bytes_of(name));
    EXPECT(topic != NULL);
    return topic;
}

TEST("a topic begins to exist once and is found by its name")
{
    struct test_core test;
    test_core_init(&test, retention);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b")) == NULL);
    struct rt_topic *topic = obtain(&test, "a.b");
    EXPECT(obtain(&test, "a.b") == topic);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b")) == topic);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a.b.c")) == NULL);
    EXPECT_BYTES(topic->leaf.key, RT_BYTES("a.b"));
    EXPECT_INT(test.core.topic_count, 1);
    test_core_finish(&test);
}

TEST("a topic keeps a name of its own")
{
    struct test_core test;
    test_core_init(&test, retention);
    char name[200];
    memset(name, 'n', sizeof(name));
    struct rt_bytes longest = {name, sizeof(name)};
    struct rt_topic *topic = rt_topic_obtain(&test.core, longest);
    memset(name, 'm', sizeof(name));
    EXPECT(rt_topic_find(&test.core, longest) == NULL);
    memset(name, 'n', sizeof(name));
    EXPECT(rt_topic_find(&test.core, longest) == topic);
    test_core_finish(&test);
}

TEST("each topic has an epoch of its own, also the same one anew")
{
    struct test_core test;
    test_core_init(&test, retention);
    uint32_t first = obtain(&test, "a")->epoch;
    EXPECT(obtain(&test, "b")->epoch != first);
    EXPECT_INT(rt_topic_cursor(obtain(&test, "a"), 7).epoch, first);
    EXPECT_INT(rt_topic_cursor(obtain(&test, "a"), 7).offset, 7);
    rt_topic_destroy(obtain(&test, "a"));
    EXPECT_INT(test.core.topic_count, 1);
    EXPECT(obtain(&test, "a")->epoch != first);
    test_core_finish(&test);
}

TEST("a topic for which there is no memory does not begin to exist")
{
    for (uint64_t k = 1; k <= 2; k++) {
        struct test_core test;
        test_core_init(&test, retention);
        (void)obtain(&test, "before");
        size_t used = test.heap.heap.used;
        test_heap_fail_at(&test.heap, k);
        EXPECT(rt_topic_obtain(&test.core, RT_BYTES("a")) == NULL);
        EXPECT_INT(test.heap.heap.used, used);
        EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
        rt_core_validate(&test.core);
        test_core_finish(&test);
    }
}

TEST("a topic that was there before is not undone")
{
    struct test_core test;
    test_core_init(&test, retention);
    rt_topic_undo(NULL, 0);
    struct rt_topic *topic = obtain(&test, "a");
    rt_topic_undo(topic, 1);
    EXPECT(obtain(&test, "a") == topic);
    rt_topic_undo(topic, 0);
    EXPECT(rt_topic_find(&test.core, RT_BYTES("a")) == NULL);
    EXPECT_INT(test.core.topic_count, 0);
    test_core_finish(&test);
}

TEST("room that cannot be made leaves the topic as it was")
{
    struct test_core test;
    test_core_init(&test, retention);
    struct rt_topic *topic = obtain(&test, "a");
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(rt_topic_reserve(topic), RT_ENOMEM);
    rt_topic_validate(topic);
    EXPECT_INT(rt_topic_reserve(topic), 0);
    test_core_finish(&test);
}

TEST("a topic without active subscribers has nothing to fan out")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish(&test, "a", 100);
    struct rt_topic *topic = obtain(&test, "a");
    EXPECT(rt_list_is_empty(&test.core.dirty));
    EXPECT_INT(topic->floor, topic->ring.head);
    test_core_finish(&test);
}

/*
 * A pass by hand: subscribers that stand at the end of the array are at the
 * head when they come, so a pass need not visit them, but may.
 */
struct player {
    struct rt_subscriber subscriber;
    int visits;   /* in this pass */
    bool is_owed; /* was there when the pass began */
};

struct game {
    struct test_random random;
    struct test_core test;
    struct rt_topic *topic;
    struct player players[SUBSCRIBER_COUNT];
};

static void game_init(struct game *game, uint64_t seed)
{
    *game = (struct game){.random = test_random_seed(seed)};
    test_core_init(&game->test, retention);
    game->topic = obtain(&game->test, "a");
}

static void join(struct game *game, struct player *player)
{
    struct rt_subscriber *subscriber = &player->subscriber;
    EXPECT_INT(rt_topic_reserve(game->topic), 0);
    subscriber->topic = game->topic;
    subscriber->state = RT_SUBSCRIBER_ACTIVE;
    subscriber->position = game->topic->ring.head;
    game->topic->subscriber_count++;
    game->test.core.subscriber_count++;
    rt_topic_activate(game->topic, subscriber);
    *player = (struct player){.subscriber = *subscriber};
}

static void leave(struct game *game, struct player *player)
{
    rt_topic_deactivate(game->topic, &player->subscriber);
    player->subscriber.state = RT_SUBSCRIBER_DETACHED;
    player->is_owed = false;
    game->topic->subscriber_count--;
    game->test.core.subscriber_count--;
}

static void join_or_leave(struct game *game)
{
    uint32_t number = test_random_below(&game->random, SUBSCRIBER_COUNT);
    struct player *player = &game->players[number];
    if (player->subscriber.state == RT_SUBSCRIBER_DETACHED) {
        join(game, player);
    } else {
        leave(game, player);
    }
    rt_topic_validate(game->topic);
}

static void begin_pass(struct game *game)
{
    game->topic->pass_next = 0;
    for (int i = 0; i < SUBSCRIBER_COUNT; i++) {
        struct player *player = &game->players[i];
        player->visits = 0;
        player->is_owed = player->subscriber.state == RT_SUBSCRIBER_ACTIVE;
    }
}

static void visit_next(struct game *game)
{
    uint32_t slot = game->topic->pass_next++;
    struct rt_subscriber *subscriber = game->topic->active[slot].subscriber;
    RT_CONTAINER(subscriber, struct player, subscriber)->visits++;
}

static void expect_all_visited_once(const struct game *game)
{
    for (int i = 0; i < SUBSCRIBER_COUNT; i++) {
        EXPECT(game->players[i].visits <= 1);
        EXPECT(game->players[i].visits == 1 || !game->players[i].is_owed);
    }
}

TEST("a pass visits everybody once, whoever comes or goes meanwhile")
{
    static struct game game;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        game_init(&game, seed);
        for (int pass = 0; pass < 200; pass++) {
            begin_pass(&game);
            while (game.topic->pass_next < game.topic->active_count) {
                uint32_t choice = test_random_below(&game.random, 3);
                if (choice == 0) {
                    join_or_leave(&game);
                } else {
                    visit_next(&game);
                }
            }
            expect_all_visited_once(&game);
            game.topic->pass_next = 0;
            join_or_leave(&game);
            join_or_leave(&game);
        }
        for (int i = 0; i < SUBSCRIBER_COUNT; i++) {
            if (game.players[i].subscriber.state == RT_SUBSCRIBER_ACTIVE) {
                leave(&game, &game.players[i]);
            }
        }
        test_core_finish(&game.test);
    }
}
