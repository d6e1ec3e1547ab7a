/* A log that is refused what it needs: memory, or the disk. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/core/control.h"
#include "broker/core/topic.h"
#include "tests/support/accounts.h"
#include "tests/support/peer.h"
#include "tests/unit/facade/logged.h"

static int created(const struct ringtail_config *config)
{
    uv_loop_t loop;
    struct ringtail_broker *broker = NULL;
    EXPECT_INT(uv_loop_init(&loop), 0);
    int err = ringtail_broker_create(config, &loop, &broker);
    EXPECT(err < 0 && broker == NULL);
    EXPECT_INT(uv_loop_close(&loop), 0);
    return err;
}

/* --- the k-th allocation fails --- */

/* Whatever was answered is there when it begins again. */
static void live(struct test_accounts *accounts, struct ringtail_config *config)
{
    struct test_host host = {.is_stopped = false};
    test_accounts_apply(accounts, config);
    EXPECT_INT(uv_loop_init(&host.loop), 0);
    int err = ringtail_broker_create(config, &host.loop, &host.broker);
    if (err < 0) {
        EXPECT_INT(err, UV_ENOMEM);
        EXPECT_INT(uv_loop_close(&host.loop), 0);
        return;
    }
    for (int i = 0; i < 5; i++) {
        err = ringtail_publish(host.broker, i < 3 ? "a" : "b", "x", 1, NULL,
                               NULL);
        EXPECT(err == 0 || err == UV_ENOMEM);
        test_host_turn(&host);
    }
    test_host_finish(&host);
}

TEST("wherever the k-th allocation fails, it is an error and no more")
{
    uint64_t k = 0;
    struct test_accounts accounts;
    struct test_directory directory;
    test_directory_make(&directory);
    struct ringtail_config config = config_over(&directory);
    do {
        accounts = (struct test_accounts){.fail_at = ++k};
        live(&accounts, &config);
        EXPECT_INT(accounts.used, 0);
    } while (accounts.allocations >= k);
    EXPECT(k > 10);
    test_directory_remove(&directory);
}

TEST("a budget in which the log does not fit is an error")
{
    struct test_directory directory;
    int err = UV_ENOMEM;
    test_directory_make(&directory);
    for (uint64_t memory = 64 * 1024; memory < 1024 * 1024; memory *= 2) {
        struct ringtail_config config = config_over(&directory);
        config.memory = memory;
        err = created(&config);
        EXPECT_INT(err, UV_ENOMEM);
    }
    test_directory_remove(&directory);
}

/* --- a disk that refuses --- */

static const struct rt_disk_ops *honest;
static _Atomic int refusal;  /* what the next write says; 0: it writes */
static _Atomic bool is_held; /* a write takes as long as this is so */

static int refusing_write(struct rt_disk *disk,
                          struct rt_file *file,
                          const struct rt_bytes *ranges,
                          size_t count,
                          uint64_t at)
{
    int err = atomic_exchange(&refusal, 0);
    while (is_held) {
        (void)usleep(1000);
    }
    return err < 0 ? err : honest->write(disk, file, ranges, count, at);
}

static int
failing_truncate(struct rt_disk *disk, struct rt_file *file, uint64_t len)
{
    (void)disk;
    (void)file;
    (void)len;
    return UV_EIO;
}

static _Atomic uint64_t free_bytes; /* of the disk */
static _Atomic uint64_t looks;      /* for them */

static int refusing_free_bytes(struct rt_disk *disk, uint64_t *bytes)
{
    (void)disk;
    *bytes = free_bytes;
    looks++;
    return 0;
}

static struct test_directory directory;
static struct ringtail_config config;
static struct test_host host;

/* From now on the disk says what `refusal` is, and has what `free_bytes` is. */
static void refuse(void)
{
    static struct rt_disk_ops refusing;
    struct rt_disk *disk = &committer_of(&host)->disk.disk;
    honest = disk->ops;
    refusing = *honest;
    refusing.write = refusing_write;
    refusing.free_bytes = refusing_free_bytes;
    refusal = 0;
    is_held = false;
    free_bytes = UINT64_MAX;
    uv_mutex_lock(&committer_of(&host)->lock);
    disk->ops = &refusing;
    uv_mutex_unlock(&committer_of(&host)->lock);
}

static void begin(void)
{
    test_directory_make(&directory);
    config = config_over(&directory);
    test_host_init(&host, &config);
    refuse();
}

/* Another broker on the same disk, which refuses nothing. */
static void restart(void)
{
    test_host_finish(&host);
    test_host_init(&host, &config);
}

static void finish(void)
{
    test_host_finish(&host);
    test_directory_remove(&directory);
}

