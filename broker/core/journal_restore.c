#include "broker/core/journal_restore.h"

#include "base/error.h"
#include "broker/core/saved.h"
#include "broker/core/saved_key.h"
#include "broker/core/topic.h"
#include "protocol/topic.h"

/* No log of ours comes near it. */
#define OFFSET_MAX (UINT64_MAX / 2)

static bool is_plausible(const struct rt_log_topic *topic)
{
    const char *reason = NULL;
    return rt_topic_check(topic->name, &reason) == 0 &&
           topic->next_offset > 0 && topic->next_offset < OFFSET_MAX;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The ring begins behind what the log has. */
static void go_on(struct rt_topic *topic, uint64_t jump, uint64_t sequence)
{
    struct rt_durable *durable = topic->durable;
    struct rt_ring *ring = &topic->ring;
    uint64_t next = durable->old_end + jump;
    rt_ring_begin(ring, next, ring->wall_ms, sequence);
    durable->begin = next;
    durable->collected = next;
    durable->next = next;
    rt_topic_mark(topic, next);
}

/* Of what was purged the log may not know when it came: before the start. */
static int restore(struct rt_topic *topic,
                   const struct rt_log_topic *saved,
                   const struct rt_log_standing *standing)
{
    struct rt_durable *durable = topic->durable;
    int err = rt_topic_restore(saved->state, topic);
    if (err < 0 || topic->base >= saved->next_offset) {
        return err == RT_ENOMEM ? err : RT_EDAMAGED;
    }
    rt_list_remove(&durable->changed); /* it is as the log has it */
    durable->kept = saved->retention;
    durable->is_damaged = standing->is_damaged;
    durable->old_end = saved->next_offset;
    if (rt_topic_first(topic) < saved->next_offset) {
        topic->ring.wall_ms = standing->wall_ms; /* not all is purged */
    } else {
        topic->purged_sequence = standing->sequence;
        topic->purged_ms = greater(standing->wall_ms, topic->core->wall_ms);
    }
    go_on(topic, 0, standing->sequence);
    return 0;
}

static int visit_topic(void *context,
                       uint64_t id,
                       const struct rt_log_topic *saved,
                       const struct rt_log_standing *standing)
{
    struct rt_journal *journal = context;
    if (!is_plausible(saved)) {
        return RT_EDAMAGED;
    }
    struct rt_topic *topic = rt_topic_obtain(journal->core, saved->name);
    if (topic == NULL) {
        return RT_ENOMEM;
    }
    if (topic->durable->id > 0) {
        return RT_EDAMAGED; /* two of one name */
    }
    topic->durable->id = id;
    return restore(topic, saved, standing);
}

static int visit_key(void *context, struct rt_bytes state)
{
    struct rt_journal *journal = context;
    int err = rt_key_restore(journal->core, state);
    return err == RT_EINVAL ? RT_EDAMAGED : err;
}

static int visit_node(void *context, struct rt_bytes state)
{
    int err = rt_node_restore(state, context);
    return err == RT_EINVAL ? RT_EDAMAGED : err;
}

struct rt_log_visitor rt_journal_visitor(struct rt_journal *journal)
{
    return (struct rt_log_visitor){.context = journal,
                                   .topic = visit_topic,
                                   .key = visit_key,
                                   .node = visit_node};
}

/* A node that has never served anybody has nothing to jump over. If the log has
 * lost what the node has told of itself, it has something else. */
static bool has_lost(const struct rt_journal *journal,
                     const struct rt_log_found *found)
{
    bool has_more =
        found->sequence > 0 || found->next_topic > 1 || found->damages > 0;
    return journal->noted_id > 0 ? !found->is_clean : has_more;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The number of a topic's last event. None is higher than that of all, whatever
 * the disk has. */
static uint64_t last_sequence(const struct rt_topic *topic,
                              const struct rt_log_found *found)
{
    return lesser(topic->ring.sequence, found->sequence);
}

/* The topic goes on, so much behind what the log has. */
static void restored(struct rt_topic *topic,
                     uint64_t jump,
                     const struct rt_log_found *found)
{
    topic->closed_sequence = lesser(topic->closed_sequence, found->sequence);
    topic->purged_sequence = lesser(topic->purged_sequence, found->sequence);
    go_on(topic, topic->durable->is_damaged ? 0 : jump,
          last_sequence(topic, found));
    if (jump > 0 && !topic->durable->is_damaged) {
        rt_journal_change(topic);
    }
}

/* Somebody may have been given events of topics that the log does not know, or
 * not any more. */
static void lose(struct rt_core *core, const struct rt_lost *lost)
{
    struct rt_removed *removed = &core->removed;
    uint64_t sequence = lesser(lost->sequence, core->sequence);
    if (sequence > removed->sequence) {
        *removed = (struct rt_removed){.sequence = sequence,
                                       .wall_ms = lost->wall_ms,
                                       .drop = ++core->drops};
    }
}

/* Topics that began since damage was found first may have been there before. */
static void note_unnamed(struct rt_journal *journal)
{
    struct rt_unnamed *unnamed = &journal->unnamed;
    if (unnamed->wall_ms == 0) {
        unnamed->next_id = journal->next_id;
    }
    unnamed->wall_ms = journal->core->wall_ms;
}

/* What ends and damage have cost, and what topics had that are gone. */
static void know_losses(struct rt_journal *journal,
                        uint64_t jump,
                        const struct rt_log_found *found)
{
    struct rt_core *core = journal->core;
    struct rt_lost now = {core->wall_ms, core->sequence};
    core->removed.sequence = lesser(core->removed.sequence, found->sequence);
    if (jump > 0) {
        journal->lost = now;
    }
    if (found->damages > 0) {
        note_unnamed(journal);
    }
    lose(core, found->damages > 0 ? &now : &journal->lost);
}

int rt_journal_restored(struct rt_journal *journal,
                        const struct rt_log_found *found)
{
    struct rt_core *core = journal->core;
    uint64_t jump = has_lost(journal, found) ? RT_JOURNAL_JUMP : 0;
    core->sequence = found->sequence + jump;
    journal->sequence = core->sequence;
    if (found->next_topic > journal->next_id) {
        journal->next_id = found->next_topic;
    }
    RT_LIST_EACH (link, &core->topic_list) {
        restored(RT_CONTAINER(link, struct rt_topic, link), jump, found);
    }
    know_losses(journal, jump, found);
    int err = rt_key_forget_lost(core);
    return err < 0 ? err : rt_journal_note_node(journal);
}
