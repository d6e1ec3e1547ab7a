#include "broker/core/journal_restore.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/control.h"
#include "broker/core/journal_write.h"
#include "broker/core/saved.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define SEQUENCE  40 /* of the last event that the log has */
#define LAST_MS   (TEST_WALL_MS + 5000)

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention own = {64 * KIB, 10, 5000};

static const struct rt_log_found damaged = {
    .sequence = SEQUENCE, .next_topic = 9, .damages = 1, .is_clean = true};

static struct test_journal before;
static struct test_journal after;
static struct test_sink sink;
static struct rt_log_visitor visitor;
static struct rt_saved_topic state;

static void begin(void)
{
    test_journal_init(&before, roomy);
    test_journal_init(&after, roomy);
    visitor = rt_journal_visitor(&after.journal);
    EXPECT(visitor.events == NULL); /* rings begin empty */
}

static void end(void)
{
    test_journal_finish(&before);
    test_journal_finish(&after);
}

/* Tells of a topic of the node before. */
static int tell(const char *name, uint64_t next_offset, bool is_damaged)
{
    const struct rt_topic *topic = test_core_topic(&before.test, name);
    state = rt_save_topic(topic);
    struct rt_log_topic saved = {
        .name = rt_bytes_of(name),
        .next_offset = next_offset,
        .floor = topic->base + 1,
        .state = {(const char *)&state, sizeof(state)}};
    struct rt_log_standing standing = {.earliest = 1,
                                       .wall_ms = LAST_MS,
                                       .sequence = SEQUENCE,
                                       .is_damaged = is_damaged};
    return visitor.topic(visitor.context, topic->durable->id, &saved,
                         &standing);
}

static int tell_node(void)
{
    struct rt_saved_node node = rt_save_node(&before.journal);
    return visitor.node(visitor.context,
                        (struct rt_bytes){(const char *)&node, sizeof(node)});
}

static void restored_with(const struct rt_log_found *found)
{
    EXPECT_INT(tell_node(), 0);
    EXPECT_INT(rt_journal_restored(&after.journal, found), 0);
    rt_core_validate(&after.test.core);
}

static void restored(bool is_clean)
{
    struct rt_log_found found = {
        .sequence = SEQUENCE, .next_topic = 9, .is_clean = is_clean};
    restored_with(&found);
}

static struct rt_durable *durable(const char *name)
{
    return test_core_topic(&after.test, name)->durable;
}

TEST("a topic goes on where the log ends, as it was")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    struct rt_topic *topic = test_core_topic(&before.test, "a");
    EXPECT_INT(rt_topic_retain(topic, &own), 0);
    EXPECT_INT(tell("a", 6, false), 0);
    restored(true);
    struct rt_topic *again = test_core_topic(&after.test, "a");
    EXPECT_INT(again->epoch, topic->epoch);
    EXPECT_INT(again->retention->events, 10);
    EXPECT_INT(again->durable->id, topic->durable->id);
    EXPECT_INT(again->ring.next_offset, 6);
    EXPECT_INT(again->ring.wall_ms, LAST_MS);
    EXPECT_INT(again->ring.dropped_sequence, SEQUENCE);
    EXPECT_INT(again->durable->old_end, 6);
    EXPECT_INT(again->durable->begin, 6);
    EXPECT_INT(again->raw.floor, 6);
    test_core_publish(&after.test, "a", 100);
    EXPECT_INT(rt_topic_latest(again).offset, 6);
    EXPECT_INT(again->ring.wall_ms, LAST_MS); /* never back */
    end();
}

TEST("events that were there before the start count as dropped, unless purged")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    test_core_publish_many(&before.test, "b", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&before.test, "b")), 0);
    test_core_publish_many(&before.test, "c", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&before.test, "c")), 0);
    test_core_publish(&before.test, "c", 100);
    EXPECT_INT(tell("a", 6, false), 0);
    EXPECT_INT(tell("b", 7, false), 0);
    EXPECT_INT(tell("c", 8, false), 0);
    restored(true);
    EXPECT_INT(durable("a")->topic->ring.dropped_ms, LAST_MS);
    EXPECT_INT(durable("b")->topic->ring.dropped_ms, 0);
    EXPECT_INT(durable("c")->topic->ring.dropped_ms, LAST_MS);
    end();
}

