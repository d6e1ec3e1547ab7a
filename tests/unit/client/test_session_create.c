#include "tests/unit/client/peer.h"

static int create(const struct ringtail_session_options *options)
{
    struct ringtail_session *session = NULL;
    int err = ringtail_session_create(options, &session);
    ringtail_session_destroy(session);
    return err;
}

TEST("the defaults make a publisher, and with a topic a subscriber")
{
    struct ringtail_session_options options;
    ringtail_session_options_init(&options, RINGTAIL_SESSION_PUBLISHER);
    EXPECT_INT(create(&options), 0);
    ringtail_session_options_init(&options, RINGTAIL_SESSION_SUBSCRIBER);
    EXPECT_INT(create(&options), RINGTAIL_ETOPIC);
    options.topic = "news";
    EXPECT_INT(create(&options), 0);
}

TEST("what cannot be is refused")
{
    static char since[RT_SESSION_SINCE_MAX + 2];
    struct peer peer = {0};
    struct ringtail_session_options good =
        peer_options(&peer, RINGTAIL_SESSION_SUBSCRIBER);
    struct ringtail_session_options options = good;
    options.url = "https://localhost";
    EXPECT_INT(create(&options), RINGTAIL_ETLS);
    options.url = NULL;
    EXPECT_INT(create(&options), RINGTAIL_EURL);
    options = good;
    options.topic = "a..b";
    EXPECT_INT(create(&options), RINGTAIL_ETOPIC);
    options = good;
    memset(since, '1', sizeof(since) - 1);
    options.since = since;
    EXPECT_INT(create(&options), RINGTAIL_EVALUE);
}

TEST("a limit is positive")
{
    struct peer peer = {0};
    struct ringtail_session_options good =
        peer_options(&peer, RINGTAIL_SESSION_PUBLISHER);
    struct ringtail_session_options options = good;
    options.in_flight_events = 0;
    EXPECT_INT(create(&options), RINGTAIL_EVALUE);
    options = good;
    options.retry_max_ms = 0;
    EXPECT_INT(create(&options), RINGTAIL_EVALUE);
    options = good;
    options.event_bytes = UINT64_MAX;
    EXPECT_INT(create(&options), RINGTAIL_EVALUE);
}

TEST("options of an older header have the defaults for the rest")
{
    struct peer peer = {0};
    struct ringtail_session_options options =
        peer_options(&peer, RINGTAIL_SESSION_PUBLISHER);
    options.size = offsetof(struct ringtail_session_options, in_flight_events);
    options.in_flight_events = 0;
    EXPECT_INT(create(&options), 0);
}

TEST("the defaults are written as far as the caller's struct goes")
{
    struct ringtail_session_options options;
    size_t size = offsetof(struct ringtail_session_options, silence_ms);
    options.silence_ms = 7;
    ringtail_session_options_init_sized(&options, size,
                                        RINGTAIL_SESSION_PUBLISHER);
    EXPECT_INT(options.size, size);
    EXPECT_INT(options.event_bytes, RINGTAIL_CLIENT_EVENT_BYTES);
    EXPECT_INT(options.silence_ms, 7);
}

TEST("a caller with a newer header has what this library knows")
{
    struct {
        struct ringtail_session_options known;
        uint64_t newer;
    } caller = {.newer = 7};
    ringtail_session_options_init_sized(&caller.known, sizeof(caller),
                                        RINGTAIL_SESSION_PUBLISHER);
    EXPECT_INT(caller.known.size, sizeof(caller.known));
    EXPECT_INT(caller.newer, 7);
    EXPECT_INT(create(&caller.known), 0);
}

TEST("every allocation may fail")
{
    for (int kind = RINGTAIL_SESSION_PUBLISHER;
         kind <= (int)RINGTAIL_SESSION_SUBSCRIBER; kind++) {
        struct peer peer = {0};
        struct ringtail_session_options options =
            peer_options(&peer, (enum ringtail_session_kind)kind);
        int err = RT_ENOMEM;
        for (uint64_t k = 1; err == RT_ENOMEM; k++) {
            test_heap_init(&peer.heap, SIZE_MAX);
            test_heap_fail_at(&peer.heap, k);
            err = peer_create(&peer, &options);
        }
        EXPECT_INT(err, 0);
        peer_end(&peer);
    }
}
