#include <string.h>
#include <sys/socket.h>

#include "tests/support/host.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

#define BLOCKED_MS 10000
#define SHORT_MS   1000
#define PATIENT_MS 2000 /* long enough for all peers to have begun */
#define PEERS      300  /* the first half subscribes, the others publish */
#define SLOW_MS    2500
#define SLOW_TURNS 10

static struct test_peer peers[PEERS];

static struct ringtail_config short_config(void)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.heartbeat = SHORT_MS;
    config.pong_timeout = PATIENT_MS;
    config.stall_timeout = PATIENT_MS;
    config.head_timeout = PATIENT_MS;
    config.body_timeout = PATIENT_MS;
    config.idle_timeout = PATIENT_MS;
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
    static const char pong[] = "\x8a\x80\x01\x02\x03\x04";
    on_block(timer);
    for (int i = 0; i < PEERS / 2; i++) {
        EXPECT_INT(send(peers[i].fd, pong, 6, MSG_NOSIGNAL), 6);
    }
    for (int i = PEERS / 2; i < PEERS; i++) {
        EXPECT_INT(send(peers[i].fd, "lo", 2, MSG_NOSIGNAL), 2);
    }
}

/* Subscribers, of which the broker awaits pongs, and bodies that have begun. */
static void begin_peers(struct test_host *host)
{
    for (int i = 0; i < PEERS; i++) {
        test_peer_connect(&peers[i], host);
    }
    for (int i = 0; i < PEERS / 2; i++) {
        test_peer_subscribe(&peers[i], "time");
    }
    for (int i = 0; i < PEERS / 2; i++) {
        test_peer_await(&peers[i], "\x89");
    }
    for (int i = PEERS / 2; i < PEERS; i++) {
        test_peer_send(&peers[i], "POST /produce/time HTTP/1.1\r\nHost: a\r\n"
                                  "Content-Length: 5\r\n\r\nhel");
    }
}

static void expect_served(void)
{
    for (int i = PEERS / 2; i < PEERS; i++) {
        test_peer_await(&peers[i], "HTTP/1.1 200 OK\r\n");
    }
    for (int i = 0; i < PEERS / 2; i++) {
        test_peer_await(&peers[i], "\x81\x05hello");
        EXPECT(!peers[i].has_ended);
    }
}

static void expect_closed(void)
{
    for (int i = 0; i < PEERS / 2; i++) {
        test_peer_await(&peers[i], "pong-missed");
    }
}

TEST("a loop that the host blocks for ten seconds loses no peer that lives")
{
    struct test_host host;
    struct ringtail_config config = short_config();
    uv_timer_t timer;
    test_host_start(&host, &config);
    begin_peers(&host);
    test_host_turns(&host, 10);
    (void)uv_timer_init(&host.loop, &timer);
    (void)uv_timer_start(&timer, on_block_of_peers, 0, 0);
    expect_served();
    /* And no timer is stuck: who does not answer the next ping is closed. */
    expect_closed();
    for (int i = 0; i < PEERS; i++) {
        test_peer_close(&peers[i]);
    }
    test_host_finish(&host);
}

static bool is_told(struct test_peer *peer, const char *text)
{
    test_peer_read(peer);
    return memmem(peer->received, peer->len, text, strlen(text)) != NULL;
}

TEST("a host that blocks every turn for seconds still has its time-outs")
{
    struct test_peer *peer = &peers[0];
    struct test_host host;
    struct ringtail_config config = short_config();
    config.pong_timeout = SHORT_MS;
    test_host_start(&host, &config);
    test_peer_connect(peer, &host);
    test_peer_subscribe(peer, "time");
    for (int i = 0; i < SLOW_TURNS && !is_told(peer, "pong-missed"); i++) {
        uv_sleep(SLOW_MS);
        test_host_turn(&host);
    }
    EXPECT(is_told(peer, "pong-missed"));
    test_peer_close(peer);
    test_host_finish(&host);
}
