#include "broker/net/committer.h"

#include "base/error.h"
#include "broker/net/disk_answers.h"
#include "broker/net/server.h"

/* --- what there is to write --- */

static bool is_writing(const struct rt_committer *committer)
{
    const struct rt_journal *journal = &committer->journal;
    return journal->writing != NULL && !journal->is_refused;
}

/* What is left of the broker's memory, but for what is kept for subscribers. */
static size_t room_of(const struct rt_heap *heap)
{
    size_t kept = heap->used + heap->reserve;
    return heap->limit > kept ? heap->limit - kept : 0;
}

/* What the thread may take is charged before it does; where there is less it
 * gets what there is, and may say that it is not enough. Nothing is taken from
 * it while it writes. */
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
    } else if (wanted < committer->charged / 2 &&
               committer->journal.offered == NULL) {
        rt_heap_uncharge(heap, committer->charged - wanted);
        committer->charged = wanted;
    }
}

/* The thread is woken when the lock is free, or it would have to wait again. */
static void offer(struct rt_committer *committer,
                  const struct rt_journal_batch *batch)
{
    uv_mutex_lock(&committer->lock);
    committer->task.offered = batch;
    committer->task.heap_limit = committer->charged;
    uv_mutex_unlock(&committer->lock);
    uv_cond_signal(&committer->wake);
}

static void offer_again(struct rt_committer *committer,
                        const struct rt_journal_batch *batch)
{
    uv_mutex_lock(&committer->lock);
    committer->task.again = batch;
    committer->task.heap_limit = committer->charged;
    uv_mutex_unlock(&committer->lock);
    uv_cond_signal(&committer->wake);
}

/* The batch that was offered last, or NULL if the thread has taken it. */
static const struct rt_journal_batch *withdraw(struct rt_committer *committer)
{
    uv_mutex_lock(&committer->lock);
    const struct rt_journal_batch *batch = committer->task.offered;
    committer->task.offered = NULL;
    uv_mutex_unlock(&committer->lock);
    return batch;
}

static enum rt_committer_offer extend(struct rt_committer *committer,
                                      const struct rt_journal_batch *batch)
{
    int err = rt_journal_extend(&committer->journal);
    if (err == 0) {
        grant(committer, rt_journal_part_count(batch));
    }
    offer(committer, batch);
    return err < 0 ? RT_COMMITTER_BEHIND : RT_COMMITTER_OFFERED;
}

static enum rt_committer_offer take(struct rt_committer *committer)
{
    bool is_again = committer->journal.is_refused;
    const struct rt_journal_batch *batch = rt_journal_take(&committer->journal);
    if (batch == NULL) {
        return RT_COMMITTER_SHORT;
    }
    committer->offered_ms = uv_now(committer->server->loop);
    grant(committer, rt_journal_part_count(batch));
    if (is_again) {
        offer_again(committer, batch);
    } else {
        offer(committer, batch);
    }
    return RT_COMMITTER_OFFERED;
}

static enum rt_committer_offer offer_all(struct rt_committer *committer)
{
    const struct rt_journal *journal = &committer->journal;
    if (!rt_journal_has_batch(journal)) {
        return RT_COMMITTER_OFFERED;
    }
    if (journal->is_refused) {
        return take(committer);
    }
    const struct rt_journal_batch *batch = withdraw(committer);
    if (batch != NULL) {
        return extend(committer, batch);
    }
    return journal->offered != NULL ? RT_COMMITTER_BEHIND : take(committer);
}

/* --- what nobody waits for --- */

/* Also where there is too much of it, or something else than a batch is due. */
static bool is_urgent(const struct rt_committer *committer)
{
    const struct rt_server *server = committer->server;
    const struct rt_journal *journal = &committer->journal;
    return !rt_list_is_empty(&server->disk_waiters) ||
           !rt_list_is_empty(&server->core.history.wanting) ||
           journal->is_awaited || journal->is_refused ||
           journal->bytes >= RT_COMMITTER_LAZY_BYTES ||
           rt_journal_is_behind(journal) ||
           committer->state != RT_COMMITTER_SERVING;
}

static uint64_t passed_ms(const struct rt_committer *committer)
{
    return uv_now(committer->server->loop) - committer->offered_ms;
}

static void on_timer(uv_timer_t *timer)
{
    rt_committer_continue(timer->data);
}

