#include "protocol/receipt.h"

static void write_batch(struct rt_writer *writer,
                        const struct rt_receipt *receipt)
{
    RT_WRITE(writer, ",\"first\":");
    rt_write_u64(writer, receipt->first);
    RT_WRITE(writer, ",\"last\":");
    rt_write_u64(writer, receipt->cursor.offset);
    RT_WRITE(writer, ",\"count\":");
    rt_write_u64(writer, receipt->count);
}

void rt_receipt_write(struct rt_writer *writer,
                      struct rt_bytes topic,
                      const struct rt_receipt *receipt)
{
    RT_WRITE(writer, "{\"topic\":\"");
    rt_write_bytes(writer, topic);
    RT_WRITE(writer, "\",\"cursor\":\"");
    rt_cursor_write(writer, receipt->cursor);
    RT_WRITE(writer, "\",\"offset\":");
    rt_write_u64(writer, receipt->cursor.offset);
    RT_WRITE(writer, ",\"ts\":");
    rt_write_u64(writer, receipt->wall_ms);
    if (receipt->count > 0) {
        write_batch(writer, receipt);
    }
    if (receipt->ack != RT_ACK_UNSAID) {
        RT_WRITE(writer, ",\"ack\":\"");
        rt_write_bytes(writer, rt_ack_name(receipt->ack));
        RT_WRITE(writer, "\"");
    }
    RT_WRITE(writer, "}");
}
