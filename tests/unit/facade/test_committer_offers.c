/* What is offered to the thread of the log, and when. */
#include <unistd.h>

#include "base/error.h"
#include "broker/net/disk_answers.h"
#include "tests/unit/facade/logged.h"

#define EVENTS      3000
#define PATIENCE_MS 10000

/* --- the thread, and what is offered to it --- */

static struct test_directory directory;
static struct test_host host;
static struct rt_committer *committer;
static uint64_t before; /* batches that are on disk */

static void open_host(void)
{
    struct ringtail_config config = config_over(&directory);
    test_host_init(&host, &config);
    committer = committer_of(&host);
}

/* A host whose log knows the topic `a`. */
static void begin(void)
{
    test_directory_make(&directory);
    open_host();
    (void)publish(&host, "a");
    until_written(&host);
    before = committer->news.batches;
}

static void end(void)
{
    test_host_finish(&host);
    test_directory_remove(&directory);
}

/* What the thread has written, whether the loop knows or not; and whether it
 * has taken what was offered. */
static struct rt_committer_news told(void)
{
    uv_mutex_lock(&committer->lock);
    struct rt_committer_news news = committer->told;
    uv_mutex_unlock(&committer->lock);
    return news;
}

static bool is_taken(void)
{
    uv_mutex_lock(&committer->lock);
    bool is_taken = committer->task.offered == NULL;
    uv_mutex_unlock(&committer->lock);
    return is_taken;
}

/* Without a turn of the loop. */
static void await_batches(uint64_t count)
{
    for (int i = 0; i < PATIENCE_MS && told().batches < count; i++) {
        (void)usleep(1000);
    }
    EXPECT_INT(told().batches, count);
}

/* From now on the thread takes nothing, or again what is offered. */
static void halt(int err)
{
    uv_mutex_lock(&committer->lock);
    committer->err = err;
    uv_cond_signal(&committer->wake);
    uv_mutex_unlock(&committer->lock);
}

/* Somebody waits for what there is. */
static void offer(void)
{
    committer->journal.is_awaited = true;
    rt_committer_continue(committer);
}

TEST("what is offered is written without the loop")
{
    begin();
    committer->offered_ms = 0;
    (void)publish(&host, "a");
    offer();
    EXPECT_INT(committer->offered_ms, uv_now(&host.loop));
    while (!is_taken()) {
        (void)usleep(1000);
    }
    (void)publish(&host, "a");
    offer();
    await_batches(before + 2);
    EXPECT_INT(committer->news.batches, before);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 2);
    end();
}

TEST("what is offered grows until the thread takes it")
{
    begin();
    halt(RT_ENOSPC);
    for (int i = 0; i < 3; i++) {
        (void)publish(&host, "a");
        offer();
        EXPECT(!rt_committer_has_work(committer));
    }
    halt(0);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 1);
    EXPECT_INT(committer->news.events, 3);
    end();
}

/* One more event is offered, and the thread may take so much memory then. */
static size_t granted(void)
{
    (void)publish(&host, "a");
    offer();
    EXPECT_INT(committer->task.heap_limit, committer->charged);
    return committer->charged;
}

TEST("the thread may take more than it has, and that is less again")
{
    size_t used = (size_t)8 * 1024 * 1024;
    begin();
    halt(RT_ENOSPC);
    EXPECT(granted() < used);
    committer->news.heap_used = used;
    EXPECT_INT(granted(), used + used / RT_COMMITTER_SLACK +
                              RT_COMMITTER_GRANT + RT_COMMITTER_PART_GRANT);
    halt(0);
    until_written(&host);
    EXPECT(granted() < used);
    until_written(&host);
    end();
}

TEST("if that was too little it may take twice as much")
{
    begin();
    halt(RT_ENOSPC);
    size_t before_charged = granted();
    committer->news.is_short = true;
    EXPECT_INT(granted(), 2 * before_charged);
    halt(0);
    until_written(&host);
    end();
}

TEST("what finds no memory to be offered is tried again when a second is over")
{
    begin();
    committer->offer = RT_COMMITTER_SHORT;
    (void)publish(&host, "a");
    EXPECT(!rt_committer_has_work(committer));
    rt_committer_tick(committer);
    EXPECT(rt_committer_has_work(committer));
    until_written(&host);
    end();
}

TEST("what cannot be in the same batch waits for the next, and the loop does")
{
    begin();
    halt(RT_ENOSPC);
    (void)publish(&host, "a");
    offer();
    (void)publish(&host, "b"); /* which is new */
    offer();
    EXPECT(!rt_committer_has_work(committer));
    EXPECT(!is_taken());
    halt(0);
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 2);
    end();
}

