/*
 * A host that wants to be asked who may publish and subscribe, and answers what
 * the test has told it to.
 */
#ifndef TESTS_SUPPORT_DOOR_H
#define TESTS_SUPPORT_DOOR_H

#include "tests/support/peer.h"

#define TEST_DOOR_QUESTIONS_MAX 32
#define TEST_DOOR_TEXT_MAX      128

struct test_door {
    struct test_host host;
    enum ringtail_verdict verdict;
    enum ringtail_verdict
        inside; /* given in the callback, if it is not ALLOW */
    uint64_t asked;
    uint64_t stops_at; /* asked so often, it stops the broker; 0: never */
    uint64_t drain_ms; /* which may take so long */
    struct ringtail_authorization *waiting[TEST_DOOR_QUESTIONS_MAX];
    struct ringtail_request shown; /* the last one, with its texts copied */
    char texts[6][TEST_DOOR_TEXT_MAX];
};

/* Starts a host that gives a verdict; with a head_timeout in milliseconds. */
void test_door_open(struct test_door *door, enum ringtail_verdict verdict);
void test_door_open_with(struct test_door *door,
                         enum ringtail_verdict verdict,
                         uint64_t head_timeout);

/* Waits until the host has been asked so often. */
void test_door_await(struct test_door *door, uint64_t count);

#endif
