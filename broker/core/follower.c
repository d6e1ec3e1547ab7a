#include "broker/core/follower.h"

#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/excerpt.h"
#include "broker/core/fanout.h"
#include "broker/core/journal.h"
#include "broker/core/selection.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"

static struct rt_follower *of_topic(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_follower, in_topic);
}

/* --- losses --- */

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What was encoded already of what is gone goes with it: who lacks it still is
 * told of a gap, and must not get it after that. */
static void forget_blocks(const struct rt_follower *follower, uint64_t sequence)
{
    rt_blocks_drop_before(&follower->selection->blocks, sequence + 1);
}

/* And so does what was read of it, but for what is purged: that is passed over
 * in what was read, so that who purges a topic without end does not have the
 * others read again each time. */
static void forget(const struct rt_follower *follower, uint64_t sequence)
{
    forget_blocks(follower, sequence);
    if (sequence > follower->topic->purged_sequence) {
        rt_excerpts_forget(follower->selection, sequence);
    }
}

/* Who has all that is on disk lacks what is lost on the way there: it is told
 * of that as those are who lag, who know of all losses until now. */
static void fall_behind(struct rt_stream *stream)
{
    while (stream->active_count > 0) {
        const struct rt_active *last =
            &stream->active[stream->active_count - 1];
        struct rt_subscriber *subscriber = last->subscriber;
        if (rt_subscriber_fall_behind(subscriber, last->offset) < 0) {
            rt_subscriber_close(subscriber, RT_CLOSE_OVERLOAD);
        }
    }
}

/* Losses are numbered over all topics, so that a subscriber knows which of them
 * it was told of. */
static void note_loss(struct rt_follower *follower, uint64_t sequence)
{
    struct rt_selection *selection = follower->selection;
    if (sequence <= follower->lost_sequence) {
        return;
    }
    if (rt_selection_is_durable(selection) &&
        sequence >= selection->stream.floor) {
        fall_behind(&selection->stream);
    }
    follower->lost_sequence = sequence;
    follower->drop = ++follower->topic->core->drops;
    rt_list_remove(&follower->in_lost);
    rt_list_append(&selection->lost, &follower->in_lost);
    selection->lost_sequence = greater(selection->lost_sequence, sequence);
    forget(follower, sequence);
}

/* What a failed disk has not got is lost; who is given only what is on disk is
 * given no more, and lacks nothing. */
static bool is_cut_off(const struct rt_follower *follower)
{
    const struct rt_journal *journal = follower->topic->core->journal;
    return journal->state == RT_JOURNAL_FAILED &&
           follower->dropped_sequence > journal->sequence &&
           !rt_selection_is_durable(follower->selection);
}

/* Of what the ring has dropped, the last that is not on disk either, nor on its
 * way. */
static uint64_t find_lost(const struct rt_follower *follower)
{
    const struct rt_topic *topic = follower->topic;
    uint64_t dropped = follower->dropped_sequence;
    if (topic->durable == NULL || is_cut_off(follower)) {
        return dropped;
    }
    uint64_t gone =
        greater(follower->removed_sequence, follower->damaged_sequence);
    return greater(topic->purged_sequence, gone < dropped ? gone : dropped);
}

void rt_follower_lose(struct rt_follower *follower,
                      uint64_t removed,
                      uint64_t damaged)
{
    follower->removed_sequence = greater(follower->removed_sequence, removed);
    follower->damaged_sequence = greater(follower->damaged_sequence, damaged);
    note_loss(follower, find_lost(follower));
}

/* The last loss before that one, if it is of something behind a number. */
static uint64_t
drops_before(uint64_t drops, uint64_t drop, uint64_t lost, uint64_t sequence)
{
    return lost >= sequence && drop > 0 && drop <= drops ? drop - 1 : drops;
}

uint64_t rt_followers_drops(const struct rt_selection *selection,
                            uint64_t sequence,
                            uint64_t drops)
{
    if (selection->stream.core->journal->state == RT_JOURNAL_FAILED) {
        return 0;
    }
    drops = drops_before(drops, selection->damaged_drop,
                         selection->damaged_sequence, sequence);
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        drops = drops_before(drops, follower->drop, follower->damaged_sequence,
                             sequence);
    }
    return drops;
}

