#include "broker/core/subscriber.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/pass.h"
#include "broker/core/selection.h"
#include "broker/core/start.h"
#include "broker/core/topic.h"

static void enter_lagging(struct rt_subscriber *subscriber)
{
    struct rt_core *core = subscriber->stream->core;
    subscriber->state = RT_SUBSCRIBER_LAGGING;
    rt_list_append(&core->lagging, &subscriber->link);
}

static struct rt_lag *take_lag(struct rt_core *core)
{
    struct rt_lag *lag = rt_pool_take(&core->lags);
    if (lag != NULL) {
        *lag = (struct rt_lag){.drops = core->drops};
        rt_list_init(&lag->waiter.link);
        rt_list_init(&lag->excerpt.link);
    }
    return lag;
}

static void touch(const struct rt_stream *stream)
{
    if (stream->topic != NULL) {
        stream->topic->touched_ms = stream->core->now_ms;
    } else {
        rt_selection_touch(stream->selection);
    }
}

/* It has all there is. Of a closed topic there will be no more: the fan-out
 * comes by to close the subscriber. */
static void activate(struct rt_subscriber *subscriber)
{
    struct rt_stream *stream = subscriber->stream;
    subscriber->state = RT_SUBSCRIBER_ACTIVE;
    rt_stream_activate(stream, subscriber);
    if (rt_stream_is_closed(stream)) {
        rt_stream_mark_dirty(stream);
    }
}

/* All formats but raw. */
static bool has_notices(const struct rt_stream *stream)
{
    return stream->view != NULL || stream->selection != NULL;
}

static int attach(struct rt_subscriber *subscriber,
                  struct rt_stream *stream,
                  uint64_t offset,
                  bool is_behind)
{
    struct rt_core *core = stream->core;
    struct rt_lag *lag = is_behind ? take_lag(core) : NULL;
    if ((is_behind && lag == NULL) || rt_stream_reserve(stream) < 0) {
        rt_pool_give(&core->lags, lag);
        return RT_ENOMEM;
    }
    subscriber->stream = stream;
    subscriber->offset = offset;
    subscriber->is_replaying = is_behind && has_notices(stream);
    subscriber->lag = lag;
    if (is_behind) {
        enter_lagging(subscriber);
    } else {
        activate(subscriber);
    }
    stream->subscriber_count++;
    core->subscriber_count++;
    touch(stream);
    return 0;
}

/* Whoever is cut off before the gap was told, and comes back with the position
 * it knows, is to be told then. */
static struct rt_cursor position_at(const struct rt_subscriber *subscriber,
                                    const struct rt_start *start)
{
    return start->is_gap && subscriber->gap != RT_GAP_SKIP ? start->gap.after
                                                           : start->cursor;
}

/* The subscriber learns what is gone, and goes on behind it or not at all. */
static void
count_gap(struct rt_core *core, const struct rt_start_found *found, int err)
{
    rt_core_count_gap(core, found->missed);
    core->counters.closes[found->reason] += err == RT_EGAP ? 1 : 0;
}

static struct rt_gap gap_at_start(const struct rt_topic *topic,
                                  const struct rt_since *since,
                                  const struct rt_start_found *found)
{
    return (struct rt_gap){.topic = topic->leaf.key,
                           .after =
                               since->kind == RT_SINCE_CURSOR
                                   ? since->cursor
                                   : rt_topic_cursor(topic, found->offset - 1),
                           .next = rt_topic_cursor(topic, found->offset),
                           .missed = found->missed,
                           .reason = found->reason};
}

/* What a subscriber is told of where it begins. */
static struct rt_start start_of(const struct rt_topic *topic,
                                const struct rt_since *since,
                                const struct rt_start_found *found)
{
    struct rt_start start = {
        .cursor = rt_topic_cursor(topic, found->offset - 1),
        .earliest = rt_topic_earliest(topic),
        .is_behind = found->offset < topic->ring.next_offset,
        .is_gap = found->is_gap};
    if (found->is_gap) {
        start.gap = gap_at_start(topic, since, found);
    }
    return start;
}

struct rt_start rt_topic_start(const struct rt_topic *topic,
                               const struct rt_since *since)
{
    struct rt_start_found found = rt_start_find(topic, since);
    return start_of(topic, since, &found);
}

