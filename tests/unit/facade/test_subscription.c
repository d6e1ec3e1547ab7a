#include <stdio.h>
#include <string.h>

#include "tests/support/peer.h"
#include "tests/support/test.h"

struct record {
    struct test_host *host;
    struct ringtail_subscription *subscription;
    uint64_t events;
    uint64_t gaps;
    uint64_t missed;
    uint64_t closed;
    uint64_t offset; /* of the last event or gap */
    char reason[32]; /* the last one */
    char payload[64];
    size_t len;
    enum ringtail_content content;
    bool is_inside; /* the call during which nothing may be called */
    void (*react)(struct record *record);
};

static void on_event(void *context, const struct ringtail_event *event)
{
    struct record *record = context;
    EXPECT(!record->is_inside);
    EXPECT_TEXT(rt_bytes_of(event->topic), "news");
    EXPECT((event->reason != NULL) == (event->kind != RINGTAIL_EVENT));
    if (event->reason != NULL) {
        (void)snprintf(record->reason, sizeof(record->reason), "%s",
                       event->reason);
    }
    switch (event->kind) {
    case RINGTAIL_EVENT:
        EXPECT_INT(event->offset, record->offset + 1);
        record->events++;
        record->len = event->len;
        record->content = event->content;
        memcpy(record->payload, event->payload,
               event->len < sizeof(record->payload) ? event->len
                                                    : sizeof(record->payload));
        break;
    case RINGTAIL_GAP:
        record->gaps++;
        record->missed += event->missed;
        break;
    case RINGTAIL_CLOSED:
        record->closed++;
        return;
    }
    record->offset = event->offset;
    if (record->react != NULL) {
        record->react(record);
    }
}

static void
subscribe(struct record *record, struct test_host *host, const char *since)
{
    record->host = host;
    record->is_inside = true;
    EXPECT_INT(ringtail_subscribe(host->broker, "news", since, on_event, record,
                                  &record->subscription),
               0);
    record->is_inside = false;
}

static void publish(struct test_host *host, const char *text)
{
    EXPECT_INT(
        ringtail_publish(host->broker, "news", text, strlen(text), NULL, NULL),
        0);
}

TEST("a subscription is called with each event, in the next turn")
{
    struct test_host host;
    struct record record = {.is_inside = false};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    record.is_inside = true;
    publish(&host, "one");
    publish(&host, "\xff");
    record.is_inside = false;
    test_host_until(&host, &record.events, 2);
    EXPECT_INT(record.len, 1);
    EXPECT_INT(record.content, RINGTAIL_CONTENT_BINARY);
    publish(&host, "three");
    test_host_until(&host, &record.events, 3);
    EXPECT_INT(record.content, RINGTAIL_CONTENT_TEXT);
    EXPECT(memcmp(record.payload, "three", 5) == 0);
    EXPECT_INT(record.gaps, 0);
    ringtail_unsubscribe(record.subscription);
    publish(&host, "four");
    test_host_finish(&host);
    EXPECT_INT(record.events, 3);
    EXPECT_INT(record.closed, 0);
}

TEST("a subscription gets what a peer posts")
{
    static struct test_peer peer;
    struct test_host host;
    struct record record = {.is_inside = false};
    test_host_start(&host, NULL);
    subscribe(&record, &host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer,
                   TEST_PRODUCE("news", "Content-Type: application/json\r\n",
                                "4\r\n\r\ntrue"));
    test_peer_await(&peer, "HTTP/1.1 200 OK\r\n");
    test_host_until(&host, &record.events, 1);
    EXPECT_INT(record.content, RINGTAIL_CONTENT_JSON);
    test_peer_close(&peer);
    test_host_finish(&host);
    EXPECT_INT(record.closed, 1);
}

TEST("a subscription begins where it is told to, and goes on at its cursor")
{
    struct test_host host;
    struct record record = {.is_inside = false};
    char cursor[RINGTAIL_CURSOR_BYTES];
    test_host_init(&host, NULL);
    for (int i = 0; i < 10; i++) {
        publish(&host, "event");
    }
    subscribe(&record, &host, "earliest");
    test_host_until(&host, &record.events, 10);
    ringtail_subscription_cursor(record.subscription, cursor);
    ringtail_unsubscribe(record.subscription);
    publish(&host, "eleven");
    subscribe(&record, &host, cursor);
    test_host_until(&host, &record.events, 11);
    ringtail_unsubscribe(record.subscription);
    record.offset = 8;
    subscribe(&record, &host, "-3");
    test_host_until(&host, &record.events, 14);
    ringtail_unsubscribe(record.subscription);
    test_host_finish(&host);
}

