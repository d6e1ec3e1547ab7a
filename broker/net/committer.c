#include "broker/net/committer.h"

#include "base/error.h"
#include "broker/net/disk_answers.h"
#include "broker/net/server.h"

/* --- handing over --- */

static bool is_writing(const struct rt_committer *committer)
{
    const struct rt_journal *journal = &committer->journal;
    return journal->writing != NULL && !journal->is_refused;
}

/* What is left of the broker's memory. */
static size_t room_of(const struct rt_heap *heap)
{
    return heap->limit > heap->used ? heap->limit - heap->used : 0;
}

/* What the thread may take is charged before it does; where there is less it
 * gets what there is, and may say that it is not enough. */
static void grant(struct rt_committer *committer, uint32_t part_count)
{
    struct rt_heap *heap = &committer->server->heap;
    size_t used = committer->news.heap_used;
    size_t wanted = used + used / RT_COMMITTER_SLACK + RT_COMMITTER_GRANT +
                    part_count * RT_COMMITTER_PART_GRANT;
    if (committer->news.is_short && wanted < 2 * committer->charged) {
        wanted = 2 * committer->charged;
    }
    if (wanted > committer->charged) {
        size_t more = wanted - committer->charged;
        more = more < room_of(heap) ? more : room_of(heap);
        RT_CHECK(rt_heap_charge(heap, more) == 0);
        committer->charged += more;
    } else if (wanted < committer->charged / 2) {
        rt_heap_uncharge(heap, committer->charged - wanted);
        committer->charged = wanted;
    }
}

static void order(struct rt_committer *committer,
                  enum rt_committer_order what,
                  const struct rt_journal_batch *batch)
{
    uv_mutex_lock(&committer->lock);
    committer->task = (struct rt_committer_task){
        .order = what, .batch = batch, .heap_limit = committer->charged};
    uv_cond_signal(&committer->wake);
    uv_mutex_unlock(&committer->lock);
}

/* Returns whether there is one with the thread now. */
static bool hand_over(struct rt_committer *committer)
{
    const struct rt_journal_batch *batch = rt_journal_take(&committer->journal);
    if (batch == NULL) {
        committer->lacks_memory = rt_journal_has_batch(&committer->journal);
        return false;
    }
    grant(committer, rt_journal_part_count(batch));
    order(committer, RT_COMMITTER_WRITE, batch);
    return true;
}

void rt_committer_continue(struct rt_committer *committer)
{
    if (committer == NULL || committer->state > RT_COMMITTER_STOPPING ||
        is_writing(committer) || hand_over(committer)) {
        return;
    }
    if (committer->state == RT_COMMITTER_STOPPING) {
        committer->state = RT_COMMITTER_ENDING;
        rt_fetcher_finish(&committer->fetcher);
        order(committer, RT_COMMITTER_END, NULL);
    }
}

bool rt_committer_has_work(const struct rt_committer *committer)
{
    return committer != NULL && !committer->lacks_memory &&
           rt_journal_has_batch(&committer->journal);
}

void rt_committer_tick(struct rt_committer *committer)
{
    if (committer != NULL) {
        committer->lacks_memory = false;
    }
}

/* --- what the thread has to tell --- */

static void on_closed(uv_handle_t *handle)
{
    struct rt_committer *committer = handle->data;
    committer->on_stopped(committer->stopped_context);
}

static void end(struct rt_committer *committer)
{
    RT_CHECK(uv_thread_join(&committer->thread) == 0);
    committer->state = RT_COMMITTER_ENDED;
    uv_close((uv_handle_t *)&committer->async, on_closed);
}

static void hear(struct rt_committer *committer)
{
    uv_mutex_lock(&committer->lock);
    committer->news = committer->told;
    committer->told.is_done = false;
    uv_mutex_unlock(&committer->lock);
}

static void settle(struct rt_committer *committer)
{
    const struct rt_committer_news *news = &committer->news;
    if (news->is_done) {
        if (news->err < 0 && news->err != RT_ENOSPC) {
            committer->failure = news->err;
        }
        rt_journal_done(&committer->journal, news->err);
    }
    rt_journal_set_full(&committer->journal, news->is_full);
}

static void on_async(uv_async_t *async)
{
    struct rt_committer *committer = async->data;
    hear(committer);
    settle(committer);
    rt_fetcher_hear(&committer->fetcher);
    rt_history_continue(&committer->server->core.history);
    rt_disk_answers_release(committer->server);
    if (committer->news.has_ended) {
        end(committer);
    } else {
        rt_committer_continue(committer);
    }
}

/* --- lifetime --- */

void rt_committer_start(struct rt_committer *committer)
{
    if (committer == NULL) {
        return;
    }
    uv_loop_t *loop = committer->server->loop;
    RT_CHECK(uv_async_init(loop, &committer->async, on_async) == 0);
    committer->async.data = committer;
    uv_mutex_lock(&committer->lock);
    committer->has_async = true;
    uv_mutex_unlock(&committer->lock);
}

void rt_committer_visit(struct rt_committer *committer,
                        void (*visit)(uv_handle_t *handle))
{
    if (committer != NULL) {
        visit((uv_handle_t *)&committer->async);
    }
}

void rt_committer_stop(struct rt_committer *committer,
                       void (*on_stopped)(void *context),
                       void *context)
{
    RT_CHECK(committer->state == RT_COMMITTER_SERVING);
    committer->state = RT_COMMITTER_STOPPING;
    committer->on_stopped = on_stopped;
    committer->stopped_context = context;
    rt_journal_end(&committer->journal);
    rt_committer_continue(committer);
}

/* One that was never started waits for orders. */
static void end_at_once(struct rt_committer *committer)
{
    rt_fetcher_finish(&committer->fetcher);
    order(committer, RT_COMMITTER_END, NULL);
    RT_CHECK(uv_thread_join(&committer->thread) == 0);
    committer->state = RT_COMMITTER_ENDED;
}

void rt_committer_destroy(struct rt_committer *committer)
{
    if (committer == NULL) {
        return;
    }
    struct rt_server *server = committer->server;
    if (committer->state != RT_COMMITTER_ENDED) {
        end_at_once(committer);
    }
    RT_CHECK(committer->heap.used == 0);
    rt_journal_finish(&committer->journal);
    server->core.journal = NULL;
    rt_heap_uncharge(&server->heap, committer->charged);
    uv_cond_destroy(&committer->wake);
    uv_mutex_destroy(&committer->lock);
    rt_heap_free(&server->heap, committer, sizeof(*committer));
}
