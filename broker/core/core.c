#include "broker/core/core.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/follower.h"
#include "broker/core/journal.h"
#include "broker/core/local.h"
#include "broker/core/relief.h"
#include "broker/core/selection.h"
#include "broker/core/subscriber.h"
#include "broker/core/topic.h"
#include "broker/core/view.h"
#include "protocol/ws_frame.h"

#define SPARE_LAGS_MAX 256

void rt_core_init(struct rt_core *core,
                  struct rt_heap *heap,
                  const struct rt_core_options *options)
{
    *core = (struct rt_core){
        .heap = heap, .store = {.heap = heap}, .options = *options};
    core->epoch = options->random();
    rt_tree_init(&core->topics, heap);
    rt_matcher_init(&core->matcher, heap);
    rt_tree_init(&core->selections, heap);
    rt_list_init(&core->selection_list);
    rt_list_init(&core->durable_list);
    rt_list_init(&core->topic_list);
    rt_list_init(&core->ready);
    rt_list_init(&core->dirty);
    rt_list_init(&core->lagging);
    rt_list_init(&core->blocked);
    rt_block_room_init(&core->block_room, &core->store);
    rt_history_init(&core->history, core);
    rt_excerpts_init(&core->excerpts, core);
    rt_idempotency_init(&core->idempotency, heap, &core->options.idempotency);
    rt_pool_init(&core->lags, heap, sizeof(struct rt_lag), SPARE_LAGS_MAX);
}

static struct rt_topic *first_topic(const struct rt_core *core)
{
    return RT_LIST_FIRST(&core->topic_list, struct rt_topic, link);
}

void rt_core_finish(struct rt_core *core)
{
    if (core == NULL || core->heap == NULL) {
        return;
    }
    rt_selections_finish(core);
    rt_excerpts_finish(&core->excerpts);
    rt_history_finish(&core->history);
    while (!rt_list_is_empty(&core->topic_list)) {
        rt_topic_destroy(first_topic(core));
    }
    rt_idempotency_finish(&core->idempotency);
    rt_pool_finish(&core->lags);
    *core = (struct rt_core){0};
}

void rt_core_set_time(struct rt_core *core, uint64_t now_ms, uint64_t wall_ms)
{
    RT_CHECK(now_ms >= core->now_ms);
    core->now_ms = now_ms;
    core->wall_ms = wall_ms;
}

static enum rt_opcode opcode_of(enum rt_content content)
{
    return content == RT_CONTENT_BINARY ? RT_OPCODE_BINARY : RT_OPCODE_TEXT;
}

struct rt_record rt_core_record(const struct rt_core *core,
                                const struct rt_event *event,
                                uint8_t header[RT_FRAME_HEADER_MAX])
{
    size_t header_len =
        rt_frame_header(header, opcode_of(event->content), event->payload.len);
    return (struct rt_record){
        .header = {(const char *)header, header_len},
        .payload = event->payload,
        .type = event->type,
        .wall_ms = core->wall_ms,
        .sequence = core->sequence + 1,
        .content = (uint8_t)event->content,
    };
}

/* It may need a segment of its own, beside the one that there was. */
#define EXTENTS_OF_ONE 2

static int append(struct rt_topic *topic, const struct rt_event *event)
{
    struct rt_core *core = topic->core;
    uint8_t header[RT_FRAME_HEADER_MAX];
    struct rt_record record = rt_core_record(core, event, header);
    size_t len = record.header.len + record.payload.len;
    if (RT_UNLIKELY(core->journal != NULL)) {
        int err = rt_journal_admit(topic, EXTENTS_OF_ONE);
        if (err < 0) {
            return err;
        }
        rt_journal_protect(topic, len);
    }
    rt_topic_protect(topic, len);
    return rt_ring_append(&topic->ring, core->now_ms, &record);
}

/* Appends to the topic, which begins to exist if it did not. */
static int append_to(struct rt_core *core,
                     const struct rt_event *event,
                     struct rt_topic **topic)
{
    uint32_t topic_count = core->topic_count;
    *topic = rt_topic_obtain(core, event->topic);
    if (*topic != NULL && (*topic)->is_closed) {
        return RT_ECLOSED;
    }
    int err = *topic == NULL ? RT_ENOMEM : append(*topic, event);
    if (err < 0) {
        rt_topic_undo(*topic, topic_count);
    }
    return err;
}

