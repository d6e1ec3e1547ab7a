#include "broker/net/disk_answers.h"

#include <sys/socket.h>

#include "broker/core/control.h"
#include "tests/unit/net/synced.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* What has come, after a while in which nothing more did. */
static struct rt_bytes received(void)
{
    test_host_turns(&host, 20);
    test_peer_read(&peer);
    return (struct rt_bytes){peer.received, peer.len};
}

static uint64_t count(struct rt_bytes bytes, const char *text)
{
    struct rt_bytes needle = rt_bytes_of(text);
    uint64_t found = 0;
    for (; bytes.len >= needle.len; bytes.data++, bytes.len--) {
        found += rt_bytes_starts_with(bytes, needle);
    }
    return found;
}

/* --- one answer --- */

TEST("an event that is to be in memory is answered at once")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, OK);
    test_peer_await(&peer, "\"ack\":\"memory\"}\n");
    EXPECT_INT(test_committer_batches(&committer), 0);
    finish();
}

TEST("an event that is to be on disk is answered when its batch is done")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a"));
    test_peer_expect_silence(&peer);
    test_committer_begin(&committer);
    test_peer_expect_silence(&peer);
    test_committer_end(&committer, 0);
    test_peer_await(&peer, OK);
    test_peer_await(&peer, "\"ack\":\"disk\"}\n");
    finish();
}

TEST("who comes while a batch is written waits for the next one")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    test_committer_begin(&committer);
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_committer_end(&committer, 0);
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    finish();
}

TEST("who does not say gets what the topic has, and else what the node has")
{
    begin();
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    rt_topic_set_ack(topic_of("a"), RT_ACK_DISK);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, "\"memory\"}\n");
    finish();
}

TEST("a head that differs in its target alone asks for nothing")
{
    begin();
    for (int i = 0; i < 3; i++) {
        test_peer_send(&peer, TEST_DISK("a"));
        test_peer_expect_silence(&peer);
        test_committer_commit(&committer);
        test_peer_await(&peer, "\"disk\"}\n");
        test_peer_send(&peer, TEST_PRODUCE("b", "", "1\r\n\r\nx"));
        test_peer_await(&peer, "\"memory\"}\n");
    }
    finish();
}

TEST("without a body the header says it")
{
    begin();
    test_peer_send(
        &peer,
        TEST_PRODUCE("a?ack=disk", "Prefer: return=minimal\r\n", "1\r\n\r\nx"));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "HTTP/1.1 204 ");
    test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Prefer: return=minimal\r\n", "1\r\n\r\nx"));
    test_peer_await(&peer, "Ringtail-Ack: memory\r\n");
    finish();
}

TEST("without a log nothing is said of it, and the disk is none")
{
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, TEST_MEMORY("a"));
    test_peer_await(&peer, OK);
    EXPECT_INT(count(received(), "ack"), 0);
    test_peer_send(&peer, TEST_DISK("a"));
    test_peer_await(&peer, "HTTP/1.1 501 ");
    test_peer_await(&peer, "ack-unsupported");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("what is no level is refused, and so is more than the node can give")
{
    begin();
    test_peer_send(&peer, TEST_PRODUCE("a?ack=all", "", "1\r\n\r\nx"));
    test_peer_await(&peer, "HTTP/1.1 400 ");
    test_peer_await(&peer, "it is memory, disk or quorum");
    test_peer_send(&peer, TEST_PRODUCE("a?ack=quorum", "", "1\r\n\r\nx"));
    test_peer_await(&peer, "HTTP/1.1 501 ");
    test_peer_send(&peer, TEST_PRODUCE("a?ack=d%69sk", "", "1\r\n\r\nx"));
    test_peer_await(&peer, "ack=disk\"}\n");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    finish();
}

/* --- several answers --- */

TEST("answers leave in order: those before the first that waits, at once")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a") TEST_MEMORY("b") TEST_DISK("c")
                              TEST_MEMORY("d"));
    struct rt_bytes early = received();
    EXPECT_INT(count(early, OK), 2);
    EXPECT_INT(count(early, "\"topic\":\"b\""), 1);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"topic\":\"b\"");
    test_peer_await(&peer, "\"topic\":\"c\"");
    test_peer_await(&peer, "\"topic\":\"d\"");
    test_peer_await(&peer, "\"memory\"}\n");
    finish();
}

