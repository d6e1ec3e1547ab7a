#include <string.h>

#include "tests/support/door.h"
#include "tests/support/test.h"

static struct test_door door;
static struct test_peer peer;
static struct test_peer other;

/* --- verdicts at once --- */

TEST("without a host that wants to be asked, all is allowed")
{
    struct test_host host;
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("what is allowed is done, and every request is asked about")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    for (unsigned i = 1; i <= 3; i++) {
        test_peer_send(&peer, TEST_HELLO("a"));
        test_peer_await(&peer, "HTTP/1.1 200 ");
        EXPECT_INT(door.asked, i);
    }
    test_peer_send(&peer, TEST_HELLO("a") TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 5);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("the host may change its mind from one request to the next")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    door.verdict = RINGTAIL_FORBIDDEN;
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("the host is shown what the peer asks for")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer,
                   "POST /produce/a%2eb?ack=memory HTTP/1.1\r\nHost: a\r\n"
                   "Authorization:  Bearer abc \r\nCookie: c=1; d=2\r\n"
                   "Origin: https://example.org\r\n"
                   "Content-Length: 0\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.shown.action, RINGTAIL_PRODUCE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a.b");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "ack=memory");
    EXPECT_TEXT(rt_bytes_of(door.shown.authorization), "Bearer abc");
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "c=1; d=2");
    EXPECT_TEXT(rt_bytes_of(door.shown.origin), "https://example.org");
    EXPECT(strncmp(door.shown.peer, "127.0.0.1:", 10) == 0);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("what is not there is NULL, and what is empty is not")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_PRODUCE("a?", "Cookie:\r\n", "0\r\n\r\n"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT(door.shown.authorization == NULL);
    EXPECT(door.shown.origin == NULL);
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "");
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT(door.shown.query == NULL);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a subscription is asked about")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_subscribe(&peer, "a?since=earliest");
    EXPECT_INT(door.shown.action, RINGTAIL_SUBSCRIBE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "since=earliest");
    EXPECT_INT(door.asked, 1);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("who reads a topic is asked about as one who subscribes")
{
    static const char *const requests[] = {
        "GET /topics/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /topics/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /topics/a/events?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /topics/a/events?after=now&wait=1s HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    test_door_open(&door, RINGTAIL_FORBIDDEN);
    test_peer_connect(&peer, &door.host);
    for (unsigned i = 0; i < RT_ARRAY_LENGTH(requests); i++) {
        test_peer_send(&peer, requests[i]);
        test_peer_await(&peer, "HTTP/1.1 403 ");
        EXPECT_INT(door.asked, i + 1);
        EXPECT_INT(door.shown.action, RINGTAIL_SUBSCRIBE);
        EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    }
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("who waits for an event is asked about once")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, "GET /topics/a/events?wait=9s HTTP/1.1\r\n"
                          "Host: a\r\n\r\n");
    test_host_turns(&door.host, 20);
    EXPECT_INT(ringtail_publish(door.host.broker, "a", "x", 1, NULL, NULL), 0);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 1);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("what is malformed, or neither publishes nor subscribes, is not asked")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_PRODUCE("a..b", "", "0\r\n\r\n"));
    test_peer_await(&peer, "HTTP/1.1 400 ");
    test_peer_send(&peer, TEST_PRODUCE("a?b=c", "", "0\r\n\r\n"));
    test_peer_await(&peer, "HTTP/1.1 400 ");
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Content-Encoding: gzip\r\n", "0\r\n\r\n"));
    test_peer_await(&peer, "HTTP/1.1 415 ");
    test_peer_send(&peer, "GET /subscribe/a?b=c HTTP/1.1\r\nHost: a\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 400 ");
    test_peer_send(&peer, "OPTIONS /produce/a HTTP/1.1\r\nHost: a\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 204 ");
    test_peer_send(&peer, TEST_LIVEZ);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 0);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a peer without a token is challenged, one with a wrong token told so")
{
    test_door_open(&door, RINGTAIL_UNAUTHORIZED);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 401 Unauthorized\r\n");
    test_peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\"\r\n");
    test_peer_await(&peer, ":unauthorized\"");
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Authorization: Basic YTpi\r\n", "0\r\n\r\n"));
    test_peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\"\r\n");
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Authorization: bearer x\r\n", "0\r\n\r\n"));
    test_peer_await(&peer, "HTTP/1.1 401 ");
    test_peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\", "
                           "error=\"invalid_token\"\r\n");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("what is refused is not done")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&other, &door.host);
    test_peer_subscribe(&other, "a");
    door.verdict = RINGTAIL_FORBIDDEN;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 403 Forbidden\r\n");
    test_peer_await(&peer, ":forbidden\"");
    test_peer_expect_silence(&other);
    test_peer_close(&peer);
    test_peer_close(&other);
    test_host_finish(&door.host);
}

TEST("a verdict that is none counts as forbidden")
{
    test_door_open(&door, (enum ringtail_verdict)200);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("the body is asked for when it is allowed, not before")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer,
                   TEST_PRODUCE("a", "Expect: 100-continue\r\n", "5\r\n\r\n"));
    test_door_await(&door, 1);
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
    test_peer_send(&peer, "hello");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* --- what an authorizer guards --- */

TEST("with an authorizer other machines may come, but not to the metrics")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    struct ringtail_broker *broker = door.host.broker;
    EXPECT_INT(ringtail_broker_listen(broker, "0.0.0.0:0", 0), 0);
    EXPECT_INT(
        ringtail_broker_listen(broker, "0.0.0.0:0", RINGTAIL_ROLE_PUBLIC), 0);
    EXPECT_INT(ringtail_broker_listen(broker, "0.0.0.0:0", RINGTAIL_ROLE_ADMIN),
               RINGTAIL_EINSECURE);
    test_host_finish(&door.host);
}

/* --- hosts that stop the broker when they are asked --- */

TEST("who is allowed to subscribe while the broker stops does not hold it up")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    door.stops_at = 1;
    door.drain_ms = 10000;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_LIVEZ TEST_SUBSCRIBE("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await(&peer, "HTTP/1.1 503 ");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* A request that the host stops the broker upon, and its answer. */
static void expect_end_after(enum ringtail_verdict verdict,
                             const char *request,
                             const char *answer)
{
    test_door_open(&door, verdict);
    door.stops_at = 1;
    door.drain_ms = 10000;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, request);
    uint64_t begin = uv_now(&door.host.loop);
    test_peer_await(&peer, answer);
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    TEST_UNTIL(&door.host.loop, door.host.is_stopped);
    EXPECT(uv_now(&door.host.loop) < begin + 5000);
    test_host_finish(&door.host);
}

TEST("the request upon which the broker stops is answered, and the last one")
{
    expect_end_after(RINGTAIL_ALLOW, TEST_HELLO("a"), "HTTP/1.1 200 ");
    expect_end_after(RINGTAIL_FORBIDDEN, TEST_HELLO("a"), "HTTP/1.1 403 ");
    expect_end_after(RINGTAIL_ALLOW, TEST_SUBSCRIBE("a"), "HTTP/1.1 503 ");
    expect_end_after(RINGTAIL_FORBIDDEN, TEST_LIVEZ TEST_HELLO("a"),
                     "HTTP/1.1 403 ");
}
