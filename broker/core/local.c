#include "broker/core/local.h"

#include "base/error.h"
#include "broker/core/history.h"
#include "broker/core/topic.h"
#include "protocol/ws_frame.h"

/* --- what the topic keeps --- */

static struct rt_locals *locals_create(struct rt_topic *topic)
{
    struct rt_locals *locals =
        rt_heap_zalloc(topic->core->heap, sizeof(struct rt_locals));
    if (locals != NULL) {
        locals->topic = topic;
        rt_list_init(&locals->ready);
        rt_list_init(&locals->following);
        rt_list_init(&locals->waiting);
    }
    return locals;
}

/* Lets go of the first `count` of the rescued blocks. */
static void
release_rescued(struct rt_core *core, struct rt_locals *locals, unsigned count)
{
    locals->rescued_count -= count;
    for (unsigned i = 0; i < count; i++) {
        rt_segment_unref(&core->store, locals->rescued[i]);
    }
    for (unsigned i = 0; i < locals->rescued_count; i++) {
        locals->rescued[i] = locals->rescued[i + count];
    }
}

void rt_locals_destroy(struct rt_core *core, struct rt_locals *locals)
{
    if (locals != NULL) {
        rt_list_remove(&locals->ready);
        release_rescued(core, locals, locals->rescued_count);
        rt_heap_free(core->heap, locals, sizeof(*locals));
    }
}

static bool is_ready(const struct rt_locals *locals)
{
    return locals != NULL && !rt_list_is_empty(&locals->ready);
}

uint64_t rt_locals_floor(const struct rt_topic *topic)
{
    return is_ready(topic->locals) ? topic->locals->floor
                                   : topic->ring.next_offset;
}

bool rt_locals_are_behind(const struct rt_topic *topic)
{
    const struct rt_locals *locals = topic->locals;
    const struct rt_ring *ring = &topic->ring;
    if (!is_ready(locals)) {
        return false;
    }
    uint64_t events = ring->next_offset - locals->floor;
    return events > ring->retention->events / RT_CONGESTION_PART ||
           rt_ring_bytes_from(ring, locals->floor) +
                   events * sizeof(struct rt_entry) >
               rt_topic_congestion(topic);
}

static void rescue(struct rt_locals *locals, struct rt_segment *segment)
{
    unsigned count = locals->rescued_count;
    /* It is there already if the append failed for which it was rescued. */
    if (count == 0 ||
        locals->rescued[count - 1]->first_offset < segment->first_offset) {
        rt_segment_ref(segment);
        locals->rescued[locals->rescued_count++] = segment;
    }
}

void rt_locals_protect(struct rt_topic *topic, size_t len)
{
    struct rt_locals *locals = topic->locals;
    const struct rt_ring *ring = &topic->ring;
    uint64_t now_ms = topic->core->now_ms;
    if (!is_ready(locals) ||
        !rt_ring_endangers(ring, locals->floor, now_ms, len)) {
        return;
    }
    for (uint32_t i = 0; i < ring->segment_count; i++) {
        struct rt_segment *segment = ring->segments[i];
        if (locals->rescued_count == RT_RESCUED_MAX ||
            !rt_ring_endangers(ring, segment->first_offset, now_ms, len)) {
            return;
        }
        if (segment->first_offset + segment->event_count > locals->floor) {
            rescue(locals, segment);
        }
    }
}

void rt_locals_purge(struct rt_topic *topic)
{
    struct rt_locals *locals = topic->locals;
    if (locals != NULL) {
        release_rescued(topic->core, locals, locals->rescued_count);
    }
}

void rt_locals_mark(struct rt_topic *topic, uint64_t first)
{
    struct rt_locals *locals = topic->locals;
    if (locals == NULL || rt_list_is_empty(&locals->following) ||
        is_ready(locals)) {
        return;
    }
    /* They had everything before what has just been appended. */
    locals->floor = first;
    rt_list_append(&topic->core->ready, &locals->ready);
}

/* --- who follows --- */

static bool is_behind(const struct rt_local *local)
{
    return local->start.is_gap || local->topic->is_closed ||
           local->offset < local->topic->ring.next_offset;
}

