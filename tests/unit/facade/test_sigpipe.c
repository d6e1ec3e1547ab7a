#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/net/sigpipe.h"
#include "tests/support/peer.h"
#include "tests/support/test.h"

/* Their answers are more than a narrow peer takes without reading them. */
#define REQUEST_COUNT 1500
#define EMPTY_EVENT   TEST_PRODUCE("a", "", "0\r\n\r\n")

/* --- the guard --- */

static bool is_blocked(void)
{
    sigset_t now;
    EXPECT_INT(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    return sigismember(&now, SIGPIPE) == 1;
}

static bool is_pending(void)
{
    sigset_t pending;
    EXPECT_INT(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

static void set_blocked(bool is_blocked)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    EXPECT_INT(
        pthread_sigmask(is_blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL), 0);
}

static void init_guard(struct rt_sigpipe *guard, void (*action)(int))
{
    (void)signal(SIGPIPE, action);
    rt_sigpipe_init(guard);
}

TEST("a SIGPIPE of a guarded write is taken away, and the mask is as it was")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_DFL);
    rt_sigpipe_enter(&guard);
    EXPECT_INT(raise(SIGPIPE), 0);
    EXPECT(is_pending());
    rt_sigpipe_leave(&guard);
    EXPECT(!is_pending());
    EXPECT(!is_blocked());
}

TEST("with writes queued the guard holds while the loop polls")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_DFL);
    rt_sigpipe_prepare(&guard, true);
    EXPECT_INT(raise(SIGPIPE), 0);
    rt_sigpipe_check(&guard);
    EXPECT(!is_pending());
    EXPECT(!is_blocked());
}

TEST("what is queued while the loop polls is guarded until it has polled")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_DFL);
    rt_sigpipe_prepare(&guard, false);
    EXPECT(!is_blocked());
    rt_sigpipe_enter(&guard);
    rt_sigpipe_leave(&guard);
    EXPECT(is_blocked());
    rt_sigpipe_enter(&guard);
    EXPECT_INT(raise(SIGPIPE), 0);
    rt_sigpipe_leave(&guard);
    rt_sigpipe_check(&guard);
    EXPECT(!is_pending());
    EXPECT(!is_blocked());
}

TEST("a host that has blocked SIGPIPE finds it blocked, and none of ours")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_DFL);
    set_blocked(true);
    rt_sigpipe_enter(&guard);
    EXPECT_INT(raise(SIGPIPE), 0);
    rt_sigpipe_leave(&guard);
    EXPECT(is_blocked());
    EXPECT(!is_pending());
    set_blocked(false);
}

TEST("a SIGPIPE that the host has pending stays so")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_DFL);
    set_blocked(true);
    EXPECT_INT(raise(SIGPIPE), 0);
    rt_sigpipe_enter(&guard);
    rt_sigpipe_leave(&guard);
    EXPECT(is_pending());
    (void)signal(SIGPIPE, SIG_IGN);
    set_blocked(false);
}

TEST("where SIGPIPE is ignored nothing is done about it")
{
    struct rt_sigpipe guard;
    init_guard(&guard, SIG_IGN);
    rt_sigpipe_prepare(&guard, true);
    EXPECT(!is_blocked());
    rt_sigpipe_enter(&guard);
    EXPECT(!is_blocked());
    rt_sigpipe_leave(&guard);
    rt_sigpipe_check(&guard);
}

/* --- a host that has left SIGPIPE as it was: it ends the process --- */

static void start(struct test_host *host)
{
    (void)signal(SIGPIPE, SIG_DFL);
    test_host_start(host, NULL);
}

static void publish(struct test_peer *peer, const char *payload)
{
    char request[256];
    (void)snprintf(request, sizeof(request),
                   TEST_PRODUCE("a", "", "%zu\r\n\r\n%s"), strlen(payload),
                   payload);
    test_peer_send(peer, request);
}

TEST("a peer resets a connection that has answers queued")
{
    struct test_host host;
    static struct test_peer peer;
    start(&host);
    test_peer_connect_narrow(&peer, &host);
    test_peer_send_times(&peer, EMPTY_EVENT, REQUEST_COUNT);
    test_host_turns(&host, 50);
    test_peer_vanish(&peer);
    test_host_turns(&host, 50);
    EXPECT(!is_blocked());
    test_host_finish(&host);
}

/* Who goes when a write is about to be queued, or NULL. */
static struct test_peer *vanishing;

/* Comes before libuv's own, which writes at once if nothing is queued yet. */
int uv_write(uv_write_t *request,
             uv_stream_t *stream,
             const uv_buf_t buffers[],
             unsigned count,
             uv_write_cb on_written)
{
    int (*libuv_write)(uv_write_t *, uv_stream_t *, const uv_buf_t[], unsigned,
                       uv_write_cb);
    void *symbol = dlsym(RTLD_NEXT, "uv_write");
    memcpy(&libuv_write, &symbol, sizeof(symbol));
    if (vanishing != NULL) {
        test_peer_vanish(vanishing);
        vanishing = NULL;
    }
    return libuv_write(request, stream, buffers, count, on_written);
}

TEST("a peer resets a connection when an answer is about to be queued")
{
    struct test_host host;
    static struct test_peer peer;
    start(&host);
    test_peer_connect_narrow(&peer, &host);
    test_peer_send_times(&peer, EMPTY_EVENT, REQUEST_COUNT);
    vanishing = &peer;
    TEST_UNTIL(&host.loop, vanishing == NULL);
    test_host_turns(&host, 50);
    EXPECT(!is_blocked());
    test_host_finish(&host);
}

/* Runs before the broker's own check: behind the input, before the fan-out. */
static void on_check(uv_check_t *check)
{
    struct test_peer *peer = check->data;
    test_peer_vanish(peer);
    uv_close((uv_handle_t *)check, NULL);
}

static void vanish_before_fan_out(struct test_host *host,
                                  struct test_peer *subscriber)
{
    static struct test_peer publisher;
    uv_check_t check;
    test_peer_connect(&publisher, host);
    test_host_turns(host, 3);
    publish(&publisher, "hello");
    EXPECT_INT(uv_check_init(&host->loop, &check), 0);
    EXPECT_INT(uv_check_start(&check, on_check), 0);
    check.data = subscriber;
    test_peer_await(&publisher, "HTTP/1.1 200 ");
    test_host_turns(host, 3);
    test_peer_close(&publisher);
}

TEST("a subscriber vanishes before an event is written to it")
{
    struct test_host host;
    static struct test_peer subscriber;
    start(&host);
    test_peer_connect(&subscriber, &host);
    test_peer_subscribe(&subscriber, "a");
    vanish_before_fan_out(&host, &subscriber);
    test_host_finish(&host);
}

TEST("a subscriber on a unix socket vanishes before an event is written to it")
{
    struct test_host host;
    static struct test_peer subscriber;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char address[sizeof(name.sun_path) + 8];
    start(&host);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "sigpipe.%d.sock",
                   (int)getpid());
    (void)snprintf(address, sizeof(address), "unix:%s", name.sun_path);
    EXPECT_INT(ringtail_broker_listen(host.broker, address, 0), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_INT(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    test_peer_init(&subscriber, &host, fd);
    test_peer_subscribe(&subscriber, "a");
    vanish_before_fan_out(&host, &subscriber);
    test_host_finish(&host);
}
