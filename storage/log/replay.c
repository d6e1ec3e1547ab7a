#include "storage/log/replay.h"

#include "base/error.h"
#include "storage/log/apply.h"

/* Numbers that no log comes to, so that none of them overflows. */
#define NUMBER_MAX (UINT64_MAX / 2)

void rt_log_replay_init(struct rt_log_replay *replay,
                        struct rt_log *log,
                        struct rt_log_window *window,
                        const struct rt_log_segment_head *head,
                        const struct rt_log_visitor *visitor)
{
    *replay = (struct rt_log_replay){.log = log,
                                     .visitor = visitor,
                                     .position = sizeof(*head),
                                     .chain = head->chain};
    rt_log_walk_init(&replay->walk, window, head->log, head->number);
}

/* --- damage --- */

/* A topic of which not even the name is known still has its number. */
static int add_lost(struct rt_log *log, uint64_t topic)
{
    if (topic >= NUMBER_MAX) {
        return RT_EDAMAGED;
    }
    struct rt_log_shelf *shelf =
        rt_log_index_add(&log->index, topic, (struct rt_bytes){0});
    if (shelf == NULL) {
        return RT_ENOMEM;
    }
    shelf->state = RT_LOG_SHELF_DAMAGED;
    log->next_topic = topic + 1;
    return 0;
}

/* What was to be known of the topic is lost. One that is not known any more,
 * or none, bears it. */
static int damage(struct rt_log *log, uint64_t topic)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, topic);
    if (shelf == NULL) {
        return topic >= log->next_topic ? add_lost(log, topic) : 0;
    }
    shelf->state = RT_LOG_SHELF_DAMAGED;
    return 0;
}

void rt_log_replay_miss(struct rt_log_replay *replay)
{
    const struct rt_log_index *index = &replay->log->index;
    replay->damages++;
    replay->is_end = false; /* there was more */
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        struct rt_log_shelf *shelf = index->shelves[i];
        if (shelf->state == RT_LOG_SHELF_SOUND) {
            shelf->state = RT_LOG_SHELF_IN_DOUBT;
        }
    }
}

void rt_log_replay_settle(struct rt_log *log)
{
    for (uint32_t i = 0; i < log->index.shelf_count; i++) {
        struct rt_log_shelf *shelf = log->index.shelves[i];
        if (shelf->state == RT_LOG_SHELF_IN_DOUBT) {
            shelf->state = RT_LOG_SHELF_DAMAGED;
        }
    }
}

/* --- parts --- */

/* Whether what is told of a topic goes on where it ended. */
static bool continues(const struct rt_log_shelf *shelf,
                      const struct rt_log_part *part)
{
    if (part->kind == RT_LOG_EVENTS) {
        return part->events.offset == shelf->next_offset;
    }
    const struct rt_log_topic *topic = &part->description;
    if (topic->next_offset <= shelf->next_offset) {
        return topic->next_offset == shelf->next_offset;
    }
    /* The topic skips offsets. What may be missing before it does not matter
     * where all of that does not count. */
    return shelf->state == RT_LOG_SHELF_SOUND ||
           topic->floor >= topic->next_offset;
}

/* Whether what is told of a topic that is damaged counts: it is told where it
 * ends, or that nothing before that counts any more. It stays damaged. */
static int judge_damaged(const struct rt_log_shelf *shelf,
                         const struct rt_log_part *part)
{
    const struct rt_log_topic *topic = &part->description;
    if (part->kind != RT_LOG_TOPIC || shelf->name_len == 0) {
        return 0;
    }
    return topic->next_offset == shelf->next_offset ||
           (topic->next_offset > shelf->next_offset &&
            topic->floor >= topic->next_offset);
}

/* Whether a topic's part can be believed: 1; 0 if it does not count, for the
 * topic is damaged, or by that; or RT_ENOMEM. */
