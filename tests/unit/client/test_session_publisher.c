#include "tests/support/random.h"
#include "tests/unit/client/peer.h"

#define RECEIPT "HTTP/1.1 204 No Content\r\nRingtail-Cursor: 7f3a9c21-"
#define END     "\r\n\r\n"

static struct peer peer;

static int publish(const char *tag, const char *payload)
{
    struct ringtail_new_event event = {.topic = "news",
                                       .payload = payload,
                                       .len = strlen(payload),
                                       .tag = (void *)(uintptr_t)tag};
    return ringtail_session_publish(peer.session, &event);
}

static void begin_open(void)
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_PUBLISHER);
    peer_connect(&peer);
    peer_expect(&peer, "open\n");
}

static void begin_limited(uint64_t events, uint64_t bytes)
{
    memset(&peer, 0, sizeof(peer));
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_PUBLISHER);
    options.in_flight_events = events;
    options.in_flight_bytes = bytes;
    peer_begin(&peer, &options);
    peer_connect(&peer);
    peer_expect(&peer, "open\n");
}

static struct rt_bytes
request_of(const char *payload, char *memory, size_t size)
{
    int len = snprintf(memory, size,
                       "POST /produce/news HTTP/1.1\r\n"
                       "Host: 127.0.0.1:3030\r\n"
                       "Prefer: return=minimal\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(payload), payload);
    return (struct rt_bytes){memory, (size_t)len};
}

TEST("an event is a request, and an answer its outcome")
{
    char memory[256];
    begin_open();
    EXPECT_INT(publish("a", "hello"), 0);
    EXPECT_INT(ringtail_session_pending(peer.session), 1);
    EXPECT_BYTES(peer_take(&peer), request_of("hello", memory, sizeof(memory)));
    peer_feed_text(&peer, RECEIPT "1" END);
    peer_expect(&peer, "a: 0 204 '' 0 7f3a9c21-1\n");
    EXPECT_INT(ringtail_session_pending(peer.session), 0);
    peer_end(&peer);
}

static void expect_head(const char *topic, const char *type, const char *lines)
{
    char expected[256];
    struct ringtail_new_event event = {
        .topic = topic, .content_type = type, .tag = "m"};
    int len = snprintf(expected, sizeof(expected),
                       "POST /produce/%s HTTP/1.1\r\n"
                       "Host: 127.0.0.1:3030\r\n"
                       "Prefer: return=minimal\r\n%s"
                       "Content-Length: 0\r\n\r\n",
                       topic, lines);
    EXPECT_INT(ringtail_session_publish(peer.session, &event), 0);
    EXPECT_BYTES(peer_take(&peer), ((struct rt_bytes){expected, (size_t)len}));
}

TEST("a head is another one with the topic, and with the content type")
{
    begin_open();
    expect_head("news", NULL, "");
    expect_head("a.b", NULL, "");
    expect_head("a.b", "text/plain", "Content-Type: text/plain\r\n");
    expect_head("news", "text/plain", "Content-Type: text/plain\r\n");
    expect_head("news", NULL, "");
    peer_end(&peer);
}

TEST("what cannot be published is refused before it is sent")
{
    static char long_type[RT_SESSION_CONTENT_TYPE_MAX + 2];
    begin_open();
    struct ringtail_new_event event = {.topic = "a b"};
    EXPECT_INT(ringtail_session_publish(peer.session, &event), RINGTAIL_ETOPIC);
    const char *types[] = {"", "a\r\nX: y", "\xc3\xa9", long_type};
    memset(long_type, 'x', sizeof(long_type) - 1);
    event.topic = NULL;
    EXPECT_INT(ringtail_session_publish(peer.session, &event), RINGTAIL_ETOPIC);
    event.topic = "news";
    for (size_t i = 0; i < RT_ARRAY_LENGTH(types); i++) {
        event.content_type = types[i];
        EXPECT_INT(ringtail_session_publish(peer.session, &event),
                   RINGTAIL_ETYPE);
    }
    EXPECT_INT(peer_take(&peer).len, 0);
    EXPECT_INT(ringtail_session_pending(peer.session), 0);
    peer_end(&peer);
}

TEST("the longest head there can be fits")
{
    static char type[RT_SESSION_CONTENT_TYPE_MAX + 1];
    static char url[RINGTAIL_URL_HOST_MAX + 16] = "http://";
    static char topic[RT_TOPIC_BYTES_MAX + 1];
    memset(&peer, 0, sizeof(peer));
    memset(type, 't', sizeof(type) - 1);
    memset(url + 7, 'h', RINGTAIL_URL_HOST_MAX);
    memset(topic, 'a', sizeof(topic) - 1);
    topic[60] = topic[120] = topic[180] = '.';
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_PUBLISHER);
    options.url = url;
    peer_begin(&peer, &options);
    struct ringtail_new_event event = {.topic = topic, .content_type = type};
    EXPECT_INT(ringtail_session_publish(peer.session, &event), 0);
    peer_end(&peer);
}

