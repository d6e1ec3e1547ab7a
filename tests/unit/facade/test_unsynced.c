#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "broker/facade.h"
#include "tests/support/accounts.h"
#include "tests/support/committer.h"
#include "tests/support/test.h"

static struct test_host host;
static struct test_committer committer;

/* What the publisher has been told. */
static uint64_t told;
static int last_error;
static uint64_t last_offset;

static void
on_published(void *context, int error, const struct ringtail_receipt *receipt)
{
    EXPECT(context == &host);
    EXPECT_INT(error == 0, receipt != NULL);
    told++;
    last_error = error;
    last_offset = receipt != NULL ? receipt->offset : 0;
}

static int publish(const char *topic, enum ringtail_ack ack)
{
    struct ringtail_event_options options;
    ringtail_event_options_init(&options);
    options.ack = ack;
    return ringtail_publish_async(host.broker, topic, "x", 1, &options,
                                  on_published, &host);
}

static void begin(void)
{
    test_host_init(&host, NULL);
    test_committer_init(&committer, &host);
    told = 0;
    last_error = 1;
}

TEST("who publishes to disk is told when the event is there")
{
    begin();
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    EXPECT_INT(publish("a", RINGTAIL_ACK_MEMORY), 0);
    test_host_until(&host, &told, 1);
    EXPECT_INT(last_offset, 2);
    test_committer_begin(&committer);
    test_host_turns(&host, 5);
    EXPECT_INT(told, 1);
    test_committer_end(&committer, 0);
    EXPECT_INT(told, 2);
    EXPECT_INT(last_error, 0);
    EXPECT_INT(last_offset, 1);
    test_committer_finish(&committer);
}

TEST("who does not say is told when the topic's level is reached")
{
    begin();
    EXPECT_INT(publish("a", RINGTAIL_ACK_AUTO), 0);
    test_host_until(&host, &told, 1);
    rt_topic_set_ack(rt_topic_find(&host.broker->server.core, RT_BYTES("a")),
                     RT_ACK_DISK);
    EXPECT_INT(publish("a", RINGTAIL_ACK_AUTO), 0);
    test_host_turns(&host, 5);
    EXPECT_INT(told, 1);
    test_committer_commit(&committer);
    EXPECT_INT(told, 2);
    test_committer_finish(&committer);
}

TEST("each batch tells its own, in order")
{
    begin();
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_end(&committer, 0);
    EXPECT_INT(told, 2);
    EXPECT_INT(last_offset, 2);
    test_committer_commit(&committer);
    EXPECT_INT(told, 3);
    EXPECT_INT(last_offset, 3);
    test_committer_finish(&committer);
}

TEST("a batch that fails is told, and that nothing more is taken")
{
    begin();
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    EXPECT_INT(told, 1);
    EXPECT_INT(last_error, RINGTAIL_EUNSYNCED);
    EXPECT_INT(publish("a", RINGTAIL_ACK_MEMORY), 0);
    test_host_until(&host, &told, 2);
    EXPECT_INT(last_error, RINGTAIL_ESTORAGE);
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL),
               RINGTAIL_ESTORAGE);
    test_committer_finish(&committer);
}

TEST("so is a disk that is full, until there is room")
{
    begin();
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_ENOSPC);
    EXPECT_INT(last_error, RINGTAIL_EUNSYNCED);
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL),
               UV_ENOSPC);
    test_committer_make_room(&committer);
    test_committer_commit(&committer);
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_commit(&committer);
    EXPECT_INT(last_error, 0);
    EXPECT_INT(told, 2);
    test_committer_finish(&committer);
}

TEST("a topic that the disk has lost events of is told")
{
    begin();
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL), 0);
    rt_topic_find(&host.broker->server.core, RT_BYTES("a"))
        ->durable->is_damaged = true;
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL),
               RINGTAIL_ELOST);
    test_committer_finish(&committer);
}

TEST("with so many who wait no more is taken from the mailbox")
{
    begin();
    for (int i = 0; i < RT_UNSYNCED_MAX + 100; i++) {
        EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    }
    test_host_turns(&host, 50);
    struct rt_topic *topic =
        rt_topic_find(&host.broker->server.core, RT_BYTES("a"));
    EXPECT_INT(rt_ring_latest(&topic->ring), RT_UNSYNCED_MAX);
    test_committer_commit(&committer);
    EXPECT_INT(told, RT_UNSYNCED_MAX);
    test_host_turns(&host, 50);
    test_committer_commit(&committer);
    EXPECT_INT(told, RT_UNSYNCED_MAX + 100);
    test_committer_finish(&committer);
}

static void on_published_again(void *context,
                               int error,
                               const struct ringtail_receipt *receipt)
{
    on_published(context, error, receipt);
    EXPECT_INT(publish("b", RINGTAIL_ACK_DISK), 0);
    EXPECT_INT(ringtail_publish(host.broker, "b", "x", 1, NULL, NULL), 0);
}

TEST("who is told may publish")
{
    struct ringtail_event_options options;
    begin();
    ringtail_event_options_init(&options);
    options.ack = RINGTAIL_ACK_DISK;
    EXPECT_INT(ringtail_publish_async(host.broker, "a", "x", 1, &options,
                                      on_published_again, &host),
               0);
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    test_committer_commit(&committer);
    EXPECT_INT(told, 2);
    test_host_turns(&host, 5);
    test_committer_commit(&committer);
    EXPECT_INT(told, 3);
    EXPECT_INT(last_offset, 2);
    test_committer_finish(&committer);
}

TEST("the disk is asked for where there is one, and by a call that waits")
{
    struct ringtail_event_options options;
    begin();
    ringtail_event_options_init(&options);
    options.ack = RINGTAIL_ACK_DISK;
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, &options, NULL),
               RINGTAIL_EVALUE);
    EXPECT_INT(publish("a", (enum ringtail_ack)7), RINGTAIL_EVALUE);
    options.size = offsetof(struct ringtail_event_options, ack);
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, &options, NULL), 0);
    test_committer_finish(&committer);
    test_host_init(&host, NULL);
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), RINGTAIL_ENODATA);
    test_host_finish(&host);
}

/* --- the k-th allocation fails --- */

/* Returns whether an allocation has failed. */
static bool run_without(uint64_t k)
{
    struct test_accounts accounts = {.fail_at = 0};
    struct ringtail_config config;
    ringtail_config_init(&config);
    test_accounts_apply(&accounts, &config);
    test_host_init(&host, &config);
    test_committer_init(&committer, &host);
    told = 0;
    accounts = (struct test_accounts){.used = accounts.used, .fail_at = k};
    EXPECT_INT(publish("a", RINGTAIL_ACK_DISK), 0);
    test_host_turns(&host, 5);
    bool has_failed = accounts.allocations >= k;
    accounts.fail_at = 0;
    if (told == 0) {
        test_committer_commit(&committer);
    }
    EXPECT_INT(told, 1);
    EXPECT_INT(last_error, has_failed ? UV_ENOMEM : 0);
    test_committer_finish(&committer);
    EXPECT_INT(accounts.used, 0);
    return has_failed;
}

TEST("without memory an event is refused, and nobody waits for it")
{
    uint64_t k = 0;
    while (run_without(k + 1)) {
        k++;
    }
    EXPECT(k > 3);
}
