/* The host is asked about the operations of a WebSocket, one by one. */
#include <string.h>

#include "broker/facade.h"
#include "tests/support/door.h"
#include "tests/support/test.h"

#define DIALOG(path, headers)                      \
    "GET /subscribe" path " HTTP/1.1\r\n"          \
    "Host: a\r\n"                                  \
    "Upgrade: websocket\r\n"                       \
    "Connection: Upgrade\r\n"                      \
    "Sec-WebSocket-Version: 13\r\n"                \
    "Sec-WebSocket-Protocol: ringtail.v1.json\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" headers "\r\n"

static struct test_door door;
static struct test_peer peer;

static void begin(enum ringtail_verdict verdict, const char *handshake)
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, handshake);
    test_peer_await(&peer, "\"op\":\"open\"");
    test_peer_await(&peer, "}");
    door.verdict = verdict;
    door.asked = 0;
}

static void end(void)
{
    test_peer_close(&peer);
    test_host_finish(&door.host);
}

/* As a short text message, under a mask that changes nothing. */
static void say(const char *text)
{
    size_t len = strlen(text);
    char bytes[6 + 125] = {(char)0x81, (char)(0x80 | len)};
    EXPECT(len <= 125);
    memcpy(bytes + 6, text, len);
    test_peer_send_bytes(&peer, bytes, 6 + len);
}

TEST("sub and pub are asked about, with what the handshake said")
{
    begin(RINGTAIL_ALLOW,
          DIALOG("", "Authorization: Bearer x\r\nCookie: a=b\r\n"
                     "Origin: https://example.org\r\n"));
    say("{\"op\":\"pub\",\"id\":1,\"topic\":\"a\",\"data\":1}");
    test_peer_await(&peer, "\"id\":1,\"topic\":\"a\"");
    EXPECT_INT(door.asked, 1);
    EXPECT_INT(door.shown.action, RINGTAIL_PRODUCE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    EXPECT_TEXT(rt_bytes_of(door.shown.authorization), "Bearer x");
    EXPECT_TEXT(rt_bytes_of(door.shown.cookie), "a=b");
    EXPECT_TEXT(rt_bytes_of(door.shown.origin), "https://example.org");
    EXPECT(door.shown.query == NULL);
    say("{\"op\":\"sub\",\"id\":2,\"topic\":\"b\"}");
    test_peer_await(&peer, "\"id\":2,\"topic\":\"b\"");
    EXPECT_INT(door.shown.action, RINGTAIL_SUBSCRIBE);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b");
    EXPECT_INT(door.asked, 2);
    end();
}

TEST("the other operations are not, nor those that are malformed")
{
    begin(RINGTAIL_FORBIDDEN, DIALOG("/a?since=now", ""));
    EXPECT_INT(door.asked, 0);
    say("{\"op\":\"ping\"}");
    say("{\"op\":\"auth\",\"token\":\"x\"}");
    say("{\"op\":\"unsub\",\"topic\":\"a\"}");
    test_peer_await(&peer, "\"topic\":\"a\",\"cursor\"");
    say("{\"op\":\"sub\",\"topic\":\"a\",\"since\":\"x\"}");
    test_peer_await(&peer, "bad-parameter");
    say("{\"op\":\"pub\",\"topic\":\"a\"}");
    test_peer_await(&peer, "data: it is missing");
    EXPECT_INT(door.asked, 0);
    end();
}

TEST("what is refused is an error, and nothing else happens")
{
    begin(RINGTAIL_FORBIDDEN, DIALOG("", ""));
    say("{\"op\":\"pub\",\"id\":1,\"topic\":\"a\",\"data\":1}");
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":1,");
    test_peer_await(&peer, "forbidden");
    door.verdict = RINGTAIL_UNAUTHORIZED;
    say("{\"op\":\"sub\",\"id\":2,\"topic\":\"a\"}");
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":2,");
    test_peer_await(&peer, "unauthorized");
    EXPECT_INT(door.host.broker->server.core.counters.events_produced, 0);
    EXPECT_INT(door.host.broker->server.core.subscriber_count, 0);
    end();
}

TEST("operations wait for a verdict in their order")
{
    begin(RINGTAIL_LATER, DIALOG("", ""));
    say("{\"op\":\"pub\",\"id\":1,\"topic\":\"a\",\"data\":1}");
    say("{\"op\":\"sub\",\"id\":2,\"topic\":\"b\"}");
    say("{\"op\":\"ping\",\"id\":3}");
    test_door_await(&door, 1);
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_door_await(&door, 2);
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":1,");
    test_peer_await(&peer, "}");
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[1], RINGTAIL_FORBIDDEN);
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":2,");
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":3,");
    EXPECT_INT(door.asked, 2);
    end();
}

TEST("a verdict for a peer that has left harms nobody")
{
    begin(RINGTAIL_LATER, DIALOG("", ""));
    say("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1}");
    test_door_await(&door, 1);
    test_peer_vanish(&peer);
    test_host_turns(&door.host, 5);
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_host_turns(&door.host, 5);
    test_host_finish(&door.host);
}

TEST("a broker stops and goes though an operation is undecided")
{
    begin(RINGTAIL_LATER, DIALOG("", ""));
    say("{\"op\":\"pub\",\"topic\":\"a\",\"data\":1}");
    say("{\"op\":\"ping\"}");
    test_door_await(&door, 1);
    test_host_finish(&door.host);
    test_peer_close(&peer);
}