int rt_core_subscribe(struct rt_core *core,
                      struct rt_bytes name,
                      enum rt_format format,
                      const struct rt_since *since,
                      struct rt_subscriber *subscriber,
                      struct rt_start *start)
{
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_DETACHED);
    uint32_t topic_count = core->topic_count;
    struct rt_topic *topic = rt_topic_obtain(core, name);
    struct rt_stream *stream =
        topic == NULL ? NULL
                      : rt_topic_stream(topic, format, subscriber->is_durable);
    if (stream == NULL) {
        rt_topic_undo(topic, topic_count);
        return RT_ENOMEM;
    }
    struct rt_start_found found = rt_start_find(topic, since);
    *start = start_of(topic, since, &found);
    start->position = position_at(subscriber, start);
    bool is_refused = found.is_gap && subscriber->gap == RT_GAP_CLOSE;
    int err = is_refused ? RT_EGAP
                         : attach(subscriber, stream, found.offset,
                                  found.offset < rt_stream_head(stream));
    if (err == 0) {
        start->is_behind = subscriber->state == RT_SUBSCRIBER_LAGGING;
    }
    if (err == RT_ENOMEM) {
        rt_topic_undo(topic, topic_count);
    } else if (found.is_gap) {
        count_gap(core, &found, err);
    }
    return err;
}

/* --- several topics --- */

static struct rt_start selected_start(const struct rt_core *core,
                                      const struct rt_since *since,
                                      const struct rt_select_found *found)
{
    struct rt_start start = {.cursor = {core->epoch, found->sequence - 1},
                             .is_node = true,
                             .is_gap = found->is_gap};
    if (found->is_gap) {
        start.gap = (struct rt_gap){.after = since->cursor,
                                    .reason = RT_CLOSE_EPOCH_CHANGED};
    }
    return start;
}

/* It begins behind the last event if nothing of the selection's has come since.
 * Else it lags, whether that is on disk or not: it may be told of losses. */
static int attach_selected(struct rt_subscriber *subscriber,
                           struct rt_selection *selection,
                           const struct rt_select_found *found)
{
    uint64_t first =
        found->sequence < selection->head ? found->sequence : selection->head;
    int err =
        attach(subscriber, &selection->stream, first, first < selection->head);
    if (err == 0 && subscriber->state == RT_SUBSCRIBER_LAGGING) {
        subscriber->lag->drops = found->drops;
        subscriber->lag->excerpt.is_seeking = found->is_on_disk;
        subscriber->lag->excerpt.wall_ms = found->wall_ms;
    }
    return err;
}

int rt_core_select(struct rt_core *core,
                   const struct rt_selector *selector,
                   enum rt_format format,
                   const struct rt_since *since,
                   struct rt_subscriber *subscriber,
                   struct rt_start *start)
{
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_DETACHED);
    RT_CHECK(subscriber->gap != RT_GAP_CLOSE);
    if (since->kind == RT_SINCE_CURSOR || since->kind == RT_SINCE_LAST) {
        return RT_EINVAL;
    }
    struct rt_selection *selection =
        rt_selection_obtain(core, selector, format, subscriber->is_durable);
    if (selection == NULL) {
        return RT_ENOMEM;
    }
    struct rt_select_found found = rt_select_find(selection, since);
    int err = attach_selected(subscriber, selection, &found);
    if (err == 0) {
        *start = selected_start(core, since, &found);
        start->position = position_at(subscriber, start);
        start->is_behind = subscriber->state == RT_SUBSCRIBER_LAGGING;
        if (found.is_gap) {
            rt_core_count_gap(core, 0);
        }
    }
    return err;
}

int rt_core_subscribe_to(struct rt_core *core,
                         const struct rt_selector *selector,
                         enum rt_format format,
                         const struct rt_since *since,
                         struct rt_subscriber *subscriber,
                         struct rt_start *start)
{
    return rt_selector_is_topic(selector)
               ? rt_core_subscribe(core, selector->patterns[0], format, since,
                                   subscriber, start)
               : rt_core_select(core, selector, format, since, subscriber,
                                start);
}

/* --- while it is attached --- */

static void release_lag(struct rt_subscriber *subscriber)
{
    rt_pool_give(&subscriber->stream->core->lags, subscriber->lag);
    subscriber->lag = NULL;
}