/* Nobody looks on disk for what was purged. */
static void note_drop(struct rt_follower *follower)
{
    struct rt_selection *selection = follower->selection;
    const struct rt_topic *topic = follower->topic;
    uint64_t dropped = topic->ring.dropped_sequence;
    follower->dropped_sequence = dropped;
    if (dropped > topic->purged_sequence) {
        selection->dropped_sequence =
            greater(selection->dropped_sequence, dropped);
    }
    note_loss(follower, find_lost(follower));
}

static void fail(const struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        note_drop(of_topic(link));
    }
}

void rt_followers_fail(struct rt_core *core)
{
    RT_LIST_EACH (link, &core->topic_list) {
        fail(RT_CONTAINER(link, struct rt_topic, link));
    }
}

/* --- who follows --- */

int rt_follower_create(struct rt_selection *selection, struct rt_topic *topic)
{
    struct rt_heap *heap = topic->core->heap;
    size_t kept = heap->limit / RT_TOPICS_KEEP_PART;
    if (rt_heap_is_low(heap, sizeof(struct rt_follower) + kept) ||
        rt_merge_reserve(&selection->merge, selection->follower_count + 2) <
            0) { /* one is for an excerpt */
        return RT_ENOMEM;
    }
    struct rt_follower *follower =
        rt_heap_zalloc(heap, sizeof(struct rt_follower));
    if (follower == NULL) {
        return RT_ENOMEM;
    }
    follower->topic = topic;
    follower->selection = selection;
    rt_list_init(&follower->in_lost);
    rt_list_append(&topic->followers, &follower->in_topic);
    rt_list_append(&selection->followers, &follower->in_selection);
    selection->follower_count++;
    selection->closed_count += topic->is_closed;
    note_drop(follower);
    return 0;
}

void rt_follower_destroy(struct rt_follower *follower)
{
    rt_list_remove(&follower->in_topic);
    rt_list_remove(&follower->in_selection);
    rt_list_remove(&follower->in_lost);
    follower->selection->follower_count--;
    follower->selection->closed_count -= follower->topic->is_closed;
    rt_heap_free(follower->topic->core->heap, follower, sizeof(*follower));
}

/* --- what is merged --- */

bool rt_follower_has(const struct rt_follower *follower,
                     uint64_t offset,
                     uint64_t sequence)
{
    const struct rt_topic *topic = follower->topic;
    return offset < topic->ring.next_offset ||
           (offset == topic->ring.next_offset &&
            rt_closing_is_from(topic, sequence));
}

struct rt_merge_item rt_follower_item(struct rt_follower *follower,
                                      uint64_t offset)
{
    const struct rt_topic *topic = follower->topic;
    struct rt_merge_item item = {.offset = offset, .follower = follower};
    item.sequence = rt_follower_is_closing(&item)
                        ? topic->closed_sequence
                        : rt_ring_entry(&topic->ring, offset)->sequence;
    return item;
}

bool rt_follower_is_closing(const struct rt_merge_item *item)
{
    return item->offset == item->follower->topic->ring.next_offset;
}

/* --- of a topic --- */

struct joining {
    struct rt_topic *topic;
    int err;
};

/* Several patterns of a selection may have the topic: then it is the last one
 * that the selection has. */
static bool has_joined(const struct rt_selection *selection,
                       const struct rt_topic *topic)
{
    struct rt_list *last = selection->followers.previous;
    return last != &selection->followers &&
           RT_CONTAINER(last, struct rt_follower, in_selection)->topic == topic;
}

static void join(struct rt_matcher_entry *entry, void *context)
{
    struct joining *joining = context;
    struct rt_selection *selection =
        RT_CONTAINER(entry, struct rt_selection_pattern, entry)->selection;
    if (joining->err == 0 && !has_joined(selection, joining->topic)) {
        joining->err = rt_follower_create(selection, joining->topic);
    }
}

int rt_followers_join(struct rt_topic *topic)
{
    struct joining joining = {.topic = topic};
    rt_matcher_match(&topic->core->matcher, topic->leaf.key, join, &joining);
    if (joining.err < 0) {
        rt_followers_leave(topic);
    }
    return joining.err;
}

