#include "broker/core/saved_key.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define KEEP_MS   300000

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};

static struct test_journal before;
static struct test_journal after;
static struct rt_receipt receipts[RT_PUBLICATION_TOPICS_MAX];

static struct rt_idempotency_request request_of(const char *topic)
{
    return (struct rt_idempotency_request){.topic = rt_bytes_of(topic),
                                           .key = RT_BYTES("key"),
                                           .body.bytes = {1, 2, 3}};
}

/* Two nodes with the same topic, which has an event. */
static void begin(void)
{
    test_journal_init(&before, roomy);
    test_journal_init(&after, roomy);
    test_core_publish(&before.test, "a", 5);
    test_core_publish(&after.test, "a", 5);
    test_core_topic(&before.test, "a")->epoch =
        test_core_topic(&after.test, "a")->epoch;
}

static void end(void)
{
    test_journal_finish(&before);
    test_journal_finish(&after);
}

/* What was brought to disk last. */
static struct rt_bytes last_saved(void)
{
    const struct rt_journal_batch *batch = before.journal.collecting;
    struct rt_note note =
        test_journal_note(batch, batch->notes.len / sizeof(struct rt_note) - 1);
    EXPECT_INT(note.kind, RT_NOTE_KEY);
    return (struct rt_bytes){batch->text.data + note.at, note.state_len};
}

/* A request with so many receipts is done, and brought to disk. */
static struct rt_bytes save(const char *topic, uint32_t count)
{
    struct rt_idempotency_request request = request_of(topic);
    struct rt_idempotency_entry *entry =
        rt_key_remember(&before.test.core, &request, count);
    EXPECT(entry != NULL);
    for (uint32_t i = 0; i < count; i++) {
        receipts[i] = (struct rt_receipt){
            .cursor = {test_core_topic(&before.test, "a")->epoch, 1},
            .wall_ms = TEST_WALL_MS + i,
            .first = 1,
            .count = i};
    }
    rt_key_settle(&before.test.core, &request, entry, receipts, count);
    return last_saved();
}

static int find(const char *topic, const struct rt_receipt **found)
{
    struct rt_idempotency_request request = request_of(topic);
    return rt_idempotency_find(&after.test.core.idempotency, &request, found);
}

TEST("a key is restored with the body and the receipt that it had")
{
    const struct rt_receipt *found = NULL;
    begin();
    EXPECT_INT(rt_key_restore(&after.test.core, save("a", 1)), 0);
    EXPECT_INT(find("a", &found), 1);
    EXPECT_INT(found->cursor.epoch, receipts[0].cursor.epoch);
    EXPECT_INT(found->cursor.offset, 1);
    EXPECT_INT(found->wall_ms, TEST_WALL_MS);
    EXPECT_INT(found->ack, RT_ACK_DISK);
    struct rt_idempotency_request other = request_of("a");
    other.body.bytes[0] = 9;
    EXPECT_INT(
        rt_idempotency_find(&after.test.core.idempotency, &other, &found),
        RT_EEXIST);
    end();
}

TEST("so is one of several topics, as many as there may be")
{
    const struct rt_receipt *found = NULL;
    begin();
    struct rt_bytes saved = save("", RT_PUBLICATION_TOPICS_MAX);
    EXPECT_INT(rt_key_restore(&after.test.core, saved), 0);
    EXPECT_INT(find("", &found), 1);
    EXPECT_INT(found[63].count, 63);
    EXPECT_INT(found[63].wall_ms, TEST_WALL_MS + 63);
    end();
}

TEST("a key is restored though its topic is gone, or is another one")
{
    const struct rt_receipt *found = NULL;
    begin();
    EXPECT_INT(rt_key_restore(&after.test.core, save("b", 1)), 0);
    EXPECT_INT(find("b", &found), 1);
    struct rt_bytes saved = save("a", 1);
    struct rt_topic *topic = test_core_topic(&after.test, "a");
    topic->epoch++;
    topic->base += rt_ring_latest(&topic->ring); /* it has no event */
    EXPECT_INT(rt_key_restore(&after.test.core, saved), 0);
    EXPECT_INT(find("a", &found), 1);
    EXPECT_INT(found->cursor.epoch, receipts[0].cursor.epoch);
    end();
}