TEST("the node goes on, and the first batch tells of it and of nothing else")
{
    begin();
    test_core_publish(&before.test, "a", 100);
    EXPECT_INT(rt_topic_retain(test_core_topic(&before.test, "a"), &own), 0);
    EXPECT_INT(tell("a", 2, false), 0);
    restored(true);
    EXPECT_INT(after.test.core.epoch, before.test.core.epoch);
    EXPECT_INT(after.test.core.sequence, SEQUENCE);
    EXPECT_INT(after.journal.next_id, 9);
    struct rt_journal_batch *batch = rt_journal_take(&after.journal);
    EXPECT_INT(batch->notes.len, sizeof(struct rt_note));
    EXPECT_INT(test_journal_note(batch, 0).kind, RT_NOTE_NODE);
    EXPECT_INT(batch->sequence, SEQUENCE);
    rt_journal_done(&after.journal, 0);
    end();
}

static void remove_until(uint64_t sequence)
{
    struct rt_core *core = &before.test.core;
    core->removed = (struct rt_removed){
        .sequence = sequence, .wall_ms = core->wall_ms, .drop = ++core->drops};
}

TEST("what topics had that are gone is known after a start, too")
{
    begin();
    remove_until(SEQUENCE - 9);
    restored(true);
    EXPECT_INT(after.test.core.removed.sequence, SEQUENCE - 9);
    EXPECT_INT(after.test.core.removed.wall_ms, TEST_WALL_MS);
    EXPECT_INT(after.test.core.removed.drop, after.test.core.drops);
    end();
}

TEST("no number is higher than the log's last one, whatever the states say")
{
    begin();
    remove_until(SEQUENCE + 9);
    test_core_publish_many(&before.test, "a", 5, 100);
    rt_topic_close(test_core_topic(&before.test, "a"));
    test_core_topic(&before.test, "a")->closed_sequence = SEQUENCE + 9;
    EXPECT_INT(tell("a", 6, false), 0);
    restored(true);
    EXPECT_INT(after.test.core.removed.sequence, SEQUENCE);
    EXPECT_INT(durable("a")->topic->closed_sequence, SEQUENCE);
    end();
}

TEST("all of a topic that was purged is known to be purged")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    test_core_publish_many(&before.test, "b", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&before.test, "b")), 0);
    EXPECT_INT(tell("a", 6, false), 0);
    EXPECT_INT(tell("b", 7, false), 0);
    restored(true);
    EXPECT_INT(durable("a")->topic->purged_sequence, 0);
    EXPECT_INT(durable("b")->topic->purged_sequence, SEQUENCE);
    EXPECT_INT(durable("b")->topic->purged_ms, LAST_MS);
    EXPECT_INT(rt_topic_sequence(durable("b")->topic), SEQUENCE);
    end();
}

TEST("what was purged came before the start, where the log does not know when")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    EXPECT_INT(rt_topic_purge(test_core_topic(&before.test, "a")), 0);
    after.test.core.wall_ms = LAST_MS + 1;
    EXPECT_INT(tell("a", 7, false), 0);
    EXPECT_INT(durable("a")->topic->purged_ms, LAST_MS + 1);
    end();
}

TEST("who reads several topics is told that damage may have cost whole ones")
{
    begin();
    restored_with(&damaged);
    EXPECT_INT(after.test.core.sequence, SEQUENCE);
    EXPECT_INT(after.test.core.removed.sequence, SEQUENCE);
    EXPECT_INT(after.test.core.removed.wall_ms, TEST_WALL_MS);
    EXPECT_INT(after.test.core.removed.drop, after.test.core.drops);
    end();
}

