/*
 * The transport, against a real broker on the same loop. Connections are
 * broken by shutting down every socket that leads to the broker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "ringtail/client.h"
#include "tests/support/host.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

#define EVENTS_MAX 20000
#define LARGE      ((size_t)200 * 1024)

/* A user of both kinds of client: events are numbers in decimal. */
struct world {
    struct test_host host;
    char url[64];
    int port;
    struct ringtail_client *publisher;
    struct ringtail_client *subscriber;
    unsigned published;
    unsigned outcomes;
    unsigned accepted;
    unsigned unknown;
    unsigned refused_status;
    unsigned received;
    uint64_t last_number; /* of what was received, from 1 */
    struct ringtail_cursor last_cursor;
    bool was_accepted[EVENTS_MAX + 1];
    bool was_received[EVENTS_MAX + 1];
    unsigned opens;
    unsigned losses;
    unsigned gaps;
    unsigned closes;
    int last_error;
    bool stops_in_callback;
    unsigned clients_stopped;
};

static struct world world;
static char payload[LARGE];

#define RUN_UNTIL(condition) TEST_UNTIL(&world.host.loop, condition)

/* --- the broker --- */

static void stop_broker(void)
{
    test_host_begin_stop(&world.host, 0);
    RUN_UNTIL(world.host.is_stopped);
}

static void restart_broker(void)
{
    char address[64];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", world.port);
    test_host_replace(&world.host);
    test_host_listen_on(&world.host, address);
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    test_host_init(&world.host, NULL);
}

static void begin_with_broker(void)
{
    begin();
    test_host_listen(&world.host);
    world.port = ringtail_broker_port(world.host.broker);
    (void)snprintf(world.url, sizeof(world.url), "http://127.0.0.1:%d/",
                   world.port);
}

/* --- the user --- */

static void on_client_stopped(void *context)
{
    (void)context;
    world.clients_stopped++;
}

static void maybe_stop(struct ringtail_client *client)
{
    if (world.stops_in_callback) {
        ringtail_client_stop(client, on_client_stopped, NULL);
    }
}

static void on_open(void *context)
{
    (void)context;
    world.opens++;
}

static void on_lost(void *context, const struct ringtail_failure *failure)
{
    struct ringtail_client **client = context;
    world.losses++;
    world.last_error = failure->error;
    maybe_stop(*client);
}

static void on_closed(void *context, const struct ringtail_failure *failure)
{
    (void)context;
    world.closes++;
    world.last_error = failure->error;
}

static void on_gap(void *context, const struct ringtail_gap *gap)
{
    (void)context;
    world.gaps++;
    world.last_cursor = gap->cursor;
}

static void on_event(void *context, const struct ringtail_client_event *event)
{
    struct ringtail_client **client = context;
    char text[32] = {0};
    memcpy(text, event->payload, event->len < 20 ? event->len : 20);
    uint64_t number = strtoull(text, NULL, 10);
    EXPECT(number <= EVENTS_MAX);
    EXPECT(number > world.last_number); /* in order, and never again */
    if (world.last_cursor.epoch == event->cursor.epoch) {
        EXPECT_INT(event->cursor.offset, world.last_cursor.offset + 1);
    }
    world.received++;
    world.last_number = number;
    world.last_cursor = event->cursor;
    world.was_received[number] = true;
    maybe_stop(*client);
}

static void on_outcome(void *context, const struct ringtail_outcome *outcome)
{
    (void)context;
    world.outcomes++;
    world.accepted += outcome->error == 0 ? 1 : 0;
    world.unknown += outcome->error == RINGTAIL_EUNKNOWN ? 1 : 0;
    world.was_accepted[(uintptr_t)outcome->tag] = outcome->error == 0;
    if (outcome->error == RINGTAIL_EREFUSED) {
        world.refused_status = outcome->status;
    }
}

static void create(struct ringtail_client **client,
                   enum ringtail_session_kind kind,
                   const char *url)
{
    struct ringtail_session_options options;
    ringtail_session_options_init(&options, kind);
    options.url = url;
    options.topic = "numbers";
    options.since = "earliest";
    options.retry_min_ms = 1;
    options.retry_max_ms = 10;
    options.context = client;
    options.handlers = (struct ringtail_session_handlers){
        .on_open = on_open,
        .on_lost = on_lost,
        .on_closed = on_closed,
        .on_event = on_event,
        .on_gap = on_gap,
        .on_outcome = on_outcome,
    };
    EXPECT_INT(ringtail_client_create(&options, &world.host.loop, client), 0);
}

