/* Verdicts that the host gives after it was asked. */
#include <stdio.h>

#include "tests/support/door.h"
#include "tests/support/test.h"

static struct door door;
static struct peer peer;
static struct peer other;

/* --- waiting --- */

TEST("a verdict given inside the callback is the answer")
{
    door_open(&door, RINGTAIL_LATER);
    door.inside = RINGTAIL_UNAUTHORIZED;
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 401 ");
    EXPECT_INT(door.asked, 1);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a request waits for its verdict, and is asked about once")
{
    static const enum ringtail_verdict verdicts[] = {
        RINGTAIL_ALLOW, RINGTAIL_UNAUTHORIZED, RINGTAIL_FORBIDDEN};
    static const char *const answers[] = {"HTTP/1.1 200 ", "HTTP/1.1 401 ",
                                          "HTTP/1.1 403 "};
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    for (unsigned i = 0; i < 3; i++) {
        peer_send(&peer, HELLO("a"));
        door_await(&door, i + 1);
        peer_read(&peer);
        peer.len = 0;
        door_expect_silence(&peer);
        ringtail_authorize(door.waiting[i], verdicts[i]);
        EXPECT_INT(uv_backend_timeout(&door.host.loop), 0);
        peer_await(&peer, answers[i]);
        peer_await(&peer, "\r\n\r\n");
        EXPECT_INT(door.asked, i + 1);
    }
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("pipelined requests wait one by one, and are answered in order")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a") HELLO("b") HELLO("c"));
    door_await(&door, 1);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    door_await(&door, 2);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b");
    peer_await(&peer, "HTTP/1.1 200 ");
    ringtail_authorize(door.waiting[1], RINGTAIL_FORBIDDEN);
    door_await(&door, 3);
    ringtail_authorize(door.waiting[2], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 403 ");
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 3);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a head that comes in pieces, and a body that does, may wait")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&other, &door.host);
    door.verdict = RINGTAIL_ALLOW;
    peer_subscribe(&other, "a");
    door.verdict = RINGTAIL_LATER;
    peer_connect(&peer, &door.host);
    peer_send(&peer, "\r\nPOST /produce/a HTTP/1.1\r\nHo");
    host_turns(&door.host, 5);
    peer_send(&peer, "st: a\r\nContent-Length: 10\r\n\r\nhel");
    door_await(&door, 2);
    peer_send(&peer, "lo");
    host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    host_turns(&door.host, 5);
    peer_send(&peer, "world");
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_await(&other, "helloworld");
    EXPECT_INT(door.asked, 2);
    peer_close(&peer);
    peer_close(&other);
    host_stop(&door.host);
}

TEST("a body in chunks may wait")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, "POST /produce/a HTTP/1.1\r\nHost: a\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n5\r\nhel");
    door_await(&door, 1);
    peer_send(&peer, "lo\r\n0\r\n\r\n");
    host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("the last request of a connection may wait, and is answered")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, PRODUCE("a", "Connection: close\r\n", "5\r\n\r\nhello"));
    door_await(&door, 1);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_await_end(&peer);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a subscription may wait, and events behind its handshake come to it")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, "GET /subscribe/a HTTP/1.1\r\nHost: a\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    door_await(&door, 1);
    EXPECT_INT(ringtail_publish(door.host.broker, "a", "early", 5, NULL, NULL),
               0);
    door_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 101 ");
    peer_await(&peer, "\r\n\r\n");
    EXPECT_INT(ringtail_publish(door.host.broker, "a", "event", 5, NULL, NULL),
               0);
    peer_await(&peer, "event");
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("several peers wait side by side")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_connect(&other, &door.host);
    peer_send(&peer, HELLO("a"));
    door_await(&door, 1);
    peer_send(&other, HELLO("b"));
    door_await(&door, 2);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    ringtail_authorize(door.waiting[0], RINGTAIL_FORBIDDEN);
    peer_await(&peer, "HTTP/1.1 403 ");
    peer_await(&other, "HTTP/1.1 200 ");
    peer_close(&peer);
    peer_close(&other);
    host_stop(&door.host);
}