/* Sees what those that follow have: how far all of them are, what of the
 * rescued nobody needs any more, and whether there is more to deliver. */
static void settle(struct rt_topic *topic)
{
    struct rt_locals *locals = topic->locals;
    const struct rt_ring *ring = &topic->ring;
    uint64_t offset = ring->next_offset;
    bool is_any_behind = false;
    RT_LIST_EACH (node, &locals->following) {
        const struct rt_local *local =
            RT_CONTAINER(node, struct rt_local, link);
        is_any_behind = is_any_behind || is_behind(local);
        offset = local->offset < offset ? local->offset : offset;
    }
    unsigned spent = 0;
    while (spent < locals->rescued_count &&
           locals->rescued[spent]->first_offset +
                   locals->rescued[spent]->event_count <=
               offset) {
        spent++;
    }
    release_rescued(topic->core, locals, spent);
    locals->floor = offset;
    rt_list_remove(&locals->ready);
    if (is_any_behind) {
        rt_list_append(&topic->core->ready, &locals->ready);
    }
}

static bool is_followed(const struct rt_locals *locals)
{
    return !rt_list_is_empty(&locals->following) ||
           !rt_list_is_empty(&locals->waiting);
}

static void follow(struct rt_local *local)
{
    struct rt_topic *topic = local->topic;
    struct rt_locals *locals = topic->locals;
    bool is_alone = !is_followed(locals);
    local->state = RT_LOCAL_FOLLOWING;
    rt_list_append(&locals->following, &local->link);
    if (is_alone) {
        /* What is held for those who left would take the room of what must be
         * held for this one. */
        settle(topic);
    } else if (is_behind(local) && !is_ready(locals)) {
        locals->floor = local->offset;
        rt_list_append(&topic->core->ready, &locals->ready);
    }
}

int rt_core_subscribe_local(struct rt_core *core,
                            struct rt_bytes name,
                            const struct rt_since *since,
                            rt_deliver_fn deliver,
                            struct rt_local *local)
{
    RT_CHECK(local->state == RT_LOCAL_DETACHED);
    uint32_t topic_count = core->topic_count;
    struct rt_topic *topic = rt_topic_obtain(core, name);
    if (topic != NULL && topic->locals == NULL) {
        topic->locals = locals_create(topic);
    }
    if (topic == NULL || topic->locals == NULL) {
        rt_topic_undo(topic, topic_count);
        return RT_ENOMEM;
    }
    *local = (struct rt_local){.topic = topic,
                               .start = rt_start_find(topic, since),
                               .deliver = deliver};
    local->offset = local->start.offset;
    rt_list_init(&local->link);
    rt_list_init(&local->waiter.link);
    topic->local_count++;
    core->local_count++;
    topic->touched_ms = core->now_ms;
    follow(local);
    return 0;
}

void rt_local_detach(struct rt_local *local)
{
    if (local->state == RT_LOCAL_DETACHED) {
        return;
    }
    struct rt_topic *topic = local->topic;
    local->state = RT_LOCAL_DETACHED;
    rt_list_remove(&local->link);
    rt_list_remove(&local->waiter.link);
    topic->local_count--;
    topic->core->local_count--;
    topic->touched_ms = topic->core->now_ms;
    if (topic->core->delivering == local) {
        topic->core->delivering = NULL;
    }
}

void rt_local_pause(struct rt_local *local)
{
    RT_CHECK(local->state != RT_LOCAL_DETACHED);
    if (local->state == RT_LOCAL_FOLLOWING ||
        local->state == RT_LOCAL_FETCHING) {
        local->state = RT_LOCAL_PAUSED;
        rt_list_remove(&local->link);
        rt_list_remove(&local->waiter.link);
    }
}

void rt_local_resume(struct rt_local *local)
{
    RT_CHECK(local->state != RT_LOCAL_DETACHED);
    if (local->state == RT_LOCAL_PAUSED) {
        follow(local);
    }
}

struct rt_cursor rt_local_cursor(const struct rt_local *local)
{
    RT_CHECK(local->state != RT_LOCAL_DETACHED);
    return rt_topic_cursor(local->topic, local->offset - 1);
}

/* --- delivery --- */

/* What is called may detach the local, and free it: whether it goes on is for
 * the core to say. */
