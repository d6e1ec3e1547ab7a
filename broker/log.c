/* What becomes of a log on disk while no broker has it. */
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/facade.h"
#include "ringtail/log.h"
#include "storage/log/files.h"
#include "storage/log/log.h"
#include "storage/log/repair.h"
#include "storage/posix_disk.h"
#include "storage/posix_obstacle.h"

/* --- what is told --- */

static struct ringtail_log_segment
segment_of(const struct rt_log_segment_report *report)
{
    _Static_assert((int)RINGTAIL_LOG_SOUND == (int)RT_LOG_SOUND &&
                       (int)RINGTAIL_LOG_TORN == (int)RT_LOG_TORN &&
                       (int)RINGTAIL_LOG_DAMAGED == (int)RT_LOG_DAMAGED &&
                       (int)RINGTAIL_LOG_MISSING == (int)RT_LOG_MISSING,
                   "the same findings");
    return (struct ringtail_log_segment){
        .finding = (enum ringtail_log_finding)report->finding,
        .number = report->number,
        .count = report->count,
        .bytes = report->bytes,
        .batches = report->batch_count,
        .events = report->event_count,
        .damages = report->damage_count,
        .damage = report->damage,
        .torn_bytes = report->torn_bytes};
}

static void tell_segment(void *context,
                         const struct rt_log_segment_report *report)
{
    const struct ringtail_log_handlers *handlers = context;
    struct ringtail_log_segment segment = segment_of(report);
    if (handlers->on_segment != NULL) {
        handlers->on_segment(handlers->context, &segment);
    }
}

static void tell_topic(void *context, const struct rt_log_topic_report *report)
{
    const struct ringtail_log_handlers *handlers = context;
    char name[RT_LOG_TOPIC_NAME_MAX + 1] = "";
    struct ringtail_log_topic topic = {.name = name,
                                       .number = report->topic,
                                       .first_offset = report->first_offset,
                                       .next_offset = report->next_offset,
                                       .events = report->event_count,
                                       .lost = report->lost_count,
                                       .is_damaged = report->is_damaged};
    if (report->name.len > 0) {
        memcpy(name, report->name.data, report->name.len);
    }
    if (handlers->on_topic != NULL) {
        handlers->on_topic(handlers->context, &topic);
    }
}

static void tell_progress(void *context, uint64_t done, uint64_t all)
{
    const struct ringtail_log_handlers *handlers = context;
    if (handlers->on_progress != NULL) {
        handlers->on_progress(handlers->context, done, all);
    }
}

static void tell_summary(const struct ringtail_log_handlers *handlers,
                         const struct rt_log_check_found *found)
{
    struct ringtail_log_summary summary = {
        .is_sound = rt_log_check_is_sound(found),
        .segments = found->segment_count,
        .topics = found->topic_count,
        .batches = found->batch_count,
        .events = found->event_count,
        .bytes = found->bytes,
        .torn_bytes = found->torn_bytes,
        .damaged_segments = found->damaged_segments,
        .damaged_topics = found->damaged_topics,
        .lost_events = found->lost_events,
        .first_damaged = found->first_damaged};
    if (handlers->on_summary != NULL) {
        handlers->on_summary(handlers->context, &summary);
    }
}

int rt_facade_storage_error(int err)
{
    switch (err) {
    case RT_EBUSY:
        return RINGTAIL_ELOCKED;
    case RT_EDAMAGED:
        return RINGTAIL_EDAMAGED;
    case RT_EUNENDED:
        return RINGTAIL_EREPAIR;
    case RT_ENOFILE:
        return RINGTAIL_ENOFILE;
    default:
        return err;
    }
}

/* --- what is done --- */

/* What is done with a log, once it is nobody else's. */
typedef int (*work_fn)(struct rt_disk *disk,
                       struct rt_heap *heap,
                       const struct rt_log_check_visitor *visitor,
                       struct rt_log_check_found *found);

static int verify(struct rt_disk *disk,
                  struct rt_heap *heap,
                  const struct rt_log_check_visitor *visitor,
                  struct rt_log_check_found *found)
{
    struct rt_log_tally tally;
    rt_log_tally_init(&tally, heap);
    int err = rt_log_check(disk, &tally, visitor, found);
    rt_log_tally_finish(&tally);
    return err;
}

static uint64_t random_identity(void)
{
    uint64_t identity = 0;
    RT_CHECK(getrandom(&identity, sizeof(identity), 0) == sizeof(identity));
    return identity | 1; /* 0 is none */
}

static int repair(struct rt_disk *disk,
                  struct rt_heap *heap,
                  const struct rt_log_check_visitor *visitor,
                  struct rt_log_check_found *found)
{
    struct rt_log_repair_options options = {.disk = disk,
                                            .heap = heap,
                                            .segment_bytes =
                                                RT_LOG_SEGMENT_BYTES,
                                            .identity = random_identity(),
                                            .wall_ms = rt_clock_wall_ms()};
    return rt_log_repair(&options, visitor, found);
}

static int work_on(struct rt_disk *disk,
                   const struct ringtail_log_handlers *handlers,
                   work_fn work)
{
    struct rt_heap heap;
    struct rt_log_check_found found;
    struct ringtail_log_handlers told = *handlers;
    struct rt_log_check_visitor visitor = {.context = &told,
                                           .segment = tell_segment,
                                           .topic = tell_topic,
                                           .progress = tell_progress};
    rt_heap_init(&heap, SIZE_MAX);
    int err = work(disk, &heap, &visitor, &found);
    if (err == 0 && found.segment_count == 0) {
        err = RT_ENOENT;
    }
    if (err == 0) {
        tell_summary(handlers, &found);
    }
    return err;
}

static int on_directory(const char *directory,
                        enum rt_disk_use use,
                        const struct ringtail_log_handlers *handlers,
                        work_fn work)
{
    struct rt_posix_disk disk;
    RT_CHECK(handlers->size >= sizeof(*handlers));
    int err = rt_posix_disk_open(&disk, directory, use);
    if (err == 0) {
        err = work_on(&disk.disk, handlers, work);
        rt_posix_disk_close(&disk);
    }
    return rt_facade_storage_error(err);
}

int ringtail_log_verify(const char *directory,
                        const struct ringtail_log_handlers *handlers)
{
    return on_directory(directory, RT_DISK_READ, handlers, verify);
}

int ringtail_log_repair(const char *directory,
                        const struct ringtail_log_handlers *handlers)
{
    return on_directory(directory, RT_DISK_WRITE, handlers, repair);
}

int ringtail_log_obstacle(const char *directory, char *name, size_t size)
{
    int err = rt_posix_obstacle(directory, rt_log_files_opens, name, size);
    return err == RT_ENOENT
               ? rt_posix_obstacle(directory, rt_log_files_removes, name, size)
               : err;
}
