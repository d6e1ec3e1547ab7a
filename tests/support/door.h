/*
 * A host that wants to be asked who may publish and subscribe, and answers what
 * the test has told it to.
 */
#ifndef TESTS_SUPPORT_DOOR_H
#define TESTS_SUPPORT_DOOR_H

#include "tests/support/peer.h"

#define QUESTIONS_MAX 32
#define TEXT_MAX      128

struct door {
    struct host host;
    enum ringtail_verdict verdict;
    enum ringtail_verdict
        inside; /* given in the callback, if it is not ALLOW */
    unsigned asked;
    struct ringtail_authorization *waiting[QUESTIONS_MAX];
    struct ringtail_request shown; /* the last one, with its texts copied */
    char texts[6][TEXT_MAX];
};

/* Starts a host that gives a verdict; with a head_timeout in milliseconds. */
void door_open(struct door *door, enum ringtail_verdict verdict);
void door_open_with(struct door *door,
                    enum ringtail_verdict verdict,
                    uint64_t head_timeout);

/* Waits until the host has been asked so often. */
void door_await(struct door *door, unsigned count);

/* Nothing is answered, in whatever time it takes for nothing to happen. */
void door_expect_silence(struct peer *peer);

/* A request: what follows the name of the last header field is its value, and
 * the payload. */
#define PRODUCE(topic, headers, payload)                      \
    "POST /produce/" topic " HTTP/1.1\r\nHost: a\r\n" headers \
    "Content-Length: " payload

#define HELLO(topic) PRODUCE(topic, "", "5\r\n\r\nhello")

#endif