void rt_subscriber_detach(struct rt_subscriber *subscriber)
{
    if (subscriber->state == RT_SUBSCRIBER_DETACHED) {
        return;
    }
    struct rt_stream *stream = subscriber->stream;
    struct rt_core *core = stream->core;
    if (subscriber->state == RT_SUBSCRIBER_ACTIVE) {
        rt_stream_deactivate(stream, subscriber);
    } else {
        if (subscriber->state == RT_SUBSCRIBER_FETCHING) {
            rt_list_remove(&subscriber->lag->waiter.link);
            rt_list_remove(&subscriber->lag->excerpt.link);
        }
        rt_list_remove(&subscriber->link);
        release_lag(subscriber);
    }
    subscriber->state = RT_SUBSCRIBER_DETACHED;
    stream->subscriber_count--;
    core->subscriber_count--;
    touch(stream);
}

void rt_subscriber_drained(struct rt_subscriber *subscriber)
{
    if (subscriber->state != RT_SUBSCRIBER_BLOCKED) {
        return; /* detached since */
    }
    rt_list_remove(&subscriber->link);
    enter_lagging(subscriber);
}

uint64_t rt_subscriber_next(const struct rt_subscriber *subscriber)
{
    RT_CHECK(subscriber->state != RT_SUBSCRIBER_DETACHED);
    return subscriber->state == RT_SUBSCRIBER_ACTIVE
               ? subscriber->stream->active[subscriber->slot].offset
               : subscriber->offset;
}

struct rt_cursor rt_subscriber_cursor(const struct rt_subscriber *subscriber)
{
    return rt_stream_cursor(subscriber->stream, rt_subscriber_next(subscriber));
}

struct rt_resume rt_resume_after(const struct rt_gap *gap)
{
    struct rt_cursor last_lost = {gap->next.epoch, gap->next.offset - 1};
    return (struct rt_resume){
        .cursor = last_lost, .missed = gap->missed, .has_cursor = true};
}

void rt_subscriber_close_with(struct rt_subscriber *subscriber,
                              enum rt_close_reason reason,
                              const struct rt_resume *resume)
{
    struct rt_core *core = subscriber->stream->core;
    rt_subscriber_detach(subscriber);
    core->counters.closes[reason]++;
    core->options.sink->close(subscriber, reason, resume);
}

struct rt_resume rt_subscriber_resume(const struct rt_subscriber *subscriber)
{
    return (struct rt_resume){.cursor = rt_subscriber_cursor(subscriber),
                              .has_cursor = true,
                              .is_node = subscriber->stream->topic == NULL};
}

void rt_subscriber_close(struct rt_subscriber *subscriber,
                         enum rt_close_reason reason)
{
    struct rt_resume resume = rt_subscriber_resume(subscriber);
    rt_subscriber_close_with(subscriber, reason, &resume);
}

int rt_subscriber_fall_behind(struct rt_subscriber *subscriber, uint64_t offset)
{
    struct rt_stream *stream = subscriber->stream;
    struct rt_lag *lag = take_lag(stream->core);
    if (lag == NULL) {
        return RT_ENOMEM;
    }
    rt_stream_deactivate(stream, subscriber);
    subscriber->lag = lag;
    subscriber->offset = offset;
    enter_lagging(subscriber);
    return 0;
}

/* What was fetched, or cannot be, is seen in the next flush. */
static void on_fetched(struct rt_history_waiter *waiter, int err, uint64_t next)
{
    struct rt_lag *lag = RT_CONTAINER(waiter, struct rt_lag, waiter);
    struct rt_subscriber *subscriber = lag->subscriber;
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_FETCHING);
    enter_lagging(subscriber);
    if (err == RT_ENOMEM) {
        rt_subscriber_close(subscriber, RT_CLOSE_OVERLOAD);
    } else if (err < 0) {
        rt_subscriber_lose(subscriber, next);
    }
}

/* Where it begins that looks for a time: rings may have what the disk has no
 * more, before what was found there or is to be looked at next. */
static uint64_t first_of(const struct rt_subscriber *subscriber, uint64_t next)
{
    const struct rt_excerpt_waiter *waiter = &subscriber->lag->excerpt;
    if (!waiter->is_seeking || waiter->wall_ms == 0) {
        return next;
    }
    uint64_t in_rings =
        rt_select_in_rings(subscriber->stream->selection, waiter->wall_ms);
    return in_rings < next ? in_rings : next;
}

/* Whoever looks for where to begin has found it, and knows what is gone before
 * that. */
