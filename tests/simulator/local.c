/* Subscribers in the process: what they are handed is what the model has. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/core/topic.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

static bool is_following(const struct local *local)
{
    return local->local.state == RT_LOCAL_FOLLOWING;
}

void locals_want(const struct world *world, struct topic *topic)
{
    for (uint32_t i = 0; i < LOCAL_MAX; i++) {
        const struct local *local = world->locals[i];
        if (local != NULL && local->topic == topic && is_following(local)) {
            topic_want(topic, local->next);
        }
    }
}

/* --- what it is handed --- */

/* The gap that it began with. */
static void expect_first_gap(const struct local *local,
                             const struct rt_delivery *gap)
{
    EXPECT(topic_is_purged(local->topic, local->gap.offset) ||
           topic_offset(local->topic, gap->offset) + 1 == local->gap.offset);
    EXPECT_INT(gap->reason, local->gap.reason);
    EXPECT_INT(gap->missed, local->gap.missed);
}

/* What is told as lost is not in the ring. Whoever had kept up loses only what
 * is more than a topic rescues. */
static void expect_eviction(const struct local *local,
                            const struct rt_delivery *gap)
{
    uint64_t last = topic_offset(local->topic, gap->offset);
    EXPECT_INT(gap->reason, RT_CLOSE_CURSOR_EVICTED);
    EXPECT(last >= local->next);
    EXPECT_INT(gap->missed, last + 1 - local->next);
    EXPECT(last < topic_earliest(local->topic));
    EXPECT(!local->has_kept_up || local->topic->dropped > RT_RESCUED_MAX);
}

/* Of what was before the purge nothing is told but that it is gone. */
static void expect_purge(const struct local *local,
                         const struct rt_delivery *gap)
{
    EXPECT_INT(gap->reason, RT_CLOSE_EPOCH_CHANGED);
    EXPECT_INT(gap->missed, 0);
    EXPECT(topic_offset(local->topic, gap->offset) <
           topic_earliest(local->topic));
}

static void take_gap(struct local *local, const struct rt_delivery *gap)
{
    if (local->gap.is_gap) {
        expect_first_gap(local, gap);
        local->next = local->gap.offset;
    } else if (topic_is_purged(local->topic, local->next)) {
        expect_purge(local, gap);
        local->next = topic_offset(local->topic, gap->offset) + 1;
    } else {
        expect_eviction(local, gap);
        local->next = topic_offset(local->topic, gap->offset) + 1;
    }
    world_expect_gap(local->world, gap->missed);
    local->gap.is_gap = false;
    local->has_kept_up = false;
}

static void take_event(struct local *local, const struct rt_delivery *delivery)
{
    const struct event *event = topic_event(local->topic, local->next);
    EXPECT(!local->gap.is_gap);
    EXPECT_INT(topic_offset(local->topic, delivery->offset), local->next);
    EXPECT(!topic_is_purged(local->topic, local->next));
    local->next++;
    EXPECT_INT(delivery->payload.len, event->len);
    EXPECT(event->len == 0 || memcmp(delivery->payload.data,
                                     noise_at(event->noise), event->len) == 0);
    EXPECT_INT(delivery->content, event->content);
    EXPECT_INT(delivery->wall_ms, event->wall_ms);
    local->world->events_handed++;
    local->world->expected.events_delivered++;
    local->world->expected.bytes_delivered += frame_len(event);
}

static void take_end(struct local *local)
{
    EXPECT(local->topic->is_closed && !local->gap.is_gap);
    EXPECT_INT(local->next, local->topic->latest + 1);
    EXPECT_INT(local->local.state, RT_LOCAL_ENDED);
    local->world->expected.closes[RT_CLOSE_TOPIC_CLOSED]++;
    local->has_kept_up = false;
}

static void on_delivery(struct rt_local *subscription,
                        const struct rt_delivery *delivery)
{
    struct local *local = RT_CONTAINER(subscription, struct local, local);
    struct world *world = local->world;
    if (delivery->kind == RT_DELIVERY_END) {
        take_end(local);
    } else {
        EXPECT(is_following(local));
        if (delivery->kind == RT_DELIVERY_GAP) {
            take_gap(local, delivery);
        } else {
            take_event(local, delivery);
        }
    }
    local->topic->is_served = true;
    if (one_in(world, world->habits.restless)) {
        world->has_acted = true;
        action_inside(world); /* it may be gone after that */
    }
}

/* --- what it does itself --- */

static struct local *local_create(struct world *world, struct topic *topic)
{
    struct local *local = calloc(1, sizeof(*local));
    EXPECT(local != NULL);
    local->world = world;
    local->topic = topic;
    return local;
}

static void attached(struct local *local, const struct rt_since *since)
{
    struct topic *topic = local->topic;
    world_begin_topic(local->world, topic);
    local->gap = topic_start(topic, since);
    local->next = local->gap.offset;
    local->has_kept_up = !local->gap.is_gap && local->next > topic->latest;
    topic->local_count++;
    topic->touched_ms = local->world->now_ms;
}

static bool is_ready(const struct local *local)
{
    const struct rt_topic *found = world_find(local->world, local->topic);
    return found != NULL && found->locals != NULL &&
           !rt_list_is_empty(&found->locals->ready);
}

/* It follows, and what it lacks is held for it if nobody lacked anything. */
static void follows(struct local *local, bool was_ready)
{
    const struct rt_topic *found = world_find(local->world, local->topic);
    topic_want(local->topic, local->next);
    EXPECT(!is_ready(local) || was_ready ||
           found->locals->floor == local->next);
}

static void subscribe(struct world *world, uint32_t slot, struct local *local)
{
    struct rt_since since = random_since(world, local->topic);
    bool was_ready = is_ready(local);
    int err = rt_core_subscribe_local(&world->core, local->topic->name, &since,
                                      on_delivery, &local->local);
    world_say(world, "local %" PRIu32 " to %.4s, since %d: %d", slot,
              local->topic->name.data, (int)since.kind, err);
    if (err < 0) {
        EXPECT_INT(err, RT_ENOMEM);
        EXPECT(world_is_short(world));
        free(local);
        return;
    }
    world->locals[slot] = local;
    attached(local, &since);
    follows(local, was_ready);
}

void local_subscribe(struct world *world, uint32_t slot, struct topic *topic)
{
    subscribe(world, slot, local_create(world, topic));
}

static struct local *detach(struct world *world, uint32_t slot)
{
    struct local *local = world->locals[slot];
    world_say(world, "local %" PRIu32 " leaves", slot);
    rt_local_detach(&local->local);
    rt_local_detach(&local->local);
    local->topic->local_count--;
    local->topic->touched_ms = world->now_ms;
    world->locals[slot] = NULL;
    return local;
}

void local_leave(struct world *world, uint32_t slot)
{
    struct local *local = detach(world, slot);
    memset(local, 0xa5, sizeof(*local));
    free(local);
}

void local_move(struct world *world, uint32_t slot, struct topic *topic)
{
    struct local *local = detach(world, slot);
    *local = (struct local){.world = world, .topic = topic};
    subscribe(world, slot, local);
}

void local_pause(struct local *local)
{
    rt_local_pause(&local->local);
    local->has_kept_up = false;
}

void local_resume(struct local *local)
{
    bool was_ready = is_ready(local);
    rt_local_resume(&local->local);
    follows(local, was_ready);
}

void local_check(struct local *local)
{
    topic_expect_cursor(local->topic, rt_local_cursor(&local->local),
                        local->next - 1);
    if (is_following(local) && !local->gap.is_gap &&
        local->next > local->topic->latest) {
        local->has_kept_up = true;
    }
}