static int is_credible(struct rt_log *log, const struct rt_log_part *part)
{
    struct rt_log_shelf *shelf = rt_log_index_shelf(&log->index, part->topic);
    if (shelf == NULL) {
        bool begins =
            part->kind == RT_LOG_TOPIC && part->topic >= log->next_topic;
        return begins ? 1 : damage(log, part->topic);
    }
    if (shelf->state == RT_LOG_SHELF_DAMAGED) {
        return judge_damaged(shelf, part);
    }
    if (!continues(shelf, part)) {
        return damage(log, part->topic);
    }
    shelf->state = RT_LOG_SHELF_SOUND;
    return 1;
}

/* Whether a topic's part says what one that was written by us could. */
static bool is_possible(const struct rt_log_part *part)
{
    const struct rt_log_topic *topic = &part->description;
    return part->topic > 0 && part->topic < NUMBER_MAX &&
           (part->kind != RT_LOG_TOPIC ||
            (topic->next_offset > 0 && topic->next_offset < NUMBER_MAX &&
             topic->floor < NUMBER_MAX));
}

static int judge(struct rt_log *log, const struct rt_log_part *part)
{
    switch (part->kind) {
    case RT_LOG_EVENTS:
    case RT_LOG_TOPIC:
        return is_possible(part) ? is_credible(log, part) : RT_EDAMAGED;
    case RT_LOG_NODE:
        return part->opaque.len <= RT_LOG_NODE_MAX;
    case RT_LOG_REMOVED:
        return part->topic > 0 ? 1 : RT_EDAMAGED;
    default:
        return 1;
    }
}

/* The body of the part, checked; of events the newest entry is enough. */
static int read_body(struct rt_log_replay *replay, struct rt_bytes *body)
{
    const void *newest = NULL;
    struct rt_log_walk *walk = &replay->walk;
    if (walk->part.kind != RT_LOG_EVENTS) {
        return rt_log_walk_body(walk, body);
    }
    int err = replay->is_whole ? 0 : rt_log_walk_check(walk);
    if (err == 0) {
        err = rt_log_window_at(walk->window, walk->body,
                               sizeof(struct rt_entry), &newest);
    }
    *body = (struct rt_bytes){newest, sizeof(struct rt_entry)};
    return err;
}

static int decode(const struct rt_log_walk *walk,
                  struct rt_bytes body,
                  struct rt_log_part *part,
                  struct rt_log_topic_head *head)
{
    *head = (struct rt_log_topic_head){0};
    *part = (struct rt_log_part){.kind = (enum rt_log_part_kind)walk->part.kind,
                                 .topic = walk->part.topic};
    if (part->kind == RT_LOG_EVENTS) {
        part->events = rt_log_walk_events(walk, body);
    } else if (part->kind == RT_LOG_TOPIC) {
        return rt_log_walk_topic(walk, body, &part->description, head);
    } else {
        part->opaque = body;
    }
    return 0;
}

static void apply(struct rt_log_replay *replay, const struct rt_log_part *part)
{
    struct rt_log *log = replay->log;
    struct rt_log_walk *walk = &replay->walk;
    struct rt_log_origin origin = {.segment = walk->segment,
                                   .position = walk->position};
    rt_log_index_lock(&log->index);
    rt_log_apply(log, part, &origin, walk->part.length);
    rt_log_index_unlock(&log->index);
}

/* A snapshot tells what the log knew of the topic beside. */
static void apply_snapshot(struct rt_log_replay *replay,
                           const struct rt_log_topic_head *head)
{
    struct rt_log_shelf *shelf =
        rt_log_index_shelf(&replay->log->index, replay->walk.part.topic);
    shelf->end = head->end;
    if ((head->flags & RT_LOG_TOPIC_FLAG_DAMAGED) != 0) {
        shelf->state = RT_LOG_SHELF_DAMAGED;
    }
}

