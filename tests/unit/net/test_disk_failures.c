/* A disk that is full, or fails: nobody is told that an event is there which is
 * not. */
#include <string.h>

#include "base/error.h"
#include "tests/unit/net/synced.h"

TEST("a batch that fails is told once, with the end of the connection")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a") TEST_DISK("a") TEST_MEMORY("a")
                              TEST_DISK("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    test_peer_expect_silence(&peer);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await(&peer, "Connection: close\r\n");
    test_peer_await(&peer, "urn:ringtail:problem:storage-failed");
    test_peer_await_end(&peer);
    EXPECT(memmem(peer.received, peer.len, "HTTP/1.1", 8) == NULL);
    finish();
}

TEST("what is done of what waits is told though the next batch fails")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_committer_end(&committer, 0);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await_end(&peer);
    finish();
}

TEST("who reads slowly is told of all that was done before a batch that fails")
{
    begin();
    test_peer_close(&peer);
    test_peer_connect_narrow(&peer, &host);
    test_peer_send_times(&peer, TEST_DISK("a"), 1000);
    test_host_turns(&host, 50);
    test_committer_begin(&committer);
    test_peer_send_times(&peer, TEST_DISK("a"), 500);
    test_host_turns(&host, 50);
    test_committer_end(&committer, 0);
    test_host_turns(&host, 20);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    for (int i = 0; i < 1000; i++) {
        test_peer_await(&peer, "\"disk\"}\n");
    }
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await_end(&peer);
    EXPECT(memmem(peer.received, peer.len, "HTTP/1.1", 8) == NULL);
    finish();
}

TEST("a disk that has failed takes nothing, and what is there is read")
{
    begin();
    test_peer_send(&peer, KEYED("a?ack=memory"));
    test_peer_await(&peer, "\"memory\"}\n");
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_send(&peer, TEST_MEMORY("a") TEST_MEMORY("new"));
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await(&peer, "storage-failed");
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_send(&peer, KEYED("a?ack=disk"));
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_send(&peer, KEYED("a?ack=memory"));
    test_peer_await(&peer, "Idempotent-Replayed: true\r\n");
    test_peer_send(&peer, "GET /topics/a/events?after=earliest HTTP/1.1\r\n"
                          "Host: a\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT(topic_of("new") == NULL);
    finish();
}

TEST("a full disk is told, and publishing goes on when there is room")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_ENOSPC);
    test_peer_await(&peer, "HTTP/1.1 507 ");
    test_peer_await(&peer, "Retry-After: 1\r\n");
    test_peer_await(&peer, "storage-full");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "HTTP/1.1 507 ");
    test_peer_await(&peer, "storage-full");
    test_peer_await(&peer, "\"retry_after\":1}\n");
    test_committer_make_room(&committer);
    test_peer_send(&peer, TEST_DISK("a"));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 2);
    finish();
}

TEST("what fails in the middle of a request ends that, too")
{
    begin();
    test_peer_send(&peer,
                   TEST_DISK("a") "POST /produce/b HTTP/1.1\r\nHost: a\r\n"
                                  "Content-Length: 10\r\n\r\nhal");
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await_end(&peer);
    EXPECT(topic_of("b") == NULL);
    finish();
}

TEST("what fails while a request waits for an event ends that, too")
{
    begin();
    test_peer_send(&peer,
                   TEST_MEMORY("b")
                       TEST_DISK("a") "GET /topics/b/events?after=now&wait=5s "
                                      "HTTP/1.1\r\nHost: a\r\n\r\n");
    test_peer_await(&peer, "\"memory\"}\n");
    test_host_turns(&host, 5);
    EXPECT_INT(host.broker->server.poll_count, 1);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await_end(&peer);
    EXPECT_INT(host.broker->server.poll_count, 0);
    finish();
}

TEST("a topic that the disk has lost events of takes none")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    topic_of("a")->durable->is_damaged = true;
    test_peer_send(&peer, TEST_MEMORY("a") TEST_MEMORY("b"));
    test_peer_await(&peer, "HTTP/1.1 500 ");
    test_peer_await(&peer, "urn:ringtail:problem:topic-damaged");
    test_peer_await(&peer, "\"detail\":\"a: ");
    test_peer_await(&peer, "\"topic\":\"b\"");
    finish();
}

TEST("while far too much waits for the disk publishers are to come back")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    committer.journal.bytes += RT_JOURNAL_BYTES_MAX;
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "HTTP/1.1 503 ");
    test_peer_await(&peer, "Retry-After: 1\r\n");
    test_peer_await(&peer, "the disk is behind");
    committer.journal.bytes -= RT_JOURNAL_BYTES_MAX;
    finish();
}

TEST("who waits for a disk that is behind is refused when it is full")
{
    begin();
    committer.journal.bytes += RT_JOURNAL_BYTES_HIGH;
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_host_turns(&host, 5);
    EXPECT(topic_of("a") == NULL);
    rt_journal_set_full(&committer.journal, true);
    test_peer_await(&peer, "HTTP/1.1 507 ");
    committer.journal.bytes -= RT_JOURNAL_BYTES_HIGH;
    rt_journal_set_full(&committer.journal, false);
    finish();
}