static enum rt_journal_state state(void)
{
    return committer_of(&host)->journal.state;
}

/* What whoever asks whether the broker is ready is told. */
static void expect_unready(const char *state)
{
    static struct test_peer peer;
    test_host_listen(&host);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 503 ");
    test_peer_await(&peer, state);
    test_peer_close(&peer);
}

TEST("after a write that failed nothing is taken, and all that is left is read")
{
    begin();
    (void)publish(&host, "a");
    until_written(&host);
    refusal = UV_EIO;
    (void)publish(&host, "a");
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FAILED);
    EXPECT_INT(committer_of(&host)->failure, UV_EIO);
    EXPECT_INT(committer_of(&host)->journal.bytes, 0);
    EXPECT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL) < 0);
    expect_unready("storage-failed\n");
    restart();
    /* Whether the second was lost the first knows: it jumps. */
    EXPECT_INT(publish(&host, "a").offset, 2 + RT_JOURNAL_JUMP);
    finish();
}

/* So many bytes of events, one after the other. */
static void fill(uint64_t len)
{
    static char payload[200 * 1024];
    for (uint64_t sent = 0; sent < len; sent += sizeof(payload)) {
        EXPECT_INT(ringtail_publish(host.broker, "a", payload, sizeof(payload),
                                    NULL, NULL),
                   0);
        until_written(&host);
    }
}

TEST("a log that has failed between batches is told to have, without one")
{
    static struct rt_disk_ops failing;
    begin();
    struct rt_committer *committer = committer_of(&host);
    uv_mutex_lock(&committer->lock);
    failing = *committer->disk.disk.ops;
    failing.truncate = failing_truncate; /* what a segment is sealed with */
    committer->disk.disk.ops = &failing;
    uv_mutex_unlock(&committer->lock);
    fill(RT_LOG_SEGMENT_BYTES);
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FAILED);
    EXPECT_INT(committer->news.retain_err, UV_EIO);
    EXPECT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL) < 0);
    expect_unready("storage-failed\n");
    finish();
}

TEST("an event that was lost behind an end in good order was lost all the same")
{
    begin();
    (void)publish(&host, "a");
    restart();
    refuse();
    refusal = UV_EIO;
    EXPECT_INT(publish(&host, "a").offset, 2); /* somebody may have it */
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FAILED);
    restart();
    EXPECT_INT(publish(&host, "a").offset, 2 + RT_JOURNAL_JUMP);
    finish();
}

TEST("on a disk that is full events wait, and are written when there is room")
{
    begin();
    (void)publish(&host, "a");
    until_written(&host);
    refusal = UV_ENOSPC;
    (void)publish(&host, "a");
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    EXPECT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL) < 0);
    test_host_turns(&host, 3);
    EXPECT(uv_backend_timeout(&host.loop) > 0); /* it waits, and does not try */
    EXPECT_INT(committer_of(&host)->failure, 0);
    until_written(&host);
    EXPECT_INT(state(), RT_JOURNAL_WORKING);
    restart();
    EXPECT_INT(publish(&host, "a").offset, 3);
    finish();
}

TEST("before the disk is full events are refused, until there is room again")
{
    begin();
    free_bytes = config.data_reserve - 1;
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    EXPECT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL) < 0);
    expect_unready("storage-full\n");
    free_bytes = config.data_reserve + RT_COMMITTER_ROOM;
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_WORKING);
    (void)publish(&host, "a");
    until_written(&host);
    finish();
}

TEST("a log that fills the disk refuses events while there is room to purge")
{
    begin();
    free_bytes = config.data_reserve + RT_LOG_SEGMENT_BYTES;
    fill(RT_LOG_SEGMENT_BYTES - RT_COMMITTER_KEEP);
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    EXPECT(ringtail_publish(host.broker, "a", "x", 1, NULL, NULL) < 0);
    struct rt_core *core = &host.broker->server.core;
    EXPECT_INT(rt_topic_purge(rt_topic_find(core, RT_BYTES("a"))), 0);
    until_written(&host);
    free_bytes = config.data_reserve + RT_COMMITTER_ROOM;
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_WORKING);
    (void)publish(&host, "a");
    until_written(&host);
    finish();
}

/* Batches of 4 MB, each of which is written, until the log takes no more. */
static void fill_quickly(void)
{
    static char payload[200 * 1024];
    int err = 0;
    while (err == 0) {
        for (int i = 0; i < 20 && err == 0; i++) {
            err = ringtail_publish(host.broker, "a", payload, sizeof(payload),
                                   NULL, NULL);
        }
        until_written(&host);
    }
}

