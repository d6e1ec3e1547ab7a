#include "broker/core/excerpt.h"

#include "base/check.h"
#include "base/error.h"
#include "broker/core/closing.h"
#include "broker/core/follower.h"
#include "broker/core/history.h"
#include "broker/core/journal.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"

void rt_excerpts_init(struct rt_excerpts *excerpts, struct rt_core *core)
{
    *excerpts = (struct rt_excerpts){.core = core};
    rt_list_init(&excerpts->waiting);
    rt_excerpt_cache_init(&excerpts->cache, core);
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct rt_excerpts *excerpts_of(const struct rt_selection *selection)
{
    return &selection->stream.core->excerpts;
}

/* --- what was read, and is needed --- */

struct rt_excerpt *rt_excerpt_find(const struct rt_selection *selection,
                                   uint64_t sequence)
{
    return rt_excerpt_cache_find(&excerpts_of(selection)->cache, selection,
                                 sequence);
}

void rt_excerpts_forget(const struct rt_selection *selection, uint64_t sequence)
{
    struct rt_excerpts *excerpts = excerpts_of(selection);
    rt_excerpt_cache_forget(&excerpts->cache, selection, sequence);
    if (excerpts->reading == selection && excerpts->scan.first <= sequence) {
        excerpts->is_stale = true;
    }
}

void rt_excerpts_trim(struct rt_excerpts *excerpts)
{
    rt_excerpt_cache_trim(&excerpts->cache);
}

/* Behind the last number that is on disk and needed from there. */
static uint64_t end_of_needed(const struct rt_selection *selection)
{
    const struct rt_journal *journal = selection->stream.core->journal;
    return lesser(selection->dropped_sequence, journal->sequence) + 1;
}

bool rt_excerpt_is_needed(const struct rt_selection *selection,
                          uint64_t sequence)
{
    const struct rt_core *core = selection->stream.core;
    return sequence <= selection->dropped_sequence && core->journal != NULL &&
           selection->follower_count > 0 && /* or it all went with its topics */
           (core->journal->state != RT_JOURNAL_FAILED ||
            sequence < end_of_needed(selection));
}

/* --- reading --- */

static void finish_scan(struct rt_excerpts *excerpts)
{
    struct rt_core *core = excerpts->core;
    struct rt_log_scan *scan = &excerpts->scan;
    rt_segment_unref(&core->store, scan->segment);
    rt_heap_free(core->heap, scan->topics,
                 excerpts->topic_capacity * sizeof(*scan->topics));
    rt_heap_free(core->heap, scan->events,
                 RT_EXCERPT_EVENTS * sizeof(*scan->events));
    *scan = (struct rt_log_scan){0};
    excerpts->topic_capacity = 0;
    excerpts->reading = NULL;
}

void rt_excerpts_finish(struct rt_excerpts *excerpts)
{
    if (excerpts == NULL || excerpts->core == NULL) {
        return;
    }
    rt_excerpt_cache_finish(&excerpts->cache);
    finish_scan(excerpts);
    *excerpts = (struct rt_excerpts){0};
}

/* Those that have anything from the number on. */
static void add_topics(struct rt_log_scan *scan,
                       const struct rt_selection *selection)
{
    RT_LIST_EACH (link, &selection->followers) {
        struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        const struct rt_topic *topic = follower->topic;
        if (rt_topic_sequence(topic) >= scan->first && topic->durable != NULL &&
            topic->durable->id > 0) {
            scan->topics[scan->topic_count++] = (struct rt_log_scan_topic){
                .id = topic->durable->id, .owner = follower};
        }
    }
}

static struct rt_segment *make_segment(struct rt_core *core, size_t capacity)
{
    struct rt_store *store = &core->store;
    struct rt_segment *segment = rt_segment_create(store, capacity);
    if (segment != NULL && rt_segment_reserve_types(store, segment) < 0) {
        rt_segment_unref(store, segment);
        return NULL;
    }
    return segment;
}

static int begin_scan(struct rt_excerpts *excerpts,
                      const struct rt_excerpt_waiter *waiter,
                      size_t capacity)
{
    struct rt_core *core = excerpts->core;
    struct rt_log_scan *scan = &excerpts->scan;
    const struct rt_selection *selection = waiter->selection;
    uint32_t count = selection->follower_count;
    rt_excerpt_cache_make_room(&excerpts->cache, rt_segment_size(capacity));
    *scan = (struct rt_log_scan){.first = waiter->sequence,
                                 .until = end_of_needed(selection),
                                 .wall_ms = waiter->wall_ms,
                                 .event_max = RT_EXCERPT_EVENTS};
    scan->topics = rt_heap_alloc(core->heap, count * sizeof(*scan->topics));
    excerpts->topic_capacity = scan->topics == NULL ? 0 : count;
    scan->events =
        rt_heap_alloc(core->heap, RT_EXCERPT_EVENTS * sizeof(*scan->events));
    scan->segment = make_segment(core, capacity);
    if (scan->topics == NULL || scan->events == NULL || scan->segment == NULL) {
        finish_scan(excerpts);
        return RT_ENOMEM;
    }
    add_topics(scan, selection);
    return 0;
}

static void wake(struct rt_excerpt_waiter *waiter, int err, uint64_t next)
{
    rt_list_remove(&waiter->link);
    waiter->wake(waiter, err, next);
}

static void read_for(struct rt_excerpts *excerpts,
                     struct rt_excerpt_waiter *waiter,
                     size_t capacity)
{
    const struct rt_history *history = &excerpts->core->history;
    if (begin_scan(excerpts, waiter, capacity) < 0) {
        wake(waiter, RT_ENOMEM, 0);
        return;
    }
    excerpts->reading = waiter->selection;
    excerpts->is_stale = false;
    history->ops->scan(history->context, &excerpts->scan);
}

/* Two have room: one that is looked at while the next is read. */
static size_t usual_capacity(const struct rt_excerpts *excerpts)
{
    size_t capacity =
        lesser(RT_EXCERPT_BYTES, rt_excerpt_cache_room(&excerpts->cache) / 2);
    return capacity / sizeof(struct rt_entry) * sizeof(struct rt_entry);
}

static bool is_purged_since(const struct rt_topic *topic,
                            const struct rt_excerpt_waiter *waiter)
{
    return topic->purged_sequence >= waiter->sequence &&
           topic->purged_ms >= waiter->wall_ms;
}

/* Whether some of what it looks for has gone with its topic, or was purged. */
static bool has_gone(const struct rt_excerpt_waiter *waiter)
{
    const struct rt_selection *selection = waiter->selection;
    const struct rt_removed *removed = &selection->stream.core->removed;
    RT_LIST_EACH (link, &selection->followers) {
        const struct rt_follower *follower =
            RT_CONTAINER(link, struct rt_follower, in_selection);
        if (is_purged_since(follower->topic, waiter)) {
            return true;
        }
    }
    return removed->sequence >= waiter->sequence &&
           removed->wall_ms >= waiter->wall_ms;
}

/* Whether somebody waits for what is not there yet. Who need not wait, or
 * cannot, may look again. */
static bool must_wait(struct rt_excerpt_waiter *waiter)
{
    const struct rt_selection *selection = waiter->selection;
    bool has_excerpt = !waiter->is_seeking &&
                       rt_excerpt_find(selection, waiter->sequence) != NULL;
    if (has_excerpt || !rt_excerpt_is_needed(selection, waiter->sequence)) {
        if (waiter->is_seeking) { /* or nobody asks: it looks at all topics */
            waiter->drops = rt_followers_drops(selection, waiter->sequence,
                                               selection->stream.core->drops);
            waiter->is_gone = waiter->wall_ms > 0 && has_gone(waiter);
        }
        wake(waiter, 0, waiter->sequence);
        return false;
    }
    return true;
}

/* One thing at a time; and nothing when the node ends. */
static bool can_read(const struct rt_excerpts *excerpts)
{
    return excerpts->reading == NULL && excerpts->core->history.ops != NULL;
}

static struct rt_excerpt_waiter *waiter_of(struct rt_list *link)
{
    return RT_CONTAINER(link, struct rt_excerpt_waiter, link);
}

/* Wakes who need not wait, and reads for who must, if it can be. */
static void see_to(struct rt_excerpts *excerpts,
                   struct rt_excerpt_waiter *waiter)
{
    if (must_wait(waiter) && can_read(excerpts) &&
        waiter->sequence < end_of_needed(waiter->selection)) {
        read_for(excerpts, waiter, usual_capacity(excerpts));
    }
}

/* Who waits now is looked at once, for some may wait again. */
static void begin_round(struct rt_excerpts *excerpts, struct rt_list *round)
{
    rt_list_init(round);
    rt_list_move(round, &excerpts->waiting);
}

/* The next one of a round, who waits on; NULL: all have been looked at. */
static struct rt_excerpt_waiter *take_next(struct rt_excerpts *excerpts,
                                           struct rt_list *round)
{
    if (rt_list_is_empty(round)) {
        return NULL;
    }
    struct rt_excerpt_waiter *waiter = waiter_of(round->next);
    rt_list_remove(&waiter->link);
    rt_list_append(&excerpts->waiting, &waiter->link);
    return waiter;
}

void rt_excerpts_continue(struct rt_excerpts *excerpts)
{
    struct rt_list round;
    begin_round(excerpts, &round);
    struct rt_excerpt_waiter *waiter = take_next(excerpts, &round);
    while (waiter != NULL) {
        see_to(excerpts, waiter);
        waiter = take_next(excerpts, &round);
    }
}

/* Nothing has changed for the others, of whom there may be very many. */
void rt_excerpt_wait(struct rt_excerpt_waiter *waiter)
{
    struct rt_excerpts *excerpts = excerpts_of(waiter->selection);
    rt_list_init(&waiter->link);
    rt_list_append(&excerpts->waiting, &waiter->link);
    see_to(excerpts, waiter);
}

/* --- what was read --- */

static void note_losses(struct rt_excerpts *excerpts,
                        struct rt_selection *selection)
{
    const struct rt_log_scan *scan = &excerpts->scan;
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        rt_follower_lose(scan->topics[i].owner, scan->topics[i].lost, 0);
    }
    excerpts->drops = excerpts->core->drops;
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        rt_follower_lose(scan->topics[i].owner, 0, scan->topics[i].damaged);
    }
    rt_selection_lose(selection, scan->damaged);
}