/* So many answers that a few batches are more than a narrow peer takes. */
static void send_batch(void)
{
    for (int i = 0; i < 200; i++) {
        peer_send(&peer, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    peer_send(&peer, HELLO("a"));
    host_turns(&door.host, 50);
}

TEST("a verdict that comes while the peer reads nothing is not lost")
{
    unsigned sent = 0;
    char offset[32];
    door_open(&door, RINGTAIL_LATER);
    peer_connect_narrow(&peer, &door.host);
    while (door.asked == sent) {
        EXPECT(sent < QUESTIONS_MAX);
        send_batch();
        if (door.asked == ++sent) {
            ringtail_authorize(door.waiting[sent - 1], RINGTAIL_ALLOW);
        }
    }
    door.verdict = RINGTAIL_ALLOW;
    for (unsigned i = 1; i <= sent; i++) {
        (void)snprintf(offset, sizeof(offset), "\"offset\":%u,", i);
        peer_await(&peer, offset);
    }
    EXPECT_INT(door.asked, sent);
    peer_close(&peer);
    host_stop(&door.host);
}

/* --- peers that leave, and hosts that never answer --- */

TEST("a verdict for a peer that has left finds nobody")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    door_await(&door, 1);
    peer_vanish(&peer);
    host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    host_turns(&door.host, 5);
    host_stop(&door.host);
}

TEST("a peer waits for head_timeout, then it is told to try again")
{
    door_open_with(&door, RINGTAIL_LATER, 1000);
    peer_connect(&peer, &door.host);
    peer_send(&peer, HELLO("a"));
    door_await(&door, 1);
    peer_await(&peer, "HTTP/1.1 503 ");
    peer_await(&peer, "Retry-After: 1\r\n");
    peer_await(&peer, ":authorization-timeout\"");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    host_turns(&door.host, 5);
    door.verdict = RINGTAIL_ALLOW;
    peer_send(&peer, HELLO("a"));
    peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 2);
    peer_close(&peer);
    host_stop(&door.host);
}

TEST("a broker stops and goes though questions are left unanswered")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_connect(&other, &door.host);
    peer_send(&peer, HELLO("a"));
    peer_send(&other, HELLO("b"));
    door_await(&door, 2);
    host_stop(&door.host);
    peer_close(&peer);
    peer_close(&other);
}

static void on_stopped(void *context)
{
    struct host *host = context;
    host->stopped++;
}

TEST("a verdict that comes while the broker stops is obeyed, or finds nobody")
{
    door_open(&door, RINGTAIL_LATER);
    peer_connect(&peer, &door.host);
    peer_connect(&other, &door.host);
    peer_send(&peer, HELLO("a"));
    door_await(&door, 1);
    peer_send(&other, HELLO("b"));
    door_await(&door, 2);
    ringtail_broker_stop(door.host.broker, 2000, on_stopped, &door.host);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    peer_await(&peer, "HTTP/1.1 200 ");
    peer_await_end(&peer);
    peer_close(&peer);
    EXPECT_INT(uv_run(&door.host.loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(door.host.stopped, 1);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    peer_close(&other);
    host_stop(&door.host);
}

static enum ringtail_verdict
stop_at_once(void *context,
             const struct ringtail_request *request,
             struct ringtail_authorization *unused)
{
    struct door *stopped = context;
    (void)unused;
    ringtail_broker_stop(stopped->host.broker, 0, on_stopped, &stopped->host);
    return request->action == RINGTAIL_SUBSCRIBE ? RINGTAIL_ALLOW
                                                 : RINGTAIL_LATER;
}

static void stop_in_callback(const char *request)
{
    struct ringtail_config config;
    door = (struct door){.verdict = RINGTAIL_ALLOW};
    ringtail_config_init(&config);
    config.authorize = stop_at_once;
    config.authorize_context = &door;
    host_start(&door.host, &config);
    peer_connect(&peer, &door.host);
    peer_send(&peer, request);
    EXPECT_INT(uv_run(&door.host.loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(door.host.stopped, 1);
    host_stop(&door.host);
    peer_close(&peer);
}

TEST("the host may stop the broker when it is asked")
{
    stop_in_callback(HELLO("a"));
    stop_in_callback("GET /subscribe/a HTTP/1.1\r\nHost: a\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
}