TEST("a host that never answers is given up")
{
    test_door_open_with(&door, RINGTAIL_ALLOW, 1000);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, DIALOG("", ""));
    test_peer_await(&peer, "\"op\":\"open\"");
    door.verdict = RINGTAIL_LATER;
    say("{\"op\":\"sub\",\"id\":1,\"topic\":\"a\"}");
    say("{\"op\":\"ping\",\"id\":2}");
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":1,");
    test_peer_await(&peer, "authorization-timeout");
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":2,");
    end();
}

TEST("a host that stops the broker when it is asked is obeyed")
{
    begin(RINGTAIL_ALLOW, DIALOG("", ""));
    door.stops_at = 1;
    say("{\"op\":\"pub\",\"id\":1,\"topic\":\"a\",\"data\":1}");
    test_peer_await(&peer, "\"op\":\"drain\"");
    test_peer_await_end(&peer);
    EXPECT_INT(door.host.broker->server.core.counters.events_produced, 0);
    end();
}

TEST("of several topics each is asked about, and all must be allowed")
{
    begin(RINGTAIL_LATER, DIALOG("", ""));
    say("{\"op\":\"sub\",\"id\":1,\"topics\":[\"b.*\",\"a\",\"c\"]}");
    say("{\"op\":\"ping\",\"id\":2}");
    for (unsigned i = 0; i < 3; i++) {
        static const char *const topics[] = {"a", "b.*", "c"};
        test_door_await(&door, i + 1);
        EXPECT_TEXT(rt_bytes_of(door.shown.topic), topics[i]);
        EXPECT_INT(door.shown.action, RINGTAIL_SUBSCRIBE);
        test_peer_expect_silence(&peer);
        ringtail_authorize(door.waiting[i], RINGTAIL_ALLOW);
    }
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":1,\"cursor\":\"*");
    test_peer_await(&peer, "{\"op\":\"ok\",\"id\":2,");
    EXPECT_INT(door.host.broker->server.core.subscriber_count, 1);
    say("{\"op\":\"sub\",\"id\":3,\"topics\":[\"d\",\"e\",\"f\"]}");
    test_door_await(&door, 4);
    ringtail_authorize(door.waiting[3], RINGTAIL_ALLOW);
    test_door_await(&door, 5);
    ringtail_authorize(door.waiting[4], RINGTAIL_FORBIDDEN);
    test_peer_await(&peer, "{\"op\":\"error\",\"id\":3,");
    test_peer_await(&peer, "e: this topic");
    say("{\"op\":\"sub\",\"id\":4,\"topics\":[\"g\",\"h\"]}");
    test_door_await(&door, 6);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "g");
    EXPECT_INT(door.host.broker->server.core.subscriber_count, 1);
    end();
}

TEST("a handshake to several topics waits for a verdict on each")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, DIALOG("/a,b.*", ""));
    test_door_await(&door, 1);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "a");
    ringtail_authorize(door.waiting[0], RINGTAIL_ALLOW);
    test_door_await(&door, 2);
    EXPECT_TEXT(rt_bytes_of(door.shown.topic), "b.*");
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[1], RINGTAIL_ALLOW);
    test_peer_await(&peer, "\"topics\":[\"a\",\"b.*\"]");
    EXPECT_INT(door.asked, 2);
    end();
}

TEST("at once, a verdict against one of several topics is enough")
{
    test_door_open(&door, RINGTAIL_FORBIDDEN);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, "GET /subscribe/a,b HTTP/1.1\r\nHost: a\r\n\r\n");
    test_peer_await(&peer, "403 Forbidden");
    EXPECT_INT(door.asked, 1);
    EXPECT_INT(door.host.broker->server.core.subscriber_count, 0);
    end();
}

TEST("a handshake that is not allowed is told in the subprotocol")
{
    test_door_open(&door, RINGTAIL_FORBIDDEN);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, DIALOG("/a", ""));
    test_peer_await(&peer, "101 Switching");
    test_peer_await(&peer, "{\"op\":\"error\",\"problem\":");
    test_peer_await(&peer, "a: this topic");
    test_peer_await(&peer, "\x11\x33"
                           "forbidden"); /* 4403 */
    EXPECT_INT(door.host.broker->server.core.subscriber_count, 0);
    end();
}

TEST("so it is when the verdict comes later, with messages behind it")
{
    test_door_open(&door, RINGTAIL_LATER);
    test_peer_connect(&peer, &door.host);
    test_peer_send(&peer, DIALOG("/a", ""));
    say("{\"op\":\"ping\",\"id\":1}");
    test_door_await(&door, 1);
    test_peer_expect_silence(&peer);
    ringtail_authorize(door.waiting[0], RINGTAIL_UNAUTHORIZED);
    test_peer_await(&peer, "101 Switching");
    test_peer_await(&peer, "\x11\x31"
                           "unauthorized"); /* 4401 */
    test_peer_expect_silence(&peer);
    end();
}

TEST("a handshake to a broker that stops meanwhile may be tried again later")
{
    test_door_open(&door, RINGTAIL_ALLOW);
    test_peer_connect(&peer, &door.host);
    door.stops_at = 1;
    test_peer_send(&peer, DIALOG("/a", ""));
    test_peer_await(&peer, "\x03\xf5"
                           "draining"); /* 1013 */
    test_peer_await_end(&peer);
    end();
}