static void create_both(const char *url)
{
    create(&world.publisher, RINGTAIL_SESSION_PUBLISHER, url);
    create(&world.subscriber, RINGTAIL_SESSION_SUBSCRIBER, url);
    RUN_UNTIL(world.opens == 2);
}

/* Publishes the next number, with blanks behind it. False: no room. */
static bool publish(size_t len)
{
    struct ringtail_session *session = ringtail_client_session(world.publisher);
    unsigned number = world.published + 1;
    memset(payload, ' ', len);
    (void)snprintf(payload, sizeof(payload), "%u", number);
    struct ringtail_new_event event = {.topic = "numbers",
                                       .content_type = "text/plain",
                                       .payload = payload,
                                       .len = len,
                                       .tag = (void *)(uintptr_t)number};
    payload[strlen(payload)] = ' ';
    int err = ringtail_session_publish(session, &event);
    EXPECT(err == 0 || err == RINGTAIL_EFULL);
    world.published += err == 0 ? 1 : 0;
    return err == 0;
}

static void publish_many(unsigned count, size_t len)
{
    for (unsigned i = 0; i < count; i++) {
        RUN_UNTIL(publish(len));
    }
}

static void stop(struct ringtail_client **client)
{
    unsigned stopped = world.clients_stopped;
    ringtail_client_stop(*client, on_client_stopped, NULL);
    RUN_UNTIL(world.clients_stopped == stopped + 1);
    ringtail_client_destroy(*client);
    *client = NULL;
}

static void end(void)
{
    if (world.publisher != NULL) {
        stop(&world.publisher);
    }
    if (world.subscriber != NULL) {
        stop(&world.subscriber);
    }
    test_host_finish(&world.host);
}

TEST("what is published arrives, in order")
{
    begin_with_broker();
    create_both(world.url);
    publish_many(10000, 16);
    RUN_UNTIL(world.received == 10000 && world.outcomes == 10000);
    EXPECT_INT(world.accepted, 10000);
    EXPECT_INT(world.losses, 0);
    end();
}

TEST("a UNIX socket will do")
{
    char address[64];
    (void)snprintf(address, sizeof(address), "unix:/tmp/ringtail-test-%d",
                   (int)getpid());
    begin();
    test_host_listen_on(&world.host, address);
    create_both(address);
    publish_many(100, 16);
    RUN_UNTIL(world.received == 100 && world.accepted == 100);
    end();
}

/* Which takes a look-up, but asks nobody: the C library reads it. */
TEST("a name is looked up")
{
    char url[64];
    begin_with_broker();
    (void)snprintf(url, sizeof(url), "127.1:%d", world.port);
    create_both(url);
    publish_many(10, 16);
    RUN_UNTIL(world.received == 10);
    end();
}

TEST("large events arrive, though they never fit in one write")
{
    begin_with_broker();
    create_both(world.url);
    for (int i = 0; i < 100; i++) {
        publish_many(1, LARGE);
        RUN_UNTIL(world.received == world.published);
    }
    end();
}

/* --- what breaks --- */

static void break_link(uv_handle_t *handle, void *context)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    uv_os_fd_t fd;
    (void)context;
    if (!uv_is_closing(handle) && uv_fileno(handle, &fd) == 0 &&
        getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
        ntohs(peer.sin_port) == world.port) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

static void expect_no_loss(void)
{
    for (unsigned i = 1; i <= world.published; i++) {
        EXPECT(!world.was_accepted[i] || world.was_received[i]);
    }
}

TEST("connections break and nothing is lost or repeated")
{
    struct test_random random = test_random_seed(3030);
    begin_with_broker();
    create_both(world.url);
    while (world.published < EVENTS_MAX - 10) {
        publish_many(test_random_below(&random, 10), 16);
        test_host_turns(&world.host, test_random_below(&random, 4));
        if (test_random_below(&random, 100) == 0) {
            uv_walk(&world.host.loop, break_link, NULL);
        }
    }
    RUN_UNTIL(world.outcomes == world.published);
    publish_many(1, 16);
    RUN_UNTIL(world.last_number == world.published);
    EXPECT(world.losses > 10);
    EXPECT_INT(world.gaps, 0);
    EXPECT_INT(world.outcomes - world.accepted, world.unknown);
    expect_no_loss();
    end();
}