static bool may_go_on(const struct rt_core *core, const struct rt_local *local)
{
    return core->delivering == local && local->state == RT_LOCAL_FOLLOWING;
}

static void deliver_gap(struct rt_local *local)
{
    struct rt_start_found gap = local->start;
    local->start.is_gap = false;
    local->offset = gap.offset;
    rt_core_count_gap(local->topic->core, gap.missed);
    struct rt_delivery delivery = {.kind = RT_DELIVERY_GAP,
                                   .offset = rt_local_cursor(local).offset,
                                   .reason = gap.reason,
                                   .missed = gap.missed};
    local->deliver(local, &delivery);
}

static void deliver_end(struct rt_local *local)
{
    struct rt_core *core = local->topic->core;
    struct rt_delivery delivery = {.kind = RT_DELIVERY_END,
                                   .offset = rt_local_cursor(local).offset,
                                   .reason = RT_CLOSE_TOPIC_CLOSED};
    local->state = RT_LOCAL_ENDED;
    rt_list_remove(&local->link);
    core->counters.closes[RT_CLOSE_TOPIC_CLOSED]++;
    local->deliver(local, &delivery);
}

static void deliver_event(struct rt_local *local,
                          const struct rt_segment *segment)
{
    struct rt_core *core = local->topic->core;
    uint32_t index = (uint32_t)(local->offset - segment->first_offset);
    const struct rt_entry *entry = rt_segment_entry(segment, index);
    uint32_t end = rt_segment_start(segment, index + 1);
    struct rt_bytes frame = {(const char *)segment->bytes + entry->start,
                             end - entry->start};
    local->offset++;
    struct rt_delivery delivery = {.offset = rt_local_cursor(local).offset,
                                   .payload = rt_frame_payload(frame),
                                   .content = (enum rt_content)entry->content,
                                   .wall_ms = entry->wall_ms};
    core->counters.events_delivered++;
    core->counters.bytes_delivered += frame.len;
    local->deliver(local, &delivery);
}

/* Delivers what a block has from the local's offset on. Holds on to the block,
 * for what is called may publish, and so turn the ring over. */
static size_t deliver_segment(struct rt_core *core,
                              struct rt_local *local,
                              struct rt_segment *segment,
                              size_t max)
{
    size_t done = 0;
    rt_segment_ref(segment);
    do {
        deliver_event(local, segment);
        done++;
    } while (done < max && may_go_on(core, local) &&
             local->offset < segment->first_offset + segment->event_count);
    rt_segment_unref(&core->store, segment);
    return done;
}

/* The first block that is held for the locals with the event or a later one;
 * NULL if there is none that the ring has not, too. */
static struct rt_segment *find_rescued(const struct rt_topic *topic,
                                       uint64_t offset)
{
    const struct rt_locals *locals = topic->locals;
    uint64_t earliest = rt_ring_earliest(&topic->ring);
    for (unsigned i = 0; i < locals->rescued_count; i++) {
        struct rt_segment *segment = locals->rescued[i];
        uint64_t end = segment->first_offset + segment->event_count;
        if (offset < end && end <= earliest) {
            return segment;
        }
    }
    return NULL;
}

/* The first event from an offset on that is left; the head if there is none. */
static uint64_t next_left(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_segment *rescued;
    if (offset >= rt_ring_earliest(&topic->ring) ||
        rt_history_find(topic, offset) != NULL) {
        return offset;
    }
    uint64_t next = rt_history_next(topic, offset);
    rescued = find_rescued(topic, offset);
    if (rescued == NULL || rescued->first_offset >= next) {
        return next;
    }
    return offset < rescued->first_offset ? rescued->first_offset : offset;
}

/* The block with an event that is left; NULL at the head. */
static struct rt_segment *find_segment(const struct rt_topic *topic,
                                       uint64_t offset)
{
    const struct rt_ring *ring = &topic->ring;
    if (offset >= rt_ring_earliest(ring)) {
        return offset < ring->next_offset ? rt_ring_find(ring, offset) : NULL;
    }
    struct rt_segment *segment = rt_history_find(topic, offset);
    return segment != NULL ? segment : find_rescued(topic, offset);
}

