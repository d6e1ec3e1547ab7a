#include "broker/core/topic.h"
#include "broker/facade.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

static struct test_host host;
static struct test_peer peer;

/* --- what is kept of an event beside its payload --- */

static const struct rt_topic *topic_of(const char *name)
{
    const struct rt_topic *topic =
        rt_topic_find(&host.broker->server.core, rt_bytes_of(name));
    EXPECT(topic != NULL);
    return topic;
}

static struct rt_bytes type_of(const char *name, uint64_t offset)
{
    const struct rt_segment *segment =
        rt_ring_find(&topic_of(name)->ring, offset);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    return rt_segment_type(segment, rt_segment_entry(segment, index));
}

static void publish(const char *request)
{
    test_peer_send(&peer, request);
    test_peer_await(&peer, "HTTP/1.1 200 ");
}

static void begin(void)
{
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
}

static void finish(void)
{
    test_peer_close(&peer);
    test_host_finish(&host);
}

#define TYPED(topic, type) \
    TEST_PRODUCE(topic, "Ringtail-Type: " type "\r\n", "1\r\n\r\nx")

TEST("an event has the type that its head says, and else none")
{
    begin();
    publish(TYPED("a", "trade"));
    publish(TEST_HELLO("a"));
    publish(TYPED("a", "!#$%&'*+-.^_`|~/:"));
    EXPECT_TEXT(type_of("a", 1), "trade");
    EXPECT_TEXT(type_of("a", 2), "");
    EXPECT_TEXT(type_of("a", 3), "!#$%&'*+-.^_`|~/:");
    finish();
}

TEST("each event of a batch has the type of the batch")
{
    begin();
    publish(TEST_PRODUCE("a",
                         "Ringtail-Type: trade\r\n"
                         "Content-Type: application/x-ndjson\r\n",
                         "4\r\n\r\n1\n2\n"));
    publish(TEST_HELLO("a"));
    EXPECT_TEXT(type_of("a", 1), "trade");
    EXPECT_TEXT(type_of("a", 2), "trade");
    EXPECT_TEXT(type_of("a", 3), "");
    finish();
}

TEST("a head that is not parsed again keeps its type")
{
    begin();
    for (unsigned i = 0; i < 2; i++) {
        publish(TYPED("a", "trade"));
        publish(TYPED("b", "trade"));
        publish(TYPED("b", "other"));
        publish(TEST_HELLO("b"));
        publish(TEST_HELLO("a"));
    }
    for (uint64_t i = 0; i < 2; i++) {
        EXPECT_TEXT(type_of("a", 2 * i + 1), "trade");
        EXPECT_TEXT(type_of("a", 2 * i + 2), "");
        EXPECT_TEXT(type_of("b", 3 * i + 1), "trade");
        EXPECT_TEXT(type_of("b", 3 * i + 2), "other");
        EXPECT_TEXT(type_of("b", 3 * i + 3), "");
    }
    finish();
}

TEST("a type is kept until a body that comes in pieces is whole")
{
    begin();
    test_peer_send(
        &peer, TEST_PRODUCE("a", "Ringtail-Type: trade\r\n", "5\r\n\r\nhe"));
    test_host_turns(&host, 3);
    publish("llo");
    EXPECT_TEXT(type_of("a", 1), "trade");
    publish("POST /produce/a HTTP/1.1\r\nHost: a\r\nRingtail-Type: other\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    EXPECT_TEXT(type_of("a", 2), "other");
    finish();
}
