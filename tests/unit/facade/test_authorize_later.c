/* Verdicts that the host gives after it was asked. */
#include <stdio.h>

#include "tests/support/door.h"
#include "tests/support/test.h"

static struct test_door door;
static struct test_peer peer;
static struct test_peer other;

/* --- waiting --- */

TEST("a verdict given inside the callback is the answer")
{
    test_door_open(&door, RINGTAIL_LATER);
    door.inside = RINGTAIL_UNAUTHORIZED;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 401 ");
    EXPECT_INT(door.asked, 1);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a request waits for its verdict, and is asked about once")
{
    static const enum ringtail_verdict verdicts[] = {
        RINGTAIL_ALLOW, RINGTAIL_UNAUTHORIZED, RINGTAIL_FORBIDDEN};
    static const char *const answers[] = {"HTTP/1.1 200 ", "HTTP/1.1 401 ",
                                          "HTTP/1.1 403 "};
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    for (unsigned i = 0; i < 3; i++) {
        test_peer_send(&peer, TEST_HELLO("a"));
        test_door_await(&door, i + 1);
        test_peer_read(&peer);
        peer.len = 0;
        test_peer_expect_silence(&peer);
        ringtail_authorize(door.waiting[i], verdicts[i]);
        EXPECT_INT(uv_backend_timeout(&door.host.loop), 0);
        test_peer_await(&peer, answers[i]);
        test_peer_await(&peer, "\r\n\r\n");
        EXPECT_INT(door.asked, i + 1);
    }
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("pipelined requests wait one by one, and are answered in order")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a") TEST_HELLO("b") TEST_HELLO("c"));
    test_door_await(&door, 1);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_door_await(&door, 2);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    ringtail_authorize(door.waiting[1], RINGTAIL_FORBIDDEN);
    test_door_await(&door, 3);
    ringtail_authorize(door.waiting[2], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 3);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a head that comes in pieces, and a body that does, may wait")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&other, &door.host);
    door.verdict = RINGTAIL_ALLOW;
    test_peer_subscribe(&other, "a");
    door.verdict = RINGTAIL_LATER;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, "\r\nPOST /produce/a HTTP/1.1\r\nHo");
    test_host_turns(&door.host, 5);
    test_peer_send(&peer, "st: a\r\nContent-Length: 10\r\n\r\nhel");
    test_door_await(&door, 2);
    test_peer_send(&peer, "lo");
    test_host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    test_host_turns(&door.host, 5);
    test_peer_send(&peer, "world");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await(&other, "helloworld");
    EXPECT_INT(door.asked, 2);
    test_peer_close(&peer);
    test_peer_close(&other);
    test_host_finish(&door.host);
}

TEST("a body in chunks may wait")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, "POST /produce/a HTTP/1.1\r\nHost: a\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n5\r\nhel");
    test_door_await(&door, 1);
    test_peer_send(&peer, "lo\r\n0\r\n\r\n");
    test_host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("the last request of a connection may wait, and is answered")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Connection: close\r\n", "5\r\n\r\nhello"));
    test_door_await(&door, 1);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a subscription may wait, and events behind its handshake come to it")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_SUBSCRIBE("a"));
    test_door_await(&door, 1);
    EXPECT_INT(ringtail_publish(door.host.broker, "a", "early", 5, NULL, NULL),
               0);
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 101 ");
    test_peer_await(&peer, "\r\n\r\n");
    EXPECT_INT(ringtail_publish(door.host.broker, "a", "event", 5, NULL, NULL),
               0);
    test_peer_await(&peer, "event");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* The peer's first, then the other's. */
static void ask_two_questions(void)
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_connect(&other, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_door_await(&door, 1);
    test_peer_send(&other, TEST_HELLO("b"));
    test_door_await(&door, 2);
}

