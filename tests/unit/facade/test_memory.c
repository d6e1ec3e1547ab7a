/*
 * The host's allocator: all memory comes from it and goes back to it, an idle
 * broker has little, and each single allocation may fail.
 */
#include <string.h>

#include "broker/net/server.h"
#include "tests/support/accounts.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

#define IDLE_BYTES_MAX ((size_t)64 * 1024)

/* An empty topic, with the trees and lists that it is in. */
#define TOPIC_BYTES_MAX ((size_t)8 * 1024)

static struct ringtail_config config_over(struct test_accounts *accounts)
{
    struct ringtail_config config;
    ringtail_config_init(&config);
    test_accounts_apply(accounts, &config);
    return config;
}

TEST("an idle broker that listens has less than 64 KiB")
{
    struct test_accounts accounts = {0};
    struct ringtail_config config = config_over(&accounts);
    struct test_host host;
    test_host_start(&host, &config);
    EXPECT(accounts.used > 0);
    EXPECT(accounts.used < IDLE_BYTES_MAX);
    test_host_finish(&host);
    EXPECT_INT(accounts.used, 0);
}

TEST("what peers took is given back when the last one is gone")
{
    static struct test_peer peer;
    struct test_accounts accounts = {0};
    struct ringtail_config config = config_over(&accounts);
    struct test_host host;
    test_host_start(&host, &config);
    size_t idle = accounts.used;
    test_peer_connect(&peer, &host);
    test_peer_subscribe(&peer, "a");
    EXPECT(accounts.used > idle + RT_READ_BYTES);
    test_peer_close(&peer);
    TEST_UNTIL(&host.loop, accounts.used < idle + TOPIC_BYTES_MAX);
    test_host_finish(&host);
}

/* --- the k-th allocation fails --- */

static bool is_memory(int err)
{
    return err == UV_ENOMEM;
}

static void on_event(void *context, const struct ringtail_event *event)
{
    (void)event;
    ++*(uint64_t *)context;
}

/* A peer that publishes: it gets an answer, or its connection is closed. */
static void produce_over_http(struct test_host *host)
{
    static struct test_peer peer;
    test_peer_connect(&peer, host);
    test_peer_send(&peer, TEST_PRODUCE("b", "", "5\r\n\r\nhe"));
    test_host_turns(host, 20);
    if (send(peer.fd, "llo", 3, MSG_NOSIGNAL) == 3 &&
        test_peer_await_or_end(&peer, "HTTP/1.1 ")) {
        EXPECT(strncmp(peer.received, "200 ", 4) == 0 ||
               strncmp(peer.received, "503 ", 4) == 0 ||
               strncmp(peer.received, "507 ", 4) == 0);
    }
    test_peer_close(&peer);
}

/* A peer that subscribes and pings: the same. */
static void subscribe_over_http(struct test_host *host)
{
    static struct test_peer peer;
    static const char ping[] = "\x89\x80\x01\x02\x03";
    test_peer_connect(&peer, host);
    test_peer_send(&peer, TEST_SUBSCRIBE("b"));
    if (test_peer_await_or_end(&peer, "HTTP/1.1 101") &&
        test_peer_await_or_end(&peer, "\r\n\r\n")) {
        (void)send(peer.fd, ping, 5, MSG_NOSIGNAL);
        test_host_turns(host, 20);
        (void)send(peer.fd, "\x04", 1, MSG_NOSIGNAL);
        (void)test_peer_await_or_end(&peer, "\x8a");
    }
    test_peer_close(&peer);
}

/* One request, which is answered, or its connection is closed. */
static void ask(struct test_host *host, const char *request)
{
    static struct test_peer peer;
    test_peer_connect(&peer, host);
    test_peer_send(&peer, request);
    if (test_peer_await_or_end(&peer, "HTTP/1.1 ")) {
        EXPECT(strncmp(peer.received, "20", 2) == 0 ||
               strncmp(peer.received, "404 ", 4) == 0 ||
               strncmp(peer.received, "503 ", 4) == 0 ||
               strncmp(peer.received, "507 ", 4) == 0);
    }
    test_peer_close(&peer);
}

/* A peer that waits for an event, which the host publishes. */
static void poll_over_http(struct test_host *host)
{
    static struct test_peer peer;
    test_peer_connect(&peer, host);
    test_peer_send(&peer, "GET /topics/c/events?after=now&wait=1s HTTP/1.1\r\n"
                          "Host: a\r\n\r\nGET /livez HTTP/1.1\r\nHo");
    test_host_turns(host, 20);
    int err = ringtail_publish(host->broker, "c", "x", 1, NULL, NULL);
    EXPECT(err == 0 || is_memory(err));
    if (test_peer_await_or_end(&peer, "HTTP/1.1 ")) {
        EXPECT(strncmp(peer.received, "20", 2) == 0 ||
               strncmp(peer.received, "503 ", 4) == 0 ||
               strncmp(peer.received, "507 ", 4) == 0);
    }
    test_peer_close(&peer);
}

static void use_topics_over_http(struct test_host *host)
{
    ask(host, "PUT /topics/c HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n"
              "{\"ring_events\":9}");
    poll_over_http(host);
    ask(host, "GET /topics HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(host, "GET /topics/c/events HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(host, "DELETE /topics/c HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void publish_in_process(struct test_host *host, uint64_t *events)
{
    static char payload[3000];
    struct ringtail_subscription *subscription = NULL;
    int err = ringtail_subscribe(host->broker, "a", NULL, on_event, events,
                                 &subscription);
    EXPECT(err == 0 || is_memory(err));
    for (int i = 0; i < 10; i++) {
        err = ringtail_publish(host->broker, "a", payload, sizeof(payload),
                               NULL, NULL);
        EXPECT(err == 0 || is_memory(err));
    }
    test_host_turns(host, 5);
    ringtail_unsubscribe(subscription);
}

/* All that a host and its peers do. Nothing may be lost or left behind. */
static void live(struct test_accounts *accounts)
{
    struct ringtail_config config = config_over(accounts);
    struct test_host host = {.is_stopped = false};
    uint64_t events = 0;
    EXPECT_INT(uv_loop_init(&host.loop), 0);
    int err = ringtail_broker_create(&config, &host.loop, &host.broker);
    EXPECT(err == 0 || is_memory(err));
    if (err < 0) {
        EXPECT_INT(uv_loop_close(&host.loop), 0);
        return;
    }
    err = ringtail_broker_listen(host.broker, "127.0.0.1:0", 0);
    EXPECT(err == 0 || is_memory(err));
    if (err == 0) {
        produce_over_http(&host);
        subscribe_over_http(&host);
        use_topics_over_http(&host);
    }
    publish_in_process(&host, &events);
    test_host_finish(&host);
}

TEST("wherever the k-th allocation fails, it is an error and no more")
{
    uint64_t k = 0;
    struct test_accounts accounts;
    do {
        accounts = (struct test_accounts){.fail_at = ++k};
        live(&accounts);
        EXPECT_INT(accounts.used, 0);
    } while (accounts.allocations >= k);
    EXPECT(k > 20);
}
