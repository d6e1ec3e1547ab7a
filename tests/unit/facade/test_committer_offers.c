/* What is offered to the thread of the log, and when. */
#include <unistd.h>

#include "base/error.h"
#include "broker/net/disk_answers.h"
#include "tests/unit/facade/logged.h"

#define EVENTS      3000
#define PATIENCE_MS 10000

/* --- the thread, and what is offered to it --- */

static void begin_known(struct test_host *host,
                        struct test_directory *directory)
{
    test_directory_make(directory);
    struct ringtail_config config = config_over(directory);
    test_host_init(host, &config);
    (void)publish(host, "a");
    until_written(host);
}

static void end_known(struct test_host *host, struct test_directory *directory)
{
    test_host_finish(host);
    test_directory_remove(directory);
}

/* What the thread has written, whether the loop knows or not; and whether it
 * has taken what was offered. */
static struct rt_committer_news told(struct rt_committer *committer)
{
    uv_mutex_lock(&committer->lock);
    struct rt_committer_news news = committer->told;
    uv_mutex_unlock(&committer->lock);
    return news;
}

static bool is_taken(struct rt_committer *committer)
{
    uv_mutex_lock(&committer->lock);
    bool is_taken = committer->task.offered == NULL;
    uv_mutex_unlock(&committer->lock);
    return is_taken;
}

/* Without a turn of the loop. */
static void await_batches(struct rt_committer *committer, uint64_t count)
{
    for (int i = 0; i < PATIENCE_MS && told(committer).batches < count; i++) {
        (void)usleep(1000);
    }
    EXPECT_INT(told(committer).batches, count);
}

/* From now on the thread takes nothing, or again what is offered. */
static void halt(struct rt_committer *committer, int err)
{
    uv_mutex_lock(&committer->lock);
    committer->err = err;
    uv_cond_signal(&committer->wake);
    uv_mutex_unlock(&committer->lock);
}

/* Somebody waits for what there is. */
static void offer(struct rt_committer *committer)
{
    committer->journal.is_awaited = true;
    rt_committer_continue(committer);
}

TEST("what is offered is written without the loop")
{
    struct test_directory directory;
    struct test_host host;
    begin_known(&host, &directory);
    struct rt_committer *committer = committer_of(&host);
    uint64_t before = told(committer).batches;
    (void)publish(&host, "a");
    offer(committer);
    while (!is_taken(committer)) {
        (void)usleep(1000);
    }
    (void)publish(&host, "a");
    offer(committer);
    await_batches(committer, before + 2);
    EXPECT_INT(committer->news.batches, before);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 2);
    end_known(&host, &directory);
}

TEST("what is offered grows until the thread takes it")
{
    struct test_directory directory;
    struct test_host host;
    begin_known(&host, &directory);
    struct rt_committer *committer = committer_of(&host);
    uint64_t before = told(committer).batches;
    halt(committer, RT_ENOSPC);
    for (int i = 0; i < 3; i++) {
        (void)publish(&host, "a");
        offer(committer);
        EXPECT(!rt_committer_has_work(committer));
    }
    halt(committer, 0);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 1);
    EXPECT_INT(committer->news.events, 3);
    end_known(&host, &directory);
}

TEST("what cannot be in the same batch waits for the next, and the loop does")
{
    struct test_directory directory;
    struct test_host host;
    begin_known(&host, &directory);
    struct rt_committer *committer = committer_of(&host);
    uint64_t before = told(committer).batches;
    halt(committer, RT_ENOSPC);
    (void)publish(&host, "a");
    offer(committer);
    (void)publish(&host, "b"); /* which is new */
    offer(committer);
    EXPECT(!rt_committer_has_work(committer));
    EXPECT(!is_taken(committer));
    halt(committer, 0);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 2);
    end_known(&host, &directory);
}

TEST("whenever an offer is withdrawn, all is written once and in order")
{
    struct test_directory directory;
    struct test_host host;
    begin_known(&host, &directory);
    struct rt_committer *committer = committer_of(&host);
    for (int i = 0; i < EVENTS; i++) {
        (void)publish(&host, "a");
        offer(committer);
        for (int j = 0; j < i % 97; j++) {
            (void)is_taken(committer); /* a while */
        }
        if (i % 7 == 0) {
            test_host_turn(&host);
        }
    }
    test_host_finish(&host);
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    EXPECT(committer_of(&host)->found.is_clean);
    EXPECT_INT(publish(&host, "a").offset, EVENTS + 2);
    end_known(&host, &directory);
}

/* --- what nobody waits for --- */

/* A batch was just offered, so the next event has time. */
static struct rt_committer *begin_lazy(struct test_host *host,
                                       struct test_directory *directory)
{
    begin_known(host, directory);
    struct rt_committer *committer = committer_of(host);
    committer->offered_ms = uv_now(&host->loop);
    (void)publish(host, "a");
    rt_committer_continue(committer);
    EXPECT_INT(committer->offer, RT_COMMITTER_LAZY);
    EXPECT(!rt_committer_has_work(committer));
    return committer;
}

TEST("what nobody waits for is written soon, and together")
{
    struct test_directory directory;
    struct test_host host;
    struct rt_committer *committer = begin_lazy(&host, &directory);
    uint64_t before = committer->news.batches;
    (void)publish(&host, "a");
    rt_committer_continue(committer);
    EXPECT(is_taken(committer));
    uint64_t begin_ms = uv_now(&host.loop);
    while (committer->offer == RT_COMMITTER_LAZY) {
        EXPECT(uv_now(&host.loop) - begin_ms <= RT_COMMITTER_LAZY_MS);
        (void)uv_run(&host.loop, UV_RUN_ONCE);
    }
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 1);
    EXPECT_INT(committer->news.events, 2);
    end_known(&host, &directory);
}

static void on_done(struct rt_disk_waiter *waiter, uint64_t done, int err)
{
    (void)waiter;
    (void)done;
    EXPECT_INT(err, 0);
}

TEST("where somebody waits it is offered at once")
{
    struct test_directory directory;
    struct test_host host;
    struct rt_disk_waiter waiter;
    struct rt_committer *committer = begin_lazy(&host, &directory);
    rt_disk_waiter_init(&waiter, on_done);
    rt_disk_wait(&host.broker->server, &waiter);
    EXPECT(rt_committer_has_work(committer));
    rt_committer_continue(committer);
    EXPECT_INT(committer->offer, RT_COMMITTER_OFFERED);
    EXPECT(!rt_committer_has_work(committer));
    until_written(&host);
    end_known(&host, &directory);
}

TEST("so is more than a little of it")
{
    static char payload[RT_COMMITTER_LAZY_BYTES / 8];
    struct test_directory directory;
    struct test_host host;
    struct rt_committer *committer = begin_lazy(&host, &directory);
    for (int i = 0; i < 8; i++) {
        EXPECT(!rt_committer_has_work(committer));
        EXPECT_INT(ringtail_publish(host.broker, "a", payload, sizeof(payload),
                                    NULL, NULL),
                   0);
    }
    EXPECT(rt_committer_has_work(committer));
    until_written(&host);
    end_known(&host, &directory);
}
