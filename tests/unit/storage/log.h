/* A ring with a heap of its own, and what tests do with it. */
#ifndef TESTS_UNIT_STORAGE_LOG_H
#define TESTS_UNIT_STORAGE_LOG_H

#include <string.h>

#include "base/error.h"
#include "storage/ring.h"
#include "tests/support/test.h"

#define KIB       ((size_t)1024)
#define UNLIMITED UINT64_MAX
#define PAYLOAD   ((size_t)400 * 1024)

struct log {
    struct test_heap heap;
    struct rt_store store;
    struct rt_retention retention;
    struct rt_ring ring;
};

static inline void log_init(struct log *log, struct rt_retention retention)
{
    test_heap_init(&log->heap, SIZE_MAX);
    log->store = (struct rt_store){.heap = &log->heap.heap};
    log->retention = retention;
    rt_ring_init(&log->ring, &log->store, &log->retention);
}

static inline void log_init_bytes(struct log *log, uint64_t bytes)
{
    log_init(log, (struct rt_retention){bytes, UNLIMITED, UNLIMITED});
}

static inline void log_finish(struct log *log)
{
    rt_ring_finish(&log->ring);
    EXPECT_INT(log->heap.heap.used, 0);
    EXPECT_INT(log->store.retired_bytes, 0);
}

/* Tries to append an event of `len` bytes, of which two are the header, and of
 * a type. */
static inline int
try_append_typed(struct log *log, uint64_t now_ms, size_t len, const char *type)
{
    static char payload[PAYLOAD];
    memset(payload, 'a' + (int)(log->ring.next_offset % 26), len - 2);
    struct rt_record record = {.header = RT_BYTES("##"),
                               .payload = {payload, len - 2},
                               .type = rt_bytes_of(type),
                               .wall_ms = 1000 + now_ms,
                               .sequence = log->ring.next_offset * 7};
    return rt_ring_append(&log->ring, now_ms, &record);
}

static inline int try_append(struct log *log, uint64_t now_ms, size_t len)
{
    return try_append_typed(log, now_ms, len, "");
}

static inline void append_at(struct log *log, uint64_t now_ms, size_t len)
{
    EXPECT_INT(try_append(log, now_ms, len), 0);
    rt_ring_validate(&log->ring);
}

static inline void append(struct log *log, size_t len)
{
    append_at(log, 0, len);
}

static inline struct rt_segment *newest(const struct log *log)
{
    return log->ring.segments[log->ring.segment_count - 1];
}

static inline size_t newest_size(const struct log *log)
{
    return rt_segment_size(newest(log)->capacity);
}

static inline uint64_t retained(const struct log *log)
{
    return log->ring.next_offset - rt_ring_earliest(&log->ring);
}

static inline void append_stamped(struct log *log, uint64_t wall_ms)
{
    struct rt_record record = {.header = RT_BYTES("##"),
                               .payload = RT_BYTES("payload"),
                               .wall_ms = wall_ms};
    EXPECT_INT(rt_ring_append(&log->ring, 0, &record), 0);
}

static inline uint64_t stamp_of(const struct log *log, uint64_t offset)
{
    uint64_t position = rt_ring_position(&log->ring, offset);
    const struct rt_segment *segment = rt_ring_segment(&log->ring, position);
    uint32_t index = (uint32_t)(offset - segment->first_offset);
    return rt_segment_entry(segment, index)->wall_ms;
}

#endif