TEST("after an end that was not clean no offset and no number comes again")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    test_core_publish_many(&before.test, "b", 5, 100);
    EXPECT_INT(tell("a", 6, false), 0);
    EXPECT_INT(tell("b", 3, true), 0);
    restored(false);
    EXPECT_INT(durable("a")->old_end, 6);
    EXPECT_INT(durable("a")->begin, 6 + RT_JOURNAL_JUMP);
    EXPECT_INT(durable("a")->topic->ring.next_offset, 6 + RT_JOURNAL_JUMP);
    EXPECT_INT(after.test.core.sequence, SEQUENCE + RT_JOURNAL_JUMP);
    EXPECT_INT(after.test.core.removed.sequence, SEQUENCE + RT_JOURNAL_JUMP);
    EXPECT_INT(after.test.core.removed.drop, after.test.core.drops);
    EXPECT_INT(after.journal.lost.wall_ms, TEST_WALL_MS);
    EXPECT_INT(durable("b")->begin, 3);
    EXPECT_INT(test_core_try_publish(&after.test, "b", 5), RT_EDAMAGED);
    struct rt_journal_batch *batch = rt_journal_take(&after.journal);
    EXPECT_INT(batch->notes.len, 2 * sizeof(struct rt_note));
    EXPECT_INT(test_journal_note(batch, 1).id, 1);
    EXPECT_INT(test_journal_note(batch, 1).next_offset, 6 + RT_JOURNAL_JUMP);
    EXPECT_INT(test_journal_note(batch, 1).floor, 1);
    EXPECT_INT(batch->sequence, SEQUENCE + RT_JOURNAL_JUMP);
    rt_journal_done(&after.journal, 0);
    end();
}

static struct rt_start start_since(const char *name, uint64_t wall_ms)
{
    struct rt_start start = {0};
    struct rt_since since = {.kind = RT_SINCE_TIME, .wall_ms = wall_ms};
    test_sink_init(&sink, &after.test);
    sink.subscriber.gap = RT_GAP_TELL;
    EXPECT_INT(rt_core_subscribe(&after.test.core, rt_bytes_of(name),
                                 RT_FORMAT_JSON, &since, &sink.subscriber,
                                 &start),
               0);
    test_sink_finish(&sink);
    return start;
}

TEST("a topic may have lost its first events, and says so to who asks for them")
{
    begin();
    struct rt_topic *topic = rt_topic_obtain(&before.test.core, RT_BYTES("a"));
    rt_journal_change(topic);
    EXPECT_INT(tell("a", 1, false), 0);
    restored(false);
    struct rt_start start = start_since("a", TEST_WALL_MS);
    EXPECT(start.is_gap);
    EXPECT_INT(start.gap.reason, RT_CLOSE_EVENTS_LOST);
    EXPECT_INT(start.cursor.offset, RT_JOURNAL_JUMP);
    EXPECT(!start_since("a", TEST_WALL_MS + 1).is_gap);
    EXPECT(!start_since("new", TEST_WALL_MS).is_gap);
    EXPECT(!start_since("new", 0).is_gap);
    end();
}

/* Whether one that asks for what came since then is told of lost events. */
static bool is_told_since(const char *name, uint64_t wall_ms)
{
    struct rt_start start = start_since(name, wall_ms);
    return start.is_gap && start.gap.reason == RT_CLOSE_EVENTS_LOST;
}

TEST("damage may have cost all of a topic, which one that is new has to say")
{
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    EXPECT_INT(tell("a", 6, false), 0);
    restored_with(&damaged);
    EXPECT(!is_told_since("a", TEST_WALL_MS));
    EXPECT(is_told_since("new", TEST_WALL_MS));
    test_core_publish(&after.test, "new", 100);
    EXPECT(is_told_since("new", TEST_WALL_MS));
    EXPECT(!is_told_since("new", TEST_WALL_MS + 1));
    end();
}

TEST("that is known after the next start, too")
{
    begin();
    before.journal.unnamed = (struct rt_unnamed){TEST_WALL_MS, 2};
    rt_journal_change(rt_topic_obtain(&before.test.core, RT_BYTES("a")));
    rt_journal_change(rt_topic_obtain(&before.test.core, RT_BYTES("b")));
    EXPECT_INT(tell("a", 1, false), 0);
    EXPECT_INT(tell("b", 1, false), 0);
    restored(true);
    EXPECT(!is_told_since("a", TEST_WALL_MS));
    EXPECT(is_told_since("b", TEST_WALL_MS));
    end();
}

