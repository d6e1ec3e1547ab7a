/* Publishing under a key: what is repeated is answered again, and not done. */
#include "base/error.h"
#include "broker/core/idempotency.h"
#include "tests/simulator/expect.h"
#include "tests/simulator/world.h"

#define BODY_COUNT 2

/* --- what is remembered --- */

static struct keyed *keyed_at(struct world *world, uint32_t place)
{
    return &world->keys[place / KEY_MAX][place % KEY_MAX];
}

static uint32_t count_known(struct world *world)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TOPIC_MAX * KEY_MAX; i++) {
        count += keyed_at(world, i)->is_known ? 1 : 0;
    }
    return count;
}

static struct keyed *oldest(struct world *world)
{
    struct keyed *oldest = NULL;
    for (uint32_t i = 0; i < TOPIC_MAX * KEY_MAX; i++) {
        struct keyed *keyed = keyed_at(world, i);
        if (keyed->is_known &&
            (oldest == NULL || keyed->order < oldest->order)) {
            oldest = keyed;
        }
    }
    return oldest;
}

/* The last ones are kept, as many as may be. Where memory is short it may be
 * fewer of them, so it is not known which others those have driven out. */
static void trim(struct world *world)
{
    uint64_t count_max = world->core.options.idempotency.count_max;
    while (!world_is_short(world) && count_known(world) > count_max) {
        oldest(world)->is_known = false;
    }
}

void keys_expire(struct world *world)
{
    uint64_t keep_ms = world->core.options.idempotency.keep_ms;
    for (uint32_t i = 0; i < TOPIC_MAX * KEY_MAX; i++) {
        struct keyed *keyed = keyed_at(world, i);
        if (world->now_ms - keyed->since_ms >= keep_ms) {
            keyed->is_known = false;
        }
    }
}

void keys_forget(struct world *world, const struct topic *topic)
{
    for (int i = 0; i < KEY_MAX; i++) {
        world->keys[topic - world->topics][i].is_known = false;
    }
}

/* --- what is done once --- */

static void publish_first(struct world *world,
                          struct topic *topic,
                          const struct rt_idempotency_request *request,
                          struct keyed *keyed)
{
    struct rt_idempotency *window = &world->core.idempotency;
    struct rt_idempotency_entry *entry =
        rt_idempotency_remember(window, request, 1, world->now_ms);
    if (entry == NULL) {
        EXPECT(world_is_short(world));
        return;
    }
    *keyed = (struct keyed){.is_known = true,
                            .body = request->body.bytes[0],
                            .since_ms = world->now_ms,
                            .order = ++world->order};
    trim(world);
    if (publish(world, topic, &keyed->receipt) == 0) {
        rt_idempotency_settle(entry, &keyed->receipt);
        return;
    }
    rt_idempotency_forget(window, entry);
    keyed->is_known = false;
}

/* That it was congested was true then. */
static void expect_repeated(const struct keyed *keyed,
                            const struct rt_receipt *receipt)
{
    EXPECT_INT(receipt->cursor.epoch, keyed->receipt.cursor.epoch);
    EXPECT_INT(receipt->cursor.offset, keyed->receipt.cursor.offset);
    EXPECT_INT(receipt->wall_ms, keyed->receipt.wall_ms);
    EXPECT(!receipt->is_congested);
}

static void expect_known(const struct world *world,
                         const struct keyed *keyed,
                         uint8_t body,
                         int found)
{
    if (found == 0) {
        EXPECT(!keyed->is_known || world_is_short(world));
        return;
    }
    EXPECT(keyed->is_known);
    EXPECT_INT(found, keyed->body == body ? 1 : RT_EEXIST);
}

void publish_keyed(struct world *world, struct topic *topic)
{
    static const char *const names[KEY_MAX] = {"a", "b", "a/b"};
    uint32_t name = below(world, KEY_MAX);
    struct keyed *keyed = &world->keys[topic - world->topics][name];
    struct rt_idempotency_request request = {
        .topic = topic->name,
        .key = rt_bytes_of(names[name]),
        .body.bytes = {(uint8_t)below(world, BODY_COUNT)}};
    const struct rt_receipt *receipts = NULL;
    int found =
        rt_idempotency_find(&world->core.idempotency, &request, &receipts);
    world_say(world, "to %.4s under the key %s: %d", topic->name.data,
              names[name], found);
    expect_known(world, keyed, request.body.bytes[0], found);
    if (found == 1) {
        expect_repeated(keyed, receipts);
    } else if (found == 0) {
        publish_first(world, topic, &request, keyed);
    }
}
