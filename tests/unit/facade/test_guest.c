/* The library as a guest: on the host's loop, beside others, without a trace.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/test.h"

#define LOOPS 3

static void on_count(void *context, const struct ringtail_event *event)
{
    uint64_t *count = context;
    *count += event->kind == RINGTAIL_EVENT ? 1 : 0;
}

static void publish(struct ringtail_broker *broker)
{
    EXPECT_INT(ringtail_publish(broker, "a", "x", 1, NULL, NULL), 0);
}

TEST("several brokers live on one loop, and do not know of each other")
{
    uv_loop_t loop;
    struct ringtail_broker *brokers[LOOPS];
    struct ringtail_subscription *subscription = NULL;
    uint64_t counts[LOOPS] = {0};
    EXPECT_INT(uv_loop_init(&loop), 0);
    for (int i = 0; i < LOOPS; i++) {
        EXPECT_INT(ringtail_broker_create(NULL, &loop, &brokers[i]), 0);
        EXPECT_INT(ringtail_broker_listen(brokers[i], "127.0.0.1:0", 0), 0);
        EXPECT_INT(ringtail_subscribe(brokers[i], "a", NULL, on_count,
                                      &counts[i], &subscription),
                   0);
    }
    EXPECT(ringtail_broker_port(brokers[0]) !=
           ringtail_broker_port(brokers[1]));
    publish(brokers[1]);
    publish(brokers[2]);
    publish(brokers[2]);
    ringtail_broker_stop(brokers[0], 0, NULL, NULL);
    for (int turns = 0; turns < 10; turns++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < LOOPS; i++) {
        EXPECT_INT(counts[i], i);
    }
    publish(brokers[1]);
    ringtail_broker_stop(brokers[1], 0, NULL, NULL);
    ringtail_broker_stop(brokers[2], 0, NULL, NULL);
    EXPECT_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(counts[1], 2);
    EXPECT_INT(uv_loop_close(&loop), 0);
    for (int i = 0; i < LOOPS; i++) {
        ringtail_broker_destroy(brokers[i]);
    }
}

static void *run_a_loop(void *argument)
{
    struct test_host host;
    struct ringtail_subscription *subscription = NULL;
    uint64_t *count = argument;
    test_host_start(&host, NULL);
    EXPECT_INT(ringtail_subscribe(host.broker, "a", NULL, on_count, count,
                                  &subscription),
               0);
    for (uint64_t i = 1; i <= 1000; i++) {
        publish(host.broker);
        test_host_until(&host, count, i);
    }
    test_host_finish(&host);
    return NULL;
}

TEST("several loops, each in its thread, have a broker each")
{
    pthread_t threads[LOOPS];
    uint64_t counts[LOOPS] = {0};
    for (int i = 0; i < LOOPS; i++) {
        EXPECT_INT(pthread_create(&threads[i], NULL, run_a_loop, &counts[i]),
                   0);
    }
    for (int i = 0; i < LOOPS; i++) {
        EXPECT_INT(pthread_join(threads[i], NULL), 0);
        EXPECT_INT(counts[i], 1000);
    }
}

static void on_stopped(void *context)
{
    ++*(int *)context;
}

TEST("a broker keeps the loop going until it stops, unless told otherwise")
{
    static struct test_peer peer;
    struct test_host host;
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_subscribe(&peer, "a");
    EXPECT_INT(uv_run(&host.loop, UV_RUN_NOWAIT), 1);
    EXPECT(uv_loop_alive(&host.loop));
    ringtail_broker_unref(host.broker);
    ringtail_broker_unref(host.broker);
    EXPECT(!uv_loop_alive(&host.loop));
    /* Returns at once, though nothing has stopped. */
    EXPECT_INT(uv_run(&host.loop, UV_RUN_DEFAULT), 0);
    publish(host.broker);
    EXPECT_INT(uv_run(&host.loop, UV_RUN_NOWAIT), 0);
    ringtail_broker_ref(host.broker);
    EXPECT(uv_loop_alive(&host.loop));
    ringtail_broker_unref(host.broker);
    test_host_finish(&host); /* waits for it to stop all the same */
    test_peer_close(&peer);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the host's own, which keeps its loop going */
}

TEST("what begins while a broker is unreferenced is so, too")
{
    static struct test_peer peer;
    struct test_host host;
    uv_timer_t timer;
    test_host_init(&host, NULL);
    (void)uv_timer_init(&host.loop, &timer);
    (void)uv_timer_start(&timer, on_timer, 1000, 1000);
    ringtail_broker_unref(host.broker);
    test_host_listen(&host);
    test_peer_connect(&peer, &host);
    test_peer_subscribe(&peer, "a");
    uv_close((uv_handle_t *)&timer, NULL);
    test_host_turn(&host);
    EXPECT(!uv_loop_alive(&host.loop));
    test_peer_close(&peer);
    test_host_finish(&host);
}

TEST("done may destroy the broker and close the loop's last handle")
{
    uv_loop_t loop;
    struct ringtail_broker *broker = NULL;
    int stopped = 0;
    EXPECT_INT(uv_loop_init(&loop), 0);
    EXPECT_INT(ringtail_broker_create(NULL, &loop, &broker), 0);
    ringtail_broker_stop(broker, 0, on_stopped, &stopped);
    EXPECT_INT(stopped, 0);
    EXPECT_INT(uv_run(&loop, UV_RUN_DEFAULT), 0);
    EXPECT_INT(stopped, 1);
    ringtail_broker_destroy(broker);
    EXPECT_INT(uv_loop_close(&loop), 0);
}

