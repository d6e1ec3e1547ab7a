/* Publishing under a key: what is repeated is answered again, and not done. */
#include "tests/simulator/disk/keyed.h"

#include "base/error.h"
#include "broker/core/saved_key.h"
#include "tests/simulator/disk/together.h"
#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

#define BODY_COUNT 2

static const char *const names[KEY_NAMES] = {"a", "a/b"};

/* --- keys --- */

static uint32_t place_count(const struct world *world)
{
    return (world->habits.topic_count + 1) * KEY_NAMES;
}

/* Its topic; NULL: it is for several. */
static struct truth_topic *topic_of(struct world *world, uint32_t place)
{
    uint32_t number = place / KEY_NAMES;
    return number < world->habits.topic_count ? &world->topics[number] : NULL;
}

static struct rt_idempotency_request
request_of(struct world *world, uint32_t place, uint8_t body)
{
    struct truth_topic *topic = topic_of(world, place);
    return (struct rt_idempotency_request){
        .topic = topic != NULL ? topic->name : RT_BYTES(""),
        .key = rt_bytes_of(names[place % KEY_NAMES]),
        .body.bytes = {body}};
}

static struct keyed_done *known_of(struct keyed *keyed)
{
    return &keyed->done[keyed->known - 1];
}

static bool is_old(const struct world *world, const struct keyed_done *done)
{
    return world->now_ms - done->since_ms >= KEY_MS;
}

void keyed_forget(struct world *world, const struct truth_topic *topic)
{
    for (uint32_t i = 0; i < KEY_PLACES; i++) {
        struct keyed *keyed = &world->keys[i];
        if (topic_of(world, i) == topic) {
            keyed->known = 0;
            keyed->forgotten = keyed->count;
            keyed->purge = rt_journal_ticket(&world->journal);
        }
    }
}

void keyed_expire(struct world *world)
{
    for (uint32_t i = 0; i < KEY_PLACES; i++) {
        struct keyed *keyed = &world->keys[i];
        if (keyed->known > 0 && is_old(world, known_of(keyed))) {
            keyed->known = 0;
        }
    }
}

/* --- requests --- */

static void note(struct world *world,
                 struct keyed *keyed,
                 uint8_t body,
                 const struct rt_publication *publication,
                 const struct rt_receipt *receipts)
{
    struct keyed_done done = {.body = body,
                              .since_ms = world->now_ms,
                              .ticket = receipts[0].ticket,
                              .part_count = publication->part_count};
    for (uint32_t i = 0; i < done.part_count; i++) {
        done.receipts[i] = receipts[i];
    }
    keyed->done[keyed->count++] = done;
    keyed->known = keyed->count;
}

static void publish_first(struct world *world, uint32_t place, uint8_t body)
{
    static struct together together;
    struct rt_receipt receipts[KEY_PARTS_MAX];
    struct rt_idempotency_request request = request_of(world, place, body);
    if (!together_fill(world, &together, topic_of(world, place))) {
        return;
    }
    uint32_t part_count = together.publication.part_count;
    struct rt_idempotency_entry *entry =
        rt_key_remember(&world->core, &request, part_count);
    if (entry == NULL) {
        EXPECT(world->habits.is_short);
        rt_publication_abandon(&together.publication);
        return;
    }
    together_commit(world, &together, receipts);
    rt_key_settle(&world->core, &request, entry, receipts, part_count);
    note(world, &world->keys[place], body, &together.publication, receipts);
}

static bool is_same(const struct rt_receipt *a, const struct rt_receipt *b)
{
    return a->cursor.epoch == b->cursor.epoch &&
           a->cursor.offset == b->cursor.offset && a->wall_ms == b->wall_ms &&
           a->first == b->first && a->count == b->count;
}

static bool is_answer(const struct keyed_done *done,
                      const struct rt_receipt *receipts)
{
    for (uint32_t i = 0; i < done->part_count; i++) {
        if (!is_same(&done->receipts[i], &receipts[i])) {
            return false;
        }
    }
    return true;
}

/* Whoever is answered again waits for the disk as long as the first one. */
static void expect_repeated(const struct keyed_done *done,
                            const struct rt_receipt *receipts)
{
    EXPECT(is_answer(done, receipts));
    for (uint32_t i = 0; i < done->part_count; i++) {
        EXPECT_INT(receipts[i].ticket, done->ticket);
    }
}

