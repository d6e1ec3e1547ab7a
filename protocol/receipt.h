/* The receipt: what a publisher is told of events that were appended. */
#ifndef PROTOCOL_RECEIPT_H
#define PROTOCOL_RECEIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/writer.h"
#include "protocol/ack.h"
#include "protocol/cursor.h"
#include "protocol/topic.h"

/* The most bytes of a receipt. */
#define RT_RECEIPT_BYTES_MAX (RT_TOPIC_BYTES_MAX + 200)

struct rt_receipt {
    struct rt_cursor cursor; /* of the event, or of a batch's last one */
    uint64_t wall_ms;        /* its time stamp */
    uint64_t first;          /* offset of a batch's first event */
    uint32_t count;          /* of a batch's events; 0: it was no batch */
    bool is_congested; /* the topic's fan-out is behind: publish more later */
    enum rt_ack ack;   /* how far the events have come when it is told */
    uint64_t ticket;   /* they are on disk when this batch is; 0: never */
};

/*
 * Writes `{"topic":...,"cursor":...,"offset":...,"ts":...}`, of a batch with
 * `first`, `last` and `count` as well, and with `ack` if it is said, without a
 * newline. The topic's name was
 * checked, so nothing in it needs escaping.
 */
void rt_receipt_write(struct rt_writer *writer,
                      struct rt_bytes topic,
                      const struct rt_receipt *receipt);

#endif
