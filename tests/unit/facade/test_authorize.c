#include <string.h>

#include "tests/support/door.h"
#include "tests/support/test.h"

static struct door door;
static struct peer peer;
static struct peer other;

/* --- verdicts at once --- */

TEST("without a host that wants to be asked, all is allowed")
{
    struct host host;
    host_start(&host, NULL);
    peer_connect(&peer, &host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_close(&peer);
    host_stop(&host);
}

TEST("what is allowed is done, and every request is asked about")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    for (unsigned i = 1; i <= 3; i++) {
        peer_send(&peer, HELLO("a"));
        peer_await(&peer, "HTTP/1.1 200 ");
        EXPECT_INT(door.asked, i);
    }
    peer_send(&peer, HELLO("a") HELLO("a"));
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 5);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("the host may change its mind from one request to the next")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 200 ");
    door.verdict = RINGTAIL_FORBIDDEN;
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 403 ");
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("the host is shown what the peer asks for")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    peer_send(&peer, "POST /produce/a%2eb?ack=memory HTTP/1.1\r\nHost: a\r\n"
                     "Authorization:  Bearer abc \r\nCookie: c=1; d=2\r\n"
                     "Origin: https://example.org\r\n"
                     "Content-Length: 0\r\n\r\n");
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.shown.action, RINGTAIL_PRODUCE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a.b");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "ack=memory");
    EXPECT_TEXT(rt_bytes_of(door.shown.authorization), "Bearer abc");
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "c=1; d=2");
    EXPECT_TEXT(rt_bytes_of(door.shown.origin), "https://example.org");
    EXPECT(strncmp(door.shown.peer, "127.0.0.1:", 10) == 0);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("what is not there is NULL, and what is empty is not")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    peer_send(&peer, PRODUCE("a?", "Cookie:\r\n", "0\r\n\r\n"));
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT(door.shown.authorization == NULL);
    EXPECT(door.shown.origin == NULL);
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "");
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT(door.shown.query == NULL);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a subscription is asked about")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    peer_subscribe(&peer, "a?since=earliest");
    EXPECT_INT(door.shown.action, RINGTAIL_SUBSCRIBE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    EXPECT_TEXT(rt_bytes_of(door.shown.query), "since=earliest");
    EXPECT_INT(door.asked, 1);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("what is malformed, or neither publishes nor subscribes, is not asked")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&peer, &door.host);
    peer_send(&peer, PRODUCE("a..b", "", "0\r\n\r\n"));
    peer_await(&peer, "HTTP/1.1 400 ");
    peer_send(&peer, PRODUCE("a?b=c", "", "0\r\n\r\n"));
    peer_await(&peer, "HTTP/1.1 400 ");
    peer_send(&peer, PRODUCE("a", "Content-Encoding: gzip\r\n", "0\r\n\r\n"));
    peer_await(&peer, "HTTP/1.1 415 ");
    peer_send(&peer, "GET /subscribe/a HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_await(&peer, "HTTP/1.1 426 ");
    peer_send(&peer, "OPTIONS /produce/a HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_await(&peer, "HTTP/1.1 204 ");
    peer_send(&peer, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 0);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a peer without a token is challenged, one with a wrong token told so")
{
    door_open(&door, RINGTAIL_UNAUTHORIZED);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 401 Unauthorized\r\n");
    peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\"\r\n");
    peer_await(&peer, ":unauthorized\"");
    peer_send(&peer,
              PRODUCE("a", "Authorization: Basic YTpi\r\n", "0\r\n\r\n"));
    peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\"\r\n");
    peer_send(&peer, PRODUCE("a", "Authorization: bearer x\r\n", "0\r\n\r\n"));
    peer_await(&peer, "HTTP/1.1 401 ");
    peer_await(&peer, "WWW-Authenticate: Bearer realm=\"ringtail\", "
                      "error=\"invalid_token\"\r\n");
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("what is refused is not done")
{
    door_open(&door, RINGTAIL_ALLOW);
    peer_connect(&other, &door.host);
    peer_subscribe(&other, "a");
    door.verdict = RINGTAIL_FORBIDDEN;
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 403 Forbidden\r\n");
    peer_await(&peer, ":forbidden\"");
    door_expect_silence(&other);
    peer_close(&peer);
    peer_close(&other);
    host_stop(&door.host);
}

TEST("a verdict that is none counts as forbidden")
{
    door_open(&door, (enum ringtail_verdict)200);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 403 ");
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("the body is asked for when it is allowed, not before")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, PRODUCE("a", "Expect: 100-continue\r\n", "5\r\n\r\n"));
    door_await(&door, 1);
    door_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_send(&peer, "hello");
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_close(&peer);
    host_stop(&door.host);
}

/* --- what an authorizer guards --- */

TEST("with an authorizer other machines may come, but not to the metrics")
{
    door_open(&door, RINGTAIL_ALLOW);
    struct ringtail_broker *broker = door.host.broker;
    EXPECT_INT(ringtail_broker_listen(broker, "0.0.0.0:0", 0), 0);
    EXPECT_INT(
        ringtail_broker_listen(broker, "0.0.0.0:0", RINGTAIL_ROLE_PUBLIC), 0);
    EXPECT_INT(ringtail_broker_listen(broker, "0.0.0.0:0", RINGTAIL_ROLE_ADMIN),
               RINGTAIL_EINSECURE);
    host_stop(&door.host);
}
