#include "protocol/receipt.h"

void rt_receipt_write(struct rt_writer *writer,
                      struct rt_bytes topic,
                      struct rt_cursor cursor,
                      uint64_t wall_ms)
{
    RT_WRITE(writer, "{\"topic\":\"");
    rt_write_bytes(writer, topic);
    RT_WRITE(writer, "\",\"cursor\":\"");
    rt_cursor_write(writer, cursor);
    RT_WRITE(writer, "\",\"offset\":");
    rt_write_u64(writer, cursor.offset);
    RT_WRITE(writer, ",\"ts\":");
    rt_write_u64(writer, wall_ms);
    RT_WRITE(writer, "}\n");
}
