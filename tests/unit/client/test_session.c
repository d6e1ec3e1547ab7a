#include "tests/unit/client/peer.h"

static struct peer peer;

TEST("a session connects at once, and a subscriber has to be let in")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_expect_state(&peer, RINGTAIL_SESSION_WAITING);
    EXPECT_INT(ringtail_session_wanted(peer.session), RINGTAIL_WANT_NOTHING);
    peer_connect(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_OPENING);
    peer_expect(&peer, "");
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    peer_expect_state(&peer, RINGTAIL_SESSION_OPEN);
    peer_expect(&peer, "open\n");
    peer_end(&peer);
}

TEST("connecting takes no longer than connect_ms")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_PUBLISHER);
    peer_wait(&peer);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), 1000 + 10000);
    ringtail_session_elapsed(peer.session, 1000 + 9999);
    peer_expect_state(&peer, RINGTAIL_SESSION_CONNECTING);
    peer_wait(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_let_go(&peer);
    char log[64];
    (void)snprintf(log, sizeof(log), "lost %d 0 '' 0\n", -ETIMEDOUT);
    peer_expect(&peer, log);
    peer_expect_state(&peer, RINGTAIL_SESSION_IDLE);
    peer_end(&peer);
}

TEST("a handshake that is not answered counts as not connected")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    peer_wait(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_let_go(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_WAITING);
    peer_end(&peer);
}

static uint64_t wait_ms_after_failure(void)
{
    peer_wait(&peer);
    peer_disconnect(&peer, -ECONNREFUSED);
    return ringtail_session_deadline_ms(peer.session) - peer.now_ms;
}

TEST("waits grow, and begin again after a connection that brought something")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_random_byte = 0xff; /* 2^64 - 1 modulo the bound and 1 */
    EXPECT_INT(wait_ms_after_failure(), UINT64_MAX % 101);
    EXPECT_INT(wait_ms_after_failure(), UINT64_MAX % 201);
    EXPECT_INT(wait_ms_after_failure(), UINT64_MAX % 401);
    peer_connect(&peer);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    peer_disconnect(&peer, -ECONNRESET);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session) - peer.now_ms,
               UINT64_MAX % 801);
    peer_connect(&peer);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    peer_feed_text(&peer, "\x81\x01x");
    peer_disconnect(&peer, -ECONNRESET);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session) - peer.now_ms,
               UINT64_MAX % 101);
    peer_end(&peer);
}

TEST("a connection that lasted counts as good, though it brought nothing")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_random_byte = 0xff;
    (void)wait_ms_after_failure();
    (void)wait_ms_after_failure();
    peer_connect(&peer);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    peer.now_ms += RINGTAIL_CLIENT_STEADY_MS;
    peer_disconnect(&peer, -ECONNRESET);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session) - peer.now_ms,
               UINT64_MAX % 101);
    peer_end(&peer);
}

TEST("a subscriber's connection on which nothing arrives is lost")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    peer.now_ms += 59999;
    ringtail_session_elapsed(peer.session, peer.now_ms);
    peer_feed_text(&peer, "\x89");
    ringtail_session_elapsed(peer.session, peer.now_ms + 1);
    peer_expect_state(&peer, RINGTAIL_SESSION_OPEN);
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), peer.now_ms + 60000);
    peer_wait(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_end(&peer);
}

TEST("what arrives after a session began to leave means nothing")
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer_connect(&peer);
    peer_feed_text(&peer, "SSH-2.0-OpenSSH\r\n\r\n");
    peer_expect_state(&peer, RINGTAIL_SESSION_LEAVING);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    EXPECT_INT(ringtail_session_deadline_ms(peer.session), UINT64_MAX);
    peer_expect(&peer, "");
    peer_let_go(&peer);
    peer_expect_state(&peer, RINGTAIL_SESSION_WAITING);
    peer_end(&peer);
}

TEST("a cursor is written as the broker writes it")
{
    char text[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format((struct ringtail_cursor){0x7f, 1042}, text);
    EXPECT_TEXT(rt_bytes_of(text), "0000007f-1042");
    ringtail_cursor_format((struct ringtail_cursor){UINT32_MAX, UINT64_MAX},
                           text);
    EXPECT_TEXT(rt_bytes_of(text), "ffffffff-18446744073709551615");
}

/* Run under a sanitizer: nothing is touched after it was freed. */
static void destroy_after(const char *word)
{
    peer_begin_kind(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    peer.destroys_after = word;
    peer_connect(&peer);
    peer_feed_text(&peer, PEER_SWITCHES "7f3a9c21-4\r\n\r\n");
    if (peer.session != NULL) {
        peer_feed_text(&peer, "\x81\x01x\x81\x01y");
    }
    if (peer.session != NULL && strcmp(word, "gap") == 0) {
        peer_feed_close(&peer, 4410, "cursor-evicted; cursor=7f3a9c21-902");
    }
    if (peer.session != NULL) {
        peer_disconnect(&peer, -ECONNRESET);
    }
    EXPECT(peer.session == NULL);
}

TEST("a session may be destroyed in any of its callbacks")
{
    static const char *const words[] = {"open", "text x", "text y", "gap",
                                        "lost"};
    for (size_t i = 0; i < RT_ARRAY_LENGTH(words); i++) {
        destroy_after(words[i]);
    }
}