void keyed_publish(struct world *world)
{
    uint32_t place = below(world, place_count(world));
    uint8_t body = (uint8_t)below(world, BODY_COUNT);
    struct keyed *keyed = &world->keys[place];
    struct rt_idempotency_request request = request_of(world, place, body);
    const struct rt_receipt *receipts = NULL;
    int found =
        rt_idempotency_find(&world->core.idempotency, &request, &receipts);
    world_say(world, "request %d of key %d: %d", body, (int)place, found);
    EXPECT_INT(found != 0, keyed->known > 0);
    if (found == 1) {
        EXPECT_INT(body, known_of(keyed)->body);
        expect_repeated(known_of(keyed), receipts);
    } else if (found == 0 && keyed->count < KEY_DONE_MAX) {
        publish_first(world, place, body);
    } else {
        EXPECT(found == 0 || body != known_of(keyed)->body);
    }
}

/* --- after a restart --- */

/* The topic that has an epoch now, if there is one. */
static const struct truth_topic *find_topic(const struct world *world,
                                            uint32_t epoch)
{
    for (uint32_t i = 0; i < world->habits.topic_count; i++) {
        const struct truth_topic *topic = &world->topics[i];
        if (topic->now.is_known && topic->eras[topic->now.era].epoch == epoch) {
            return topic;
        }
    }
    return NULL;
}

/* What has become of its events: they are all on disk, or all lost. Pending: it
 * is not known, for their topics are others now, or the disk has lost some. */
static enum fate fate_of(const struct world *world,
                         const struct keyed_done *done)
{
    enum fate fate = FATE_PENDING;
    if (world->is_flipped) {
        return fate;
    }
    for (uint32_t i = 0; i < done->part_count; i++) {
        const struct rt_receipt *receipt = &done->receipts[i];
        const struct truth_topic *topic =
            find_topic(world, receipt->cursor.epoch);
        for (uint64_t j = 0; topic != NULL && j < receipt->count; j++) {
            const struct event *event =
                truth_from(&topic->eras[topic->now.era], receipt->first + j);
            EXPECT_INT(event->offset, receipt->first + j);
            EXPECT(fate == FATE_PENDING || fate == event->fate);
            fate = event->fate;
        }
    }
    return fate;
}

/* Requests that were done, up to the one that was answered so. */
static uint32_t find_done(const struct keyed *keyed,
                          uint8_t body,
                          const struct rt_receipt *receipts)
{
    for (uint32_t count = keyed->count; count > 0; count--) {
        const struct keyed_done *done = &keyed->done[count - 1];
        if (done->body == body && is_answer(done, receipts)) {
            return count;
        }
    }
    expect_failed(__FILE__, __LINE__, "nobody was answered that");
}

/* The same, up to the one that the core knows; 0: it knows none. */
static uint32_t find_known(struct world *world, uint32_t place)
{
    const struct rt_receipt *receipts = NULL;
    for (uint8_t body = 0; body < BODY_COUNT; body++) {
        struct rt_idempotency_request request = request_of(world, place, body);
        int found =
            rt_idempotency_find(&world->core.idempotency, &request, &receipts);
        if (found == 1) {
            return find_done(&world->keys[place], body, receipts);
        }
    }
    return 0;
}

/* Whether it must be known, for the batch with its events is on disk. */
static bool must_be_known(struct world *world, uint32_t place, uint64_t done)
{
    struct keyed *keyed = &world->keys[place];
    if (keyed->known == 0 || is_old(world, known_of(keyed)) ||
        world->is_flipped) {
        return false;
    }
    enum fate fate = fate_of(world, known_of(keyed));
    bool is_done = known_of(keyed)->ticket <= done;
    EXPECT(fate != FATE_LOST || !is_done);
    return is_done || fate == FATE_WRITTEN;
}

/* What a purge that is on disk has forgotten is forgotten, and what was too old
 * by then will be. Another purge may be lost. */
static void settle_purge(struct world *world,
                         struct keyed *keyed,
                         uint32_t known,
                         uint64_t done)
{
    bool is_known = known > 0 && known <= keyed->forgotten;
    EXPECT(!is_known || keyed->purge > done || world->is_flipped ||
           is_old(world, &keyed->done[known - 1]));
    keyed->forgotten = is_known ? 0 : keyed->forgotten;
    keyed->purge = 0;
}

static void restart_one(struct world *world, uint32_t place, uint64_t done)
{
    struct keyed *keyed = &world->keys[place];
    uint32_t known = find_known(world, place);
    world_say(world, "key %d: %d for %d", (int)place, (int)known,
              (int)keyed->known);
    EXPECT(known == keyed->known || !must_be_known(world, place, done));
    settle_purge(world, keyed, known, done);
    keyed->known = known;
    if (known > 0) {
        EXPECT(fate_of(world, known_of(keyed)) != FATE_LOST);
        known_of(keyed)->ticket = 0;
    }
}

void keyed_restart(struct world *world, uint64_t done)
{
    for (uint32_t i = 0; i < place_count(world); i++) {
        restart_one(world, i, done);
    }
}
