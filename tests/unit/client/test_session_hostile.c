/* A session against a broker that means harm, or something that is none. */
#include "tests/unit/client/peer.h"

static struct peer peer;

static void open_at(const char *cursor)
{
    peer_connect(&peer);
    (void)peer_take(&peer);
    peer_feed_text(&peer, PEER_SWITCHES);
    peer_feed_text(&peer, cursor);
    peer_feed_text(&peer, "\r\n\r\n");
    peer_expect(&peer, "open\n");
}

static void begin_open(const char *cursor)
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    open_at(cursor);
}

/* It has sent a close frame of the code, unmasked by zeroes, and is left for
 * the error. */
static void expect_left(uint16_t code, const char *word, int error)
{
    char frame[8] = {(char)0x88, (char)0x82,        0,         0, 0,
                     0,          (char)(code >> 8), (char)code};
    char log[64];
    EXPECT_BYTES(peer_take(&peer), ((struct rt_bytes){frame, sizeof(frame)}));
    peer_let_go(&peer);
    (void)snprintf(log, sizeof(log), "%s %d 0 '' 0\n", word, error);
    peer_expect(&peer, log);
}

TEST("text that is not UTF-8 is no event, and closed with 1007")
{
    static const struct rt_bytes frames[] = {
        {"\x81\x02\xc3(", 4},
        {"\x01\x01\xc3\x80\x01(", 6},
    };
    for (size_t i = 0; i < RT_ARRAY_LENGTH(frames); i++) {
        begin_open("7f3a9c21-4");
        peer_feed(&peer, frames[i]);
        expect_left(1007, "lost", RINGTAIL_EPROTOCOL);
        peer_end(&peer);
    }
}

TEST("a character may be cut in two by fragments")
{
    begin_open("7f3a9c21-4");
    peer_feed(&peer, RT_BYTES("\x01\x01\xc3\x80\x01\xa9"));
    peer_expect(&peer, "text \xc3\xa9 7f3a9c21-5\n");
    peer_end(&peer);
}

TEST("offsets do not begin again after the last one")
{
    begin_open("7f3a9c21-18446744073709551614");
    peer_feed(&peer, RT_BYTES("\x81\x01x\x81\x01y"));
    peer_expect(&peer, "text x 7f3a9c21-18446744073709551615\n");
    expect_left(1002, "lost", RINGTAIL_EPROTOCOL);
    peer_end(&peer);
}

TEST("a frame is judged by its header, however much it announces")
{
    begin_open("7f3a9c21-4");
    peer_feed(&peer, RT_BYTES("\x82\x7f\x80\0\0\0\0\0\0\0"));
    expect_left(1002, "lost", RINGTAIL_EPROTOCOL);
    peer_end(&peer);
    begin_open("7f3a9c21-4");
    peer_feed(&peer, RT_BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"));
    expect_left(1009, "closed", RINGTAIL_ETOOLARGE);
    peer_end(&peer);
}

TEST("the reasons of closes and gaps are told in printable ASCII")
{
    begin_open("7f3a9c21-4");
    peer_feed_close(&peer, 1001, "a\x1b[2J\xc2\x9b");
    peer_let_go(&peer);
    EXPECT(strstr(peer.log, " 1001 'a?[2J?\?' ") != NULL);
    peer_end(&peer);
    begin_open("7f3a9c21-4");
    peer_feed_close(&peer, 4410, "a\x9b; cursor=7f3a9c21-9");
    peer_expect(&peer, "gap a? 0 0 7f3a9c21-9\n");
    peer_end(&peer);
}

static void expect_wait_after_gap(uint64_t wait_ms)
{
    peer_feed(&peer, RT_BYTES("\x81\x01x"));
    peer_feed_close(&peer, 4410, "cursor-evicted; cursor=7f3a9c21-1");
    peer_let_go(&peer);
    peer.log_len = 0;
    EXPECT_INT(ringtail_session_deadline_ms(peer.session) - peer.now_ms,
               wait_ms);
}

TEST("gaps one behind the other are not hurried through")
{
    begin_open("7f3a9c21-4");
    peer_random_byte = 0xff; /* 2^64 - 1 modulo the bound and 1 */
    expect_wait_after_gap(0);
    for (int i = 0; i < 3; i++) {
        open_at("7f3a9c21-1");
        expect_wait_after_gap(UINT64_MAX % 101);
    }
    open_at("7f3a9c21-1");
    peer_disconnect(&peer, -ECONNRESET);
    peer.log_len = 0;
    open_at("7f3a9c21-1");
    expect_wait_after_gap(0);
    peer_end(&peer);
}

TEST("answers that are none keep nobody from the time-out")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    uint64_t due_ms = ringtail_session_deadline_ms(peer.session);
    for (; peer.now_ms < due_ms; peer.now_ms += 10) {
        peer_feed_text(&peer, "HTTP/1.1 103 Early Hints\r\n\r\n");
    }
    peer_wait(&peer);
    EXPECT_INT(ringtail_session_wanted(peer.session), RINGTAIL_WANT_DISCONNECT);
    peer_end(&peer);
}

static uint64_t wait_ms_after(const char *answer)
{
    struct ringtail_new_event event = {.topic = "news", .tag = "a"};
    for (int i = 0; i < 2; i++) { /* the second one is not sent */
        EXPECT_INT(ringtail_session_publish(peer.session, &event), 0);
    }
    peer_connect(&peer);
    (void)peer_take_part(&peer, 1);
    peer_feed_text(&peer, answer);
    peer_let_go(&peer);
    return ringtail_session_deadline_ms(peer.session) - peer.now_ms;
}

TEST("waits grow while answers are no receipts")
{
    const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    peer_begin_kind(&peer, RINGTAIL_SESSION_PUBLISHER);
    peer_random_byte = 0xff; /* 2^64 - 1 modulo the bound and 1 */
    EXPECT_INT(wait_ms_after(answer), UINT64_MAX % 101);
    EXPECT_INT(wait_ms_after(answer), UINT64_MAX % 201);
    EXPECT_INT(wait_ms_after(answer), UINT64_MAX % 401);
    peer_end(&peer);
}
