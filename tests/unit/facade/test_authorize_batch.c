/* Verdicts on the topics of a batch, which are known when its body is whole. */
#include "broker/facade.h"
#include "tests/support/door.h"
#include "tests/support/test.h"

static struct test_door door;
static struct test_peer peer;

#define BATCH "POST /produce HTTP/1.1\r\nHost: a\r\n"

#define A "{\"topic\":\"a\",\"data\":1}\n"
#define B "{\"topic\":\"b\",\"data\":1}\n"

/* 23 bytes each. */
#define ABA BATCH "Content-Length: 69\r\n\r\n" A B A

static void open_door(enum ringtail_verdict verdict)
{
    test_door_open(&door, verdict);
    test_peer_connect(&peer, &door.host);
}

static void close_door(void)
{
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

static uint64_t produced(void)
{
    return door.host.broker->server.core.counters.events_produced;
}

TEST("the host is asked about each topic once, and shown the head")
{
    open_door(RINGTAIL_ALLOW);
    test_peer_send(&peer, "POST /produce?ack=memory HTTP/1.1\r\nHost: a\r\n"
                          "Authorization: Bearer abc\r\nCookie: c=1\r\n"
                          "Origin: https://example.org\r\n"
                          "Content-Length: 69\r\n\r\n" A B A);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 2);
    EXPECT_INT(door.shown.action, RINGTAIL_PRODUCE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "ack=memory");
    EXPECT_TEXT(rt_bytes_of(door.shown.authorization), "Bearer abc");
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "c=1");
    EXPECT_TEXT(rt_bytes_of(door.shown.origin), "https://example.org");
    test_peer_send(&peer, ABA);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 4);
    EXPECT(door.shown.query == NULL && door.shown.authorization == NULL);
    EXPECT_INT(produced(), 6);
    close_door();
}

TEST("what is malformed is not asked about")
{
    open_door(RINGTAIL_ALLOW);
    test_peer_send(&peer, BATCH "Content-Length: 24\r\n\r\n" A "{");
    test_peer_await(&peer, "HTTP/1.1 400 ");
    test_peer_send(&peer, BATCH "Content-Length: 0\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 400 ");
    EXPECT_INT(door.asked, 0);
    close_door();
}

TEST("nothing is appended when one of the topics is forbidden")
{
    open_door(RINGTAIL_LATER);
    test_peer_send(&peer, ABA);
    test_door_await(&door, 1);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_door_await(&door, 2);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b");
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[1], RINGTAIL_FORBIDDEN);
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_await(&peer, "b: this topic is not for you");
    EXPECT_INT(produced(), 0);
    EXPECT_INT(door.asked, 2);
    close_door();
}

TEST("who is unknown is told so, and that a token is not valid")
{
    open_door(RINGTAIL_UNAUTHORIZED);
    test_peer_send(&peer, ABA);
    test_peer_await(&peer, "HTTP/1.1 401 ");
    test_peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\"\r\n");
    test_peer_send(&peer, BATCH "Authorization: Bearer x\r\n"
                                "Content-Length: 23\r\n\r\n" A);
    test_peer_await(&peer, "error=\"invalid_token\"");
    EXPECT_INT(produced(), 0);
    close_door();
}

TEST("a batch waits for its verdicts, in pieces, in chunks and pipelined")
{
    open_door(RINGTAIL_LATER);
    test_peer_send(&peer, BATCH "Content-Length: 23\r\n\r\n{\"topic\":");
    test_host_turns(&door.host, 3);
    test_peer_send(&peer, "\"a\",\"data\":1}\n" BATCH
                          "Transfer-Encoding: chunked\r\n\r\n"
                          "17\r\n" A "\r\n0\r\n\r\n" TEST_LIVEZ);
    test_door_await(&door, 1);
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_door_await(&door, 2);
    ringtail_authorize(door.waiting[1], RINGTAIL_FORBIDDEN);
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(produced(), 1);
    close_door();
}

TEST("a verdict inside the callback goes on at once")
{
    open_door(RINGTAIL_LATER);
    door.inside = RINGTAIL_FORBIDDEN;
    test_peer_send(&peer, ABA TEST_LIVEZ);
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 1);
    close_door();
}

TEST("the last request of a connection may wait, and is answered")
{
    open_door(RINGTAIL_LATER);
    test_peer_send(&peer, BATCH "Connection: close\r\n"
                                "Content-Length: 23\r\n\r\n" A);
    test_door_await(&door, 1);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await_end(&peer);
    close_door();
}

TEST("a host that takes too long is not waited for")
{
    test_door_open_with(&door, RINGTAIL_LATER, 1000);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, ABA);
    test_door_await(&door, 1);
    test_peer_await(&peer, "HTTP/1.1 503 ");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_send(&peer, TEST_LIVEZ);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(produced(), 0);
    close_door();
}

TEST("a peer may leave while its batch waits")
{
    open_door(RINGTAIL_LATER);
    test_peer_send(&peer, ABA);
    test_door_await(&door, 1);
    test_peer_vanish(&peer);
    test_host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_FORBIDDEN);
    test_host_turns(&door.host, 5);
    EXPECT_INT(door.asked, 1);
    EXPECT_INT(produced(), 0);
    test_host_finish(&door.host);
}

TEST("a batch that waits when the broker stops is finished")
{
    open_door(RINGTAIL_LATER);
    test_peer_send(&peer, ABA);
    test_door_await(&door, 1);
    test_host_begin_stop(&door.host, 5000);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_door_await(&door, 2);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await_end(&peer);
    EXPECT_INT(produced(), 3);
    close_door();
}

TEST("without memory to read it a batch is refused, and not asked about")
{
    open_door(RINGTAIL_LATER);
    struct rt_heap *heap = &door.host.broker->server.heap;
    test_peer_send(&peer, BATCH "Content-Length: 69\r\n\r\n");
    test_host_turns(&door.host, 3);
    size_t limit = heap->limit;
    heap->limit = heap->used + heap->reserve + 50;
    test_peer_send(&peer, A B A);
    test_peer_await(&peer, "HTTP/1.1 507 ");
    heap->limit = limit;
    EXPECT_INT(door.asked, 0);
    close_door();
}
