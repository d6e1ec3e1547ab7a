/*
 * A host of the library: a loop and a broker on it, in the test's own thread.
 * The test lets the loop turn and looks at what has come of it. Each wait has a
 * bound, beyond which the test fails.
 */
#ifndef TESTS_SUPPORT_HOST_H
#define TESTS_SUPPORT_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "ringtail/ringtail.h"

struct test_host {
    uv_loop_t loop;
    struct ringtail_broker *broker;
    bool is_stopping;
    bool is_stopped; /* the broker has said so */
};

/* A broker that does not listen; `config` may be NULL. Expects success. */
void test_host_init(struct test_host *host,
                    const struct ringtail_config *config);

/* Listens, on a free port of 127.0.0.1 if not told where. Expects success. */
void test_host_listen(struct test_host *host);
void test_host_listen_on(struct test_host *host, const char *address);

/* Both of the above. */
void test_host_start(struct test_host *host,
                     const struct ringtail_config *config);

/* Runs the loop for a turn, or for several, without waiting. */
void test_host_turn(struct test_host *host);
void test_host_turns(struct test_host *host, unsigned count);

/* Runs turns until the value is not smaller any more. */
void test_host_until(struct test_host *host,
                     const uint64_t *value,
                     uint64_t expected);

/* Tells the broker to stop, and expects that it has not done so at once. */
void test_host_begin_stop(struct test_host *host, uint64_t drain_ms);

/* Stops the broker, if the test has not begun to, and runs the loop until
 * nothing is left on it. */
void test_host_stop(struct test_host *host);

/* Puts a new broker, which does not listen, into the place of a stopped one. */
void test_host_replace(struct test_host *host);

/* Stops, expects that the loop has nothing left on it, and destroys. */
void test_host_finish(struct test_host *host);

/* Runs turns of any loop until the condition holds. */
#define TEST_UNTIL(loop, condition)                               \
    do {                                                          \
        uint64_t test_until_ms = test_patience_ms();              \
        while (!(condition)) {                                    \
            test_wait((loop), test_until_ms, __FILE__, __LINE__); \
        }                                                         \
    } while (false)

/* Until when a wait that begins now may last, and a turn of such a wait. */
uint64_t test_patience_ms(void);
void test_wait(uv_loop_t *loop, uint64_t until_ms, const char *file, int line);

#endif