TEST("the loop does not wait while there is work, and waits when there is none")
{
    static struct test_peer peer;
    struct test_host host;
    struct ringtail_subscription *subscription = NULL;
    uint64_t count = 0;
    test_host_start(&host, NULL);
    test_peer_connect(&peer, &host);
    test_peer_subscribe(&peer, "a");
    test_host_turn(&host);
    EXPECT(uv_backend_timeout(&host.loop) > 0);
    publish(host.broker);
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    test_host_turn(&host);
    test_host_turn(&host);
    EXPECT(uv_backend_timeout(&host.loop) > 0);
    EXPECT_INT(ringtail_subscribe(host.broker, "a", "earliest", on_count,
                                  &count, &subscription),
               0);
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    test_host_until(&host, &count, 1);
    ringtail_subscription_pause(subscription);
    publish(host.broker);
    test_host_turn(&host);
    test_host_turn(&host);
    EXPECT(uv_backend_timeout(&host.loop) > 0);
    ringtail_subscription_resume(subscription);
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    for (int i = 0; i < 6000; i++) {
        publish(host.broker);
    }
    test_host_turn(&host);
    EXPECT(count < 6000);
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    test_host_begin_stop(&host, 0);
    EXPECT_INT(uv_backend_timeout(&host.loop), 0);
    test_host_stop(&host);
    EXPECT_INT(count, 6002);
    test_host_finish(&host);
    test_peer_close(&peer);
}

/* --- signals --- */

TEST("no signal's disposition changes, and no mask")
{
    struct sigaction before[NSIG];
    sigset_t mask;
    memset(before, 0, sizeof(before));
    (void)sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, NULL, &before[i]);
    }
    uint64_t count = 0;
    (void)run_a_loop(&count);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction after;
        memset(&after, 0, sizeof(after));
        (void)sigaction(i, NULL, &after);
        EXPECT(before[i].sa_handler == after.sa_handler);
    }
    sigset_t mask_after;
    (void)sigprocmask(SIG_BLOCK, NULL, &mask_after);
    for (int i = 1; i < NSIG; i++) {
        EXPECT_INT(sigismember(&mask_after, i), sigismember(&mask, i));
    }
}

/* --- threads --- */

static void *misuse(void *argument)
{
    struct test_host *host = argument;
    (void)ringtail_publish(host->broker, "a", "x", 1, NULL, NULL);
    return NULL;
}

/* In a process of its own, for it ends in an abort. */
static int misuse_in_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct test_host host;
        pthread_t thread;
        (void)close(STDERR_FILENO);
        test_host_init(&host, NULL);
        (void)pthread_create(&thread, NULL, misuse, &host);
        (void)pthread_join(thread, NULL);
        _exit(0);
    }
    int status = 0;
    EXPECT_INT(waitpid(child, &status, 0), child);
    return status;
}

TEST("a call from the wrong thread is caught in debug builds")
{
    int status = misuse_in_child();
#ifdef RT_DEBUG
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#else
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

/* --- the time for a stop --- */

/* A broker that stops while half a request has come. */
static void
stop_within(struct test_host *host, struct test_peer *peer, uint64_t drain_ms)
{
    test_host_start(host, NULL);
    test_peer_connect(peer, host);
    test_peer_send(peer, "GET /livez HTTP/1.1\r\n");
    test_host_turns(host, 5);
    test_host_begin_stop(host, drain_ms);
}

TEST("a stop takes no more time than it is given, and no less if it needs it")
{
    static struct test_peer peer;
    struct test_host host;
    stop_within(&host, &peer, 1100);
    uint64_t begin = uv_now(&host.loop);
    TEST_UNTIL(&host.loop, host.is_stopped);
    uint64_t passed = uv_now(&host.loop) - begin;
    EXPECT(passed >= 1100 && passed < 1900);
    test_host_finish(&host);
    test_peer_close(&peer);
}

TEST("a stop may be given all the time there is")
{
    static struct test_peer peer;
    struct test_host host;
    stop_within(&host, &peer, RINGTAIL_UNLIMITED);
    uint64_t begin = uv_now(&host.loop);
    TEST_UNTIL(&host.loop, uv_now(&host.loop) > begin + 1500);
    EXPECT(!host.is_stopped);
    test_peer_send(&peer, "Host: a\r\n\r\n");
    test_peer_await(&peer, "HTTP/1.1 200 ");
    test_peer_close(&peer);
    test_host_finish(&host);
}

/* --- verdicts from the wrong thread --- */

static enum ringtail_verdict keep(void *context,
                                  const struct ringtail_request *request,
                                  struct ringtail_authorization *question)
{
    struct ringtail_authorization **kept = context;
    (void)request;
    *kept = question;
    return RINGTAIL_LATER;
}

static void *allow(void *question)
{
    ringtail_authorize(question, RINGTAIL_ALLOW);
    return NULL;
}

static void authorize_from_thread(void)
{
    static struct test_peer peer;
    struct ringtail_authorization *question = NULL;
    struct ringtail_config config;
    struct test_host host;
    pthread_t thread;
    ringtail_config_init(&config);
    config.authorize = keep;
    config.authorize_context = &question;
    test_host_start(&host, &config);
    test_peer_connect(&peer, &host);
    test_peer_send(&peer, TEST_HELLO("a"));
    TEST_UNTIL(&host.loop, question != NULL);
    (void)pthread_create(&thread, NULL, allow, question);
    (void)pthread_join(thread, NULL);
}

TEST("so is a verdict from the wrong thread")
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        authorize_from_thread();
        _exit(0);
    }
    EXPECT_INT(waitpid(child, &status, 0), child);
#ifdef RT_DEBUG
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#else
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}
