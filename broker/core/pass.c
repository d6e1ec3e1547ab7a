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

static struct rt_follower *lost_follower(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_follower, in_lost);
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

static bool is_passed_by_damage(const struct rt_subscriber *subscriber)
{
    const struct rt_selection *selection = subscriber->stream->selection;
    return is_news(subscriber, selection->damaged_sequence,
                   selection->damaged_drop);
}

static bool is_passed_by_loss(const struct rt_subscriber *subscriber)
{
    const struct rt_selection *selection = subscriber->stream->selection;
    struct rt_list *last = selection->lost.previous;
    return last != &selection->lost &&
           is_news(subscriber, selection->lost_sequence,
                   lost_follower(last)->drop);
}

/* Behind the last event it lacks nothing, whatever topics that are gone have
 * had. */
static bool is_passed_in_selection(const struct rt_subscriber *subscriber)
{
    return subscriber->offset < subscriber->stream->selection->head &&
           (is_passed_by_removal(subscriber) ||
            is_passed_by_damage(subscriber) || is_passed_by_loss(subscriber));
}

/* What has lost events since the subscriber was told last: the first one, how
 * many those are, and how many of them it lacks something of. */
struct losses {
    struct rt_list *first;
    size_t topics;
    size_t news;
};

static struct losses find_losses(const struct rt_subscriber *subscriber)
{
    struct rt_selection *selection = subscriber->stream->selection;
    struct losses losses = {.first = &selection->lost};
    while (losses.first->previous != &selection->lost) {
        const struct rt_follower *follower =
            lost_follower(losses.first->previous);
        if (follower->drop <= subscriber->lag->drops) {
            break;
        }
        losses.first = losses.first->previous;
        losses.topics++;
        losses.news +=
            is_news(subscriber, follower->lost_sequence, follower->drop);
    }
    return losses;
}

/* Which of its events are gone is not known, but what they went by. */
static enum rt_close_reason reason_of(const struct rt_subscriber *subscriber,
                                      const struct rt_follower *follower)
{
    if (follower->topic->purged_sequence >= subscriber->offset) {
        return RT_CLOSE_EPOCH_CHANGED;
    }
    return follower->damaged_sequence >= subscriber->offset
               ? RT_CLOSE_EVENTS_LOST
               : RT_CLOSE_CURSOR_EVICTED;
}

/* What the topic goes on with behind what is lost: in the ring, if that was
 * all it had dropped. */
static uint64_t next_of(const struct rt_follower *follower)
{
    const struct rt_topic *topic = follower->topic;
    return follower->lost_sequence == topic->ring.dropped_sequence
               ? rt_ring_earliest(&topic->ring)
               : rt_history_earliest(topic);
}

static void tell_topic(struct rt_subscriber *subscriber,
                       const struct rt_follower *follower)
{
    const struct rt_topic *topic = follower->topic;
    struct rt_gap gap = {.topic = topic->leaf.key,
                         .next = rt_topic_cursor(topic, next_of(follower)),
                         .reason = reason_of(subscriber, follower)};
    tell(subscriber, &gap);
}

/* Of each topic, as far as the connection takes it. */
static void tell_topics(struct rt_subscriber *subscriber,
                        const struct losses *losses)
{
    const struct rt_list *end = &subscriber->stream->selection->lost;
    struct rt_list *link = losses->first;
    while (link != end && subscriber->state == RT_SUBSCRIBER_LAGGING) {
        const struct rt_follower *follower = lost_follower(link);
        bool is_told =
            !is_news(subscriber, follower->lost_sequence, follower->drop);
        subscriber->lag->drops = follower->drop;
        link = link->next;
        if (!is_told) {
            tell_topic(subscriber, follower);
        }
    }
}

/* In which topic is not known. */
static void tell_somewhere(struct rt_subscriber *subscriber,
                           enum rt_close_reason reason)
{
    struct rt_gap gap = {.reason = reason};
    tell(subscriber, &gap);
}

static size_t pass_in_selection(struct rt_subscriber *subscriber)
{
    struct rt_core *core = subscriber->stream->core;
    struct losses losses = find_losses(subscriber);
    RT_CHECK(subscriber->gap != RT_GAP_CLOSE);
    bool is_damaged = is_passed_by_damage(subscriber);
    if (is_damaged || is_passed_by_removal(subscriber) ||
        losses.news > RT_PASS_TOPICS_MAX) {
        subscriber->lag->drops = core->drops;
        tell_somewhere(subscriber, is_damaged ? RT_CLOSE_EVENTS_LOST
                                              : RT_CLOSE_CURSOR_EVICTED);
    } else {
        tell_topics(subscriber, &losses);
    }
    return losses.topics;
}

void rt_subscriber_miss(struct rt_subscriber *subscriber,
                        enum rt_close_reason reason)
{
    RT_CHECK(subscriber->stream->topic == NULL);
    tell_somewhere(subscriber, reason);
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