TEST("so does one that is full before the disk is looked at again")
{
    begin();
    free_bytes = config.data_reserve + RT_LOG_SEGMENT_BYTES;
    fill_quickly();
    EXPECT_INT(state(), RT_JOURNAL_FULL);
    finish();
}

TEST("a segment that is not near its end needs no room for the next one")
{
    begin();
    free_bytes = config.data_reserve;
    (void)publish(&host, "a");
    until_written(&host);
    uint64_t seen = looks;
    TEST_UNTIL(&host.loop, looks > seen + 1);
    EXPECT_INT(state(), RT_JOURNAL_WORKING);
    finish();
}

TEST("what found no room is written when there is room for two files")
{
    begin();
    free_bytes = config.data_reserve + RT_COMMITTER_ROOM - 1;
    refusal = UV_ENOSPC;
    (void)publish(&host, "a");
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    uint64_t seen = looks;
    TEST_UNTIL(&host.loop, looks > seen + 1);
    EXPECT_INT(state(), RT_JOURNAL_FULL);
    free_bytes = config.data_reserve + RT_COMMITTER_ROOM;
    until_written(&host);
    EXPECT_INT(state(), RT_JOURNAL_WORKING);
    finish();
}

TEST("a stop does not wait for room on the disk")
{
    begin();
    free_bytes = 0;
    refusal = UV_ENOSPC;
    (void)publish(&host, "a");
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    restart();
    EXPECT_INT(publish(&host, "a").offset, 1); /* it never was on disk */
    finish();
}

static void
on_published(void *context, int err, const struct ringtail_receipt *receipt)
{
    EXPECT_INT(err, 0);
    EXPECT(receipt != NULL);
    ++*(uint64_t *)context;
}

TEST("other threads wait for a disk that is far behind, and none is refused")
{
    static char payload[200 * 1024];
    uint64_t sent = 0;
    uint64_t published = 0;
    begin();
    is_held = true;
    for (int turns = 0; turns < 300; turns++) {
        sent +=
            ringtail_publish_async(host.broker, "a", payload, sizeof(payload),
                                   NULL, on_published, &published) == 0;
        test_host_turn(&host);
    }
    EXPECT(rt_journal_is_behind(&committer_of(&host)->journal));
    EXPECT(committer_of(&host)->journal.bytes <
           RT_JOURNAL_BYTES_HIGH + sizeof(payload) + 1024);
    EXPECT_INT(published, 0);
    is_held = false;
    test_host_until(&host, &published, sent);
    finish();
}

/* All but the first are in one batch, which is not with the thread yet. */
static void publish_many_topics(void)
{
    char topic[16];
    is_held = true;
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(topic, sizeof(topic), "t%d", i);
        (void)publish(&host, topic);
        if (i == 0) {
            test_host_turn(&host);
        }
    }
}

TEST("very many new topics at once find memory in the log")
{
    begin();
    publish_many_topics();
    is_held = false;
    until_written(&host);
    EXPECT_INT(state(), RT_JOURNAL_WORKING);
    EXPECT_INT(committer_of(&host)->news.batches, 2);
    finish();
}

/* Has room for what is noted of so many topics, and none for what the log has
 * to know of them. */
#define NOTES_BYTES ((size_t)8 * 1024 * 1024)

TEST("a log without memory is as one without room, until there is some")
{
    begin();
    struct rt_heap *heap = &host.broker->server.heap;
    publish_many_topics();
    size_t rest = heap->limit - heap->used - NOTES_BYTES;
    EXPECT_INT(rt_heap_charge(heap, rest), 0);
    is_held = false;
    TEST_UNTIL(&host.loop, state() == RT_JOURNAL_FULL);
    EXPECT(ringtail_publish(host.broker, "t0", "x", 1, NULL, NULL) < 0);
    rt_heap_uncharge(heap, rest);
    until_written(&host);
    EXPECT_INT(state(), RT_JOURNAL_WORKING);
    restart();
    EXPECT_INT(publish(&host, "t19999").offset, 2);
    finish();
}

TEST("what the log is granted leaves subscribers what is theirs")
{
    begin();
    struct rt_heap *heap = &host.broker->server.heap;
    (void)publish(&host, "a");
    until_written(&host);
    size_t charged = committer_of(&host)->charged;
    size_t rest = heap->limit - heap->used - heap->reserve - 1024;
    EXPECT_INT(rt_heap_charge(heap, rest), 0);
    (void)publish(&host, "a");
    until_written(&host);
    EXPECT(committer_of(&host)->charged <= charged + 1024);
    EXPECT(heap->limit - heap->used >= heap->reserve);
    rt_heap_uncharge(heap, rest);
    finish();
}
