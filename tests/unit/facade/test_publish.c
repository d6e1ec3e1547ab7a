#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/peer.h"
#include "tests/support/test.h"

#define THREADS    4
#define PER_THREAD 20000

/* --- on the loop's thread --- */

static int publish(struct test_host *host, const char *topic, const char *text)
{
    return ringtail_publish(host->broker, topic, text, strlen(text), NULL,
                            NULL);
}

TEST("a receipt tells where the event is")
{
    struct test_host host;
    struct ringtail_receipt receipt;
    test_host_init(&host, NULL);
    for (uint64_t offset = 1; offset <= 3; offset++) {
        memset(&receipt, 0xee, sizeof(receipt));
        EXPECT_INT(
            ringtail_publish(host.broker, "a.b", "hi", 2, NULL, &receipt), 0);
        EXPECT_INT(receipt.offset, offset);
        EXPECT(receipt.ts > UINT64_C(1700000000000));
        EXPECT_INT(strlen(receipt.cursor), 10);
        EXPECT_INT(receipt.cursor[8], '-');
        EXPECT_INT(receipt.cursor[9], '0' + (int)offset);
    }
    test_host_finish(&host);
}

TEST("what cannot be published is refused by name")
{
    struct test_host host;
    struct ringtail_config config;
    struct ringtail_event_options options;
    ringtail_config_init(&config);
    config.event_bytes = 4;
    test_host_init(&host, &config);
    ringtail_event_options_init(&options);
    EXPECT_INT(publish(&host, "", "x"), RINGTAIL_ETOPIC);
    EXPECT_INT(publish(&host, "a..b", "x"), RINGTAIL_ETOPIC);
    EXPECT_INT(publish(&host, "a/b", "x"), RINGTAIL_ETOPIC);
    EXPECT_INT(publish(&host, "a", "12345"), RINGTAIL_ETOOLARGE);
    EXPECT_INT(publish(&host, "a", "1234"), 0);
    EXPECT_INT(ringtail_publish(host.broker, "a", NULL, 0, NULL, NULL), 0);
    options.content_type = "application/json";
    EXPECT_INT(ringtail_publish(host.broker, "a", "{", 1, &options, NULL),
               RINGTAIL_EPAYLOAD);
    EXPECT_INT(ringtail_publish(host.broker, "a", "{}", 2, &options, NULL), 0);
    options.content_type = "text/plain";
    EXPECT_INT(ringtail_publish(host.broker, "a", "\xff", 1, &options, NULL),
               RINGTAIL_EPAYLOAD);
    options.content_type = "no type";
    EXPECT_INT(ringtail_publish(host.broker, "a", "x", 1, &options, NULL),
               RINGTAIL_EPAYLOAD);
    options.content_type = "application/x-ndjson";
    EXPECT_INT(ringtail_publish(host.broker, "a", "1\n", 2, &options, NULL),
               RINGTAIL_EPAYLOAD);
    test_host_finish(&host);
}

