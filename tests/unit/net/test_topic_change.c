/* What is done to topics is answered when it is on disk. */
#include "base/error.h"
#include "broker/core/control.h"
#include "tests/unit/net/synced.h"

static void begin_on_disk(void)
{
    begin();
    host.broker->server.core.options.ack = RT_ACK_DISK;
}

#define CHANGE(method, target, body) \
    method " /topics/" target " HTTP/1.1\r\nHost: a\r\nContent-Length: " body

#define PUT(target)    CHANGE("PUT", target, "2\r\n\r\n{}")
#define CLOSE(target)  CHANGE("POST", target, "0\r\n\r\n")
#define PURGE(target)  CHANGE("DELETE", target, "0\r\n\r\n")
#define REOPEN(target) CHANGE("PUT", target, "16\r\n\r\n{\"closed\":false}")

/* An answer with this, and what else it has. */
static void await_all_of(const char *text)
{
    test_peer_await(&peer, text);
    test_host_turns(&host, 5);
    test_peer_read(&peer);
    peer.len = 0;
}

/* Sends a request that is answered with the next batch, and not before. */
static void expect_late(const char *request, const char *status)
{
    test_peer_send(&peer, request);
    test_peer_expect_silence(&peer);
    test_committer_begin(&committer);
    test_peer_expect_silence(&peer);
    test_committer_end(&committer, 0);
    test_peer_await(&peer, status);
    await_all_of("Ringtail-Ack: disk\r\n");
}

static void expect_at_once(const char *request, const char *status)
{
    test_peer_send(&peer, request);
    test_peer_await(&peer, status);
    await_all_of("Ringtail-Ack: memory\r\n");
}

TEST("what is done to a topic is answered when it is on disk")
{
    begin_on_disk();
    expect_late(PUT("a"), "HTTP/1.1 201 ");
    expect_late(CLOSE("a/close"), "HTTP/1.1 200 ");
    expect_late(REOPEN("a"), "HTTP/1.1 200 ");
    expect_late(PURGE("a"), "HTTP/1.1 204 ");
    finish();
}

TEST("who asks for memory is answered at once")
{
    begin_on_disk();
    expect_at_once(PUT("a?ack=memory"), "HTTP/1.1 201 ");
    expect_at_once(CLOSE("a/close?ack=memory"), "HTTP/1.1 200 ");
    expect_at_once(PURGE("a?ack=memory"), "HTTP/1.1 204 ");
    EXPECT_INT(test_committer_batches(&committer), 0);
    finish();
}

TEST("who does not say gets what the topic's publishers get")
{
    begin_on_disk();
    expect_at_once(CHANGE("PUT", "a", "16\r\n\r\n{\"ack\":\"memory\"}"),
                   "HTTP/1.1 201 ");
    expect_at_once(CLOSE("a/close"), "HTTP/1.1 200 ");
    expect_late(PURGE("a?ack=disk"), "HTTP/1.1 204 ");
    expect_late(CHANGE("PUT", "a", "14\r\n\r\n{\"ack\":\"disk\"}"),
                "HTTP/1.1 20");
    host.broker->server.core.options.ack = RT_ACK_MEMORY;
    expect_at_once(PUT("b"), "HTTP/1.1 201 ");
    finish();
}

TEST("what was changed before, and is on its way, is waited for")
{
    begin_on_disk();
    test_peer_send(&peer, CLOSE("a/close"));
    test_peer_await(&peer, "HTTP/1.1 404 ");
    test_peer_send(&peer, TEST_MEMORY("a") CLOSE("a/close?ack=memory"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_committer_begin(&committer);
    test_peer_send(&peer, CLOSE("a/close"));
    test_host_turns(&host, 5);
    test_committer_end(&committer, 0);
    test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    test_peer_send(&peer, CLOSE("a/close"));
    test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    EXPECT_INT(test_committer_batches(&committer), 1);
    finish();
}

TEST("of a topic that the log does not know nothing is waited for")
{
    begin_on_disk();
    EXPECT(rt_topic_obtain(&host.broker->server.core, RT_BYTES("a")) != NULL);
    test_peer_send(&peer, PURGE("a"));
    test_peer_await(&peer, "HTTP/1.1 204 ");
    EXPECT(topic_of("a") == NULL);
    finish();
}

TEST("answers keep their order")
{
    begin_on_disk();
    test_peer_send(&peer, TEST_MEMORY("a") PUT("a") TEST_MEMORY("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    test_peer_await(&peer, "\"memory\"}\n");
    finish();
}

/* --- a disk that takes nothing --- */

TEST("what was done when the disk fails is told, and nothing more is done")
{
    begin_on_disk();
    test_peer_send(&peer, PUT("a"));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await(&peer, "urn:ringtail:problem:storage-failed");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, PUT("b") CLOSE("a/close") PURGE("a?ack=memory"));
    for (int i = 0; i < 3; i++) {
        test_peer_await(&peer, "HTTP/1.1 500 ");
    }
    EXPECT(topic_of("b") == NULL);
    EXPECT(topic_of("a") != NULL && !topic_of("a")->is_closed);
    finish();
}

TEST("while a batch finds no room on the disk nothing is done")
{
    begin_on_disk();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_ENOSPC);
    test_peer_send(&peer, CLOSE("a/close") PURGE("a"));
    test_peer_await(&peer, "HTTP/1.1 507 ");
    test_peer_await(&peer, "storage-full");
    await_all_of("HTTP/1.1 507 ");
    EXPECT(!topic_of("a")->is_closed);
    test_committer_make_room(&committer);
    test_committer_commit(&committer);
    expect_late(CLOSE("a/close"), "HTTP/1.1 200 ");
    finish();
}

TEST("with the reserve left a topic can be purged, which makes room")
{
    begin_on_disk();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    rt_journal_set_full(&committer.journal, true);
    test_peer_send(&peer, TEST_MEMORY("a"));
    await_all_of("HTTP/1.1 507 ");
    expect_late(PURGE("a"), "HTTP/1.1 204 ");
    finish();
}
