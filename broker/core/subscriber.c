#include "broker/core/subscriber.h"

#include "base/check.h"
#include "base/error.h"
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
        *lag = (struct rt_lag){0};
    }
    return lag;
}

/* It has all there is. Of a closed topic there will be no more: the fan-out
 * comes by to close the subscriber. */
static void activate(struct rt_subscriber *subscriber)
{
    struct rt_stream *stream = subscriber->stream;
    subscriber->state = RT_SUBSCRIBER_ACTIVE;
    rt_stream_activate(stream, subscriber);
    if (stream->topic->is_closed) {
        rt_stream_mark_dirty(stream);
    }
}

static int attach(struct rt_subscriber *subscriber,
                  struct rt_stream *stream,
                  uint64_t offset)
{
    struct rt_core *core = stream->core;
    bool is_behind = offset < rt_stream_head(stream);
    struct rt_lag *lag = is_behind ? take_lag(core) : NULL;
    if ((is_behind && lag == NULL) || rt_stream_reserve(stream) < 0) {
        rt_pool_give(&core->lags, lag);
        return RT_ENOMEM;
    }
    subscriber->stream = stream;
    subscriber->offset = offset;
    subscriber->is_replaying = is_behind && stream->view != NULL;
    subscriber->lag = lag;
    if (is_behind) {
        enter_lagging(subscriber);
    } else {
        activate(subscriber);
    }
    stream->subscriber_count++;
    core->subscriber_count++;
    stream->topic->touched_ms = core->now_ms;
    return 0;
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
    return (struct rt_gap){.after =
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
        .earliest = rt_topic_cursor(topic, rt_ring_earliest(&topic->ring)),
        .is_behind = found->offset < topic->ring.next_offset,
        .is_gap = found->is_gap};
    if (found->is_gap) {
        start.gap = gap_at_start(topic, since, found);
    }
    return start;
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
        topic == NULL ? NULL : rt_topic_stream(topic, format);
    if (stream == NULL) {
        rt_topic_undo(topic, topic_count);
        return RT_ENOMEM;
    }
    struct rt_start_found found = rt_start_find(topic, since);
    *start = start_of(topic, since, &found);
    bool is_refused = found.is_gap && subscriber->gap == RT_GAP_CLOSE;
    int err = is_refused ? RT_EGAP : attach(subscriber, stream, found.offset);
    if (err == RT_ENOMEM) {
        rt_topic_undo(topic, topic_count);
    } else if (found.is_gap) {
        count_gap(core, &found, err);
    }
    return err;
}

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
        rt_list_remove(&subscriber->link);
        release_lag(subscriber);
    }
    subscriber->state = RT_SUBSCRIBER_DETACHED;
    stream->subscriber_count--;
    core->subscriber_count--;
    stream->topic->touched_ms = core->now_ms;
}

void rt_subscriber_drained(struct rt_subscriber *subscriber)
{
    if (subscriber->state != RT_SUBSCRIBER_BLOCKED) {
        return; /* detached since */
    }
    rt_list_remove(&subscriber->link);
    enter_lagging(subscriber);
}

struct rt_cursor rt_subscriber_cursor(const struct rt_subscriber *subscriber)
{
    const struct rt_stream *stream = subscriber->stream;
    RT_CHECK(subscriber->state != RT_SUBSCRIBER_DETACHED);
    uint64_t next = subscriber->state == RT_SUBSCRIBER_ACTIVE
                        ? stream->active[subscriber->slot].offset
                        : subscriber->offset;
    return rt_topic_cursor(stream->topic, next - 1);
}

struct rt_resume rt_resume_after(const struct rt_gap *gap)
{
    struct rt_cursor last_lost = {gap->next.epoch, gap->next.offset - 1};
    return (struct rt_resume){
        .cursor = last_lost, .missed = gap->missed, .has_cursor = true};
}

static void close_with(struct rt_subscriber *subscriber,
                       enum rt_close_reason reason,
                       const struct rt_resume *resume)
{
    struct rt_core *core = subscriber->stream->core;
    rt_subscriber_detach(subscriber);
    core->counters.closes[reason]++;
    core->options.sink->close(subscriber, reason, resume);
}

void rt_subscriber_close(struct rt_subscriber *subscriber,
                         enum rt_close_reason reason)
{
    struct rt_resume resume = {.cursor = rt_subscriber_cursor(subscriber),
                               .has_cursor = true};
    close_with(subscriber, reason, &resume);
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
    RT_CHECK(subscriber->offset == rt_stream_head(subscriber->stream));
    rt_list_remove(&subscriber->link);
    release_lag(subscriber);
    activate(subscriber);
    if (subscriber->is_replaying) {
        subscriber->is_replaying = false;
        subscriber->stream->core->options.sink->caught_up(subscriber);
    }
}

static void tell_gap(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    const struct rt_sink_ops *sink = subscriber->stream->core->options.sink;
    bool is_written = sink->gap(subscriber, gap);
    if (!is_written && subscriber->state == RT_SUBSCRIBER_LAGGING) {
        rt_subscriber_block(subscriber);
    }
}

/* What the subscriber has missed: events, or the end of the log they were in.
 */
static struct rt_gap gap_before(const struct rt_subscriber *subscriber,
                                uint64_t earliest)
{
    const struct rt_topic *topic = subscriber->stream->topic;
    bool is_purged = rt_topic_is_purged(topic, subscriber->offset);
    return (struct rt_gap){
        .after = rt_topic_cursor(topic, subscriber->offset - 1),
        .next = rt_topic_cursor(topic, earliest),
        .missed = is_purged ? 0 : earliest - subscriber->offset,
        .reason = is_purged ? RT_CLOSE_EPOCH_CHANGED : RT_CLOSE_CURSOR_EVICTED};
}

/* It is told of the gap first, if its format has words for it. */
static void close_for(struct rt_subscriber *subscriber,
                      const struct rt_gap *gap)
{
    const struct rt_sink_ops *sink = subscriber->stream->core->options.sink;
    struct rt_resume resume = rt_resume_after(gap);
    if (subscriber->stream->view != NULL) {
        (void)sink->gap(subscriber, gap);
    }
    if (subscriber->state != RT_SUBSCRIBER_DETACHED) {
        close_with(subscriber, gap->reason, &resume);
    }
}

bool rt_subscriber_pass(struct rt_subscriber *subscriber)
{
    struct rt_topic *topic = subscriber->stream->topic;
    uint64_t earliest = rt_ring_earliest(&topic->ring);
    struct rt_gap gap = gap_before(subscriber, earliest);
    rt_core_count_gap(topic->core, gap.missed);
    if (subscriber->gap == RT_GAP_CLOSE) {
        close_for(subscriber, &gap);
        return false;
    }
    subscriber->offset = earliest;
    if (subscriber->gap == RT_GAP_TELL) {
        tell_gap(subscriber, &gap);
    }
    return subscriber->state == RT_SUBSCRIBER_LAGGING;
}
