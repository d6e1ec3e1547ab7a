/* `since`: where to begin, and where that must be in several topics. */
#include "tests/simulator/world.h"

/* --- one topic --- */

/* Of this log or another, of the past or the future. */
static struct rt_cursor random_cursor(struct world *world,
                                      const struct topic *topic)
{
    uint64_t latest = topic->latest - topic->base;
    uint64_t offsets[] = {0, latest, latest + 1, UINT64_MAX,
                          topic_earliest(topic) - 1 - topic->base};
    uint64_t offset = offsets[below(world, RT_ARRAY_LENGTH(offsets))];
    if (one_in(world, 2)) {
        offset = test_random_next(&world->chance.random) % (latest + 1);
    }
    return (struct rt_cursor){topic->epoch + (one_in(world, 8) ? 1 : 0),
                              offset};
}

/* Around the time stamp of some event. */
static uint64_t random_time(struct world *world, const struct topic *topic)
{
    if (topic->latest == 0 || one_in(world, 8)) {
        return one_in(world, 2) ? world->wall_ms
                                : below(world, 2) - UINT64_C(1);
    }
    uint64_t any = test_random_next(&world->chance.random) % topic->latest;
    return topic_event(topic, any + 1)->wall_ms + below(world, 3) - 1;
}

struct rt_since random_since(struct world *world, const struct topic *topic)
{
    struct rt_since since = {0};
    since.kind = (enum rt_since_kind)below(world, RT_SINCE_LAST + 1);
    switch (since.kind) {
    case RT_SINCE_CURSOR:
        since.cursor = random_cursor(world, topic);
        break;
    case RT_SINCE_TIME:
        since.wall_ms = random_time(world, topic);
        break;
    case RT_SINCE_LAST:
        since.count = one_in(world, 8)
                          ? UINT64_MAX
                          : 1 + below(world, (uint32_t)topic->latest + 2);
        break;
    default:
        break;
    }
    return since;
}

/* --- several topics --- */

static struct rt_cursor random_node_cursor(struct world *world)
{
    uint64_t latest = world->sequence;
    uint64_t offsets[] = {0, latest, latest + 1, UINT64_MAX, world->removed};
    uint64_t offset = offsets[below(world, RT_ARRAY_LENGTH(offsets))];
    if (one_in(world, 2)) {
        offset = test_random_next(&world->chance.random) % (latest + 1);
    }
    return (struct rt_cursor){world->core.epoch + (one_in(world, 8) ? 1 : 0),
                              offset};
}

struct rt_since random_node_since(struct world *world)
{
    static const enum rt_since_kind kinds[] = {
        RT_SINCE_NOW,      RT_SINCE_NODE, RT_SINCE_NODE,
        RT_SINCE_EARLIEST, RT_SINCE_TIME,
    };
    struct rt_since since = {0};
    since.kind = kinds[below(world, RT_ARRAY_LENGTH(kinds))];
    if (since.kind == RT_SINCE_NODE) {
        since.cursor = random_node_cursor(world);
    } else if (since.kind == RT_SINCE_TIME) {
        const struct topic *topic =
            &world->topics[below(world, world->habits.topic_count)];
        since.wall_ms = random_time(world, topic);
    }
    return since;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The oldest event that is left in the topics. */
static uint64_t earliest(const struct world *world, const bool *has)
{
    uint64_t sequence = world->sequence + 1;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct topic *topic = &world->topics[i];
        if (has[i] && topic_oldest(topic) != NULL) {
            uint64_t offset = topic_earliest(topic);
            sequence = smaller(sequence, topic_event(topic, offset)->sequence);
        }
    }
    return sequence;
}

/* Of a topic, the newest event that is gone if it is of that time, or else the
 * first one of that time. */
static uint64_t topic_since(const struct topic *topic, uint64_t wall_ms)
{
    uint64_t dropped = topic_earliest(topic) - 1;
    if (dropped > topic->base &&
        topic_event(topic, dropped)->wall_ms >= wall_ms) {
        return topic_event(topic, dropped)->sequence;
    }
    for (uint64_t offset = dropped + 1; offset <= topic->latest; offset++) {
        if (topic_event(topic, offset)->wall_ms >= wall_ms) {
            return topic_event(topic, offset)->sequence;
        }
    }
    return UINT64_MAX;
}

static uint64_t
at_time(const struct world *world, const bool *has, uint64_t wall_ms)
{
    uint64_t sequence = world->sequence + 1;
    for (int i = 0; i < TOPIC_MAX; i++) {
        const struct topic *topic = &world->topics[i];
        if (has[i] && topic->exists) {
            sequence = smaller(sequence, topic_since(topic, wall_ms));
        }
    }
    return world->removed > 0 && world->removed_ms >= wall_ms
               ? smaller(sequence, world->removed)
               : sequence;
}

struct selected selected_start(const struct world *world,
                               const bool *has,
                               const struct rt_since *since)
{
    uint64_t latest = world->sequence;
    bool is_known = since->cursor.epoch == world->core.epoch &&
                    since->cursor.offset <= latest;
    switch (since->kind) {
    case RT_SINCE_NOW:
        return (struct selected){latest + 1, false, true};
    case RT_SINCE_TIME:
        return (struct selected){at_time(world, has, since->wall_ms), false,
                                 false};
    case RT_SINCE_NODE:
        if (is_known) {
            return (struct selected){since->cursor.offset + 1, false, false};
        }
        return (struct selected){earliest(world, has), true, true};
    default:
        return (struct selected){earliest(world, has), false, true};
    }
}
