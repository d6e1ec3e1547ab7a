#include "tests/support/random.h"
#include "tests/unit/client/peer.h"

static struct peer peer;
static char expected[512];

static void begin_open(const char *cursor)
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    (void)peer_take(&peer);
    peer_feed_text(&peer, PEER_SWITCHES);
    peer_feed_text(&peer, cursor);
    peer_feed_text(&peer, "\r\n\r\n");
    peer_expect(&peer, "open\n");
}

static void reopen(const char *cursor)
{
    peer_connect(&peer);
    (void)peer_take(&peer);
    peer_feed_text(&peer, PEER_SWITCHES);
    peer_feed_text(&peer, cursor);
    peer_feed_text(&peer, "\r\n\r\n");
    peer_expect(&peer, "open\n");
}

static const char *failure(const char *word, int error, unsigned status)
{
    (void)snprintf(expected, sizeof(expected), "%s %d %u '' 0\n", word, error,
                   status);
    return expected;
}

/* The masked close frame of a code: the mask is all zeroes. */
static void expect_close(uint16_t code)
{
    char frame[8] = {(char)0x88, (char)0x82,        0,         0, 0,
                     0,          (char)(code >> 8), (char)code};
    EXPECT_BYTES(peer_take(&peer), ((struct rt_bytes){frame, sizeof(frame)}));
}