TEST("whenever an offer is withdrawn, all is written once and in order")
{
    begin();
    for (int i = 0; i < EVENTS; i++) {
        (void)publish(&host, "a");
        offer();
        for (int j = 0; j < i % 97; j++) {
            (void)is_taken(); /* a while */
        }
        if (i % 7 == 0) {
            test_host_turn(&host);
        }
    }
    test_host_finish(&host);
    open_host();
    EXPECT(committer->found.is_clean);
    EXPECT_INT(publish(&host, "a").offset, EVENTS + 2);
    end();
}

/* --- what nobody waits for --- */

#define PASSED_MS 4

/* A batch was offered just before, so the next event has time. */
static void begin_lazy(void)
{
    begin();
    committer->offered_ms = uv_now(&host.loop) - PASSED_MS;
    (void)publish(&host, "a");
    rt_committer_continue(committer);
    EXPECT_INT(committer->offer, RT_COMMITTER_LAZY);
    EXPECT(!rt_committer_has_work(committer));
}

TEST("what nobody waits for is written soon, and together")
{
    begin_lazy();
    (void)publish(&host, "a");
    rt_committer_continue(committer);
    EXPECT(is_taken());
    EXPECT_INT(uv_timer_get_due_in(&committer->timer),
               RT_COMMITTER_LAZY_MS - PASSED_MS);
    uint64_t begin_ms = uv_now(&host.loop);
    while (committer->offer == RT_COMMITTER_LAZY) {
        EXPECT(uv_now(&host.loop) - begin_ms <= RT_COMMITTER_LAZY_MS);
        (void)uv_run(&host.loop, UV_RUN_ONCE);
    }
    until_written(&host);
    EXPECT_INT(committer->news.batches, before + 1);
    EXPECT_INT(committer->news.events, 2);
    end();
}

static void on_done(struct rt_disk_waiter *waiter, uint64_t done, int err)
{
    (void)waiter;
    (void)done;
    EXPECT_INT(err, 0);
}

static void expect_offered(void)
{
    EXPECT(rt_committer_has_work(committer));
    rt_committer_continue(committer);
    EXPECT_INT(committer->offer, RT_COMMITTER_OFFERED);
    EXPECT(!rt_committer_has_work(committer));
}

TEST("where somebody waits it is offered at once")
{
    struct rt_disk_waiter waiter;
    begin_lazy();
    rt_disk_waiter_init(&waiter, on_done);
    rt_disk_wait(&host.broker->server, &waiter);
    expect_offered();
    until_written(&host);
    end();
}

TEST("so it is where somebody waits to read it from disk")
{
    struct rt_list topic;
    begin_lazy();
    rt_list_init(&topic);
    rt_list_append(&host.broker->server.core.history.wanting, &topic);
    expect_offered();
    rt_list_remove(&topic);
    until_written(&host);
    end();
}

TEST("so it is where it takes much of the memory that there may be")
{
    begin_lazy();
    size_t *limit = &host.broker->server.heap.limit;
    size_t before_limit = *limit;
    *limit = (size_t)committer->journal.bytes * RT_JOURNAL_PART;
    EXPECT(rt_committer_has_work(committer));
    *limit += RT_JOURNAL_PART;
    EXPECT(!rt_committer_has_work(committer));
    *limit = before_limit;
    until_written(&host);
    end();
}

TEST("so is more than a little of it")
{
    static char payload[RT_COMMITTER_LAZY_BYTES / 8];
    begin_lazy();
    for (int i = 0; i < 8; i++) {
        EXPECT(!rt_committer_has_work(committer));
        EXPECT_INT(ringtail_publish(host.broker, "a", payload, sizeof(payload),
                                    NULL, NULL),
                   0);
    }
    EXPECT(rt_committer_has_work(committer));
    until_written(&host);
    end();
}

/* --- retention --- */

/* The last segment at the last retention. */
static uint64_t retained(void)
{
    uv_mutex_lock(&committer->lock);
    uint64_t segment = committer->retained_segment;
    uv_mutex_unlock(&committer->lock);
    return segment;
}

TEST("each segment that begins is followed by retention, before its time")
{
    begin();
    uv_mutex_lock(&committer->lock);
    committer->retained_ns = uv_hrtime();
    committer->retained_segment = 0; /* as if the first one had just begun */
    uv_mutex_unlock(&committer->lock);
    (void)publish(&host, "a");
    offer();
    await_batches(before + 1);
    for (int i = 0; i < RT_COMMITTER_RETAIN_MS / 2 && retained() == 0; i++) {
        (void)usleep(1000);
    }
    EXPECT_INT(retained(), 1);
    until_written(&host);
    end();
}