/* Whether some of what was looked for was removed. */
static bool has_lost(const struct rt_log_scan *scan)
{
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        if (scan->topics[i].lost > 0) {
            return true;
        }
    }
    return false;
}

/* Whether the disk has lost some of it. */
static bool has_damage(const struct rt_log_scan *scan)
{
    bool is_damaged = scan->damaged > 0;
    for (uint32_t i = 0; i < scan->topic_count; i++) {
        is_damaged = is_damaged || scan->topics[i].damaged > 0;
    }
    return is_damaged;
}

static void fill_in(struct rt_excerpt *excerpt, struct rt_log_scan *scan)
{
    for (uint32_t i = 0; i < excerpt->count; i++) {
        const struct rt_log_scan_event *event = &scan->events[i];
        excerpt->events[i] = (struct rt_excerpt_event){
            .follower = scan->topics[event->topic].owner,
            .sequence = event->sequence,
            .offset = event->offset,
            .index = event->index};
    }
    if (excerpt->count > 0) {
        excerpt->segment = scan->segment;
        scan->segment = NULL;
    }
}

/* Where what was looked for begins, and all from there on was found. */
static uint64_t first_found(const struct rt_log_scan *scan)
{
    if (scan->wall_ms == 0) {
        return scan->first;
    }
    return scan->event_count > 0 ? scan->events[0].sequence : scan->end;
}