TEST("requests are pipelined, and answers come in their order")
{
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    EXPECT_INT(publish("b", "2"), 0);
    (void)peer_take(&peer);
    EXPECT_INT(publish("c", "3"), 0);
    (void)peer_take(&peer);
    peer_feed_text(&peer, RECEIPT "7" END RECEIPT "8" END RECEIPT "9" END);
    peer_expect(&peer, "a: 0 204 '' 0 7f3a9c21-7\n"
                       "b: 0 204 '' 0 7f3a9c21-8\n"
                       "c: 0 204 '' 0 7f3a9c21-9\n");
    peer_end(&peer);
}

TEST("a refusal is told with its status, its detail and its Retry-After")
{
    static const char problem[] =
        "{\"title\":\"T\",\"status\":507,\"detail\":\"memory is spent\"}";
    char answer[256];
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    EXPECT_INT(publish("b", "2"), 0);
    (void)peer_take(&peer);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 507 x\r\nRetry-After: 3\r\n"
                   "Content-Type: application/problem+json\r\n"
                   "Content-Length: %zu\r\n\r\n%s" RECEIPT "1" END,
                   sizeof(problem) - 1, problem);
    peer_feed_text(&peer, answer);
    char log[128];
    (void)snprintf(log, sizeof(log),
                   "a: %d 507 'memory is spent' 3 -\n"
                   "b: 0 204 '' 0 7f3a9c21-1\n",
                   RINGTAIL_EREFUSED);
    peer_expect(&peer, log);
    peer_end(&peer);
}

TEST("an answer may come in any pieces")
{
    static const char answers[] =
        "HTTP/1.1 100 Continue\r\n\r\n" RECEIPT "1" END
        "HTTP/1.1 400 x\r\nContent-Length: 5\r\n\r\n12345" RECEIPT "2" END;
    for (size_t cut = 0; cut < sizeof(answers); cut++) {
        begin_open();
        EXPECT_INT(publish("a", "1"), 0);
        EXPECT_INT(publish("b", "2"), 0);
        EXPECT_INT(publish("c", "3"), 0);
        (void)peer_take(&peer);
        peer_feed(&peer, (struct rt_bytes){answers, cut});
        peer_feed(&peer,
                  (struct rt_bytes){answers + cut, sizeof(answers) - 1 - cut});
        char log[128];
        (void)snprintf(log, sizeof(log),
                       "a: 0 204 '' 0 7f3a9c21-1\nb: %d 400 '' 0 -\n"
                       "c: 0 204 '' 0 7f3a9c21-2\n",
                       RINGTAIL_EREFUSED);
        peer_expect(&peer, log);
        peer_end(&peer);
    }
}

TEST("with the connection gone the sent are unknown, and the others sent later")
{
    char memory[256];
    char log[128];
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    EXPECT_INT(publish("b", "22"), 0);
    EXPECT_INT(publish("c", "333"), 0);
    EXPECT_INT(publish("d", "4444"), 0);
    size_t len = request_of("1", memory, sizeof(memory)).len;
    (void)peer_take_part(&peer, len + 1); /* one byte of the second */
    peer_disconnect(&peer, -ECONNRESET);
    (void)snprintf(log, sizeof(log),
                   "a: %d 0 '' 0 -\nb: %d 0 '' 0 -\nlost %d 0 '' 0\n",
                   RINGTAIL_EUNKNOWN, RINGTAIL_EUNKNOWN, -ECONNRESET);
    peer_expect(&peer, log);
    peer_expect_state(&peer, RINGTAIL_SESSION_WAITING);
    EXPECT_INT(peer_take(&peer).len, 0); /* there is nobody to send it to */
    peer_connect(&peer);
    len = request_of("333", memory, sizeof(memory)).len;
    EXPECT_BYTES(peer_take_part(&peer, len),
                 request_of("333", memory, sizeof(memory)));
    EXPECT_BYTES(peer_take(&peer), request_of("4444", memory, sizeof(memory)));
    peer_feed_text(&peer, RECEIPT "1" END RECEIPT "2" END);
    peer_expect(&peer, "open\nc: 0 204 '' 0 7f3a9c21-1\n"
                       "d: 0 204 '' 0 7f3a9c21-2\n");
    peer_end(&peer);
}

