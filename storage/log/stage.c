#include "storage/log/stage.h"

#include <string.h>

#include "base/error.h"
#include "storage/log/format.h"

int rt_log_stage_init(struct rt_log_stage *stage,
                      struct rt_disk *disk,
                      struct rt_heap *heap)
{
    char *bytes = rt_heap_alloc(heap, RT_LOG_STAGE_BYTES);
    if (bytes == NULL) {
        return RT_ENOMEM;
    }
    *stage = (struct rt_log_stage){.disk = disk, .heap = heap, .bytes = bytes};
    return 0;
}

void rt_log_stage_finish(struct rt_log_stage *stage)
{
    if (stage == NULL || stage->heap == NULL) {
        return;
    }
    rt_heap_free(stage->heap, stage->bytes, RT_LOG_STAGE_BYTES);
    *stage = (struct rt_log_stage){0};
}

void rt_log_stage_turn(struct rt_log_stage *stage,
                       struct rt_file *file,
                       uint64_t position)
{
    stage->file = file;
    stage->position = position;
    stage->len = 0;
    stage->err = 0;
}

static void write_block(struct rt_log_stage *stage)
{
    if (stage->len > 0) {
        struct rt_bytes block = {stage->bytes, stage->len};
        stage->err =
            rt_disk_write(stage->disk, stage->file, &block, 1, stage->position);
        stage->position += stage->len;
    }
    stage->len = 0;
}

int rt_log_stage_flush(struct rt_log_stage *stage)
{
    write_block(stage);
    return stage->err;
}

void rt_log_stage_add(struct rt_log_stage *stage, const void *bytes, size_t len)
{
    const char *rest = bytes;
    while (len > 0 && stage->err == 0) {
        size_t room = RT_LOG_STAGE_BYTES - stage->len;
        size_t piece = len < room ? len : room;
        memcpy(stage->bytes + stage->len, rest, piece);
        stage->len += piece;
        rest += piece;
        len -= piece;
        if (stage->len == RT_LOG_STAGE_BYTES) {
            write_block(stage);
        }
    }
}

void rt_log_stage_pad(struct rt_log_stage *stage)
{
    static const char zeros[RT_LOG_GRAIN];
    uint64_t at = stage->position + stage->len;
    rt_log_stage_add(stage, zeros, (size_t)(rt_log_padded(at) - at));
}
