#include "tests/support/host.h"

#include <poll.h>

#include "tests/support/test.h"

#define PATIENCE_MS 20000

/* --- waiting --- */

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

uint64_t test_patience_ms(void)
{
    return now_ms() + PATIENCE_MS;
}

/* A millisecond, or less if the loop has something to do. */
static void doze(uv_loop_t *loop)
{
    struct pollfd ready = {.fd = uv_backend_fd(loop), .events = POLLIN};
    if (uv_backend_timeout(loop) != 0) {
        (void)poll(&ready, 1, 1);
    }
}

void test_wait(uv_loop_t *loop, uint64_t until_ms, const char *file, int line)
{
    if (now_ms() > until_ms) {
        test_fail(file, line, "waited in vain");
    }
    (void)uv_run(loop, UV_RUN_NOWAIT);
    doze(loop);
}

/* --- the host --- */

static void create(struct test_host *host, const struct ringtail_config *config)
{
    host->is_stopping = false;
    host->is_stopped = false;
    EXPECT_INT(ringtail_broker_create(config, &host->loop, &host->broker), 0);
}

void test_host_init(struct test_host *host,
                    const struct ringtail_config *config)
{
    EXPECT_INT(uv_loop_init(&host->loop), 0);
    create(host, config);
}

void test_host_listen_on(struct test_host *host, const char *address)
{
    EXPECT_INT(ringtail_broker_listen(host->broker, address, 0), 0);
}

void test_host_listen(struct test_host *host)
{
    test_host_listen_on(host, "127.0.0.1:0");
    EXPECT(ringtail_broker_port(host->broker) > 0);
}

void test_host_start(struct test_host *host,
                     const struct ringtail_config *config)
{
    test_host_init(host, config);
    test_host_listen(host);
}

void test_host_turn(struct test_host *host)
{
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
}

void test_host_turns(struct test_host *host, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        test_host_turn(host);
    }
}

void test_host_until(struct test_host *host,
                     const uint64_t *value,
                     uint64_t expected)
{
    TEST_UNTIL(&host->loop, *value >= expected);
    EXPECT_INT(*value, expected);
}

static void on_stopped(void *context)
{
    struct test_host *host = context;
    EXPECT(!host->is_stopped);
    host->is_stopped = true;
}

void test_host_begin_stop(struct test_host *host, uint64_t drain_ms)
{
    host->is_stopping = true;
    ringtail_broker_stop(host->broker, drain_ms, on_stopped, host);
    EXPECT(!host->is_stopped);
}

void test_host_stop(struct test_host *host)
{
    if (!host->is_stopping) {
        test_host_begin_stop(host, 0);
    }
    EXPECT_INT(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    EXPECT(host->is_stopped);
}

void test_host_replace(struct test_host *host)
{
    EXPECT(host->is_stopped);
    ringtail_broker_destroy(host->broker);
    create(host, NULL);
}

void test_host_finish(struct test_host *host)
{
    test_host_stop(host);
    EXPECT_INT(uv_loop_close(&host->loop), 0);
    ringtail_broker_destroy(host->broker);
}