TEST("a publisher with nothing to send stays away, until there is something")
{
    begin_open();
    peer_disconnect(&peer, -ECONNRESET);
    peer_expect_state(&peer, RINGTAIL_SESSION_IDLE);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), UINT64_MAX);
    EXPECT_INT(publish("a", "1"), 0);
    peer_expect_state(&peer, RINGTAIL_SESSION_WAITING);
    peer_connect(&peer);
    EXPECT(peer_take(&peer).len > 0);
    peer_end(&peer);
}

TEST("an answer that ends the connection ends it, after its outcome")
{
    char log[128];
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    EXPECT_INT(publish("b", "2"), 0);
    (void)peer_take(&peer);
    peer_feed_text(&peer, "HTTP/1.1 413 x\r\nConnection: close\r\n"
                          "Content-Length: 0\r\n\r\n");
    (void)snprintf(log, sizeof(log), "a: %d 413 '' 0 -\n", RINGTAIL_EREFUSED);
    peer_expect(&peer, log);
    peer_let_go(&peer);
    (void)snprintf(log, sizeof(log), "b: %d 0 '' 0 -\nlost %d 0 '' 0\n",
                   RINGTAIL_EUNKNOWN, RINGTAIL_ELEFT);
    peer_expect(&peer, log);
    peer_end(&peer);
}

TEST("what is no answer ends the connection")
{
    static const char *const answers[] = {
        "HTTP/1.1 204 No Content\r\n\r\n", /* without a cursor */
        "HTTP/1.1 204 x\r\nRingtail-Cursor: 1\r\n\r\n",
        "HTTP/1.1 101 x\r\n\r\n",
        "HTTP/1.1 x\r\n\r\n",
        "a\nb",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(answers); i++) {
        char log[128];
        begin_open();
        EXPECT_INT(publish("a", "1"), 0);
        (void)peer_take(&peer);
        peer_feed_text(&peer, answers[i]);
        peer_let_go(&peer);
        (void)snprintf(log, sizeof(log), "a: %d 0 '' 0 -\nlost %d 0 '' 0\n",
                       RINGTAIL_EUNKNOWN, RINGTAIL_EPROTOCOL);
        peer_expect(&peer, log);
        peer_end(&peer);
    }
}

TEST("a refusal without an end is told, and ends the connection")
{
    char log[128];
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    (void)peer_take(&peer);
    peer_feed_text(&peer, "HTTP/1.1 502 x\r\n\r\n");
    (void)snprintf(log, sizeof(log), "a: %d 502 '' 0 -\n", RINGTAIL_EREFUSED);
    peer_expect(&peer, log);
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_end(&peer);
}

TEST("an answer to nothing is why the connection was refused")
{
    char log[128];
    begin_open();
    peer_feed_text(&peer, "HTTP/1.1 503 x\r\nRetry-After: 2\r\n"
                          "Content-Length: 0\r\n\r\n");
    EXPECT_INT(publish("a", "1"), 0);
    peer_let_go(&peer);
    (void)snprintf(log, sizeof(log), "lost %d 503 '' 2000\n",
                   RINGTAIL_EREFUSED);
    peer_expect(&peer, log);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), peer.now_ms + 2000);
    peer_wait(&peer);
    peer_disconnect(&peer, -ECONNREFUSED); /* nobody asks for a wait now */
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), peer.now_ms);
    peer_end(&peer);
}

TEST("no more events wait for answers than may, and then there is room again")
{
    begin_limited(4, 1 << 20);
    for (int i = 0; i < 4; i++) {
        EXPECT_INT(publish("a", "1"), 0);
    }
    EXPECT_INT(publish("b", "1"), RINGTAIL_EFULL);
    (void)peer_take(&peer);
    peer_feed_text(&peer, RECEIPT "1" END);
    peer_expect(&peer, "a: 0 204 '' 0 7f3a9c21-1\n");
    peer_feed_text(&peer, RECEIPT "2" END);
    peer_expect(&peer, "a: 0 204 '' 0 7f3a9c21-2\nroom\n");
    peer_feed_text(&peer, RECEIPT "3" END);
    peer_expect(&peer, "a: 0 204 '' 0 7f3a9c21-3\n");
    peer_end(&peer);
}

TEST("no more bytes wait for answers than may")
{
    char memory[256];
    size_t size = request_of("12345", memory, sizeof(memory)).len;
    begin_limited(100, 2 * size);
    EXPECT_INT(publish("a", "12345"), 0);
    EXPECT_INT(publish("a", "123456"), RINGTAIL_EFULL);
    EXPECT_INT(publish("a", "12345"), 0);
    EXPECT_INT(publish("a", ""), RINGTAIL_EFULL);
    struct ringtail_new_event event = {.topic = "news", .len = 2 * size};
    EXPECT_INT(ringtail_session_publish(peer.session, &event),
               RINGTAIL_ETOOLARGE);
    event.len = SIZE_MAX;
    EXPECT_INT(ringtail_session_publish(peer.session, &event),
               RINGTAIL_ETOOLARGE);
    peer_end(&peer);
}

