#include "broker/core/stream.h"

#include "base/error.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"
#include "tests/support/random.h"
#include "tests/support/sink.h"

#define SUBSCRIBER_COUNT 40
#define SEEDS            20

static const struct rt_retention retention = {64 * 1024, UINT64_MAX,
                                              UINT64_MAX};

static struct rt_stream *obtain(struct test_core *test, const char *name)
{
    struct rt_topic *topic = rt_topic_obtain(&test->core, rt_bytes_of(name));
    EXPECT(topic != NULL);
    return &topic->raw;
}

TEST("room that cannot be made leaves the stream as it was")
{
    struct test_core test;
    test_core_init(&test, retention);
    struct rt_stream *stream = obtain(&test, "a");
    test_heap_fail_at(&test.heap, 1);
    EXPECT_INT(rt_stream_reserve(stream), RT_ENOMEM);
    rt_stream_validate(stream);
    EXPECT_INT(rt_stream_reserve(stream), 0);
    test_core_finish(&test);
}

TEST("a stream without active subscribers has nothing to fan out")
{
    struct test_core test;
    test_core_init(&test, retention);
    test_core_publish(&test, "a", 100);
    struct rt_stream *stream = obtain(&test, "a");
    EXPECT(rt_list_is_empty(&test.core.dirty));
    EXPECT_INT(stream->floor, rt_stream_head(stream));
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
    struct rt_stream *stream;
    struct player players[SUBSCRIBER_COUNT];
};

static void game_init(struct game *game, uint64_t seed)
{
    *game = (struct game){.random = test_random_seed(seed)};
    test_core_init(&game->test, retention);
    game->stream = obtain(&game->test, "a");
}

static void join(struct game *game, struct player *player)
{
    struct rt_subscriber *subscriber = &player->subscriber;
    EXPECT_INT(rt_stream_reserve(game->stream), 0);
    subscriber->stream = game->stream;
    subscriber->state = RT_SUBSCRIBER_ACTIVE;
    subscriber->offset = rt_stream_head(game->stream);
    game->stream->subscriber_count++;
    game->test.core.subscriber_count++;
    rt_stream_activate(game->stream, subscriber);
    *player = (struct player){.subscriber = *subscriber};
}

static void leave(struct game *game, struct player *player)
{
    rt_stream_deactivate(game->stream, &player->subscriber);
    player->subscriber.state = RT_SUBSCRIBER_DETACHED;
    player->is_owed = false;
    game->stream->subscriber_count--;
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
    rt_stream_validate(game->stream);
}

static void begin_pass(struct game *game)
{
    game->stream->pass_next = 0;
    for (int i = 0; i < SUBSCRIBER_COUNT; i++) {
        struct player *player = &game->players[i];
        player->visits = 0;
        player->is_owed = player->subscriber.state == RT_SUBSCRIBER_ACTIVE;
    }
}

static void visit_next(struct game *game)
{
    uint32_t slot = game->stream->pass_next++;
    struct rt_subscriber *subscriber = game->stream->active[slot].subscriber;
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
            while (game.stream->pass_next < game.stream->active_count) {
                uint32_t choice = test_random_below(&game.random, 3);
                if (choice == 0) {
                    join_or_leave(&game);
                } else {
                    visit_next(&game);
                }
            }
            expect_all_visited_once(&game);
            game.stream->pass_next = 0;
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