TEST("requests that are pipelined share a batch")
{
    begin();
    test_peer_send_times(&peer, TEST_DISK("a"), 64);
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    for (int i = 0; i < 64; i++) {
        test_peer_await(&peer, "\"disk\"}\n");
    }
    EXPECT_INT(test_committer_batches(&committer), 1);
    EXPECT_INT(peer.len, 0);
    finish();
}

TEST("those of a batch that is done do not wait for the next one's")
{
    begin();
    test_peer_send_times(&peer, TEST_DISK("a"), 3);
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_peer_send_times(&peer, TEST_DISK("a"), 4);
    test_peer_expect_silence(&peer);
    test_committer_end(&committer, 0);
    EXPECT_INT(count(received(), OK), 3);
    test_committer_begin(&committer);
    test_peer_send_times(&peer, TEST_DISK("a"), 5);
    EXPECT_INT(count(received(), OK), 3);
    test_committer_end(&committer, 0);
    EXPECT_INT(count(received(), OK), 7);
    test_committer_commit(&committer);
    EXPECT_INT(count(received(), OK), 12);
    finish();
}

TEST("publishers who pipeline share a batch, however many they are")
{
    begin();
    test_peer_send_times(&peer, TEST_DISK("a"), 1000);
    test_peer_expect_silence(&peer);
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 1000);
    test_committer_commit(&committer);
    for (int i = 0; i < 1000; i++) {
        test_peer_await(&peer, "\"disk\"}\n");
    }
    EXPECT_INT(test_committer_batches(&committer), 1);
    finish();
}

TEST("so do those who prefer minimal answers")
{
    begin();
    test_peer_send_times(
        &peer,
        TEST_PRODUCE("a?ack=disk", "Prefer: return=minimal\r\n", "1\r\n\r\nx"),
        1000);
    test_peer_expect_silence(&peer);
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 1000);
    test_committer_commit(&committer);
    for (int i = 0; i < 1000; i++) {
        test_peer_await(&peer, "HTTP/1.1 204 ");
        test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    }
    finish();
}

/* Of topics in turn nothing is a run. */
static uint64_t taken_of_two(void)
{
    return rt_ring_latest(&topic_of("a")->ring) +
           rt_ring_latest(&topic_of("b")->ring);
}

TEST("with so many answers that wait no more requests are taken")
{
    begin();
    test_peer_send_times(&peer, TEST_DISK("a") TEST_DISK("b"), 400);
    test_peer_expect_silence(&peer);
    uint64_t taken = taken_of_two();
    EXPECT(taken >= 200 && taken < 500);
    for (uint64_t told = 0; told < 800; told += taken) {
        taken = taken_of_two() - told;
        test_committer_commit(&committer);
        for (uint64_t i = 0; i < taken; i++) {
            test_peer_await(&peer, "\"disk\"}\n");
        }
        test_host_turns(&host, 5);
    }
    EXPECT(test_committer_batches(&committer) <= 5);
    finish();
}

TEST("who does not read what was held costs little, and loses nothing")
{
    begin();
    test_peer_close(&peer);
    test_peer_connect_narrow(&peer, &host);
    test_peer_send_times(&peer, TEST_DISK("a"), 1000);
    test_host_turns(&host, 50);
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 1000);
    size_t used = host.broker->server.heap.used;
    test_committer_commit(&committer);
    test_host_turns(&host, 20);
    EXPECT(host.broker->server.heap.used < used + 32 * 1024);
    for (int i = 0; i < 1000; i++) {
        test_peer_await(&peer, "\"disk\"}\n");
    }
    test_peer_send(&peer, TEST_LIVEZ);
    test_peer_await(&peer, "ok\n");
    finish();
}

TEST("who does not read costs no more when another batch is done")
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
    size_t used = host.broker->server.heap.used;
    test_committer_commit(&committer);
    test_host_turns(&host, 20);
    EXPECT(host.broker->server.heap.used < used + 4 * 1024);
    for (int i = 0; i < 1500; i++) {
        test_peer_await(&peer, "\"disk\"}\n");
    }
    finish();
}

TEST("a batch of several topics waits for all of them")
{
    begin();
    test_peer_send(&peer, "POST /produce?ack=disk HTTP/1.1\r\nHost: a\r\n"
                          "Content-Type: application/x-ndjson\r\n"
                          "Content-Length: 46\r\n\r\n"
                          "{\"topic\":\"a\",\"data\":1}\n"
                          "{\"topic\":\"b\",\"data\":2}\n");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"count\":1,\"ack\":\"disk\"},{");
    test_peer_await(&peer, "\"count\":1,\"ack\":\"disk\"}]}\n");
    finish();
}