TEST("answers that do not come are waited for as long as silence may last")
{
    begin_open();
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), UINT64_MAX);
    peer.now_ms += 3600 * 1000;
    EXPECT_INT(publish("a", "1"), 0);
    (void)peer_take(&peer);
    ringtail_session_elapsed(peer.session, peer.now_ms);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), peer.now_ms + 60000);
    peer_wait(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_end(&peer);
}

TEST("every allocation of a publisher may fail")
{
    int err = RT_ENOMEM;
    for (uint64_t k = 1; err == RT_ENOMEM; k++) {
        begin_open();
        test_heap_fail_at(&peer.heap, k);
        err = publish("a", "1");
        EXPECT_INT(ringtail_session_pending(peer.session), err == 0 ? 1 : 0);
        (void)peer_take(&peer);
        peer_end(&peer);
    }
    EXPECT_INT(err, 0);
}

TEST("a part of an answer that cannot be kept ends the connection")
{
    begin_open();
    EXPECT_INT(publish("a", "1"), 0);
    (void)peer_take(&peer);
    test_heap_fail_at(&peer.heap, 1);
    peer_feed_text(&peer, "HTTP/1.1");
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_end(&peer);
}

TEST("a subscriber publishes nothing")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    EXPECT_INT(publish("a", "1"), RT_EINVAL);
    peer_end(&peer);
}

/* --- a broker that counts, a network that breaks --- */

static unsigned outcomes;
static unsigned received;
static unsigned unknown;

static void count_outcome(void *context, const struct ringtail_outcome *outcome)
{
    (void)context;
    EXPECT_INT((uintptr_t)outcome->tag, outcomes); /* in order, each once */
    outcomes++;
    received += outcome->error == 0 ? 1 : 0;
    unknown += outcome->error == RINGTAIL_EUNKNOWN ? 1 : 0;
}

/* Answers what is whole of the requests that arrived, in random pieces. */
static unsigned answer(struct test_random *random, unsigned due)
{
    unsigned count = test_random_below(random, due + 1);
    for (unsigned i = 0; i < count; i++) {
        static const char text[] = RECEIPT "1" END;
        size_t cut = test_random_below(random, sizeof(text));
        peer_feed(&peer, (struct rt_bytes){text, cut});
        peer_feed(&peer, (struct rt_bytes){text + cut, sizeof(text) - 1 - cut});
    }
    return count;
}

static void publish_some(struct test_random *random, unsigned *published)
{
    for (unsigned i = test_random_below(random, 5); i > 0; i--) {
        struct ringtail_new_event event = {.topic = "news",
                                           .payload = "0123456789",
                                           .len = 10,
                                           .tag =
                                               (void *)(uintptr_t)*published};
        int err = ringtail_session_publish(peer.session, &event);
        EXPECT(err == 0 || err == RINGTAIL_EFULL);
        *published += err == 0 ? 1 : 0;
    }
}

TEST("whatever breaks, every event has one outcome and arrives at most once")
{
    struct test_random random = test_random_seed(20261121);
    char memory[256];
    size_t size = request_of("0123456789", memory, sizeof(memory)).len;
    unsigned published = 0;
    unsigned answered = 0;
    size_t sent = 0; /* bytes on this connection */
    outcomes = received = unknown = 0;
    begin_limited(8, 1 << 20);
    peer.session->options.handlers.on_outcome = count_outcome;
    peer.session->options.handlers.on_lost = NULL;
    peer.session->options.handlers.on_open = NULL;
    peer.session->options.handlers.on_room = NULL;
    for (int i = 0; i < 20000; i++) {
        publish_some(&random, &published);
        if (test_random_below(&random, 20) == 0) {
            peer_disconnect(&peer, -ECONNRESET);
            sent = answered = 0;
            EXPECT_INT(ringtail_session_pending(peer.session),
                       published - outcomes);
        }
        if (peer.session->state == RINGTAIL_SESSION_WAITING) {
            peer_connect(&peer);
        }
        sent += peer_take_part(&peer, test_random_below(&random, 300)).len;
        answered += answer(&random, (unsigned)(sent / size) - answered);
    }
    EXPECT(received > 1000 && unknown > 100);
    EXPECT_INT(outcomes, received + unknown);
    peer_end(&peer);
}