TEST("what is not a topic or a start is refused")
{
    struct test_host host;
    struct ringtail_subscription *subscription = NULL;
    test_host_init(&host, NULL);
    EXPECT_INT(ringtail_subscribe(host.broker, "a.>", NULL, on_event, NULL,
                                  &subscription),
               RINGTAIL_ETOPIC);
    EXPECT_INT(ringtail_subscribe(host.broker, "a", "yesterday", on_event, NULL,
                                  &subscription),
               RINGTAIL_ESINCE);
    EXPECT_INT(
        ringtail_subscribe(host.broker, "a", "", on_event, NULL, &subscription),
        RINGTAIL_ESINCE);
    EXPECT(subscription == NULL);
    ringtail_unsubscribe(NULL);
    test_host_finish(&host);
}

TEST("a pause ends with what is left, and a gap is told")
{
    static char payload[1000];
    struct test_host host;
    struct ringtail_config config;
    struct record record = {.is_inside = false};
    ringtail_config_init(&config);
    config.ring_bytes = (uint64_t)64 * 1024;
    config.event_bytes = 2000;
    test_host_init(&host, &config);
    subscribe(&record, &host, NULL);
    publish(&host, "one");
    test_host_until(&host, &record.events, 1);
    ringtail_subscription_pause(record.subscription);
    publish(&host, "two");
    test_host_turn(&host);
    test_host_turn(&host);
    EXPECT_INT(record.events, 1);
    ringtail_subscription_resume(record.subscription);
    test_host_until(&host, &record.events, 2);
    ringtail_subscription_pause(record.subscription);
    for (int i = 0; i < 1000; i++) {
        EXPECT_INT(ringtail_publish(host.broker, "news", payload,
                                    sizeof(payload), NULL, NULL),
                   0);
    }
    ringtail_subscription_resume(record.subscription);
    test_host_until(&host, &record.gaps, 1);
    EXPECT_TEXT(rt_bytes_of(record.reason), "cursor-evicted");
    test_host_finish(&host);
    EXPECT_INT(record.events + record.missed, 1002);
    EXPECT_TEXT(rt_bytes_of(record.reason), "leaving");
}

TEST("a cursor of another broker is a gap of unknown size")
{
    struct test_host host;
    struct record record = {.is_inside = false};
    test_host_init(&host, NULL);
    publish(&host, "one");
    subscribe(&record, &host, "00000000-7");
    test_host_until(&host, &record.events, 1);
    EXPECT_INT(record.gaps, 1);
    EXPECT_INT(record.missed, 0);
    EXPECT_TEXT(rt_bytes_of(record.reason), "epoch-changed");
    test_host_finish(&host);
}

static void publish_again(struct record *record)
{
    if (record->offset < 1000) {
        record->is_inside = true;
        publish(record->host, "again");
        record->is_inside = false;
    }
}

TEST("a callback may publish to its own topic")
{
    struct test_host host;
    struct record record = {.react = publish_again};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    publish(&host, "first");
    test_host_until(&host, &record.events, 1000);
    test_host_finish(&host);
    EXPECT_INT(record.events, 1000);
}

static void unsubscribe(struct record *record)
{
    ringtail_unsubscribe(record->subscription);
}

TEST("a callback may end its own subscription")
{
    struct test_host host;
    struct record record = {.react = unsubscribe};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    publish(&host, "one");
    publish(&host, "two");
    test_host_until(&host, &record.events, 1);
    test_host_finish(&host);
    EXPECT_INT(record.events, 1);
    EXPECT_INT(record.closed, 0);
}

static void stop(struct record *record)
{
    record->react = NULL;
    test_host_begin_stop(record->host, 0);
}

