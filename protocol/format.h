/*
 * The formats in which subscribers get events. An event is encoded once per
 * format, and shared by all who subscribe in it.
 *
 *     raw      a WebSocket frame of the payload alone
 *     json     a text frame of the envelope, a JSON object
 *     sse      a server-sent event, as a chunk of an HTTP body
 *     ndjson   the envelope on a line, as a chunk
 *
 * The envelope carries a payload verbatim as `data` if it is JSON, as a string
 * if it is text, and else as `data_base64`. A server-sent event carries text
 * and JSON as they are, a line each, where subscribers know the topic; payloads
 * that are binary, and events of a subscription to several topics, come in the
 * envelope.
 */
#ifndef PROTOCOL_FORMAT_H
#define PROTOCOL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/writer.h"
#include "protocol/cursor.h"
#include "protocol/media_type.h"

enum rt_format {
    RT_FORMAT_RAW,
    RT_FORMAT_JSON,
    RT_FORMAT_SSE,
    RT_FORMAT_NDJSON,
    RT_FORMAT_COUNT,
};

/* What a format needs to know of an event. The topic and the type have been
 * checked, so nothing in them needs escaping. */
struct rt_item {
    struct rt_bytes topic;
    struct rt_cursor cursor;
    uint64_t wall_ms;
    struct rt_bytes type; /* empty: none */
    enum rt_content content;
    struct rt_bytes payload;
    bool has_resume;         /* for subscriptions to several topics */
    struct rt_cursor resume; /* the node's epoch, and its sequence number */
};

/* How many bytes the event takes in a format, with the frame or the chunk. */
size_t rt_format_size(enum rt_format format, const struct rt_item *item);

/* Writes exactly so many; into less room nothing that means anything. */
void rt_format_write(struct rt_writer *writer,
                     enum rt_format format,
                     const struct rt_item *item);

/* The envelope alone, on one line without its end, as a part of a text: how
 * many bytes it takes, and so many. */
size_t rt_envelope_size(const struct rt_item *item);
void rt_envelope_write(struct rt_writer *writer, const struct rt_item *item);

#endif
