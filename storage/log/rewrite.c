#include "storage/log/rewrite.h"

#include <string.h>

#include "base/error.h"
#include "storage/log/state.h"

static int append(struct rt_log *log,
                  const struct rt_log_part *part,
                  uint64_t sequence,
                  uint64_t wall_ms)
{
    struct rt_log_batch batch = {.parts = part,
                                 .part_count = 1,
                                 .sequence = sequence,
                                 .wall_ms = wall_ms};
    return rt_log_append(log, &batch);
}

/* What the log has of a topic. */
static struct rt_log_part part_of(const struct rt_log_shelf *shelf)
{
    return (struct rt_log_part){
        .kind = RT_LOG_TOPIC,
        .topic = shelf->topic,
        .description = {.name = {shelf->name, shelf->name_len},
                        .next_offset = shelf->next_offset,
                        .floor = shelf->floor,
                        .retention = shelf->retention,
                        .state = {shelf->opaque, shelf->state_len}}};
}

/* --- topics --- */

static int add_topic(struct rt_log *log,
                     const struct rt_log_topic_report *report)
{
    struct rt_log_part part = {
        .kind = RT_LOG_TOPIC,
        .topic = report->topic,
        .description = {.name = report->name,
                        .next_offset = 1,
                        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
    bool is_lost = report->name.len == 0 || report->topic < log->next_topic;
    return is_lost ? 0 : append(log, &part, log->sequence, 0);
}

int rt_log_rewrite_topics(struct rt_log *log, const struct rt_log_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        const struct rt_log_topic_report *report = &tally->topics[i].report;
        bool is_there = rt_log_index_shelf(&log->index, report->topic) != NULL;
        int err = is_there ? 0 : add_topic(log, report);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* --- parts --- */

/* Goes on at an offset: what was before it is lost. */
static int
skip_to(struct rt_log *log, const struct rt_log_shelf *shelf, uint64_t offset)
{
    struct rt_log_part part = part_of(shelf);
    part.description.next_offset = offset;
    return append(log, &part, log->sequence, 0);
}

int rt_log_rewrite_ends(struct rt_log *log, const struct rt_log_tally *tally)
{
    int err = 0;
    for (size_t i = 0; i < tally->count && err == 0; i++) {
        const struct rt_log_topic_report *report = &tally->topics[i].report;
        const struct rt_log_shelf *shelf =
            rt_log_index_shelf(&log->index, report->topic);
        uint64_t skip = report->is_damaged ? RT_LOG_REWRITE_SKIP : 0;
        uint64_t next = report->next_offset + skip;
        if (shelf != NULL && next > shelf->next_offset) {
            err = skip_to(log, shelf, next);
        }
    }
    return err;
}

int rt_log_rewrite_end(struct rt_log *log, uint64_t sequence)
{
    char node[RT_LOG_NODE_MAX];
    struct rt_log_part part = {.kind = RT_LOG_NODE,
                               .opaque = {node, log->node_len}};
    struct rt_log_batch batch = {
        .parts = &part, .part_count = 1, .sequence = sequence, .is_end = true};
    memcpy(node, log->node, log->node_len);
    return log->node_len > 0 ? rt_log_append(log, &batch) : 0;
}

static int rewrite_events(struct rt_log *log,
                          const struct rt_log_walk *walk,
                          struct rt_log_part *part,
                          struct rt_bytes body)
{
    const struct rt_log_shelf *shelf =
        rt_log_index_shelf(&log->index, part->topic);
    part->events = rt_log_walk_events(walk, body);
    if (shelf == NULL || part->events.offset < shelf->next_offset) {
        return 0;
    }
    int err = part->events.offset > shelf->next_offset
                  ? skip_to(log, shelf, part->events.offset)
                  : 0;
    struct rt_entry newest;
    memcpy(&newest, body.data, sizeof(newest));
    return err == 0 ? append(log, part, walk->batch.sequence, newest.wall_ms)
                    : err;
}

/* A topic that was damaged may be described behind where it is by now. If
 * nothing before that counted any more, nothing before this does. */
static void catch_up(struct rt_log_topic *topic, uint64_t next_offset)
{
    if (topic->next_offset >= next_offset) {
        return;
    }
    if (topic->floor >= topic->next_offset) {
        topic->floor = next_offset;
    }
    topic->next_offset = next_offset;
}

static int rewrite_topic(struct rt_log *log,
                         const struct rt_log_walk *walk,
                         struct rt_log_part *part,
                         struct rt_bytes body)
{
    struct rt_log_topic_head head;
    const struct rt_log_shelf *shelf =
        rt_log_index_shelf(&log->index, part->topic);
    int err = rt_log_walk_topic(walk, body, &part->description, &head);
    if (err < 0 || shelf == NULL) {
        return 0;
    }
    catch_up(&part->description, shelf->next_offset);
    return append(log, part, walk->batch.sequence, 0);
}

static int rewrite_removal(struct rt_log *log,
                           const struct rt_log_walk *walk,
                           const struct rt_log_part *part)
{
    bool is_there = rt_log_index_shelf(&log->index, part->topic) != NULL;
    return is_there ? append(log, part, walk->batch.sequence, 0) : 0;
}

static int rewrite_node(struct rt_log *log,
                        const struct rt_log_walk *walk,
                        struct rt_log_part *part,
                        struct rt_bytes body)
{
    part->opaque = body;
    return body.len <= RT_LOG_NODE_MAX
               ? append(log, part, walk->batch.sequence, 0)
               : 0;
}

/* --- keys --- */

struct rewriting {
    struct rt_log *log;
    uint64_t segment; /* the last one whose snapshot had keys */
    bool has_lost;    /* keys, maybe, since then */
    bool is_behind;   /* it had some that the log does not have */
};

static bool is_in_snapshot(const struct rt_log_walk *walk)
{
    return (walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0;
}

/* The first part with keys in a snapshot, which has all that are of use: others
 * are in the way. */
static void begin_keys(struct rewriting *rewriting,
                       const struct rt_log_walk *walk)
{
    struct rt_log_keys *keys = &rewriting->log->keys;
    if (is_in_snapshot(walk) && walk->segment != rewriting->segment) {
        rewriting->segment = walk->segment;
        rewriting->is_behind =
            rewriting->has_lost || rt_list_is_empty(&keys->blocks);
        rewriting->has_lost = false;
        rt_log_keys_clear(keys);
    }
}

/* The log has the key on disk already. */
static int recall_key(struct rt_log *log, const struct rt_log_key *key)
{
    int err = rt_log_keys_reserve(&log->keys, key->state.len);
    if (err == 0) {
        rt_log_keys_add(&log->keys, key);
    }
    return err;
}

/* The time of a key is that of its batch. */
static int rewrite_key(struct rewriting *rewriting,
                       const struct rt_log_walk *walk,
                       const struct rt_log_key *key)
{
    struct rt_log *log = rewriting->log;
    struct rt_log_part part = {.kind = RT_LOG_KEY, .opaque = key->state};
    return is_in_snapshot(walk) && !rewriting->is_behind
               ? recall_key(log, key)
               : append(log, &part, walk->batch.sequence, key->wall_ms);
}

static int rewrite_keys(struct rewriting *rewriting,
                        const struct rt_log_walk *walk,
                        struct rt_bytes body)
{
    struct rt_log_key key;
    int more = rt_log_keys_take(&body, &key);
    while (more > 0) {
        int err = rewrite_key(rewriting, walk, &key);
        if (err < 0) {
            return err;
        }
        more = rt_log_keys_take(&body, &key);
    }
    return 0;
}

/* --- all of it --- */

static int rewrite_part(void *context,
                        const struct rt_log_walk *walk,
                        const struct rt_bytes *body)
{
    struct rewriting *rewriting = context;
    struct rt_log *log = rewriting->log;
    struct rt_log_part part = {.kind = (enum rt_log_part_kind)walk->part.kind,
                               .topic = walk->part.topic};
    if (part.kind == RT_LOG_KEY) {
        begin_keys(rewriting, walk);
    }
    if (body == NULL) {
        rewriting->has_lost = true;
        return 0;
    }
    switch (part.kind) {
    case RT_LOG_EVENTS:
        return rewrite_events(log, walk, &part, *body);
    case RT_LOG_TOPIC:
        return rewrite_topic(log, walk, &part, *body);
    case RT_LOG_REMOVED:
        return rewrite_removal(log, walk, &part);
    case RT_LOG_KEY:
        return rewrite_keys(rewriting, walk, *body);
    default:
        return rewrite_node(log, walk, &part, *body);
    }
}

static int pass_hole(void *context)
{
    struct rewriting *rewriting = context;
    rewriting->has_lost = true;
    return 0;
}

int rt_log_rewrite(struct rt_log *log,
                   struct rt_disk *disk,
                   struct rt_heap *heap,
                   uint64_t first)
{
    struct rewriting rewriting = {.log = log};
    struct rt_log_survey_visitor visitor = {
        .context = &rewriting, .part = rewrite_part, .hole = pass_hole};
    return rt_log_survey(disk, heap, first, &visitor);
}