static int keep(struct rt_excerpts *excerpts,
                const struct rt_selection *selection)
{
    struct rt_log_scan *scan = &excerpts->scan;
    struct rt_excerpt *excerpt =
        rt_excerpt_cache_take(&excerpts->cache, scan->event_count);
    if (excerpt == NULL) {
        return RT_ENOMEM;
    }
    excerpt->selection = selection;
    excerpt->first = first_found(scan);
    excerpt->end = scan->end;
    fill_in(excerpt, scan);
    rt_excerpt_cache_keep(&excerpts->cache, excerpt);
    return 0;
}

/* Whether it is what was read for. */
static bool has_asked(const struct rt_excerpts *excerpts,
                      const struct rt_selection *selection,
                      const struct rt_excerpt_waiter *waiter)
{
    const struct rt_log_scan *scan = &excerpts->scan;
    return waiter->selection == selection && waiter->sequence == scan->first &&
           waiter->wall_ms == scan->wall_ms;
}

/* What it looks for was found, or not yet. */
static void tell_found(const struct rt_excerpts *excerpts,
                       struct rt_excerpt_waiter *waiter)
{
    const struct rt_log_scan *scan = &excerpts->scan;
    if (!waiter->is_seeking) {
        wake(waiter, 0, waiter->sequence);
        return;
    }
    bool is_damaged = has_damage(scan); /* that is told to everybody */
    uint64_t told = is_damaged && waiter->wall_ms > 0 ? scan->end : scan->first;
    waiter->drops =
        rt_followers_drops(waiter->selection, told, excerpts->drops);
    waiter->is_gone = waiter->wall_ms > 0 &&
                      (is_damaged || has_lost(scan) || has_gone(waiter));
    bool is_found = waiter->wall_ms == 0 || scan->event_count > 0;
    wake(waiter, is_found ? 0 : RT_EAGAIN, first_found(scan));
}