/* Of the topic "a", after the start, everything is lost. */
static struct rt_topic *lose(void)
{
    struct rt_topic *topic = test_core_topic(&after.test, "a");
    topic->base += rt_ring_latest(&topic->ring);
    topic->durable->is_damaged = true;
    return topic;
}

TEST("a request of which an event is lost is forgotten, of several topics too")
{
    static const char *const topics[] = {"a", ""};
    const struct rt_receipt *found = NULL;
    for (uint32_t i = 0; i < RT_ARRAY_LENGTH(topics); i++) {
        begin();
        struct rt_bytes saved = save(topics[i], 1 + i);
        EXPECT_INT(rt_key_restore(&after.test.core, saved), 0);
        EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
        EXPECT_INT(find(topics[i], &found), 1);
        lose();
        EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
        EXPECT_INT(find(topics[i], &found), 0);
        end();
    }
}

TEST("what a damaged topic has still, or another has, is not forgotten")
{
    const struct rt_receipt *found = NULL;
    begin();
    EXPECT_INT(rt_key_restore(&after.test.core, save("a", 1)), 0);
    struct rt_topic *topic = test_core_topic(&after.test, "a");
    topic->durable->is_damaged = true;
    EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
    EXPECT_INT(find("a", &found), 1);
    lose()->durable->is_damaged = false;
    EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
    EXPECT_INT(find("a", &found), 1);
    topic->durable->is_damaged = true;
    topic->epoch++;
    EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
    EXPECT_INT(find("a", &found), 1);
    end();
}

TEST("of many topics that are damaged each is found by its epoch")
{
    const struct rt_receipt *found = NULL;
    uint32_t epoch = 100;
    begin();
    test_core_topic(&before.test, "a")->epoch = epoch;
    test_core_topic(&after.test, "a")->epoch = epoch;
    EXPECT_INT(rt_key_restore(&after.test.core, save("", 2)), 0);
    for (char name[] = "b"; name[0] <= 'f'; name[0]++) {
        test_core_publish(&after.test, name, 5);
        struct rt_topic *topic = test_core_topic(&after.test, name);
        topic->epoch = --epoch;
        topic->durable->is_damaged = true;
    }
    EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
    EXPECT_INT(find("", &found), 1);
    lose();
    EXPECT_INT(rt_key_forget_lost(&after.test.core), 0);
    EXPECT_INT(find("", &found), 0);
    end();
}

TEST("without memory no request is forgotten, and that is told")
{
    const struct rt_receipt *found = NULL;
    begin();
    EXPECT_INT(rt_key_restore(&after.test.core, save("a", 1)), 0);
    lose();
    test_heap_fail_at(&after.test.heap, 1);
    EXPECT_INT(rt_key_forget_lost(&after.test.core), RT_ENOMEM);
    test_heap_fail_at(&after.test.heap, 0);
    EXPECT_INT(find("a", &found), 1);
    end();
}

TEST("what a purge forgets is forgotten after a start as well")
{
    char memory[RT_SAVED_KEY_BYTES_MAX];
    const struct rt_receipt *found = NULL;
    begin();
    EXPECT_INT(rt_key_restore(&after.test.core, save("a", 1)), 0);
    EXPECT_INT(rt_key_restore(&after.test.core, save("b", 1)), 0);
    EXPECT_INT(rt_key_forget_topic(&before.test.core, RT_BYTES("a")), 0);
    struct rt_bytes saved = last_saved();
    EXPECT_INT(rt_key_restore(&after.test.core, saved), 0);
    EXPECT_INT(find("a", &found), 0);
    EXPECT_INT(find("b", &found), 1);
    memcpy(memory, saved.data, saved.len);
    memory[offsetof(struct rt_saved_key, topic_len)]--;
    EXPECT_INT(rt_key_restore(&after.test.core,
                              (struct rt_bytes){memory, saved.len - 1}),
               RT_EINVAL);
    end();
}

