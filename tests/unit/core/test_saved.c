#include "broker/core/saved.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"
#include "tests/support/journal.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX

static const struct rt_retention roomy = {1024 * KIB, UNLIMITED, UNLIMITED};
static const struct rt_retention own = {64 * KIB, 10, 5000};

static struct test_journal disk;

static struct rt_bytes bytes_of(const struct rt_saved_topic *saved)
{
    return (struct rt_bytes){(const char *)saved, sizeof(*saved)};
}

static struct rt_topic *topic_of(const char *name)
{
    test_core_publish(&disk.test, name, 5);
    return test_core_topic(&disk.test, name);
}

TEST("a topic is restored as it was saved")
{
    test_journal_init(&disk, roomy);
    struct rt_topic *topic = topic_of("a");
    topic->old_epoch = 5;
    EXPECT_INT(rt_topic_retain(topic, &own), 0);
    rt_topic_close(topic);
    struct rt_saved_topic saved = rt_save_topic(topic);
    struct rt_topic *other = topic_of("b");
    EXPECT_INT(rt_topic_restore(bytes_of(&saved), other), 0);
    EXPECT_INT(other->epoch, topic->epoch);
    EXPECT_INT(other->old_epoch, 5);
    EXPECT(other->is_closed);
    EXPECT_INT(other->retention->events, 10);
    EXPECT_INT(other->retention->age_ms, 5000);
    test_journal_finish(&disk);
}

TEST("what a topic's receipts say is restored, and that it says nothing")
{
    const enum rt_ack acks[] = {RT_ACK_DISK, RT_ACK_MEMORY, RT_ACK_UNSAID};
    test_journal_init(&disk, roomy);
    struct rt_topic *topic = topic_of("a");
    struct rt_topic *other = topic_of("b");
    for (size_t i = 0; i < RT_ARRAY_LENGTH(acks); i++) {
        rt_topic_set_ack(topic, acks[i]);
        struct rt_saved_topic saved = rt_save_topic(topic);
        EXPECT_INT(rt_topic_restore(bytes_of(&saved), other), 0);
        EXPECT_INT(other->ack, acks[i]);
    }
    test_journal_finish(&disk);
}

TEST("a retention for which there is no memory any more is cut")
{
    test_journal_init(&disk, roomy);
    struct rt_topic *topic = topic_of("a");
    EXPECT_INT(rt_topic_retain(topic, &own), 0);
    struct rt_saved_topic saved = rt_save_topic(topic);
    saved.ring_bytes = UNLIMITED;
    EXPECT_INT(rt_topic_restore(bytes_of(&saved), topic), 0);
    EXPECT_INT(topic->retention->bytes, rt_topic_bytes_max(&disk.test.core));
    test_journal_finish(&disk);
}

TEST("what is no state is refused")
{
    test_journal_init(&disk, roomy);
    struct rt_topic *topic = topic_of("a");
    struct rt_saved_topic saved = rt_save_topic(topic);
    struct rt_bytes bytes = bytes_of(&saved);
    bytes.len--;
    EXPECT_INT(rt_topic_restore(bytes, topic), RT_EINVAL);
    saved.old_base = 1;
    EXPECT_INT(rt_topic_restore(bytes_of(&saved), topic), RT_EINVAL);
    EXPECT_INT(rt_node_restore(bytes, &disk.journal), RT_EINVAL);
    test_journal_finish(&disk);
}

TEST("the node is restored as it was saved")
{
    test_journal_init(&disk, roomy);
    struct rt_core *core = &disk.test.core;
    disk.journal.next_id = 77;
    disk.journal.lost = (struct rt_lost){.wall_ms = 5, .sequence = 6};
    core->removed = (struct rt_removed){20, core->wall_ms, ++core->drops};
    struct rt_saved_node saved = rt_save_node(&disk.journal);
    uint32_t epoch = core->epoch;
    core->epoch = 0;
    core->removed = (struct rt_removed){.sequence = 0};
    disk.journal.next_id = 1;
    disk.journal.lost = (struct rt_lost){0};
    struct rt_bytes bytes = {(const char *)&saved, sizeof(saved)};
    EXPECT_INT(rt_node_restore(bytes, &disk.journal), 0);
    EXPECT_INT(core->epoch, epoch);
    EXPECT_INT(disk.journal.next_id, 77);
    EXPECT_INT(disk.journal.lost.wall_ms, 5);
    EXPECT_INT(disk.journal.lost.sequence, 6);
    EXPECT_INT(core->removed.sequence, 20);
    EXPECT_INT(core->removed.wall_ms, core->wall_ms);
    EXPECT_INT(core->removed.drop, core->drops);
    EXPECT(rt_journal_is_idle(&disk.journal));
    test_journal_finish(&disk);
}