TEST("one topic that is to be on disk is enough for all of the request")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("b"));
    test_peer_await(&peer, "\"memory\"}\n");
    rt_topic_set_ack(topic_of("b"), RT_ACK_DISK);
    test_peer_send(&peer, "POST /produce HTTP/1.1\r\nHost: a\r\n"
                          "Prefer: return=minimal\r\n"
                          "Content-Type: application/x-ndjson\r\n"
                          "Content-Length: 46\r\n\r\n"
                          "{\"topic\":\"a\",\"data\":1}\n"
                          "{\"topic\":\"b\",\"data\":2}\n");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "HTTP/1.1 204 ");
    test_peer_await(&peer, "Ringtail-Ack: disk\r\n");
    finish();
}

/* --- keys --- */

TEST("a repetition waits for the disk as the first request did")
{
    begin();
    test_peer_send(&peer, KEYED("a?ack=disk"));
    test_peer_expect_silence(&peer);
    test_peer_send(&peer, KEYED("a?ack=disk"));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, OK);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await(&peer, "Idempotent-Replayed: true\r\n");
    test_peer_await(&peer, "\"disk\"}\n");
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 1);
    finish();
}

TEST("a repetition may ask for more than the first request did, or for less")
{
    begin();
    test_peer_send(&peer, KEYED("a?ack=memory"));
    test_peer_await(&peer, "\"memory\"}\n");
    test_peer_send(&peer, KEYED("a?ack=disk"));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_send(&peer, KEYED("a?ack=disk"));
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_send(&peer, KEYED("a?ack=memory"));
    test_peer_await(&peer, "\"memory\"}\n");
    finish();
}

/* --- a connection that waits --- */

/* More than any time-out, several times, in which nothing comes. */
static void let_time_pass(void)
{
    test_host_turns(&host, 5);
    for (uint32_t i = 1; i <= 5; i++) {
        rt_wheel_advance(&host.broker->server.wheel, 100 * i);
        test_peer_expect_silence(&peer);
    }
}

TEST("no time is over while an answer waits for the disk")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a") "POST /produce/a HTTP/1.1\r\n");
    let_time_pass();
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    rt_wheel_advance(&host.broker->server.wheel, 600);
    test_peer_await(&peer, "HTTP/1.1 408 ");
    finish();
}

TEST("who sends no more gets what waits, and then the end")
{
    begin();
    test_peer_send(&peer, TEST_MEMORY("a") TEST_DISK("a"));
    EXPECT_INT(shutdown(peer.fd, SHUT_WR), 0);
    test_peer_await(&peer, "\"memory\"}\n");
    let_time_pass();
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await_end(&peer);
    finish();
}

TEST("the last request of a connection is answered before it ends")
{
    begin();
    test_peer_send(&peer, TEST_PRODUCE("a?ack=disk", "Connection: close\r\n",
                                       "1\r\n\r\nx"));
    let_time_pass();
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await_end(&peer);
    finish();
}

TEST("who has left is not told, and leaves nothing behind")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_peer_vanish(&peer);
    test_host_turns(&host, 5);
    test_committer_commit(&committer);
    TEST_UNTIL(&host.loop, host.broker->server.connection_count == 0);
    EXPECT_INT(rt_ring_latest(&topic_of("a")->ring), 1);
    test_committer_finish(&committer);
}

TEST("who becomes a subscriber does so when all answers have left")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a") TEST_SUBSCRIBE("b"));
    test_peer_expect_silence(&peer);
    test_committer_begin(&committer);
    test_peer_expect_silence(&peer);
    test_committer_end(&committer, 0);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await(&peer, "HTTP/1.1 101 ");
    finish();
}

TEST("a stream begins when all answers have left, also of a head in pieces")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a") "GET /subscribe/b HTTP/1.1\r\nHo");
    test_host_turns(&host, 5);
    test_peer_send(&peer, "st: a\r\n\r\n");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await(&peer, "\"op\":\"open\"");
    finish();
}

TEST("a broker that stops waits for the disk")
{
    begin();
    test_peer_send(&peer, TEST_DISK("a"));
    test_host_turns(&host, 5);
    test_host_begin_stop(&host, 60000);
    test_host_turns(&host, 5);
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"disk\"}\n");
    test_peer_await_end(&peer);
    finish();
}
