/* A host whose disk does what the test says, and a peer of it. */
#ifndef TESTS_UNIT_NET_SYNCED_H
#define TESTS_UNIT_NET_SYNCED_H

#include "broker/core/topic.h"
#include "broker/facade.h"
#include "tests/support/committer.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

static struct test_host host;
static struct test_committer committer;
static struct test_peer peer;

#define KEYED(topic) \
    TEST_PRODUCE(topic, "Idempotency-Key: \"k\"\r\n", "1\r\n\r\nx")

static inline void begin(void)
{
    test_host_start(&host, NULL);
    test_committer_init(&committer, &host);
    test_peer_connect(&peer, &host);
}

static inline void finish(void)
{
    test_peer_close(&peer);
    test_committer_finish(&committer);
}

static inline struct rt_topic *topic_of(const char *name)
{
    return rt_topic_find(&host.broker->server.core, rt_bytes_of(name));
}

#endif