TEST("more damage does not hide what the first may have cost")
{
    begin();
    before.journal.unnamed = (struct rt_unnamed){TEST_WALL_MS - 1000, 2};
    rt_journal_change(rt_topic_obtain(&before.test.core, RT_BYTES("a")));
    rt_journal_change(rt_topic_obtain(&before.test.core, RT_BYTES("b")));
    EXPECT_INT(tell("a", 1, false), 0);
    EXPECT_INT(tell("b", 1, false), 0);
    restored_with(&damaged);
    EXPECT(!is_told_since("a", TEST_WALL_MS));
    EXPECT(is_told_since("b", TEST_WALL_MS));
    end();
}

TEST("what an end may have cost is known after the next one, too")
{
    begin();
    test_core_publish(&before.test, "a", 100);
    before.journal.lost = (struct rt_lost){LAST_MS, SEQUENCE - 10};
    EXPECT_INT(tell("a", 2, false), 0);
    restored(true);
    EXPECT_INT(after.journal.lost.wall_ms, LAST_MS);
    EXPECT_INT(after.test.core.removed.sequence, SEQUENCE - 10);
    EXPECT_INT(after.test.core.removed.wall_ms, LAST_MS);
    EXPECT_INT(after.test.core.sequence, SEQUENCE);
    end();
}

TEST("a node that has never served anybody begins as any other")
{
    struct rt_log_found found = {.next_topic = 1};
    begin();
    EXPECT_INT(rt_journal_restored(&after.journal, &found), 0);
    EXPECT_INT(after.test.core.sequence, 0);
    EXPECT_INT(after.journal.next_id, 1);
    end();
}

TEST("a log that knows nothing of its node any more is jumped behind as well")
{
    static const struct rt_log_found founds[] = {
        {.sequence = SEQUENCE, .next_topic = 2, .is_clean = true},
        {.sequence = SEQUENCE, .next_topic = 1},
        {.next_topic = 2},
        {.next_topic = 1, .damages = 1}};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(founds); i++) {
        begin();
        test_core_publish_many(&before.test, "a", 5, 100);
        EXPECT_INT(tell("a", 6, false), 0);
        EXPECT_INT(rt_journal_restored(&after.journal, &founds[i]), 0);
        EXPECT_INT(after.test.core.sequence,
                   founds[i].sequence + RT_JOURNAL_JUMP);
        EXPECT_INT(durable("a")->begin, 6 + RT_JOURNAL_JUMP);
        end();
    }
}

TEST("what no node has written is damage")
{
    struct rt_log_topic saved = {.name = RT_BYTES("a"), .next_offset = 2};
    struct rt_log_standing standing = {.earliest = 1};
    begin();
    test_core_publish_many(&before.test, "a", 5, 100);
    test_core_publish_many(&before.test, "b", 5, 100);
    EXPECT_INT(visitor.topic(visitor.context, 1, &saved, &standing),
               RT_EDAMAGED); /* no state */
    saved.name = RT_BYTES("a b");
    EXPECT_INT(visitor.topic(visitor.context, 1, &saved, &standing),
               RT_EDAMAGED);
    EXPECT_INT(tell("b", 0, false), RT_EDAMAGED);
    EXPECT_INT(tell("b", UINT64_MAX - 5, false), RT_EDAMAGED);
    EXPECT_INT(tell("b", 5, false), 0);
    EXPECT_INT(tell("b", 5, false), RT_EDAMAGED); /* twice */
    EXPECT_INT(visitor.key(visitor.context, RT_BYTES("x")), RT_EDAMAGED);
    EXPECT_INT(visitor.node(visitor.context, RT_BYTES("x")), RT_EDAMAGED);
    end();
}

TEST("without memory nothing is restored")
{
    begin();
    test_core_publish(&before.test, "a", 100);
    uint64_t k = 1;
    int err = RT_ENOMEM;
    while (err == RT_ENOMEM) {
        test_heap_fail_at(&after.test.heap, k++);
        err = tell("a", 2, false);
        test_heap_fail_at(&after.test.heap, 0);
    }
    EXPECT_INT(err, 0);
    EXPECT(k > 2);
    struct rt_log_found found = {.next_topic = 2};
    test_heap_fail_at(&after.test.heap, 1);
    EXPECT_INT(rt_journal_restored(&after.journal, &found), RT_ENOMEM);
    test_heap_fail_at(&after.test.heap, 0);
    end();
}
