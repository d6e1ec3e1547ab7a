/*
 * Cursors: a position in the log of one topic, written `epoch-offset`, such as
 * `7f3a9c21-1042`. It means "up to and including this event"; the position
 * before the first event of a log has offset 0.
 *
 * A position among all events of a node, for subscriptions to several topics,
 * is written `*epoch-number`, such as `*7f3a9c21-90210`: it has the node's
 * epoch, and in the place of the offset the event's number among all.
 */
#ifndef PROTOCOL_CURSOR_H
#define PROTOCOL_CURSOR_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/writer.h"

/* In its written form; a node's has one byte more. */
#define RT_CURSOR_BYTES_MAX      (8 + 1 + RT_U64_DIGITS)
#define RT_NODE_CURSOR_BYTES_MAX (1 + RT_CURSOR_BYTES_MAX)

struct rt_cursor {
    uint32_t epoch; /* of the log: another epoch is another log */
    uint64_t offset;
};

/*
 * Reads a cursor that fills the whole text: 8 lower-case hexadecimal digits,
 * '-', and 1 to 20 decimal digits, of which the first may be zeros. 0,
 * RT_EINVAL, or RT_ERANGE for an offset beyond 64 bits.
 */
RT_MUST_USE int rt_cursor_parse(struct rt_bytes text, struct rt_cursor *cursor);

/* The same for a position among all events of a node. */
RT_MUST_USE int rt_node_cursor_parse(struct rt_bytes text,
                                     struct rt_cursor *cursor);

/* Writes at most RT_CURSOR_BYTES_MAX bytes, the offset without padding; and a
 * position among all events of a node, at most RT_NODE_CURSOR_BYTES_MAX. */
void rt_cursor_write(struct rt_writer *writer, struct rt_cursor cursor);
void rt_node_cursor_write(struct rt_writer *writer, struct rt_cursor cursor);

#endif
