#include <string.h>
#include <sys/socket.h>

#include "tests/support/host.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

#define BLOCKED_MS 10000
#define SHORT_MS   1000

static struct ringtail_config short_config(void)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.heartbeat = SHORT_MS;
    config.pong_timeout = SHORT_MS;
    config.stall_timeout = SHORT_MS;
    config.head_timeout = SHORT_MS;
    config.body_timeout = SHORT_MS;
    config.idle_timeout = SHORT_MS;
    return config;
}

static void on_block(uv_timer_t *timer)
{
    uv_sleep(BLOCKED_MS);
    uv_close((uv_handle_t *)timer, NULL);
}

/* What the peers did while the loop was blocked, which is all read at once. */
static void on_block_of_peers(uv_timer_t *timer)
{
    struct test_peer *peers = timer->data;
    static const char pong[] = "\x8a\x80\x01\x02\x03\x04";
    on_block(timer);
    EXPECT_INT(send(peers[0].fd, pong, 6, MSG_NOSIGNAL), 6);
    EXPECT_INT(send(peers[1].fd, "lo", 2, MSG_NOSIGNAL), 2);
}

TEST("a loop that the host blocks for ten seconds loses no peer that lives")
{
    static struct test_peer peers[2];
    struct test_host host;
    struct ringtail_config config = short_config();
    uv_timer_t timer;
    test_host_start(&host, &config);
    test_peer_connect(&peers[0], &host);
    test_peer_subscribe(&peers[0], "time");
    test_peer_await(&peers[0], "\x89"); /* a ping, for which it waits now */
    test_peer_connect(&peers[1], &host);
    test_peer_send(&peers[1], "POST /produce/time HTTP/1.1\r\nHost: a\r\n"
                              "Content-Length: 5\r\n\r\nhel");
    test_host_turns(&host, 10);
    (void)uv_timer_init(&host.loop, &timer);
    timer.data = peers;
    (void)uv_timer_start(&timer, on_block_of_peers, 0, 0);
    test_peer_await(&peers[1], "HTTP/1.1 200 OK\r\n");
    test_peer_await(&peers[0], "\x81\x05hello");
    EXPECT(!peers[0].has_ended);
    /* And no timer is stuck: who does not answer the next ping is closed. */
    test_peer_await(&peers[0], "pong-missed");
    test_peer_close(&peers[0]);
    test_peer_close(&peers[1]);
    test_host_finish(&host);
}
