/*
 * How long it takes to open a log whose last segment is large, as the broker
 * does when it starts after a crash:
 *
 *     log_start FOLDER MIB    fills a new log and ends it without a word, then
 *                             opens it, with its files forgotten by the system
 *                             and not
 *
 * A disk that has just been written to may be slow to read, so the first
 * opening does not count. Prints a line of JSON.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/load_clock.h"
#include "storage/log/events.h"
#include "storage/log/log.h"
#include "storage/posix_disk.h"

#define MIB         ((uint64_t)1024 * 1024)
#define PAYLOAD_LEN 1020 /* with its frame's head 1 KiB */
#define EVENTS      64   /* in a batch */
#define TOPIC       1

static struct rt_heap heap;
static struct rt_posix_disk disk;

/* Ends the program, if there is nothing to measure. */
static void must(int err, const char *what)
{
    if (err < 0) {
        (void)fprintf(stderr, "log_start: %s: %d\n", what, err);
        exit(1);
    }
}

static struct rt_log *
open_log(const char *folder, uint64_t segment_bytes, struct rt_log_found *found)
{
    struct rt_log *log = NULL;
    struct rt_log_visitor visitor = {.context = NULL};
    rt_heap_init(&heap, SIZE_MAX);
    must(rt_posix_disk_open(&disk, folder, RT_DISK_MAKE), folder);
    struct rt_log_options options = {
        .disk = &disk.disk,
        .heap = &heap,
        .segment_bytes = segment_bytes,
        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .keys = {60000, UINT64_MAX},
        .wall_ms = 1,
        .identity = 1};
    must(rt_log_open(&log, &options, &visitor, found), "rt_log_open");
    return log;
}

static void close_log(struct rt_log *log)
{
    rt_log_close(log);
    rt_posix_disk_close(&disk);
}

/* --- filling --- */

/* Events as a ring has them. */
static struct rt_segment *some_events(struct rt_store *store)
{
    static const char head[] = {'\x81', 126, PAYLOAD_LEN >> 8,
                                (char)(PAYLOAD_LEN & 0xff)};
    static char payload[PAYLOAD_LEN];
    size_t each = sizeof(head) + sizeof(payload) + sizeof(struct rt_entry);
    struct rt_segment *segment = rt_segment_create(store, EVENTS * each);
    must(segment == NULL ? RT_ENOMEM : 0, "rt_segment_create");
    memset(payload, '.', sizeof(payload));
    for (uint32_t i = 0; i < EVENTS; i++) {
        rt_segment_append(segment, (struct rt_bytes){head, sizeof(head)},
                          (struct rt_bytes){payload, sizeof(payload)},
                          (struct rt_entry){.wall_ms = 1, .content = 1});
    }
    return segment;
}

static void
append(struct rt_log *log, const struct rt_log_part *part, uint64_t sequence)
{
    struct rt_log_batch batch = {
        .parts = part, .part_count = 1, .sequence = sequence, .wall_ms = 1};
    must(rt_log_append(log, &batch), "rt_log_append");
}

static void begin_topic(struct rt_log *log)
{
    struct rt_log_part part = {
        .kind = RT_LOG_TOPIC,
        .topic = TOPIC,
        .description = {.name = RT_BYTES("bench.load"),
                        .next_offset = 1,
                        .retention = {UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
    append(log, &part, 0);
}

static void fill(struct rt_log *log, uint64_t bytes)
{
    struct rt_store store = {.heap = &heap};
    struct rt_segment *segment = some_events(&store);
    struct rt_log_part part = {.kind = RT_LOG_EVENTS,
                               .topic = TOPIC,
                               .events = rt_log_events_of(segment, 0, EVENTS)};
    begin_topic(log);
    part.events.offset = 1;
    while (rt_log_usage(log).bytes < bytes) {
        append(log, &part, part.events.offset + EVENTS - 1);
        part.events.offset += EVENTS;
    }
    rt_segment_unref(&store, segment);
}

/* --- opening --- */

/* Has the system drop what it has in memory of the files. */
static void forget(const char *folder)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    must(stream == NULL ? -1 : 0, folder);
    while ((entry = readdir(stream)) != NULL) {
        int fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_CLOEXEC);
        (void)fdatasync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)close(fd);
    }
    (void)closedir(stream);
}

static double seconds_to_open(const char *folder, uint64_t segment_bytes)
{
    struct rt_log_found found;
    uint64_t begun_ns = load_clock_ns();
    struct rt_log *log = open_log(folder, segment_bytes, &found);
    uint64_t taken_ns = load_clock_ns() - begun_ns;
    must(found.segment_count == 1 && found.sequence > 0 ? 0 : -1, "the log");
    close_log(log);
    return (double)taken_ns / 1e9;
}

int main(int count, char **arguments)
{
    uint64_t mib = count == 3 ? strtoull(arguments[2], NULL, 10) : 0;
    if (mib == 0) {
        (void)fprintf(stderr, "usage: log_start FOLDER MIB\n");
        return 1;
    }
    struct rt_log_found found;
    uint64_t segment_bytes = (mib + 1) * MIB;
    struct rt_log *log = open_log(arguments[1], segment_bytes, &found);
    fill(log, mib * MIB);
    close_log(log);
    forget(arguments[1]);
    (void)seconds_to_open(arguments[1], segment_bytes);
    forget(arguments[1]);
    double cold_s = seconds_to_open(arguments[1], segment_bytes);
    double warm_s = seconds_to_open(arguments[1], segment_bytes);
    (void)printf("{\"bytes\": %" PRIu64 ", \"cold_s\": %.3f, \"warm_s\": %.3f, "
                 "\"cold_s_per_gib\": %.3f, \"warm_s_per_gib\": %.3f}\n",
                 mib * MIB, cold_s, warm_s, cold_s * 1024 / (double)mib,
                 warm_s * 1024 / (double)mib);
    return 0;
}