TEST("so is a key that had made room for others before the purge")
{
    const struct rt_receipt *found = NULL;
    begin();
    before.test.core.options.idempotency.count_max = 1;
    EXPECT_INT(rt_key_restore(&after.test.core, save("a", 1)), 0);
    EXPECT_INT(rt_key_restore(&after.test.core, save("b", 1)), 0);
    EXPECT_INT(before.test.core.idempotency.count, 1);
    EXPECT_INT(rt_key_forget_topic(&before.test.core, RT_BYTES("a")), 0);
    EXPECT_INT(rt_key_restore(&after.test.core, last_saved()), 0);
    EXPECT_INT(find("a", &found), 0);
    EXPECT_INT(find("b", &found), 1);
    end();
}

TEST("a purge that cannot be brought to disk forgets nothing")
{
    static const char bytes[KIB];
    begin();
    (void)save("a", 1);
    struct rt_topic *topic = test_core_topic(&before.test, "a");
    const struct rt_buffer *text = &before.journal.collecting->text;
    struct rt_bytes rest = {bytes, text->capacity - text->len};
    EXPECT(rest.len < sizeof(bytes));
    EXPECT_INT(rt_journal_note_key(&before.journal, rest), 0);
    test_heap_fail_at(&before.test.heap, 1);
    EXPECT_INT(rt_topic_purge(topic), RT_ENOMEM);
    EXPECT_INT(before.test.core.idempotency.count, 1);
    EXPECT_INT(rt_topic_purge(topic), 0);
    EXPECT_INT(before.test.core.idempotency.count, 0);
    end();
}

TEST("a key is as old as its receipt, also when the clock has just begun")
{
    const struct rt_receipt *found = NULL;
    begin();
    struct rt_core *core = &after.test.core;
    core->options.idempotency.keep_ms = KEEP_MS;
    rt_core_set_time(core, 10, TEST_WALL_MS + KEEP_MS - 5);
    EXPECT_INT(rt_key_restore(core, save("a", 1)), 0);
    rt_idempotency_expire(&core->idempotency, 14);
    EXPECT_INT(find("a", &found), 1);
    rt_idempotency_expire(&core->idempotency, 15);
    EXPECT_INT(find("a", &found), 0);
    end();
}

TEST("what is no key is refused")
{
    char memory[RT_SAVED_KEY_BYTES_MAX];
    begin();
    struct rt_bytes saved = save("a", 1);
    EXPECT(saved.len <= sizeof(memory));
    memcpy(memory, saved.data, saved.len);
    for (size_t len = 0; len < saved.len; len++) {
        EXPECT_INT(
            rt_key_restore(&after.test.core, (struct rt_bytes){memory, len}),
            RT_EINVAL);
    }
    memory[offsetof(struct rt_saved_key, receipt_count) + 3] = 1;
    EXPECT_INT(
        rt_key_restore(&after.test.core, (struct rt_bytes){memory, saved.len}),
        RT_EINVAL);
    end();
}

TEST("a key that could not be brought to disk is not remembered")
{
    struct rt_idempotency_request request = request_of("a");
    uint64_t k = 1;
    struct rt_idempotency_entry *entry = NULL;
    begin();
    while (entry == NULL) {
        test_heap_fail_at(&before.test.heap, k++);
        entry = rt_key_remember(&before.test.core, &request, 1);
        test_heap_fail_at(&before.test.heap, 0);
        EXPECT_INT(before.test.core.idempotency.count, entry != NULL);
    }
    EXPECT(k > 3);
    rt_idempotency_forget(&before.test.core.idempotency, entry);
    end();
}