TEST("a broker that comes back is found, and its new log is a gap")
{
    begin_with_broker();
    create_both(world.url);
    publish_many(10, 16);
    RUN_UNTIL(world.received == 10 && world.accepted == 10);
    stop_broker();
    RUN_UNTIL(world.losses > 4);
    publish_many(10, 16); /* kept until there is a broker */
    restart_broker();
    RUN_UNTIL(world.accepted == 20 && world.received == 20);
    EXPECT_INT(world.gaps, 1);
    EXPECT_INT(world.unknown, 0);
    end();
}

TEST("an event that the broker refuses does not keep others back")
{
    begin_with_broker();
    create_both(world.url);
    struct ringtail_new_event event = {.topic = "numbers",
                                       .content_type = "no type",
                                       .payload = "0",
                                       .len = 1};
    EXPECT_INT(ringtail_session_publish(
                   ringtail_client_session(world.publisher), &event),
               0);
    publish_many(1, 16);
    RUN_UNTIL(world.received == 1);
    EXPECT_INT(world.refused_status, 400);
    end();
}

TEST("an event that is too large for the broker costs the connection only")
{
    static char large[300 * 1024];
    struct ringtail_new_event event = {
        .topic = "numbers", .payload = large, .len = sizeof(large)};
    begin_with_broker();
    create_both(world.url);
    EXPECT_INT(ringtail_session_publish(
                   ringtail_client_session(world.publisher), &event),
               0);
    RUN_UNTIL(world.outcomes == 1);
    publish_many(1, 16);
    RUN_UNTIL(world.received == 1);
    end();
}

TEST("where nobody listens a client keeps trying, and can be stopped")
{
    begin_with_broker();
    stop_broker();
    create(&world.subscriber, RINGTAIL_SESSION_SUBSCRIBER, world.url);
    RUN_UNTIL(world.losses == 5);
    EXPECT_INT(world.last_error, UV_ECONNREFUSED);
    EXPECT_INT(world.opens, 0);
    end();
}

TEST("a subscription that is refused is over")
{
    struct ringtail_session_options options;
    begin_with_broker();
    ringtail_session_options_init(&options, RINGTAIL_SESSION_SUBSCRIBER);
    options.url = world.url;
    options.topic = "numbers";
    options.since = "yesterday";
    options.handlers.on_closed = on_closed;
    EXPECT_INT(
        ringtail_client_create(&options, &world.host.loop, &world.subscriber),
        0);
    RUN_UNTIL(world.closes == 1);
    EXPECT_INT(world.last_error, RINGTAIL_EREFUSED);
    end();
}

/* --- the end --- */

TEST("a client may be stopped in any turn of its life")
{
    for (unsigned turns = 0; turns < 12; turns++) {
        char url[64];
        begin_with_broker();
        (void)snprintf(url, sizeof(url), "%s:%d",
                       turns % 2 == 0 ? "127.0.0.1" : "127.1", world.port);
        create(&world.publisher, RINGTAIL_SESSION_PUBLISHER, url);
        create(&world.subscriber, RINGTAIL_SESSION_SUBSCRIBER, url);
        publish_many(3, LARGE);
        test_host_turns(&world.host, turns);
        end();
    }
}

TEST("a client may be stopped by what it calls")
{
    begin_with_broker();
    create_both(world.url);
    world.stops_in_callback = true;
    publish_many(5, 16);
    RUN_UNTIL(world.clients_stopped == 1);
    EXPECT_INT(world.received, 1);
    ringtail_client_destroy(world.subscriber);
    world.subscriber = NULL;
    stop_broker();
    RUN_UNTIL(world.clients_stopped == 2);
    ringtail_client_destroy(world.publisher);
    world.publisher = NULL;
    end();
}

TEST("what cannot be created leaves nothing on the loop")
{
    struct ringtail_client *client = NULL;
    struct ringtail_session_options options;
    begin();
    ringtail_session_options_init(&options, RINGTAIL_SESSION_PUBLISHER);
    options.url = "wss://localhost";
    EXPECT_INT(ringtail_client_create(&options, &world.host.loop, &client),
               RINGTAIL_ETLS);
    EXPECT(client == NULL);
    ringtail_client_destroy(NULL);
    end();
}

TEST("every error of a client has a text of its own")
{
    static const int errors[] = {RINGTAIL_EURL,     RINGTAIL_ETLS,
                                 RINGTAIL_ETYPE,    RINGTAIL_EREFUSED,
                                 RINGTAIL_EUNKNOWN, RINGTAIL_EPROTOCOL,
                                 RINGTAIL_ELEFT};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(errors); i++) {
        EXPECT(strncmp(ringtail_strerror(errors[i]), "Unknown", 7) != 0);
    }
}