TEST("a peer gets what the host publishes")
{
    static struct test_peer peer;
    struct test_host host;
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_subscribe(&peer, "news");
    EXPECT_INT(publish(&host, "news", "hello"), 0);
    test_peer_await(&peer, "\x81\x05hello");
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("a budget that is spent is an error, and afterwards things go on")
{
    static char payload[1024];
    struct test_host host;
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.memory = (uint64_t)1024 * 1024;
    test_host_init(&host, &config);
    int err = 0;
    char topic[16];
    for (int i = 0; i < 10000 && err == 0; i++) {
        (void)snprintf(topic, sizeof(topic), "t%d", i);
        err = ringtail_publish(host.broker, topic, payload, sizeof(payload),
                               NULL, NULL);
    }
    EXPECT_INT(err, UV_ENOMEM);
    EXPECT_INT(publish(&host, "t0", "x"), 0);
    test_host_finish(&host);
}

TEST("a broker that was stopped takes nothing more")
{
    struct test_host host;
    struct ringtail_subscription *subscription = NULL;
    test_host_init(&host, NULL);
    test_host_stop(&host);
    EXPECT_INT(publish(&host, "a", "x"), RINGTAIL_ESTOPPED);
    EXPECT_INT(
        ringtail_publish_async(host.broker, "a", "x", 1, NULL, NULL, NULL),
        RINGTAIL_ESTOPPED);
    EXPECT_INT(
        ringtail_subscribe(host.broker, "a", NULL, NULL, NULL, &subscription),
        RINGTAIL_ESTOPPED);
    EXPECT_INT(ringtail_broker_listen(host.broker, "127.0.0.1:0", 0),
               RINGTAIL_ESTOPPED);
    test_host_finish(&host);
}

/* --- from other threads --- */

struct outcome {
    uint64_t calls;
    int error;
    struct ringtail_receipt receipt;
};

static void
on_published(void *context, int error, const struct ringtail_receipt *receipt)
{
    struct outcome *outcome = context;
    outcome->calls++;
    outcome->error = error;
    EXPECT((error == 0) == (receipt != NULL));
    if (receipt != NULL) {
        outcome->receipt = *receipt;
    }
}

TEST("an event through the mailbox has a receipt, but not at once")
{
    struct test_host host;
    struct outcome outcome = {.error = 1};
    test_host_init(&host, NULL);
    EXPECT_INT(ringtail_publish_async(host.broker, "a", "x", 1, NULL,
                                      on_published, &outcome),
               0);
    EXPECT_INT(outcome.calls, 0);
    test_host_until(&host, &outcome.calls, 1);
    EXPECT_INT(outcome.error, 0);
    EXPECT_INT(outcome.receipt.offset, 1);
    EXPECT_INT(strlen(outcome.receipt.cursor), 10);
    test_host_finish(&host);
}

TEST("what is wrong is told at once, or by the loop")
{
    struct test_host host;
    struct ringtail_event_options options;
    struct outcome outcome = {.error = 1};
    test_host_init(&host, NULL);
    ringtail_event_options_init(&options);
    EXPECT_INT(ringtail_publish_async(host.broker, "a b", "x", 1, NULL,
                                      on_published, &outcome),
               RINGTAIL_ETOPIC);
    options.content_type = "application/json";
    EXPECT_INT(ringtail_publish_async(host.broker, "a", "{", 1, &options,
                                      on_published, &outcome),
               0);
    test_host_until(&host, &outcome.calls, 1);
    EXPECT_INT(outcome.error, RINGTAIL_EPAYLOAD);
    test_host_finish(&host);
}

TEST("a mailbox that is full says so, and has room again in the next turn")
{
    static char payload[1000];
    struct test_host host;
    struct ringtail_config config;
    struct outcome outcome = {.error = 1};
    uint64_t accepted = 0;
    int err = 0;
    ringtail_config_init(&config);
    config.mailbox_bytes = (uint64_t)64 * 1024;
    test_host_init(&host, &config);
    while (err == 0) {
        err = ringtail_publish_async(host.broker, "a", payload, sizeof(payload),
                                     NULL, on_published, &outcome);
        accepted += err == 0 ? 1 : 0;
    }
    EXPECT_INT(err, RINGTAIL_EFULL);
    EXPECT(accepted >= 28 && accepted <= 32);
    test_host_until(&host, &outcome.calls, accepted);
    EXPECT_INT(ringtail_publish_async(host.broker, "a", "x", 1, NULL,
                                      on_published, &outcome),
               0);
    test_host_finish(&host);
    EXPECT_INT(outcome.calls, accepted + 1); /* also what a stop found there */
    EXPECT_INT(outcome.error, 0);
}

TEST("an event that could never fit into the mailbox is too large")
{
    static char payload[40 * 1024];
    struct test_host host;
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.mailbox_bytes = (uint64_t)64 * 1024;
    test_host_init(&host, &config);
    EXPECT_INT(ringtail_publish_async(host.broker, "a", payload,
                                      sizeof(payload), NULL, NULL, NULL),
               RINGTAIL_ETOOLARGE);
    test_host_finish(&host);
}

struct sender {
    pthread_t thread;
    struct ringtail_broker *broker;
    char name;
};

static void *send_many(void *argument)
{
    struct sender *sender = argument;
    char text[32];
    for (int i = 0; i < PER_THREAD;) {
        int len = snprintf(text, sizeof(text), "%c%d", sender->name, i);
        int err = ringtail_publish_async(sender->broker, "a", text, (size_t)len,
                                         NULL, NULL, NULL);
        if (err == 0) {
            i++;
        } else if (err == RINGTAIL_EFULL) {
            (void)sched_yield();
        } else {
            return sender;
        }
    }
    return NULL;
}

struct tally {
    uint64_t total;
    int next[THREADS];
};

static void on_event(void *context, const struct ringtail_event *event)
{
    struct tally *tally = context;
    char text[32];
    EXPECT_INT(event->kind, RINGTAIL_EVENT);
    EXPECT(event->len < sizeof(text));
    const char *payload = event->payload;
    int *next = &tally->next[payload[0] - 'a'];
    int len = snprintf(text, sizeof(text), "%c%d", payload[0], *next);
    EXPECT(event->len == (size_t)len &&
           memcmp(payload, text, (size_t)len) == 0);
    ++*next;
    tally->total++;
}

TEST("threads send all they have, each in its order, through a small mailbox")
{
    struct test_host host;
    struct ringtail_config config;
    struct ringtail_subscription *subscription = NULL;
    struct sender senders[THREADS];
    struct tally tally = {0};
    ringtail_config_init(&config);
    config.mailbox_bytes = (uint64_t)16 * 1024;
    config.ring_bytes = (uint64_t)256 * 1024;
    test_host_init(&host, &config);
    EXPECT_INT(ringtail_subscribe(host.broker, "a", NULL, on_event, &tally,
                                  &subscription),
               0);
    for (int i = 0; i < THREADS; i++) {
        senders[i] =
            (struct sender){.broker = host.broker, .name = (char)('a' + i)};
        EXPECT_INT(
            pthread_create(&senders[i].thread, NULL, send_many, &senders[i]),
            0);
    }
    test_host_until(&host, &tally.total, (uint64_t)THREADS * PER_THREAD);
    for (int i = 0; i < THREADS; i++) {
        void *result = &host;
        EXPECT_INT(pthread_join(senders[i].thread, &result), 0);
        EXPECT(result == NULL);
        EXPECT_INT(tally.next[i], PER_THREAD);
    }
    ringtail_unsubscribe(subscription);
    test_host_finish(&host);
}

/* --- without a gap --- */

static void on_counted(void *context, const struct ringtail_event *event)
{
    uint64_t *events = context;
    EXPECT(event->kind != RINGTAIL_GAP);
    *events += event->kind == RINGTAIL_EVENT ? 1 : 0;
}

static void init_counting(struct test_host *host,
                          const struct ringtail_config *config,
                          uint64_t *events)
{
    struct ringtail_subscription *subscription = NULL;
    test_host_init(host, config);
    EXPECT_INT(ringtail_subscribe(host->broker, "a", NULL, on_counted, events,
                                  &subscription),
               0);
}

/* Into the mailbox of a broker with a small ring goes more than the ring and
 * what is held beside it. */
static void overfill(struct test_host *host, uint64_t *events)
{
    static char payload[1000];
    struct ringtail_config config;
    ringtail_config_init(&config);
    config.ring_bytes = (uint64_t)32 * 1024;
    config.event_bytes = sizeof(payload);
    init_counting(host, &config, events);
    for (int i = 0; i < 1000; i++) {
        EXPECT_INT(ringtail_publish_async(host->broker, "a", payload,
                                          sizeof(payload), NULL, NULL, NULL),
                   0);
    }
}

TEST("the mailbox waits for subscriptions, so that they lose nothing")
{
    struct test_host host;
    uint64_t events = 0;
    overfill(&host, &events);
    test_host_until(&host, &events, 1000);
    test_host_finish(&host);
}

TEST("a stop delivers what the mailbox has, and subscriptions lose nothing")
{
    struct test_host host;
    uint64_t events = 0;
    overfill(&host, &events);
    test_host_finish(&host);
    EXPECT_INT(events, 1000);
}

/* One topic gets every second event, and nobody subscribes to the other. */
static void send_to_both(struct test_host *host, int count)
{
    static const char payload[1000];
    for (int i = 0; i < count; i++) {
        EXPECT_INT(ringtail_publish_async(host->broker, i % 2 == 0 ? "a" : "b",
                                          payload, sizeof(payload), NULL, NULL,
                                          NULL),
                   0);
    }
}

TEST("the mailbox waits for a topic's subscriptions whatever else comes in")
{
    struct test_host host;
    struct ringtail_config config;
    uint64_t events = 0;
    ringtail_config_init(&config);
    config.ring_bytes = (uint64_t)8 * 1024;
    config.event_bytes = 1000;
    init_counting(&host, &config, &events);
    send_to_both(&host, 1000);
    test_host_until(&host, &events, 500);
    test_host_finish(&host);
}

TEST("the mailbox waits for subscriptions to a ring of few events, too")
{
    struct test_host host;
    struct ringtail_config config;
    uint64_t events = 0;
    ringtail_config_init(&config);
    config.ring_events = 3;
    init_counting(&host, &config, &events);
    send_to_both(&host, 200);
    test_host_until(&host, &events, 100);
    test_host_finish(&host);
}
