/* Fetching what somebody waits for, a block at a time. */
#include "base/check.h"
#include "base/error.h"
#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

static struct rt_history_waiter *first_waiting(const struct rt_durable *durable)
{
    return RT_LIST_FIRST(&durable->waiting, struct rt_history_waiter, link);
}

static void wake(struct rt_history_waiter *waiter, int err, uint64_t next)
{
    rt_list_remove(&waiter->link);
    waiter->wake(waiter, err, next);
}

static void wake_all(struct rt_durable *durable, int err)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &durable->waiting);
    rt_list_remove(&durable->wanting);
    while (!rt_list_is_empty(&waiting)) {
        wake(RT_LIST_FIRST(&waiting, struct rt_history_waiter, link), err, 0);
    }
}

static void start(struct rt_history *history,
                  struct rt_durable *durable,
                  struct rt_segment *segment)
{
    history->fetching = durable;
    history->segment = segment;
    history->ops->fetch(history->context, durable->id, history->offset,
                        segment);
}

static void
fetch(struct rt_history *history, struct rt_durable *durable, size_t size)
{
    rt_history_cache_miss(&history->cache, durable, history->offset);
    struct rt_segment *segment = rt_history_cache_take(&history->cache, size);
    if (segment == NULL) {
        wake_all(durable, RT_ENOMEM);
        return;
    }
    history->state = RT_HISTORY_FETCHING;
    start(history, durable, segment);
}

/* Wakes those who need not wait, up to the first who has something to fetch;
 * returns whether there is one. */
static bool find_work(struct rt_history *history, struct rt_durable *durable)
{
    while (!rt_list_is_empty(&durable->waiting)) {
        struct rt_history_waiter *waiter = first_waiting(durable);
        history->offset = waiter->offset;
        enum rt_place place = rt_history_place(durable->topic, waiter->offset);
        if (place == RT_PLACE_DISK) {
            return true;
        }
        if (place == RT_PLACE_WAY) {
            return false; /* those behind it are asked when it is there */
        }
        wake(waiter, 0, 0);
    }
    rt_list_remove(&durable->wanting);
    return false;
}

void rt_history_continue(struct rt_history *history)
{
    struct rt_list topics;
    rt_list_init(&topics);
    rt_list_move(&topics, &history->wanting);
    while (!rt_list_is_empty(&topics)) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&topics, struct rt_durable, wanting);
        rt_list_remove(&durable->wanting);
        rt_list_append(&history->wanting, &durable->wanting);
        if (history->fetching == NULL && find_work(history, durable)) {
            fetch(history, durable,
                  rt_history_cache_block_bytes(&history->cache));
        }
    }
}

void rt_history_wait(struct rt_topic *topic, struct rt_history_waiter *waiter)
{
    struct rt_history *history = &topic->core->history;
    rt_list_init(&waiter->link);
    rt_list_append(&topic->durable->waiting, &waiter->link);
    rt_list_remove(&topic->durable->wanting);
    rt_list_append(&history->wanting, &topic->durable->wanting);
    rt_history_continue(history);
}

/* --- ahead --- */

void rt_history_keep_ahead(struct rt_history *history,
                           struct rt_durable *durable)
{
    bool is_near = durable->reached == durable->leading ||
                   durable->reached == durable->ahead_offset;
    if (durable->leading > 0 && is_near) {
        durable->leading = 0;
        rt_list_remove(&durable->ahead);
        rt_list_append(&history->ahead, &durable->ahead);
    }
}

/* Where memory is short, others may still need what would be dropped for it. */
static void fetch_ahead(struct rt_history *history, struct rt_durable *durable)
{
    struct rt_history_cache *cache = &history->cache;
    struct rt_segment *segment = NULL;
    if (!rt_history_cache_is_full(cache)) {
        segment =
            rt_history_cache_take(cache, rt_history_cache_block_bytes(cache));
    }
    if (segment != NULL) {
        history->offset = durable->ahead_offset;
        history->state = RT_HISTORY_AHEAD;
        start(history, durable, segment);
    }
}

void rt_history_read_ahead(struct rt_history *history)
{
    while (history->fetching == NULL && !rt_list_is_empty(&history->ahead)) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&history->ahead, struct rt_durable, ahead);
        rt_list_remove(&durable->ahead);
        if (rt_history_place(durable->topic, durable->ahead_offset) ==
            RT_PLACE_DISK) {
            fetch_ahead(history, durable);
        }
    }
}

/* --- what was fetched --- */

/* To those who wait for events of before `end` they are lost, with all before
 * `next`; the others may look again. */
static void wake_losers(struct rt_history *history,
                        struct rt_durable *durable,
                        uint64_t end,
                        uint64_t next)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &durable->waiting);
    rt_list_remove(&durable->wanting);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_history_waiter *waiter =
            RT_LIST_FIRST(&waiting, struct rt_history_waiter, link);
        bool is_lost =
            waiter->offset >= history->offset && waiter->offset < end;
        wake(waiter, is_lost ? RT_EDAMAGED : 0, next);
    }
}

static void take(struct rt_history *history, struct rt_durable *durable)
{
    const struct rt_segment *segment = history->segment;
    uint64_t first = segment->first_offset;
    RT_CHECK(segment->event_count > 0 && first >= history->offset);
    if (rt_history_cache_keep(&history->cache, durable, history->segment) < 0) {
        wake_all(durable, RT_ENOMEM);
        return;
    }
    history->segment = NULL;
    if (rt_history_cache_find(&history->cache, durable, history->offset - 1)) {
        durable->leading = first;
        durable->ahead_offset = first + segment->event_count;
        rt_history_keep_ahead(history, durable);
    }
    wake_losers(history, durable, first, first);
}

/* What was there before the start is lost, or what was written since. */
static void give_up(struct rt_history *history, struct rt_durable *durable)
{
    uint64_t earliest = rt_ring_earliest(&durable->topic->ring);
    uint64_t next = earliest < durable->next ? earliest : durable->next;
    if (history->offset < durable->begin) {
        next = durable->begin;
    }
    wake_losers(history, durable, history->offset + 1, next);
}

/* What could not be had ahead is asked for anew if somebody needs it. */
static void settle(struct rt_history *history,
                   struct rt_durable *durable,
                   enum rt_history_state state,
                   int err)
{
    bool is_ahead = state == RT_HISTORY_AHEAD;
    if (state == RT_HISTORY_STALE || err == RT_ENOENT) {
        wake_all(durable, 0);
    } else if (rt_list_is_empty(&durable->waiting) && !is_ahead) {
        rt_list_remove(&durable->wanting);
    } else if (err == 0) {
        take(history, durable);
    } else if (err == RT_ENOMEM && !is_ahead) {
        wake_all(durable, RT_ENOMEM);
    } else if (err != RT_ERANGE && !is_ahead) {
        give_up(history, durable);
    }
    rt_history_cache_give(&history->cache, history->segment);
    history->segment = NULL;
}

void rt_history_fetched(struct rt_history *history, int err, size_t needed)
{
    struct rt_durable *durable = history->fetching;
    enum rt_history_state state = history->state;
    RT_CHECK(durable != NULL);
    history->fetching = NULL;
    history->state = RT_HISTORY_IDLE;
    settle(history, durable, state, err);
    if (err == RT_ERANGE && state == RT_HISTORY_FETCHING &&
        !rt_list_is_empty(&durable->waiting)) {
        fetch(history, durable, needed);
    } else {
        rt_history_continue(history);
        rt_history_read_ahead(history);
    }
}
