#include "broker/core/pass.h"

#include "base/check.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/selection.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"

static void tell(struct rt_subscriber *subscriber, const struct rt_gap *gap)
{
    const struct rt_sink_ops *sink = subscriber->stream->core->options.sink;
    rt_core_count_gap(subscriber->stream->core, gap->missed);
    if (subscriber->gap != RT_GAP_TELL) {
        return;
    }
    bool is_written = sink->gap(subscriber, gap);
    if (!is_written && subscriber->state == RT_SUBSCRIBER_LAGGING) {
        rt_subscriber_block(subscriber);
    }
}

/* --- one topic --- */

static bool is_passed_in_topic(const struct rt_subscriber *subscriber)
{
    const struct rt_topic *topic = subscriber->stream->topic;
    return subscriber->offset < rt_ring_earliest(&topic->ring) &&
           rt_history_place(topic, subscriber->offset) == RT_PLACE_GONE;
}

/* What the subscriber has missed: events, or the end of the log they were in.
 */
static struct rt_gap gap_before(const struct rt_subscriber *subscriber,
                                uint64_t next)
{
    const struct rt_topic *topic = subscriber->stream->topic;
    struct rt_loss loss = rt_history_loss(topic, subscriber->offset, next);
    return (struct rt_gap){.topic = topic->leaf.key,
                           .after =
                               rt_topic_cursor(topic, subscriber->offset - 1),
                           .next = rt_topic_cursor(topic, next),
                           .missed = loss.missed,
                           .reason = loss.reason};
}

/* It is told of the gap first, if its format has words for it. */
static void close_for(struct rt_subscriber *subscriber,
                      const struct rt_gap *gap)
{
    struct rt_core *core = subscriber->stream->core;
    struct rt_resume resume = rt_resume_after(gap);
    rt_core_count_gap(core, gap->missed);
    if (subscriber->stream->view != NULL) {
        (void)core->options.sink->gap(subscriber, gap);
    }
    if (subscriber->state != RT_SUBSCRIBER_DETACHED) {
        rt_subscriber_close_with(subscriber, gap->reason, &resume);
    }
}

static void pass_gap(struct rt_subscriber *subscriber,
                     uint64_t next,
                     const struct rt_gap *gap)
{
    if (subscriber->gap == RT_GAP_CLOSE) {
        close_for(subscriber, gap);
    } else {
        subscriber->offset = next;
        tell(subscriber, gap);
    }
}

static void pass_in_topic(struct rt_subscriber *subscriber)
{
    uint64_t next =
        rt_history_next(subscriber->stream->topic, subscriber->offset);
    struct rt_gap gap = gap_before(subscriber, next);
    pass_gap(subscriber, next, &gap);
}

void rt_subscriber_lose(struct rt_subscriber *subscriber, uint64_t next)
{
    struct rt_gap gap = gap_before(subscriber, next);
    gap.reason = RT_CLOSE_EVENTS_LOST;
    gap.missed = 0;
    pass_gap(subscriber, next, &gap);
}

/* --- a selection --- */

static struct rt_follower *dropped_follower(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_follower, in_dropped);
}

/* Whether a topic has lost what the subscriber lacks, which it does not know.
 */
static bool is_news(const struct rt_subscriber *subscriber,
                    uint64_t sequence,
                    uint64_t drop)
{
    return drop > subscriber->lag->drops && sequence >= subscriber->offset;
}

static bool is_passed_by_removal(const struct rt_subscriber *subscriber)
{
    const struct rt_removed *removed = &subscriber->stream->core->removed;
    return is_news(subscriber, removed->sequence, removed->drop);
}

static bool is_passed_by_drop(const struct rt_subscriber *subscriber)
{
    const struct rt_selection *selection = subscriber->stream->selection;
    struct rt_list *last = selection->dropped.previous;
    return last != &selection->dropped &&
           is_news(subscriber, selection->dropped_sequence,
                   dropped_follower(last)->drop);
}

/* At the head it lacks nothing, whatever topics that are gone have had. */
static bool is_passed_in_selection(const struct rt_subscriber *subscriber)
{
    return subscriber->offset < rt_stream_head(subscriber->stream) &&
           (is_passed_by_removal(subscriber) || is_passed_by_drop(subscriber));
}

/* What has dropped events since the subscriber was told last: the first one,
 * how many those are, and how many of them it lacks something of. */
struct drops {
    struct rt_list *first;
    size_t topics;
    size_t news;
};

static struct drops find_drops(const struct rt_subscriber *subscriber)
{
    struct rt_selection *selection = subscriber->stream->selection;
    struct drops drops = {.first = &selection->dropped};
    while (drops.first->previous != &selection->dropped) {
        const struct rt_follower *follower =
            dropped_follower(drops.first->previous);
        if (follower->drop <= subscriber->lag->drops) {
            break;
        }
        drops.first = drops.first->previous;
        drops.topics++;
        drops.news +=
            is_news(subscriber, follower->dropped_sequence, follower->drop);
    }
    return drops;
}

/* Which of its events are gone is not known, but whether any was purged. */
static void tell_topic(struct rt_subscriber *subscriber,
                       const struct rt_topic *topic)
{
    bool is_purged = topic->purged_sequence >= subscriber->offset;
    struct rt_gap gap = {
        .topic = topic->leaf.key,
        .next = rt_topic_cursor(topic, rt_ring_earliest(&topic->ring)),
        .reason = is_purged ? RT_CLOSE_EPOCH_CHANGED : RT_CLOSE_CURSOR_EVICTED};
    tell(subscriber, &gap);
}

/* Of each topic, as far as the connection takes it. */
static void tell_topics(struct rt_subscriber *subscriber,
                        const struct drops *drops)
{
    const struct rt_list *end = &subscriber->stream->selection->dropped;
    struct rt_list *link = drops->first;
    while (link != end && subscriber->state == RT_SUBSCRIBER_LAGGING) {
        const struct rt_follower *follower = dropped_follower(link);
        bool is_told =
            !is_news(subscriber, follower->dropped_sequence, follower->drop);
        subscriber->lag->drops = follower->drop;
        link = link->next;
        if (!is_told) {
            tell_topic(subscriber, follower->topic);
        }
    }
}

static size_t pass_in_selection(struct rt_subscriber *subscriber)
{
    struct rt_core *core = subscriber->stream->core;
    struct drops drops = find_drops(subscriber);
    RT_CHECK(subscriber->gap != RT_GAP_CLOSE);
    if (is_passed_by_removal(subscriber) || drops.news > RT_PASS_TOPICS_MAX) {
        struct rt_gap gap = {.reason = RT_CLOSE_CURSOR_EVICTED};
        subscriber->lag->drops = core->drops;
        tell(subscriber, &gap);
    } else {
        tell_topics(subscriber, &drops);
    }
    return drops.topics;
}

/* --- either --- */

bool rt_subscriber_is_passed(const struct rt_subscriber *subscriber)
{
    return subscriber->stream->topic == NULL
               ? is_passed_in_selection(subscriber)
               : is_passed_in_topic(subscriber);
}

size_t rt_subscriber_pass(struct rt_subscriber *subscriber)
{
    if (subscriber->stream->topic == NULL) {
        return pass_in_selection(subscriber);
    }
    pass_in_topic(subscriber);
    return 1;
}