static enum rt_committer_offer offer_later(struct rt_committer *committer)
{
    uv_timer_t *timer = &committer->timer;
    if (!uv_is_active((const uv_handle_t *)timer)) {
        (void)uv_timer_start(timer, on_timer,
                             RT_COMMITTER_LAZY_MS - passed_ms(committer), 0);
    }
    return RT_COMMITTER_LAZY;
}

static enum rt_committer_offer offer_in_time(struct rt_committer *committer)
{
    bool is_lazy = rt_journal_has_batch(&committer->journal) &&
                   passed_ms(committer) < RT_COMMITTER_LAZY_MS &&
                   !is_urgent(committer);
    return is_lazy ? offer_later(committer) : offer_all(committer);
}

/* --- the loop's turns --- */

static void order_end(struct rt_committer *committer)
{
    rt_fetcher_finish(&committer->fetcher);
    uv_mutex_lock(&committer->lock);
    committer->task.is_end = true;
    uv_mutex_unlock(&committer->lock);
    uv_cond_signal(&committer->wake);
}

void rt_committer_continue(struct rt_committer *committer)
{
    if (committer == NULL || committer->state > RT_COMMITTER_STOPPING) {
        return;
    }
    committer->offer = offer_in_time(committer);
    if (committer->state == RT_COMMITTER_STOPPING && !is_writing(committer)) {
        committer->state = RT_COMMITTER_ENDING;
        order_end(committer);
    }
}

bool rt_committer_has_work(const struct rt_committer *committer)
{
    if (committer == NULL || !rt_journal_has_batch(&committer->journal)) {
        return false;
    }
    return committer->offer == RT_COMMITTER_OFFERED ||
           (committer->offer == RT_COMMITTER_LAZY && is_urgent(committer));
}

void rt_committer_tick(struct rt_committer *committer)
{
    if (committer != NULL && committer->offer == RT_COMMITTER_SHORT) {
        committer->offer = RT_COMMITTER_OFFERED;
    }
}

/* --- what the thread has to tell --- */

static void on_closed(uv_handle_t *handle)
{
    struct rt_committer *committer = handle->data;
    committer->on_stopped(committer->stopped_context);
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct rt_committer *committer = timer->data;
    uv_close((uv_handle_t *)&committer->async, on_closed);
}

static void end(struct rt_committer *committer)
{
    RT_CHECK(uv_thread_join(&committer->thread) == 0);
    committer->state = RT_COMMITTER_ENDED;
    uv_close((uv_handle_t *)&committer->timer, on_timer_closed);
}

static void hear(struct rt_committer *committer)
{
    uv_mutex_lock(&committer->lock);
    committer->news = committer->told;
    committer->told.err = 0;
    uv_mutex_unlock(&committer->lock);
}

static void settle(struct rt_committer *committer)
{
    const struct rt_committer_news *news = &committer->news;
    struct rt_journal *journal = &committer->journal;
    while (journal->writing != NULL && journal->writing->number <= news->done) {
        rt_journal_done(journal, 0);
    }
    if (news->err < 0) {
        committer->failure = news->err == RT_ENOSPC ? 0 : news->err;
        rt_journal_done(journal, news->err);
    }
    if (news->has_failed && journal->writing == NULL &&
        journal->state != RT_JOURNAL_FAILED) {
        committer->failure = RT_EFAILED;
        rt_journal_fail(journal);
    }
    rt_journal_set_full(journal, news->is_full);
}

static void on_async(uv_async_t *async)
{
    struct rt_committer *committer = async->data;
    hear(committer);
    settle(committer);
    rt_fetcher_hear(&committer->fetcher);
    rt_history_continue(&committer->server->core.history);
    rt_excerpts_continue(&committer->server->core.excerpts);
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
    RT_CHECK(uv_timer_init(loop, &committer->timer) == 0);
    committer->async.data = committer;
    committer->timer.data = committer;
    uv_mutex_lock(&committer->lock);
    committer->has_async = true;
    uv_mutex_unlock(&committer->lock);
}

void rt_committer_visit(struct rt_committer *committer,
                        void (*visit)(uv_handle_t *handle))
{
    if (committer != NULL) {
        visit((uv_handle_t *)&committer->async);
        visit((uv_handle_t *)&committer->timer);
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
    order_end(committer);
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
