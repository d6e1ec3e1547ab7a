#include "broker/core/saved.h"

#include <string.h>

#include "base/error.h"
#include "broker/core/control.h"
#include "broker/core/journal.h"
#include "broker/core/topic.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "what is in memory is what is on disk");

static uint32_t flags_of(const struct rt_topic *topic)
{
    return (topic->is_closed ? RT_SAVED_CLOSED : 0) |
           (topic->retention != NULL ? RT_SAVED_RETAINED : 0) |
           (topic->ack == RT_ACK_MEMORY ? RT_SAVED_MEMORY : 0) |
           (topic->ack == RT_ACK_DISK ? RT_SAVED_DISK : 0);
}

static enum rt_ack ack_of(uint32_t flags)
{
    return (flags & RT_SAVED_DISK) != 0     ? RT_ACK_DISK
           : (flags & RT_SAVED_MEMORY) != 0 ? RT_ACK_MEMORY
                                            : RT_ACK_UNSAID;
}

struct rt_saved_topic rt_save_topic(const struct rt_topic *topic)
{
    struct rt_retention ring = rt_topic_retention(topic);
    return (struct rt_saved_topic){.epoch = topic->epoch,
                                   .old_epoch = topic->old_epoch,
                                   .base = topic->base,
                                   .old_base = topic->old_base,
                                   .flags = flags_of(topic),
                                   .ring_bytes = ring.bytes,
                                   .ring_events = ring.events,
                                   .ring_age_ms = ring.age_ms,
                                   .closed_sequence = topic->closed_sequence};
}

/* The node may have less memory than it had. */
static int retain(struct rt_topic *topic, const struct rt_saved_topic *state)
{
    uint64_t bytes_max = rt_topic_bytes_max(topic->core);
    struct rt_retention ring = {
        .bytes = state->ring_bytes > bytes_max ? bytes_max : state->ring_bytes,
        .events = state->ring_events,
        .age_ms = state->ring_age_ms};
    return rt_topic_retain(topic, &ring);
}

int rt_topic_restore(struct rt_bytes bytes, struct rt_topic *topic)
{
    struct rt_saved_topic state;
    if (bytes.len != sizeof(state)) {
        return RT_EINVAL;
    }
    memcpy(&state, bytes.data, sizeof(state));
    if (state.old_base > state.base || state.base == UINT64_MAX) {
        return RT_EINVAL;
    }
    topic->epoch = state.epoch;
    topic->old_epoch = state.old_epoch;
    topic->base = state.base;
    topic->old_base = state.old_base;
    topic->is_closed = (state.flags & RT_SAVED_CLOSED) != 0;
    topic->closed_sequence = state.closed_sequence;
    topic->ack = ack_of(state.flags);
    return (state.flags & RT_SAVED_RETAINED) != 0 ? retain(topic, &state) : 0;
}

struct rt_saved_node rt_save_node(const struct rt_journal *journal)
{
    const struct rt_core *core = journal->core;
    return (struct rt_saved_node){.epoch = core->epoch,
                                  .next_id = journal->next_id,
                                  .lost_ms = journal->lost.wall_ms,
                                  .lost_sequence = journal->lost.sequence,
                                  .unnamed_ms = journal->unnamed.wall_ms,
                                  .unnamed_next_id = journal->unnamed.next_id,
                                  .removed_sequence = core->removed.sequence,
                                  .removed_ms = core->removed.wall_ms};
}

static void restore_removed(struct rt_core *core,
                            const struct rt_saved_node *state)
{
    if (state->removed_sequence > 0) {
        core->removed = (struct rt_removed){.sequence = state->removed_sequence,
                                            .wall_ms = state->removed_ms,
                                            .drop = ++core->drops};
    }
}

int rt_node_restore(struct rt_bytes bytes, struct rt_journal *journal)
{
    struct rt_saved_node state;
    if (bytes.len != sizeof(state)) {
        return RT_EINVAL;
    }
    memcpy(&state, bytes.data, sizeof(state));
    journal->core->epoch = state.epoch;
    journal->next_id = state.next_id;
    journal->noted_id = state.next_id;
    journal->lost.wall_ms = state.lost_ms;
    journal->lost.sequence = state.lost_sequence;
    journal->unnamed.wall_ms = state.unnamed_ms;
    journal->unnamed.next_id = state.unnamed_next_id;
    restore_removed(journal->core, &state);
    journal->noted_drop = journal->core->removed.drop;
    return 0;
}