TEST("the handshake is that of RFC 6455, with where to begin")
{
    memset(&peer, 0, sizeof(peer));
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    options.url = "ws://[::1]:80";
    options.since = "2026-11-21T08:00:00+01:00";
    peer_begin(&peer, &options);
    peer_connect(&peer);
    EXPECT_TEXT(peer_take(&peer),
                "GET /subscribe/news?since=2026-11-21T08%3A00%3A00%2B01%3A00"
                " HTTP/1.1\r\nHost: [::1]:80\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    peer_end(&peer);
}

TEST("the longest request there can be fits")
{
    static char url[RINGTAIL_URL_HOST_MAX + 16] = "http://";
    static char topic[RT_TOPIC_BYTES_MAX + 1];
    static char since[RT_SESSION_SINCE_MAX + 1];
    memset(&peer, 0, sizeof(peer));
    memset(url + 7, 'h', RINGTAIL_URL_HOST_MAX);
    memset(topic, 'a', sizeof(topic) - 1);
    memset(since, '+', sizeof(since) - 1);
    topic[60] = topic[120] = topic[180] = '.';
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    options.url = url;
    options.topic = topic;
    options.since = since;
    peer_begin(&peer, &options);
    peer_connect(&peer);
    EXPECT(peer_take(&peer).len > 900);
    peer_end(&peer);
}

TEST("frames are events, each with its cursor")
{
    struct ringtail_cursor cursor;
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    EXPECT(!ringtail_session_cursor(peer.session, &cursor));
    peer_end(&peer);
    begin_open("7f3a9c21-1040");
    EXPECT(ringtail_session_cursor(peer.session, &cursor));
    EXPECT_INT(cursor.offset, 1040);
    peer_feed_text(&peer, "\x81\x05hello\x82\x02hi\x81");
    peer_feed(&peer, (struct rt_bytes){"\0", 1});
    peer_expect(&peer, "text hello 7f3a9c21-1041\nbinary hi 7f3a9c21-1042\n"
                       "text  7f3a9c21-1043\n");
    EXPECT(ringtail_session_cursor(peer.session, &cursor));
    EXPECT_INT(cursor.offset, 1043);
    peer_end(&peer);
}

/* A handshake's answer, then frames of all kinds. */
#define STREAM                                       \
    PEER_SWITCHES "7f3a9c21-4\r\n\r\n"               \
                  "\x81\x03"                         \
                  "one"                              \
                  "\x01\x02"                         \
                  "tw"                               \
                  "\x89\x01p"                        \
                  "\x80\x01"                         \
                  "o"                                \
                  "\x82\x7e\x00\x80"                 \
                  "0123456789abcdef0123456789abcdef" \
                  "0123456789abcdef0123456789abcdef" \
                  "0123456789abcdef0123456789abcdef" \
                  "0123456789abcdef0123456789abcdef" \
                  "\x8a\x01q"                        \
                  "\x81\x04"                         \
                  "last"

static void expect_stream(void)
{
    peer_expect(&peer, "open\ntext one 7f3a9c21-5\ntext two 7f3a9c21-6\n"
                       "binary 0123456789abcdef0123456789abcdef"
                       "0123456789abcdef0123456789abcdef"
                       "0123456789abcdef0123456789abcdef"
                       "0123456789abcdef0123456789abcdef 7f3a9c21-7\n"
                       "text last 7f3a9c21-8\n");
    EXPECT_BYTES(peer_take(&peer), RT_BYTES("\x8a\x81\0\0\0\0p"));
}

TEST("what the broker sends may be cut at any byte")
{
    struct rt_bytes stream = RT_BYTES(STREAM);
    for (size_t cut = 0; cut <= stream.len; cut++) {
        peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
        peer_connect(&peer);
        (void)peer_take(&peer);
        peer_feed(&peer, (struct rt_bytes){stream.data, cut});
        peer_feed(&peer,
                  (struct rt_bytes){stream.data + cut, stream.len - cut});
        expect_stream();
        peer_end(&peer);
    }
}

TEST("what the broker sends may come in any pieces")
{
    struct test_random random = test_random_seed(6455);
    struct rt_bytes stream = RT_BYTES(STREAM);
    for (int i = 0; i < 500; i++) {
        uint32_t piece_max = 1 + test_random_below(&random, 40);
        peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
        peer_connect(&peer);
        (void)peer_take(&peer);
        for (size_t at = 0; at < stream.len;) {
            size_t len = 1 + test_random_below(&random, piece_max);
            len = len < stream.len - at ? len : stream.len - at;
            peer_feed(&peer, (struct rt_bytes){stream.data + at, len});
            at += len;
        }
        expect_stream();
        peer_end(&peer);
    }
}

TEST("a lost connection is resumed where it was")
{
    begin_open("7f3a9c21-4");
    peer_feed_text(&peer, "\x81\x01x\x81\x01y\x81\x05half");
    peer_expect(&peer, "text x 7f3a9c21-5\ntext y 7f3a9c21-6\n");
    peer_disconnect(&peer, -ECONNRESET);
    peer_expect(&peer, failure("lost", -ECONNRESET, 0));
    peer_connect(&peer);
    EXPECT(rt_bytes_starts_with(
        peer_take(&peer),
        RT_BYTES("GET /subscribe/news?since=7f3a9c21-6 HTTP")));
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-6\r\n\r\n\x81\x01z");
    peer_expect(&peer, "open\ntext z 7f3a9c21-7\n");
    peer_end(&peer);
}

TEST("fragments make one event, and those of a lost connection none")
{
    begin_open("7f3a9c21-4");
    peer_feed_text(&peer, "\x01\x01"
                          "a\x80\x01"
                          "b\x02\x01"
                          "c\x80\x01"
                          "d\x01\x01"
                          "e");
    peer_expect(&peer, "text ab 7f3a9c21-5\nbinary cd 7f3a9c21-6\n");
    peer_disconnect(&peer, -ECONNRESET);
    peer_expect(&peer, failure("lost", -ECONNRESET, 0));
    reopen("7f3a9c21-6");
    peer_feed_text(&peer, "\x01\x01"
                          "e\x80\x01"
                          "f");
    peer_expect(&peer, "text ef 7f3a9c21-7\n");
    peer_end(&peer);
}

TEST("with no event yet it resumes where the first connection began")
{
    begin_open("7f3a9c21-4");
    peer_disconnect(&peer, -ECONNRESET);
    peer_connect(&peer);
    EXPECT(rt_bytes_starts_with(
        peer_take(&peer),
        RT_BYTES("GET /subscribe/news?since=7f3a9c21-4 HTTP")));
    peer_end(&peer);
}

TEST("before the first connection it begins as it was told")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    (void)peer_take(&peer);
    peer_disconnect(&peer, -ECONNRESET);
    peer_connect(&peer);
    EXPECT(rt_bytes_starts_with(
        peer_take(&peer), RT_BYTES("GET /subscribe/news?since=now HTTP")));
    peer_end(&peer);
}

TEST("a gap is told, and the subscription goes on behind it at once")
{
    begin_open("7f3a9c21-4");
    peer_random_byte = 0xff;
    peer_feed_close(&peer, 4410,
                    "cursor-evicted; cursor=7f3a9c21-902; missed=884");
    peer_expect(&peer, "gap cursor-evicted 1 884 7f3a9c21-902\n");
    peer_let_go(&peer);
    peer_expect(&peer, "");
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), peer.now_ms);
    peer_connect(&peer);
    EXPECT(rt_bytes_starts_with(
        peer_take(&peer),
        RT_BYTES("GET /subscribe/news?since=7f3a9c21-902 HTTP")));
    peer_end(&peer);
}