/* Who asked for what could not be read. */
static void tell_error(const struct rt_excerpts *excerpts,
                       struct rt_excerpt_waiter *waiter,
                       int err)
{
    waiter->drops = rt_followers_drops(waiter->selection, excerpts->scan.until,
                                       excerpts->core->drops);
    wake(waiter, err == RT_ENOMEM ? err : RT_EDAMAGED, excerpts->scan.until);
}

/* Those who asked for just this; the others see for themselves. */
static void tell_one(const struct rt_excerpts *excerpts,
                     const struct rt_selection *selection,
                     struct rt_excerpt_waiter *waiter,
                     int err)
{
    if (!has_asked(excerpts, selection, waiter)) {
        return;
    }
    if (err == 0) {
        tell_found(excerpts, waiter);
    } else {
        tell_error(excerpts, waiter, err);
    }
}

static void tell(struct rt_excerpts *excerpts,
                 const struct rt_selection *selection,
                 int err)
{
    struct rt_list round;
    begin_round(excerpts, &round);
    struct rt_excerpt_waiter *waiter = take_next(excerpts, &round);
    while (waiter != NULL) {
        tell_one(excerpts, selection, waiter, err);
        waiter = take_next(excerpts, &round);
    }
}

/* The event that has no room is read again, into a segment that has. */
static void read_large(struct rt_excerpts *excerpts,
                       const struct rt_selection *selection)
{
    size_t needed = excerpts->scan.needed;
    struct rt_excerpt_waiter *found = NULL;
    RT_LIST_EACH (link, &excerpts->waiting) {
        if (has_asked(excerpts, selection, waiter_of(link))) {
            found = waiter_of(link);
        }
    }
    finish_scan(excerpts);
    if (found != NULL) {
        read_for(excerpts, found, needed);
    }
    rt_excerpts_continue(excerpts);
}

/* Whether the topic has the event still, which the log may not know. */
static bool is_there(const struct rt_log_scan *scan,
                     const struct rt_log_scan_event *event)
{
    struct rt_follower *follower = scan->topics[event->topic].owner;
    bool is_purged = rt_topic_is_purged(follower->topic, event->offset);
    bool is_counted = rt_history_counts(follower->topic, event->offset);
    if (!is_purged && !is_counted) {
        rt_follower_lose(follower, 0, event->sequence);
    }
    return !is_purged && is_counted;
}

static void drop_others(struct rt_log_scan *scan)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scan->event_count; i++) {
        if (is_there(scan, &scan->events[i])) {
            scan->events[kept++] = scan->events[i];
        }
    }
    scan->event_count = kept;
}

static void take(struct rt_excerpts *excerpts, struct rt_selection *selection)
{
    struct rt_log_scan *scan = &excerpts->scan;
    note_losses(excerpts, selection);
    drop_others(scan);
    int err = first_found(scan) < scan->end ? keep(excerpts, selection) : 0;
    tell(excerpts, selection, err);
}

void rt_excerpts_fetched(struct rt_excerpts *excerpts, int err)
{
    struct rt_selection *selection = excerpts->reading;
    RT_CHECK(selection != NULL);
    excerpts->reading = NULL;
    if (!excerpts->is_stale && err == RT_ERANGE) {
        read_large(excerpts, selection);
        return;
    }
    if (!excerpts->is_stale && err == 0) {
        take(excerpts, selection);
    } else if (!excerpts->is_stale) {
        tell(excerpts, selection, err);
    }
    finish_scan(excerpts);
    rt_excerpts_continue(excerpts);
}