static void end_search(struct rt_lag *lag)
{
    lag->excerpt.is_seeking = false;
    lag->excerpt.wall_ms = 0;
    lag->drops = lag->excerpt.drops;
}

/* Or it goes on to look; what is gone meanwhile it is told at once. */
static void on_found(struct rt_subscriber *subscriber, int err, uint64_t next)
{
    struct rt_lag *lag = subscriber->lag;
    bool is_gone = lag->excerpt.is_gone;
    lag->excerpt.is_gone = false;
    subscriber->offset = first_of(subscriber, next);
    if (lag->excerpt.is_seeking && (err == 0 || subscriber->offset < next)) {
        end_search(lag);
    }
    if (is_gone) {
        rt_subscriber_miss(subscriber, RT_CLOSE_CURSOR_EVICTED);
    }
}

/* All there is begins behind what the disk has lost. */
static void on_damaged(struct rt_subscriber *subscriber, uint64_t next)
{
    struct rt_lag *lag = subscriber->lag;
    subscriber->offset = next;
    if (lag->excerpt.is_seeking && lag->excerpt.wall_ms == 0) {
        end_search(lag);
    }
    rt_subscriber_miss(subscriber, RT_CLOSE_EVENTS_LOST);
}

static void on_read(struct rt_excerpt_waiter *waiter, int err, uint64_t next)
{
    struct rt_lag *lag = RT_CONTAINER(waiter, struct rt_lag, excerpt);
    struct rt_subscriber *subscriber = lag->subscriber;
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_FETCHING);
    enter_lagging(subscriber);
    if (err == RT_ENOMEM) {
        rt_subscriber_close(subscriber, RT_CLOSE_OVERLOAD);
    } else if (err == RT_EDAMAGED) {
        on_damaged(subscriber, next);
    } else {
        on_found(subscriber, err, next);
    }
}

/* Whether it looks for where to begin, which may be ahead of the disk. */
static bool is_seeking(const struct rt_subscriber *subscriber)
{
    const struct rt_stream *stream = subscriber->stream;
    return stream->topic == NULL && subscriber->lag->excerpt.is_seeking &&
           subscriber->offset < stream->selection->head;
}

bool rt_subscriber_is_away(const struct rt_subscriber *subscriber)
{
    const struct rt_stream *stream = subscriber->stream;
    if (is_seeking(subscriber)) {
        return true;
    }
    if (subscriber->offset >= rt_stream_head(stream)) {
        return false;
    }
    return stream->topic != NULL
               ? rt_history_is_away(stream->topic, subscriber->offset)
               : rt_selection_is_away(stream->selection, subscriber->offset);
}

void rt_subscriber_fetch(struct rt_subscriber *subscriber)
{
    struct rt_lag *lag = subscriber->lag;
    struct rt_stream *stream = subscriber->stream;
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_LAGGING);
    rt_list_remove(&subscriber->link);
    subscriber->state = RT_SUBSCRIBER_FETCHING;
    lag->subscriber = subscriber;
    if (stream->topic != NULL) {
        lag->waiter.offset = subscriber->offset;
        lag->waiter.wake = on_fetched;
        rt_history_wait(stream->topic, &lag->waiter);
    } else {
        lag->excerpt.selection = stream->selection;
        lag->excerpt.sequence = subscriber->offset;
        lag->excerpt.wake = on_read;
        rt_excerpt_wait(&lag->excerpt);
    }
}

void rt_subscriber_block(struct rt_subscriber *subscriber)
{
    struct rt_core *core = subscriber->stream->core;
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_LAGGING);
    rt_list_remove(&subscriber->link);
    subscriber->lag->since_ms = core->now_ms;
    subscriber->lag->queued_bytes = core->options.sink->queued(subscriber);
    subscriber->state = RT_SUBSCRIBER_BLOCKED;
    rt_list_append(&core->blocked, &subscriber->link);
    core->counters.stalls++;
}

void rt_subscriber_catch_up(struct rt_subscriber *subscriber)
{
    RT_CHECK(subscriber->state == RT_SUBSCRIBER_LAGGING);
    RT_CHECK(subscriber->offset >= rt_stream_head(subscriber->stream));
    rt_list_remove(&subscriber->link);
    release_lag(subscriber);
    activate(subscriber);
    if (subscriber->is_replaying) {
        subscriber->is_replaying = false;
        subscriber->stream->core->options.sink->caught_up(subscriber);
    }
}
