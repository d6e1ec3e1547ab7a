#include "broker/core/relief.h"

#include "base/check.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

_Static_assert(RT_RELIEF_PART < RT_TOPICS_KEEP_PART,
               "rings give way before new topics are refused");

static bool is_short(const struct rt_core *core)
{
    return rt_heap_is_low(core->heap, core->heap->limit / RT_RELIEF_PART);
}

/* The offset before which nobody needs the ring. */
static uint64_t find_floor(const struct rt_topic *topic)
{
    uint64_t floor = rt_topic_floor(topic);
    return floor < topic->durable->next ? floor : topic->durable->next;
}

/* Drops the oldest segment, if it may go; returns its bytes. The disk may keep
 * less than the ring. */
static size_t yield(struct rt_topic *topic, uint64_t floor)
{
    return rt_history_has(topic, rt_ring_earliest(&topic->ring))
               ? rt_ring_yield(&topic->ring, floor)
               : 0;
}

/* Returns how many segments went. */
static uint32_t yield_some(struct rt_topic *topic, uint32_t max)
{
    struct rt_core *core = topic->core;
    uint64_t floor = find_floor(topic);
    uint32_t count = 0;
    size_t bytes = SIZE_MAX;
    while (count < max && bytes > 0 && is_short(core)) {
        bytes = yield(topic, floor);
        core->counters.bytes_yielded += bytes;
        count += bytes > 0;
    }
    if (count > 0) {
        rt_followers_mark(topic);
    }
    return count;
}

/* What is in use now may go later; of the others more has to come to disk. */
static void set_aside(struct rt_journal *journal, struct rt_durable *durable)
{
    rt_list_remove(&durable->written);
    if (rt_ring_earliest(&durable->topic->ring) < durable->next) {
        rt_list_append(&journal->written, &durable->written);
    }
}

static uint32_t relieve(struct rt_journal *journal)
{
    uint32_t count = 0;
    uint32_t misses = 0;
    while (!rt_list_is_empty(&journal->written) && is_short(journal->core) &&
           count < RT_RELIEF_SEGMENTS_MAX && misses < RT_RELIEF_MISSES_MAX) {
        struct rt_durable *durable =
            RT_LIST_FIRST(&journal->written, struct rt_durable, written);
        uint32_t yielded =
            yield_some(durable->topic, RT_RELIEF_SEGMENTS_MAX - count);
        if (yielded == 0) {
            set_aside(journal, durable);
            misses++;
        }
        count += yielded;
    }
    return count;
}

bool rt_core_relieve(struct rt_core *core)
{
    return core->journal != NULL && is_short(core) &&
           relieve(core->journal) > 0;
}
