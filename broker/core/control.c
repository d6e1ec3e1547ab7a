#include "broker/core/control.h"

#include "base/error.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "broker/core/local.h"
#include "broker/core/saved_key.h"
#include "broker/core/topic.h"

uint64_t rt_topic_bytes_max(const struct rt_core *core)
{
    uint64_t part = core->heap->limit / RT_TOPIC_RING_PART;
    uint64_t usual = core->options.retention.bytes;
    return part > usual ? part : usual;
}

struct rt_retention rt_topic_retention(const struct rt_topic *topic)
{
    return *topic->ring.retention;
}

static bool is_usual(const struct rt_core *core,
                     const struct rt_retention *retention)
{
    const struct rt_retention *usual = &core->options.retention;
    return retention->bytes == usual->bytes &&
           retention->events == usual->events &&
           retention->age_ms == usual->age_ms;
}

static void retain_as_usual(struct rt_topic *topic)
{
    struct rt_core *core = topic->core;
    topic->ring.retention = &core->options.retention;
    rt_heap_free(core->heap, topic->retention, sizeof(struct rt_retention));
    topic->retention = NULL;
}

static int retain_otherwise(struct rt_topic *topic,
                            const struct rt_retention *retention)
{
    if (topic->retention == NULL) {
        topic->retention =
            rt_heap_alloc(topic->core->heap, sizeof(struct rt_retention));
    }
    if (topic->retention == NULL) {
        return RT_ENOMEM;
    }
    *topic->retention = *retention;
    topic->ring.retention = topic->retention;
    return 0;
}

int rt_topic_retain(struct rt_topic *topic,
                    const struct rt_retention *retention)
{
    struct rt_core *core = topic->core;
    RT_CHECK(retention->bytes <= rt_topic_bytes_max(core));
    if (is_usual(core, retention)) {
        retain_as_usual(topic);
    } else if (retain_otherwise(topic, retention) < 0) {
        return RT_ENOMEM;
    }
    rt_ring_expire(&topic->ring, core->now_ms, rt_topic_floor(topic));
    rt_followers_mark(topic);
    rt_journal_change(topic);
    return 0;
}

void rt_topic_set_ack(struct rt_topic *topic, enum rt_ack ack)
{
    if (ack == topic->core->options.ack) {
        ack = RT_ACK_UNSAID;
    }
    if (topic->ack != ack) {
        topic->ack = ack;
        rt_journal_change(topic);
    }
}

void rt_topic_close(struct rt_topic *topic)
{
    if (!topic->is_closed) {
        topic->is_closed = true;
        topic->closed_sequence = ++topic->core->sequence;
        rt_followers_close(topic);
        rt_journal_change(topic);
        /* For those who have everything already. */
        rt_topic_mark(topic, rt_ring_latest(&topic->ring));
        rt_topic_mark_durable(topic);
    }
}

void rt_topic_open(struct rt_topic *topic)
{
    if (topic->is_closed) {
        rt_followers_open(topic);
        topic->is_closed = false;
        rt_journal_change(topic);
    }
    topic->touched_ms = topic->core->now_ms;
}

/* What had nothing since the last purge has nothing that could be forgotten:
 * who purges it once more does not have it looked for in all that was read. */
static void drop_all(struct rt_topic *topic)
{
    bool is_new = topic->ring.next_offset == rt_topic_first(topic);
    if (topic->ring.segment_count > 0 || rt_history_exists(topic)) {
        topic->purged_sequence = topic->ring.sequence;
        topic->purged_ms = topic->ring.wall_ms;
    }
    rt_ring_purge(&topic->ring);
    if (!is_new) {
        rt_followers_purge(topic);
    }
}

static void begin_epoch(struct rt_topic *topic)
{
    topic->old_epoch = topic->epoch;
    topic->old_base = topic->base;
    topic->epoch = topic->core->options.random();
    topic->base = rt_ring_latest(&topic->ring);
}

static void purge(struct rt_topic *topic)
{
    rt_followers_finish_pass(topic);
    if (rt_topic_subscribers(topic) == 0 && !rt_journal_knows(topic)) {
        rt_topic_destroy(topic);
        return;
    }
    retain_as_usual(topic);
    rt_topic_set_ack(topic, RT_ACK_UNSAID);
    if (topic->durable != NULL) {
        rt_journal_keep(topic, &rt_journal_all);
    }
    rt_topic_open(topic);
    rt_locals_purge(topic);
    rt_journal_settle(topic);
    drop_all(topic);
    begin_epoch(topic);
    rt_journal_skip(topic);
    rt_topic_mark(topic, rt_ring_latest(&topic->ring));
    rt_topic_mark_durable(topic);
}

int rt_topic_purge(struct rt_topic *topic)
{
    int err = rt_key_forget_topic(topic->core, topic->leaf.key);
    if (err == 0) {
        purge(topic);
    }
    return err;
}