TEST("a callback may stop the broker, and still gets all that was published")
{
    struct test_host host;
    struct record record = {.react = stop};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    publish(&host, "one");
    publish(&host, "two");
    publish(&host, "three");
    TEST_UNTIL(&host.loop, host.is_stopped);
    EXPECT_INT(record.events, 3);
    EXPECT_INT(record.closed, 1);
    EXPECT_TEXT(rt_bytes_of(record.reason), "leaving");
    test_host_finish(&host);
}

static void on_last(void *context, const struct ringtail_event *event)
{
    struct record *record = context;
    record->events += event->kind == RINGTAIL_EVENT ? 1 : 0;
    if (event->kind == RINGTAIL_CLOSED) {
        record->closed++;
        ringtail_unsubscribe(record->subscription);
    }
}

TEST("a subscription that nobody frees goes with its broker, or when closed")
{
    struct test_host host;
    struct record first = {.is_inside = false};
    struct record second = {.is_inside = false};
    test_host_init(&host, NULL);
    subscribe(&first, &host, NULL);
    EXPECT_INT(ringtail_subscribe(host.broker, "news", NULL, on_last, &second,
                                  &second.subscription),
               0);
    publish(&host, "last words");
    test_host_finish(&host);
    EXPECT_INT(first.events, 1);
    EXPECT_INT(first.closed, 1);
    EXPECT_INT(second.events, 1);
    EXPECT_INT(second.closed, 1);
}

TEST("a callback may stop the broker while more is left than fits into a turn")
{
    struct test_host host;
    struct record record = {.react = stop};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    for (int i = 0; i < 6000; i++) {
        publish(&host, "x");
    }
    TEST_UNTIL(&host.loop, host.is_stopped);
    EXPECT_INT(record.events, 6000);
    EXPECT_INT(record.closed, 1);
    test_host_finish(&host);
}

TEST("a paused subscription is told of the end, and of nothing else")
{
    struct test_host host;
    struct record record = {.is_inside = false};
    test_host_init(&host, NULL);
    subscribe(&record, &host, NULL);
    ringtail_subscription_pause(record.subscription);
    publish(&host, "one");
    test_host_finish(&host);
    EXPECT_INT(record.events + record.gaps, 0);
    EXPECT_INT(record.closed, 1);
}

/* A request of a peer's, about the topic. */
static void ask(struct test_host *host, const char *line)
{
    static struct test_peer peer;
    char request[128];
    (void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: a\r\n\r\n",
                   line);
    test_peer_connect(&peer, host);
    test_peer_send(&peer, request);
    test_peer_await(&peer, "HTTP/1.1 20");
    test_peer_close(&peer);
}

TEST("the end of a topic comes behind its last event, and once")
{
    struct test_host host;
    struct record record = {.offset = 0};
    test_host_start(&host, NULL);
    subscribe(&record, &host, NULL);
    publish(&host, "last");
    ask(&host, "POST /topics/news/close");
    TEST_UNTIL(&host.loop, record.closed > 0);
    EXPECT_INT(record.events, 1);
    EXPECT_TEXT(rt_bytes_of(record.reason), "topic-closed");
    EXPECT_INT(ringtail_publish(host.broker, "news", "x", 1, NULL, NULL),
               RINGTAIL_ECLOSED);
    char cursor[RINGTAIL_CURSOR_BYTES];
    ringtail_subscription_cursor(record.subscription, cursor);
    EXPECT(strcmp(cursor + 8, "-1") == 0);
    ringtail_subscription_pause(record.subscription);
    ringtail_subscription_resume(record.subscription);
    test_host_turns(&host, 5);
    test_host_finish(&host);
    EXPECT_INT(record.closed, 1);
}

TEST("a purge is a gap of unknown size, and offsets begin again")
{
    struct test_host host;
    struct record record = {.offset = 0};
    test_host_start(&host, NULL);
    subscribe(&record, &host, NULL);
    publish(&host, "old");
    test_host_turns(&host, 5);
    ask(&host, "DELETE /topics/news");
    TEST_UNTIL(&host.loop, record.gaps > 0);
    EXPECT_INT(record.missed, 0);
    EXPECT_TEXT(rt_bytes_of(record.reason), "epoch-changed");
    publish(&host, "new");
    TEST_UNTIL(&host.loop, record.events == 2);
    EXPECT_INT(record.offset, 1);
    test_host_finish(&host);
}