int rt_core_publish(struct rt_core *core,
                    const struct rt_event *event,
                    struct rt_receipt *receipt)
{
    struct rt_topic *topic;
    int err;
    do {
        err = append_to(core, event, &topic);
    } while (RT_UNLIKELY(err == RT_ENOMEM) && rt_core_relieve(core));
    if (err < 0) {
        core->counters.events_refused += err == RT_ENOMEM;
        return err;
    }
    core->sequence++;
    core->counters.events_produced++;
    core->counters.bytes_produced += event->payload.len;
    topic->touched_ms = core->now_ms;
    rt_topic_mark(topic, rt_ring_latest(&topic->ring));
    if (RT_UNLIKELY(core->journal != NULL)) {
        rt_journal_mark(topic, rt_ring_latest(&topic->ring));
    }
    *receipt = rt_topic_receipt(topic, rt_ring_latest(&topic->ring));
    return 0;
}

bool rt_core_is_congested(const struct rt_core *core, struct rt_bytes name)
{
    const struct rt_topic *topic = rt_topic_find(core, name);
    return topic != NULL ? rt_topic_is_congested(topic)
                         : rt_journal_is_behind(core->journal);
}

void rt_core_count_gap(struct rt_core *core, uint64_t missed)
{
    core->counters.gaps++;
    core->counters.events_missed += missed;
}

static void sweep_blocked(struct rt_core *core)
{
    while (!rt_list_is_empty(&core->blocked)) {
        struct rt_subscriber *subscriber =
            RT_LIST_FIRST(&core->blocked, struct rt_subscriber, link);
        struct rt_lag *lag = subscriber->lag;
        if (core->now_ms - lag->since_ms <= core->options.stall_timeout_ms) {
            return; /* the others are blocked for less long */
        }
        size_t queued = core->options.sink->queued(subscriber);
        if (queued >= lag->queued_bytes) {
            rt_subscriber_close(subscriber, RT_CLOSE_SLOW_CONSUMER);
            continue;
        }
        /* It is slow, but it moves. */
        lag->queued_bytes = queued;
        lag->since_ms = core->now_ms;
        rt_list_remove(&subscriber->link);
        rt_list_append(&core->blocked, &subscriber->link);
    }
}

static void sweep_topic(struct rt_topic *topic)
{
    struct rt_core *core = topic->core;
    rt_views_trim(topic); /* first, as selections are */
    rt_ring_expire(&topic->ring, core->now_ms, rt_topic_floor(topic));
    rt_followers_mark(topic);
    if (topic->ring.segment_count == 0 &&
        core->now_ms - topic->touched_ms > RT_TOPIC_IDLE_MS &&
        !rt_topic_is_wanted(topic) && rt_topic_is_plain(topic) &&
        rt_journal_forget(topic) == 0) {
        rt_topic_destroy(topic);
    }
}

/* The share is that of the topics there were at first: were it that of those
 * that are left, the last of a million would go after minutes. */
static void sweep_topics(struct rt_core *core)
{
    if (core->sweep_ticks == 0) {
        uint32_t share = core->topic_count / RT_TOPIC_SWEEP_TICKS + 1;
        core->sweep_ticks = RT_TOPIC_SWEEP_TICKS;
        core->sweep_share =
            share < RT_TOPIC_SWEEP_MIN ? RT_TOPIC_SWEEP_MIN : share;
    }
    core->sweep_ticks--;
    uint32_t count = core->sweep_share < core->topic_count ? core->sweep_share
                                                           : core->topic_count;
    for (uint32_t i = 0; i < count; i++) {
        struct rt_topic *topic = first_topic(core);
        rt_list_remove(&topic->link);
        rt_list_append(&core->topic_list, &topic->link);
        sweep_topic(topic);
    }
}

void rt_core_tick(struct rt_core *core)
{
    sweep_blocked(core);
    rt_selections_trim(core); /* first, for they keep events from expiring */
    sweep_topics(core);
    rt_idempotency_expire(&core->idempotency, core->now_ms);
    rt_history_trim(&core->history);
    rt_excerpts_trim(&core->excerpts);
    rt_pool_trim(&core->lags);
}

void rt_core_validate(const struct rt_core *core)
{
    uint32_t topics = 0;
    uint32_t subscribers = 0;
    uint32_t locals = 0;
    RT_LIST_EACH (node, &core->topic_list) {
        const struct rt_topic *topic =
            RT_CONTAINER(node, struct rt_topic, link);
        RT_CHECK(rt_topic_find(core, topic->leaf.key) == topic);
        rt_topic_validate(topic);
        topics++;
        subscribers += rt_topic_own_subscribers(topic);
        locals += topic->local_count;
    }
    RT_LIST_EACH (node, &core->selection_list) {
        const struct rt_selection *selection =
            RT_CONTAINER(node, struct rt_selection, link);
        rt_selection_validate(selection);
        subscribers += selection->stream.subscriber_count;
    }
    RT_CHECK(topics == core->topic_count);
    RT_CHECK(subscribers == core->subscriber_count);
    RT_CHECK(locals == core->local_count);
}
