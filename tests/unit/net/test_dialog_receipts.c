#include "broker/net/dialog_receipts.h"

#include <string.h>

#include "base/error.h"
#include "tests/unit/net/synced.h"

#define DIALOG                                     \
    "GET /subscribe HTTP/1.1\r\n"                  \
    "Host: a\r\n"                                  \
    "Upgrade: websocket\r\n"                       \
    "Connection: Upgrade\r\n"                      \
    "Sec-WebSocket-Version: 13\r\n"                \
    "Sec-WebSocket-Protocol: ringtail.v1.json\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void begin_dialog(void)
{
    begin();
    test_peer_send(&peer, DIALOG);
    test_peer_await(&peer, "\"op\":\"open\"");
    test_peer_await(&peer, "}");
}

/* As a short text message, under a mask that changes nothing. */
static void say(const char *text)
{
    size_t len = strlen(text);
    char bytes[6 + 125] = {(char)0x81, (char)(0x80 | len)};
    EXPECT(len <= 125);
    memcpy(bytes + 6, text, len);
    test_peer_send_bytes(&peer, bytes, 6 + len);
}

#define PUB(id, more) \
    "{\"op\":\"pub\",\"id\":" id ",\"topic\":\"a\",\"data\":1" more "}"
#define DISK   ",\"ack\":\"disk\""
#define MEMORY ",\"ack\":\"memory\""
#define KEY    ",\"idempotency_key\":\"k\""

TEST("an operation is answered when its event is on disk")
{
    begin_dialog();
    say(PUB("1", DISK));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":1,\"topic\":\"a\"");
    test_peer_await(&peer, ",\"ack\":\"disk\"}");
    finish();
}

TEST("who does not say gets what the node has, and then what the topic has")
{
    begin_dialog();
    say(PUB("1", ""));
    test_peer_await(&peer, ",\"ack\":\"memory\"}");
    topic_of("a")->ack = RT_ACK_DISK;
    say(PUB("2", ""));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"id\":2");
    test_peer_await(&peer, ",\"ack\":\"disk\"}");
    finish();
}

TEST("operations behind one that waits are answered before it")
{
    begin_dialog();
    say(PUB("\"slow\"", DISK));
    say(PUB("2", MEMORY));
    say("{\"op\":\"ping\",\"id\":3}");
    test_peer_await(&peer, "\"id\":2");
    test_peer_await(&peer, ",\"ack\":\"memory\"}");
    test_peer_await(&peer, "\"id\":3");
    test_peer_await(&peer, "}");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"id\":\"slow\"");
    test_peer_await(&peer, ",\"ack\":\"disk\"}");
    finish();
}

TEST("those of the next batch wait for that")
{
    begin_dialog();
    say(PUB("1", DISK));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    say(PUB("2", DISK));
    test_host_turns(&host, 5);
    test_committer_end(&committer, 0);
    test_peer_await(&peer, "\"id\":1");
    test_peer_await(&peer, ",\"ack\":\"disk\"}");
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"id\":2");
    finish();
}

TEST("a repetition waits like the first one")
{
    begin_dialog();
    say(PUB("1", DISK KEY));
    say(PUB("2", DISK KEY));
    test_peer_expect_silence(&peer);
    test_committer_commit(&committer);
    test_peer_await(&peer, "\"id\":1");
    test_peer_await(&peer, "\"id\":2");
    test_peer_await(&peer, "\"detail\":\"replayed\"");
    finish();
}

TEST("of a batch that fails each operation is told")
{
    begin_dialog();
    say(PUB("1", DISK));
    say(PUB("2", DISK));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_EIO);
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":1");
    test_peer_await(&peer, "storage-failed");
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":2");
    say(PUB("3", MEMORY));
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":3");
    test_peer_await(&peer, "storage-failed");
    say("{\"op\":\"ping\",\"id\":4}");
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":4");
    finish();
}

TEST("of a disk that is full, too")
{
    begin_dialog();
    say(PUB("1", DISK));
    test_host_turns(&host, 5);
    test_committer_begin(&committer);
    test_committer_end(&committer, RT_ENOSPC);
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":1");
    test_peer_await(&peer, "storage-full");
    test_committer_make_room(&committer);
    test_committer_commit(&committer);
    say(PUB("2", DISK));
    test_host_turns(&host, 5);
    test_committer_commit(&committer);
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":2");
    finish();
}

TEST("with so many that wait no more operations are taken")
{
    static char many[500 * 128];
    size_t len = 0;
    const char *text = PUB("1", DISK);
    begin_dialog();
    for (unsigned i = 0; i < 500; i++) {
        many[len] = (char)0x81;
        many[len + 1] = (char)(0x80 | strlen(text));
        memcpy(many + len + 6, text, strlen(text));
        len += 6 + strlen(text);
    }
    test_peer_send_bytes(&peer, many, len);
    test_peer_expect_silence(&peer);
    const struct rt_topic *topic = topic_of("a");
    uint64_t taken = rt_ring_latest(&topic->ring);
    EXPECT(taken > 64 && taken < 400);
    for (uint64_t told = 0; told < 500; told += taken) {
        taken = rt_ring_latest(&topic->ring) - told;
        test_committer_commit(&committer);
        for (uint64_t i = 0; i < taken; i++) {
            test_peer_await(&peer, ",\"ack\":\"disk\"}");
        }
        test_host_turns(&host, 5);
    }
    finish();
}

TEST("who has left is not told, and leaves nothing behind")
{
    begin_dialog();
    say(PUB("1", DISK));
    test_host_turns(&host, 5);
    test_peer_vanish(&peer);
    TEST_UNTIL(&host.loop, host.broker->server.connection_count == 0);
    test_committer_commit(&committer);
    test_committer_finish(&committer);
}

TEST("what is no level is refused, and so is the disk where there is none")
{
    begin_dialog();
    say(PUB("1", ",\"ack\":\"all\""));
    test_peer_await(&peer, "it is memory, disk or quorum");
    say(PUB("1", ",\"ack\":\"quorum\""));
    test_peer_await(&peer, "ack-unsupported");
    finish();
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, DIALOG);
    test_peer_await(&peer, "\"op\":\"open\"");
    say(PUB("1", DISK));
    test_peer_await(&peer, "ack-unsupported");
    say(PUB("2", ""));
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":2");
    test_host_turns(&host, 5);
    test_peer_read(&peer);
    EXPECT(strstr(peer.received, "ack") == NULL);
    test_peer_close(&peer);
    test_host_finish(&host);
}

/* --- memory --- */

/* With so little of it. Returns whether that was too little. */
static bool run_with(size_t spare)
{
    struct rt_heap *heap;
    begin_dialog();
    heap = &host.broker->server.heap;
    uint64_t before = heap->limit;
    heap->limit = heap->used + spare;
    say(PUB("1", DISK));
    test_host_turns(&host, 5);
    test_peer_read(&peer);
    bool is_refused = peer.has_ended || peer.len > 0;
    heap->limit = before;
    if (!is_refused) {
        test_committer_commit(&committer);
        test_peer_await(&peer, "{\"op\":\"ok\",\"id\":1");
    }
    finish();
    return is_refused;
}

TEST("without memory an operation is refused, or its connection closed")
{
    size_t spare = 0;
    while (run_with(spare)) {
        spare += 256;
    }
    EXPECT(spare > 1024);
}