TEST("after a gap that brought nothing the next one waits")
{
    begin_open("7f3a9c21-4");
    peer_feed_close(&peer, 4410, "epoch-changed; cursor=5d02b1e8-0");
    peer_expect(&peer, "gap epoch-changed 0 0 5d02b1e8-0\n");
    peer_let_go(&peer);
    peer_random_byte = 0xff;
    reopen("5d02b1e8-0");
    peer_feed_close(&peer, 4410, "epoch-changed; cursor=5d02b1e9-0");
    peer_expect(&peer, "gap epoch-changed 0 0 5d02b1e9-0\n");
    peer_let_go(&peer);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session) - peer.now_ms,
               UINT64_MAX % 201);
    peer_end(&peer);
}

TEST("a gap without a cursor breaks the protocol")
{
    begin_open("7f3a9c21-4");
    peer_feed_close(&peer, 4410, "cursor-evicted; missed=4");
    peer_let_go(&peer);
    peer_expect(&peer, failure("lost", RINGTAIL_EPROTOCOL, 0));
    peer_end(&peer);
}

TEST("events behind another place than was asked for are a gap")
{
    begin_open("7f3a9c21-4");
    peer_disconnect(&peer, -ECONNRESET);
    peer_expect(&peer, failure("lost", -ECONNRESET, 0));
    reopen("7f3a9c21-9");
    peer_feed_text(&peer, "\x81\x01x");
    peer_expect(&peer, "gap skipped 0 0 7f3a9c21-9\ntext x 7f3a9c21-10\n");
    peer_end(&peer);
}

static void expect_after_close(uint16_t code, bool is_final)
{
    char frame[64];
    begin_open("7f3a9c21-4");
    (void)snprintf(frame, sizeof(frame), "why; code=%u", code);
    peer_feed_close(&peer, code, frame);
    expect_close(code);
    peer_let_go(&peer);
    (void)snprintf(expected, sizeof(expected), "%s %d %u 'why; code=%u' 0\n",
                   is_final ? "closed" : "lost", RINGTAIL_ELEFT, code, code);
    peer_expect(&peer, expected);
    peer_expect_state(&peer, is_final ? RINGTAIL_SESSION_CLOSED
                                      : RINGTAIL_SESSION_WAITING);
    peer_end(&peer);
}

TEST("some closes are for good, after the others it comes back")
{
    static const uint16_t final[] = {1000, 4400, 4401, 4403, 4404};
    static const uint16_t passing[] = {1001, 1002, 1003, 1007, 1009, 1011,
                                       1012, 1013, 4408, 4409, 4429};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(final); i++) {
        expect_after_close(final[i], true);
    }
    for (size_t i = 0; i < RT_ARRAY_LENGTH(passing); i++) {
        expect_after_close(passing[i], false);
    }
}

TEST("a close without a code is answered with one without")
{
    begin_open("7f3a9c21-4");
    peer_feed(&peer, (struct rt_bytes){"\x88\0", 2});
    EXPECT_BYTES(peer_take(&peer), RT_BYTES("\x88\x80\0\0\0\0"));
    peer_let_go(&peer);
    peer_expect(&peer, failure("lost", RINGTAIL_ELEFT, 1005));
    peer_end(&peer);
}

TEST("a frame that no broker sends is closed with 1002")
{
    static const struct rt_bytes frames[] = {
        {"\x81\x81", 2},           /* masked */
        {"\x80\x01x", 3},          /* the end of nothing */
        {"\x01\x01x\x81\x01y", 6}, /* a message in a message */
        {"\x88\x01x", 3},          /* half a close code */
        {"\x88\x02\x03\xed", 4},   /* a code that nobody may send: 1005 */
        {"\xc1\x01x", 3},          /* compressed, which was not agreed */
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(frames); i++) {
        begin_open("7f3a9c21-4");
        peer_feed(&peer, frames[i]);
        expect_close(1002);
        peer_let_go(&peer);
        peer_expect(&peer, failure("lost", RINGTAIL_EPROTOCOL, 0));
        peer_end(&peer);
    }
}