static bool is_snapshot(const struct rt_log_replay *replay)
{
    return (replay->walk.batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0 &&
           replay->walk.part.kind == RT_LOG_TOPIC;
}

/* Of a part with keys, which is one of a snapshot if there are many. */
static int replay_keys(struct rt_log_replay *replay, struct rt_bytes body)
{
    struct rt_log_key key;
    struct rt_log_keys *keys = &replay->log->keys;
    int more = rt_log_keys_take(&body, &key);
    while (more > 0) {
        int err = rt_log_keys_reserve(keys, key.state.len);
        if (err < 0) {
            return err;
        }
        rt_log_keys_add(keys, &key);
        more = rt_log_keys_take(&body, &key);
    }
    replay->damages += more < 0 ? 1 : 0;
    return 0;
}

static int replay_part(struct rt_log_replay *replay)
{
    struct rt_log_part part;
    struct rt_log_topic_head head = {.end = 0};
    struct rt_bytes body;
    int err = read_body(replay, &body);
    if (err == 0 && replay->walk.part.kind == RT_LOG_KEY) {
        return replay_keys(replay, body);
    }
    if (err == 0) {
        err = decode(&replay->walk, body, &part, &head);
    }
    if (err == RT_EDAMAGED) {
        replay->damages++;
        return damage(replay->log, replay->walk.part.topic);
    }
    if (err < 0) {
        return err;
    }
    int credible = judge(replay->log, &part);
    if (credible <= 0) {
        return credible;
    }
    err = rt_log_admit(replay->log, &part);
    if (err < 0) {
        return err;
    }
    apply(replay, &part);
    if (is_snapshot(replay)) {
        apply_snapshot(replay, &head);
    }
    return 0;
}

/* --- batches --- */

static void tell_progress(struct rt_log_replay *replay)
{
    const struct rt_log_visitor *visitor = replay->visitor;
    bool is_time = replay->position - replay->told >= RT_LOG_PROGRESS_BYTES;
    if (visitor->progress != NULL && is_time) {
        replay->told = replay->position;
        visitor->progress(visitor->context, replay->position,
                          replay->walk.window->end);
    }
}

/* Replays the batch that the walk is at. */
static int replay_batch(struct rt_log_replay *replay)
{
    struct rt_log_walk *walk = &replay->walk;
    int more = rt_log_walk_next(walk);
    while (more > 0) {
        int err = replay_part(replay);
        if (err < 0) {
            return err;
        }
        more = rt_log_walk_next(walk);
    }
    replay->last = walk->position;
    replay->position = rt_log_walk_end(walk);
    replay->batch = walk->batch.number;
    replay->chain = walk->batch.crc;
    replay->is_end = (walk->batch.flags & RT_LOG_FLAG_END) != 0;
    replay->log->sequence = walk->batch.sequence;
    tell_progress(replay);
    return more;
}

/* Looks behind a batch that is not whole. If there is another one it is
 * damaged: 1. Else it is what a crash leaves: 0. */
static int is_followed(struct rt_log_replay *replay)
{
    struct rt_log_debris debris;
    struct rt_log_walk *walk = &replay->walk;
    int err = rt_log_walk_search(walk, rt_log_walk_end(walk),
                                 walk->batch.number + 1, &debris);
    if (err < 0 || debris.position > 0) {
        return err < 0 ? err : 1;
    }
    replay->debris = debris.end;
    return 0;
}

/* Whether the batch that the walk is at counts. */
static int accept(struct rt_log_replay *replay)
{
    int whole = rt_log_walk_is_whole(&replay->walk);
    replay->is_whole = whole > 0;
    if (whole == 0) {
        return replay->is_closed ? 1 : is_followed(replay);
    }
    return whole;
}

/* Where a batch should be and is not. If there is another one behind, it is the
 * next one: 1. */
static int leap(struct rt_log_replay *replay)
{
    struct rt_log_debris debris;
    struct rt_log_walk *walk = &replay->walk;
    int err =
        rt_log_walk_search(walk, replay->position, replay->batch + 1, &debris);
    if (err == 0 && debris.position > 0) {
        err = rt_log_walk_to(walk, debris.position);
        rt_log_replay_miss(replay);
        return err < 0 ? err : 1;
    }
    replay->debris = replay->is_closed ? 0 : debris.end;
    return err;
}

static bool is_next(const struct rt_log_replay *replay)
{
    const struct rt_log_batch_head *batch = &replay->walk.batch;
    return batch->number == replay->batch + 1 && batch->chain == replay->chain;
}

/* Goes to the next batch that counts: 1, or 0 at the end of the log. */
static int next_batch(struct rt_log_replay *replay)
{
    int err = rt_log_walk_to(&replay->walk, replay->position);
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    int found = err == 0 && is_next(replay) ? 1 : leap(replay);
    return found > 0 ? accept(replay) : found;
}

int rt_log_replay_rest(struct rt_log_replay *replay)
{
    int found = next_batch(replay);
    while (found > 0) {
        int err = replay_batch(replay);
        found = err < 0 ? err : next_batch(replay);
    }
    return found;
}

int rt_log_replay_snapshot(struct rt_log_replay *replay)
{
    struct rt_log_debris debris;
    struct rt_log_walk *walk = &replay->walk;
    int err = rt_log_walk_to(walk, replay->position);
    if (err == 0 && (walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0) {
        int counts = accept(replay);
        err = counts > 0 ? replay_batch(replay) : counts;
        replay->begin = replay->position;
        return err == 0 ? counts : err;
    }
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    err = rt_log_walk_search(walk, replay->position, 0, &debris);
    return err == 0 && debris.position > 0 ? RT_EDAMAGED : err;
}

/* --- from segment to segment --- */

static void pass(struct rt_log_replay *replay)
{
    const struct rt_log_walk *walk = &replay->walk;
    replay->last = walk->position;
    replay->position = rt_log_walk_end(walk);
    replay->batch = walk->batch.number;
    replay->chain = walk->batch.crc;
}

/* Looks for the next batch in a segment without a whole snapshot. If there is
 * none nobody knows how many there were. */
static int look_ahead(struct rt_log_replay *replay, uint64_t *position)
{
    struct rt_log_debris debris;
    int err = rt_log_walk_search(&replay->walk, replay->position,
                                 replay->batch + 1, &debris);
    if (err == 0 && debris.position == 0) {
        rt_log_replay_miss(replay);
        replay->is_closed = true;
    }
    *position = debris.position;
    return err;
}

/* Goes to the first batch of a segment, whose snapshot is not where it should
 * be. If there is one behind it, and no other is missing, nothing is lost. */
static int leap_in(struct rt_log_replay *replay)
{
    uint64_t position = 0;
    struct rt_log_walk *walk = &replay->walk;
    int err = look_ahead(replay, &position);
    if (err < 0 || position == 0) {
        return err;
    }
    err = rt_log_walk_to(walk, position);
    bool is_snapshot = (walk->batch.flags & RT_LOG_FLAG_SNAPSHOT) != 0;
    if (is_snapshot || walk->batch.number > replay->batch + 2) {
        rt_log_replay_miss(replay);
    }
    if (is_snapshot) {
        pass(replay);
        return err;
    }
    replay->position = position;
    replay->batch = walk->batch.number - 1;
    replay->chain = walk->batch.chain;
    return err;
}

int rt_log_replay_cross(struct rt_log_replay *replay, uint64_t segment)
{
    uint64_t position = 0;
    struct rt_log_walk *walk = &replay->walk;
    rt_log_walk_init(walk, walk->window, walk->log, segment);
    replay->position = sizeof(struct rt_log_segment_head);
    replay->begin = replay->position;
    replay->last = 0;
    replay->damages++;
    int err = rt_log_walk_to(walk, replay->position);
    if (err < 0 && err != RT_EDAMAGED) {
        return err;
    }
    if (err == 0 && is_next(replay)) {
        pass(replay);
        return look_ahead(replay, &position);
    }
    return leap_in(replay);
}

void rt_log_replay_expect(struct rt_log_replay *replay,
                          uint64_t batch,
                          uint32_t chain)
{
    if (replay->batch != batch || replay->chain != chain) {
        rt_log_replay_miss(replay);
        replay->batch = batch;
        replay->chain = chain;
    }
}