void rt_followers_leave(struct rt_topic *topic)
{
    while (!rt_list_is_empty(&topic->followers)) {
        struct rt_follower *follower = of_topic(topic->followers.next);
        forget_blocks(follower, rt_topic_sequence(topic));
        rt_excerpts_forget(follower->selection, rt_topic_sequence(topic));
        rt_follower_destroy(follower);
    }
}

/* --- how many they are --- */

static uint32_t subscribers_of(const struct rt_follower *follower)
{
    return follower->selection->stream.subscriber_count;
}

uint32_t rt_followers_subscribers(const struct rt_topic *topic)
{
    uint32_t count = 0;
    RT_LIST_EACH (link, &topic->followers) {
        count += subscribers_of(of_topic(link));
    }
    return count;
}

bool rt_followers_want(const struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        const struct rt_follower *follower = of_topic(link);
        if (subscribers_of(follower) > 0 &&
            rt_selection_names(follower->selection, topic->leaf.key)) {
            return true;
        }
    }
    return false;
}

/* --- events --- */

static void mark(struct rt_follower *follower)
{
    struct rt_selection *selection = follower->selection;
    uint64_t sequence = rt_topic_sequence(follower->topic);
    if (sequence >= selection->head) {
        selection->head = sequence + 1;
        rt_list_remove(&follower->in_selection);
        rt_list_prepend(&selection->followers, &follower->in_selection);
        if (!rt_selection_is_durable(selection)) {
            rt_stream_mark_dirty(&selection->stream);
        }
    }
    note_drop(follower);
}

void rt_followers_mark(struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        mark(of_topic(link));
    }
}

bool rt_followers_are_durable(const struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        if (rt_selection_is_durable(of_topic(link)->selection)) {
            return true;
        }
    }
    return false;
}

void rt_followers_close(struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        struct rt_selection *selection = of_topic(link)->selection;
        selection->closed_count++;
        if (rt_selection_is_durable(selection)) {
            topic->core->journal->is_awaited = true;
        }
    }
}

/* What is encoded of its closing goes with that. */
void rt_followers_open(struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        struct rt_selection *selection = of_topic(link)->selection;
        selection->closed_count--;
        rt_blocks_drop_before(&selection->blocks, topic->closed_sequence + 1);
    }
}

void rt_followers_purge(struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        forget(of_topic(link), rt_topic_sequence(topic));
    }
}

void rt_followers_finish_pass(struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        rt_stream_finish_pass(&of_topic(link)->selection->stream);
    }
}

/* Where in the topic those who keep up with a selection have everything. */
static uint64_t floor_of(const struct rt_follower *follower)
{
    return rt_ring_offset_from(&follower->topic->ring,
                               follower->selection->stream.floor);
}

/* The cheap questions first: mostly the ring drops nothing at all. */
static void protect(struct rt_follower *follower, size_t len)
{
    const struct rt_ring *ring = &follower->topic->ring;
    struct rt_stream *stream = &follower->selection->stream;
    uint64_t now_ms = stream->core->now_ms;
    if (!rt_list_is_empty(&stream->dirty) &&
        rt_ring_endangers(ring, rt_ring_earliest(ring), now_ms, len) &&
        rt_ring_endangers(ring, floor_of(follower), now_ms, len)) {
        rt_stream_finish_pass(stream);
    }
}

void rt_followers_protect(struct rt_topic *topic, size_t len)
{
    RT_LIST_EACH (link, &topic->followers) {
        protect(of_topic(link), len);
    }
}

uint64_t rt_followers_floor(const struct rt_topic *topic)
{
    uint64_t floor = topic->ring.next_offset;
    RT_LIST_EACH (link, &topic->followers) {
        uint64_t own = floor_of(of_topic(link));
        floor = own < floor ? own : floor;
    }
    return floor;
}

bool rt_followers_are_behind(const struct rt_topic *topic)
{
    RT_LIST_EACH (link, &topic->followers) {
        const struct rt_follower *follower = of_topic(link);
        const struct rt_stream *stream = &follower->selection->stream;
        if (stream->active_count > RT_FANOUT_SMALL &&
            !rt_stream_is_durable(stream) &&
            rt_ring_bytes_from(&topic->ring, floor_of(follower)) >
                rt_topic_congestion(topic)) {
            return true;
        }
    }
    return false;
}
