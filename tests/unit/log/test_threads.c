/* A log on a real disk, written by one thread and read by others. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/log/events.h"
#include "storage/log/log.h"
#include "storage/log/reader.h"
#include "storage/posix_disk.h"
#include "tests/support/test.h"

#define TOPICS          2
#define BATCHES         400
#define EVENTS_OF_BATCH 20
#define EVENT_BYTES     200
#define EVENTS          ((uint64_t)BATCHES * EVENTS_OF_BATCH)
#define RETAIN_EVERY    50 /* batches */

struct reading {
    pthread_t thread;
    struct rt_log *log;
    uint64_t topic;
    uint64_t count; /* of events that were right */
    uint64_t gaps;
    int err; /* that ended it */
};

static char directory[64];
static struct rt_posix_disk disk;
static struct rt_heap heap;
static struct rt_heap publisher_heap;
static struct rt_store publisher = {.heap = &publisher_heap};

static void remove_file(void *context, const char *name)
{
    char path[128];
    (void)context;
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    (void)unlink(path);
}

static struct rt_log *open_log(uint64_t bytes)
{
    struct rt_log *log = NULL;
    struct rt_log_found found;
    struct rt_log_visitor visitor = {.context = NULL};
    struct rt_log_options options = {
        .disk = &disk.disk,
        .heap = &heap,
        .segment_bytes = (uint64_t)256 * 1024,
        .retention = {bytes, UINT64_MAX, UINT64_MAX},
        .identity = 99};
    (void)snprintf(directory, sizeof(directory), "/tmp/ringtail-log-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
    EXPECT_INT(rt_posix_disk_open(&disk, directory, RT_DISK_MAKE), 0);
    rt_heap_init(&heap, SIZE_MAX);
    rt_heap_init(&publisher_heap, SIZE_MAX);
    EXPECT_INT(rt_log_open(&log, &options, &visitor, &found), 0);
    return log;
}

static void close_log(struct rt_log *log)
{
    rt_log_close(log);
    EXPECT_INT(rt_disk_list(&disk.disk, remove_file, NULL), 0);
    rt_posix_disk_close(&disk);
    remove_file(NULL, "LOCK");
    EXPECT_INT(rmdir(directory), 0);
    EXPECT_INT(heap.used, 0);
    EXPECT_INT(publisher_heap.used, 0);
}

static void describe(struct rt_log *log)
{
    struct rt_log_part parts[TOPICS];
    for (uint64_t i = 0; i < TOPICS; i++) {
        parts[i] = (struct rt_log_part){
            .kind = RT_LOG_TOPIC,
            .topic = i + 1,
            .description = {.name = RT_BYTES("name"),
                            .next_offset = 1,
                            .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
    }
    struct rt_log_batch batch = {.parts = parts, .part_count = TOPICS};
    EXPECT_INT(rt_log_append(log, &batch), 0);
}

/* A segment with the next events of a topic, which tell their offsets. */
static struct rt_segment *make_events(uint64_t first)
{
    struct rt_segment *segment = rt_segment_create(
        &publisher, EVENTS_OF_BATCH * (EVENT_BYTES + sizeof(struct rt_entry)));
    EXPECT(segment != NULL);
    segment->first_offset = first;
    for (uint64_t i = 0; i < EVENTS_OF_BATCH; i++) {
        char frame[EVENT_BYTES] = {0};
        uint64_t offset = first + i;
        memcpy(frame, &offset, sizeof(offset));
        rt_segment_append(segment, (struct rt_bytes){frame, sizeof(frame)},
                          (struct rt_bytes){NULL, 0}, (struct rt_entry){0});
    }
    return segment;
}

static void append(struct rt_log *log, uint64_t number)
{
    struct rt_log_part parts[TOPICS];
    uint64_t first = number * EVENTS_OF_BATCH + 1;
    struct rt_segment *segment = make_events(first);
    for (uint64_t i = 0; i < TOPICS; i++) {
        parts[i] = (struct rt_log_part){
            .kind = RT_LOG_EVENTS,
            .topic = i + 1,
            .events = rt_log_events_of(segment, 0, EVENTS_OF_BATCH)};
    }
    struct rt_log_batch batch = {.parts = parts, .part_count = TOPICS};
    EXPECT_INT(rt_log_append(log, &batch), 0);
    rt_segment_unref(&publisher, segment);
}

/* Counts the events that are what was appended. */
static void count_events(struct reading *reading,
                         const struct rt_segment *segment)
{
    for (uint32_t i = 0; i < segment->event_count; i++) {
        uint64_t offset = 0;
        memcpy(&offset, segment->bytes + rt_segment_start(segment, i),
               sizeof(offset));
        reading->count += offset == segment->first_offset + i ? 1 : 0;
    }
}

/* Reads once from an offset on; returns from where to go on. */
static uint64_t read_once(struct reading *reading,
                          struct rt_log_reader *reader,
                          uint64_t offset)
{
    size_t needed = 0;
    struct rt_segment *segment = rt_segment_create(reader->store, 16384);
    int err = rt_log_read(reader, reading->topic, offset, segment, &needed);
    if (err == 0) {
        count_events(reading, segment);
        offset = segment->first_offset + segment->event_count;
    } else if (err == RT_ENOENT) {
        struct rt_log_extent extent;
        (void)rt_log_extent(reading->log, reading->topic, &extent);
        reading->gaps += extent.earliest - offset;
        offset = extent.earliest;
    } else if (err != RT_EAGAIN) {
        reading->err = err;
    } else {
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    rt_segment_unref(reader->store, segment);
    return offset;
}

static void *read_all(void *context)
{
    struct rt_heap own;
    struct rt_log_reader reader;
    struct reading *reading = context;
    struct rt_store store = {.heap = &own};
    uint64_t offset = 1;
    rt_heap_init(&own, SIZE_MAX);
    rt_log_reader_init(&reader, reading->log, &store);
    while (reading->err == 0 && offset <= EVENTS) {
        offset = read_once(reading, &reader, offset);
    }
    rt_log_reader_finish(&reader);
    reading->err = reading->err == 0 && own.used > 0 ? RT_ENOMEM : reading->err;
    return NULL;
}

/* Appends all batches while two read; what they found is in `readings`. */
static void live(uint64_t bytes, struct reading readings[TOPICS])
{
    struct rt_log *log = open_log(bytes);
    describe(log);
    for (uint64_t i = 0; i < TOPICS; i++) {
        readings[i] = (struct reading){.log = log, .topic = i + 1};
        EXPECT_INT(
            pthread_create(&readings[i].thread, NULL, read_all, &readings[i]),
            0);
    }
    for (uint64_t number = 0; number < BATCHES; number++) {
        append(log, number);
        if (number % RETAIN_EVERY == 0) {
            EXPECT_INT(rt_log_retain(log, 0), 0);
        }
    }
    for (uint64_t i = 0; i < TOPICS; i++) {
        EXPECT_INT(pthread_join(readings[i].thread, NULL), 0);
    }
    close_log(log);
}

TEST("readers on other threads get every event as it comes to disk")
{
    struct reading readings[TOPICS];
    live(UINT64_MAX, readings);
    for (uint64_t i = 0; i < TOPICS; i++) {
        EXPECT_INT(readings[i].err, 0);
        EXPECT_INT(readings[i].count, EVENTS);
        EXPECT_INT(readings[i].gaps, 0);
    }
}

TEST("readers get every event that is not removed under them")
{
    struct reading readings[TOPICS];
    live((uint64_t)600 * 1024, readings);
    for (uint64_t i = 0; i < TOPICS; i++) {
        EXPECT_INT(readings[i].err, 0);
        EXPECT_INT(readings[i].count + readings[i].gaps, EVENTS);
    }
}