static void begin_small(void)
{
    memset(&peer, 0, sizeof(peer));
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    options.event_bytes = 8;
    peer_begin(&peer, &options);
    reopen("7f3a9c21-4");
}

TEST("an event larger than the limit ends the subscription, before it is here")
{
    static const char *const streams[] = {"\x81\x09", "\x01\x05"
                                                      "12345"
                                                      "\x80\x04"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(streams); i++) {
        begin_small();
        peer_feed_text(&peer, "\x81\x08"
                              "12345678");
        peer_expect(&peer, "text 12345678 7f3a9c21-5\n");
        peer_feed_text(&peer, streams[i]);
        expect_close(1009);
        peer_let_go(&peer);
        peer_expect(&peer, failure("closed", RINGTAIL_ETOOLARGE, 0));
        peer_end(&peer);
    }
}

TEST("pongs that nobody takes are not heaped up")
{
    begin_open("7f3a9c21-4");
    for (int i = 0; i < 10000; i++) {
        peer_feed(&peer, (struct rt_bytes){"\x89\0", 2});
    }
    EXPECT(peer_take(&peer).len <= RT_SESSION_PONGS_MAX + 6);
    peer_end(&peer);
}

static void expect_refused(const char *status, bool is_final, uint64_t retry_ms)
{
    char answer[256];
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    (void)peer_take(&peer);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 %s x\r\nContent-Type: application/problem+json\r\n"
                   "Retry-After: 90\r\nContent-Length: 16\r\n\r\n"
                   "{\"detail\":\"why\"}",
                   status);
    peer_feed_text(&peer, answer);
    peer_let_go(&peer);
    (void)snprintf(expected, sizeof(expected), "%s %d %s 'why' %" PRIu64 "\n",
                   is_final ? "closed" : "lost", RINGTAIL_EREFUSED, status,
                   retry_ms);
    peer_expect(&peer, expected);
    peer_end(&peer);
}

TEST("a handshake that is refused is repeated only if that may help")
{
    static const char *const final[] = {"200", "301", "400", "401",
                                        "404", "426", "501", "505"};
    static const char *const passing[] = {"408", "429", "500", "503", "507"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(final); i++) {
        expect_refused(final[i], true, 0);
    }
    for (size_t i = 0; i < RT_ARRAY_LENGTH(passing); i++) {
        expect_refused(passing[i], false, 60000);
    }
}

TEST("a 101 that is not the answer to this handshake is none")
{
    static const char *const heads[] = {
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Ringtail-Cursor: 7f3a9c21-4\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Ringtail-Cursor: 7f3a9c21-4\r\n",
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Ringtail-Cursor: 7f3a9c21-4\r\n",
        "Upgrade: websocket\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Ringtail-Cursor: 7f3a9c21-4\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        "Ringtail-Cursor: 7f3a9c21-4\r\n",
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(heads); i++) {
        peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
        peer_connect(&peer);
        peer_feed_text(&peer, "HTTP/1.1 101 Switching Protocols\r\n");
        peer_feed_text(&peer, heads[i]);
        peer_feed_text(&peer, "\r\n");
        peer_let_go(&peer);
        peer_expect(&peer, failure("lost", RINGTAIL_EPROTOCOL, 0));
        peer_end(&peer);
    }
}

TEST("a head without an end is not kept for ever")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    peer_feed_text(&peer, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++) {
        peer_feed_text(&peer, "X: 12345678\r\n");
    }
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_end(&peer);
}

TEST("every allocation of a subscriber may fail, and nothing is lost by it")
{
    size_t events = 0;
    for (uint64_t k = 1; events < 4; k++) {
        struct rt_bytes stream = RT_BYTES(STREAM);
        peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
        test_heap_fail_at(&peer.heap, k);
        peer_connect(&peer);
        (void)peer_take(&peer);
        for (size_t i = 0; i < stream.len; i++) {
            peer_feed(&peer, (struct rt_bytes){stream.data + i, 1});
        }
        struct ringtail_cursor cursor = {0, 4};
        (void)ringtail_session_cursor(peer.session, &cursor);
        events = peer.events;
        EXPECT_INT(cursor.offset, 4 + events);
        EXPECT(events == 4 || ringtail_session_wanted(peer.session) ==
                                  RINGTAIL_WANT_DISCONNECT);
        peer_end(&peer);
    }
}
