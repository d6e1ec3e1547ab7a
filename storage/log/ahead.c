#include "storage/log/ahead.h"

#define BLOCK_BYTES ((size_t)4096)
#define BLOCKS      (RT_LOG_AHEAD_BYTES / BLOCK_BYTES)

static int write_zeros(struct rt_log *log, uint64_t from, uint64_t to)
{
    static const char block[BLOCK_BYTES];
    struct rt_bytes ranges[BLOCKS];
    size_t count = 0;
    for (uint64_t at = from; at < to; at += BLOCK_BYTES) {
        size_t len = to - at < BLOCK_BYTES ? (size_t)(to - at) : BLOCK_BYTES;
        ranges[count++] = (struct rt_bytes){block, len};
    }
    return rt_disk_write(log->options.disk, &log->tail.file, ranges, count,
                         from);
}

int rt_log_ahead(struct rt_log *log, uint64_t batch_length)
{
    struct rt_log_tail *tail = &log->tail;
    uint64_t end = tail->position + batch_length;
    uint64_t to = end + RT_LOG_AHEAD_BYTES;
    if (end <= tail->written || batch_length > RT_LOG_AHEAD_BATCH) {
        return 0;
    }
    to = to < tail->capacity ? to : tail->capacity;
    int err = write_zeros(log, end, to);
    if (err == 0) {
        tail->written = to;
    }
    return err;
}