static struct rt_start_found gap_until(const struct rt_local *local,
                                       uint64_t next)
{
    struct rt_loss loss = rt_history_loss(local->topic, local->offset, next);
    return (struct rt_start_found){.offset = next,
                                   .is_gap = true,
                                   .reason = loss.reason,
                                   .missed = loss.missed};
}

/* What comes next is said in the next delivery. */
static void on_fetched(struct rt_history_waiter *waiter, int err, uint64_t next)
{
    struct rt_local *local = RT_CONTAINER(waiter, struct rt_local, waiter);
    if (err < 0) {
        uint64_t left =
            err == RT_ENOMEM ? rt_ring_earliest(&local->topic->ring) : next;
        local->start = gap_until(local, left);
        local->start.reason = RT_CLOSE_EVENTS_LOST;
        local->start.missed = 0;
    }
    follow(local);
}

static bool is_rescued(const struct rt_topic *topic, uint64_t offset)
{
    const struct rt_segment *segment = find_rescued(topic, offset);
    return segment != NULL && segment->first_offset <= offset;
}

/* Whether it has to wait for what it needs next. */
static bool must_fetch(const struct rt_local *local)
{
    return local->offset < rt_ring_earliest(&local->topic->ring) &&
           !is_rescued(local->topic, local->offset) &&
           rt_history_is_away(local->topic, local->offset);
}

static void fetch(struct rt_local *local)
{
    local->state = RT_LOCAL_FETCHING;
    rt_list_remove(&local->link);
    local->waiter.offset = local->offset;
    local->waiter.wake = on_fetched;
    rt_history_wait(local->topic, &local->waiter);
}

/* One step: a gap that is known, a gap that is found, a block, or the end. */
static size_t
deliver_some(struct rt_core *core, struct rt_local *local, size_t max)
{
    if (local->start.is_gap) {
        deliver_gap(local);
        return 1;
    }
    if (must_fetch(local)) {
        fetch(local);
        return 0;
    }
    uint64_t next = next_left(local->topic, local->offset);
    if (local->offset < next) {
        local->start = gap_until(local, next);
        return 0;
    }
    struct rt_segment *segment = find_segment(local->topic, local->offset);
    if (segment == NULL) {
        deliver_end(local);
        return 1;
    }
    return deliver_segment(core, local, segment, max);
}

static size_t serve(struct rt_core *core, struct rt_local *local)
{
    size_t done = 0;
    core->delivering = local;
    while (done < RT_DELIVERY_QUANTUM && may_go_on(core, local) &&
           is_behind(local)) {
        done += deliver_some(core, local, RT_DELIVERY_QUANTUM - done);
    }
    core->delivering = NULL;
    return done;
}

/* Each local once, as far as `max` goes; who was not served is the first next
 * time. */
static size_t
deliver_topic(struct rt_core *core, struct rt_topic *topic, size_t max)
{
    struct rt_locals *locals = topic->locals;
    size_t done = 0;
    rt_list_move(&locals->waiting, &locals->following);
    while (done < max && !rt_list_is_empty(&locals->waiting)) {
        struct rt_local *local =
            RT_LIST_FIRST(&locals->waiting, struct rt_local, link);
        rt_list_remove(&local->link);
        rt_list_append(&locals->following, &local->link);
        done += serve(core, local);
        rt_history_read_ahead(&core->history);
    }
    rt_list_prepend_all(&locals->following, &locals->waiting);
    settle(topic);
    return done;
}

static bool deliver(struct rt_core *core)
{
    size_t done = 0;
    while (done < RT_DELIVERY_EVENTS && !rt_list_is_empty(&core->ready)) {
        struct rt_locals *locals =
            RT_LIST_FIRST(&core->ready, struct rt_locals, ready);
        /* Still marked as behind, for so they are until they are served. */
        rt_list_remove(&locals->ready);
        rt_list_append(&core->ready, &locals->ready);
        done += deliver_topic(core, locals->topic, RT_DELIVERY_EVENTS - done);
    }
    return !rt_list_is_empty(&core->ready);
}

bool rt_core_deliver(struct rt_core *core)
{
    /* In most turns there is nobody. */
    return RT_UNLIKELY(!rt_list_is_empty(&core->ready)) && deliver(core);
}