TEST("several peers wait side by side")
{
    ask_two_questions();
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    ringtail_authorize(door.waiting[0], RINGTAIL_FORBIDDEN);
    test_peer_await(&peer, "HTTP/1.1 403 ");
    test_peer_await(&other, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_peer_close(&other);
    test_host_finish(&door.host);
}

/* So many answers that a few batches are more than a narrow peer takes. The
 * question is asked before they are written. */
static void send_batch(void)
{
    test_peer_send_times(&peer, TEST_LIVEZ, 80);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_host_turns(&door.host, 50);
}

static void add_queued(uv_handle_t *handle, void *context)
{
    size_t *queued = context;
    if (handle->type == UV_TCP) {
        *queued += uv_stream_get_write_queue_size((uv_stream_t *)handle);
    }
}

/* Whether the broker has answers that the peer does not take. */
static bool is_blocked(void)
{
    size_t queued = 0;
    uv_walk(&door.host.loop, add_queued, &queued);
    return queued > 0;
}

/* Behind answers that the peer does not take a question waits. Returns which:
 * those before it were answered with yes. */
static unsigned block_before_verdict(void)
{
    for (unsigned sent = 1; sent <= TEST_DOOR_QUESTIONS_MAX; sent++) {
        send_batch();
        EXPECT_INT(door.asked, sent);
        if (is_blocked()) {
            return sent;
        }
        ringtail_authorize(door.waiting[sent - 1], RINGTAIL_ALLOW);
    }
    return 0;
}

static void await_offset(unsigned number)
{
    char offset[32];
    (void)snprintf(offset, sizeof(offset), "\"offset\":%u,", number);
    test_peer_await(&peer, offset);
}

TEST("a verdict that comes while the peer reads nothing is not lost")
{
    unsigned sent = 0;
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect_narrow(&peer, &door.host);
    while (door.asked == sent) {
        EXPECT(sent < TEST_DOOR_QUESTIONS_MAX);
        send_batch();
        if (door.asked == ++sent) {
            ringtail_authorize(door.waiting[sent - 1], RINGTAIL_ALLOW);
        }
    }
    door.verdict = RINGTAIL_ALLOW;
    for (unsigned i = 1; i <= sent; i++) {
        await_offset(i);
    }
    EXPECT_INT(door.asked, sent);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* --- peers that leave, and hosts that never answer --- */

TEST("a verdict for a peer that has left finds nobody")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_door_await(&door, 1);
    test_peer_vanish(&peer);
    test_host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_host_turns(&door.host, 5);
    test_host_finish(&door.host);
}

TEST("a peer waits for head_timeout, then it is told to try again")
{
    test_door_open_with(&door, RINGTAIL_LATER, 1000);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, TEST_HELLO("a"));
    test_door_await(&door, 1);
    test_peer_await(&peer, "HTTP/1.1 503 ");
    test_peer_await(&peer, "Retry-After: 1\r\n");
    test_peer_await(&peer, ":authorization-timeout\"");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_host_turns(&door.host, 5);
    door.verdict = RINGTAIL_ALLOW;
    test_peer_send(&peer, TEST_HELLO("a"));
    test_peer_await(&peer, "HTTP/1.1 200 ");
    EXPECT_INT(door.asked, 2);
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* Until then it was the peer that was waited for, for stall_timeout. */
TEST("the wait for a verdict begins when the peer has read what is before it")
{
    test_door_open_with(&door, RINGTAIL_LATER, 1000);
    test_peer_connect_narrow(&peer, &door.host);
    unsigned pending = block_before_verdict();
    EXPECT(pending > 0);
    for (unsigned i = 1; i < pending; i++) {
        await_offset(i);
    }
    test_peer_await(&peer, "HTTP/1.1 503 ");
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

TEST("a broker stops and goes though questions are left unanswered")
{
    ask_two_questions();
    test_host_finish(&door.host);
    test_peer_close(&peer);
    test_peer_close(&other);
}

TEST("a verdict that comes while the broker stops is obeyed, or finds nobody")
{
    ask_two_questions();
    test_host_begin_stop(&door.host, 2000);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_await_end(&peer);
    test_peer_close(&peer);
    test_host_stop(&door.host);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    test_peer_close(&other);
    test_host_finish(&door.host);
}

/* The other peer keeps the broker, and its timers, until all are closed. */
static void stop_in_callback(const char *request, enum ringtail_verdict verdict)
{
    test_door_open(&door, RINGTAIL_LATER);
    door.stops_at = 2;
    test_peer_connect(&other, &door.host);
    test_peer_send(&other, TEST_HELLO("a"));
    test_door_await(&door, 1);
    door.verdict = verdict;
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, request);
    TEST_UNTIL(&door.host.loop, door.host.is_stopped);
    test_host_finish(&door.host);
    test_peer_close(&peer);
    test_peer_close(&other);
}

TEST("the host may stop the broker when it is asked")
{
    stop_in_callback(TEST_HELLO("a"), RINGTAIL_LATER);
    stop_in_callback(TEST_SUBSCRIBE("a"), RINGTAIL_ALLOW);
}
