/* The receipt: what a publisher is told of an event that was appended. */
#ifndef PROTOCOL_RECEIPT_H
#define PROTOCOL_RECEIPT_H

#include "base/bytes.h"
#include "base/writer.h"
#include "protocol/cursor.h"
#include "protocol/topic.h"

/* The most bytes of a receipt. */
#define RT_RECEIPT_BYTES_MAX (RT_TOPIC_BYTES_MAX + 120)

/*
 * Writes `{"topic":...,"cursor":...,"offset":...,"ts":...}` and a newline. The
 * topic's name was checked, so nothing in it needs escaping.
 */
void rt_receipt_write(struct rt_writer *writer,
                      struct rt_bytes topic,
                      struct rt_cursor cursor,
                      uint64_t wall_ms);

#endif
