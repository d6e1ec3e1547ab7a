#include "storage/log/retain.h"

#include "base/error.h"
#include "storage/log/seal.h"

static bool is_old(uint64_t stamp_ms, uint64_t wall_ms, uint64_t age_ms)
{
    return wall_ms > stamp_ms && wall_ms - stamp_ms > age_ms;
}

/* How many of the first places retention does not keep. */
static uint32_t surplus(const struct rt_log_shelf *shelf, uint64_t wall_ms)
{
    const struct rt_retention *retention = &shelf->retention;
    uint64_t bytes = shelf->bytes;
    uint64_t events = shelf->events;
    uint32_t count = 0;
    while (count < shelf->place_count) {
        const struct rt_log_span *span = &shelf->places[count].span;
        bytes -= span->bytes;
        events -= span->last - span->first + 1;
        bool is_kept = !is_old(span->wall_ms, wall_ms, retention->age_ms) &&
                       bytes < retention->bytes && events < retention->events;
        if (is_kept) {
            break;
        }
        count++;
    }
    return count;
}

static void
retain_topic(struct rt_log *log, struct rt_log_shelf *shelf, uint64_t wall_ms)
{
    uint32_t count = surplus(shelf, wall_ms);
    if (count > 0) {
        rt_log_index_lock(&log->index);
        rt_log_shelf_raise(shelf, shelf->places[count - 1].span.last + 1);
        rt_log_index_unlock(&log->index);
    }
}

/* The oldest segment in which something counts. */
static uint64_t retain_topics(struct rt_log *log, uint64_t wall_ms)
{
    uint64_t oldest = rt_log_index_newest(&log->index)->segment;
    for (uint32_t i = 0; i < log->index.shelf_count; i++) {
        struct rt_log_shelf *shelf = log->index.shelves[i];
        retain_topic(log, shelf, wall_ms);
        if (shelf->place_count > 0 && shelf->places[0].segment < oldest) {
            oldest = shelf->places[0].segment;
        }
    }
    return oldest;
}

/* Whether all topics together have more than they may, so that the oldest
 * segment goes whatever counts in it. */
static bool is_too_much(const struct rt_log *log, uint64_t wall_ms)
{
    const struct rt_retention *retention = &log->options.retention;
    const struct rt_log_volume *volumes = log->index.volumes;
    return log->index.bytes > retention->bytes ||
           log->index.events - volumes[0].events >= retention->events ||
           is_old(volumes[0].wall_ms, wall_ms, retention->age_ms);
}

bool rt_log_take_removed(struct rt_log *log, struct rt_file *file)
{
    bool is_there = log->has_removed;
    if (is_there) {
        *file = log->removed;
        log->has_removed = false;
    }
    return is_there;
}

/* So that its room is given back later; at once, if it cannot be opened. */
static void keep_open(struct rt_log *log, const char *name)
{
    struct rt_disk *disk = log->options.disk;
    struct rt_file last;
    if (rt_log_take_removed(log, &last)) {
        rt_disk_close(disk, &last);
    }
    log->has_removed = rt_disk_open(disk, name, false, &log->removed) == 0;
}

static void forget_oldest(struct rt_log *log)
{
    if (log->unsealed.segment == log->index.volumes[0].segment) {
        rt_log_seal_forget(log);
    }
    rt_log_index_drop(&log->index);
}

/*
 * The oldest name goes safely before another one does: a segment that came back
 * without the one behind it would be a hole.
 */
static int drop_oldest(struct rt_log *log)
{
    char name[RT_LOG_NAME_SIZE];
    struct rt_disk *disk = log->options.disk;
    rt_log_name(log->index.volumes[0].segment, name);
    rt_log_index_empty(&log->index);
    keep_open(log, name);
    int err = rt_disk_remove(disk, name);
    if (err < 0 && err != RT_ENOENT) {
        return err;
    }
    err = rt_disk_sync_names(disk);
    if (err < 0) {
        log->condition = RT_LOG_FAILED;
        return err;
    }
    forget_oldest(log);
    return 0;
}

int rt_log_make_way(struct rt_log *log, uint64_t bytes)
{
    int err = 0;
    while (err == 0 && log->index.volume_count > 1 &&
           log->index.bytes + bytes > log->options.retention.bytes) {
        err = drop_oldest(log);
    }
    return log->condition == RT_LOG_FAILED ? err : 0;
}

uint64_t rt_log_way(const struct rt_log *log, uint64_t bytes)
{
    const struct rt_log_index *index = &log->index;
    const struct rt_log_volume *volume = index->volumes;
    uint64_t way = 0;
    while (volume->segment < rt_log_index_newest(index)->segment &&
           index->bytes - way + bytes > log->options.retention.bytes) {
        way += volume->end + volume->seal;
        volume++;
    }
    return way;
}

int rt_log_retain(struct rt_log *log, uint64_t wall_ms)
{
    if (log->condition == RT_LOG_FAILED) {
        return RT_EFAILED;
    }
    int sealed = rt_log_seal(log);
    if (log->condition == RT_LOG_FAILED) {
        return sealed;
    }
    rt_log_keys_expire(&log->keys, wall_ms);
    uint64_t oldest = retain_topics(log, wall_ms);
    int err = 0;
    while (
        err == 0 && log->index.volume_count > 1 &&
        (log->index.volumes[0].segment < oldest || is_too_much(log, wall_ms))) {
        err = drop_oldest(log);
    }
    return err == 0 ? sealed : err;
}
