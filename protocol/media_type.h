/*
 * From the Content-Type of a publish to the kind of its events. The kind
 * decides the WebSocket opcode, and how an envelope carries the payload.
 */
#ifndef PROTOCOL_MEDIA_TYPE_H
#define PROTOCOL_MEDIA_TYPE_H

#include "base/bytes.h"
#include "base/check.h"

/* What a payload is known to be, once it is checked. */
enum rt_content {
    RT_CONTENT_BINARY,
    RT_CONTENT_TEXT, /* valid UTF-8 */
    RT_CONTENT_JSON, /* valid UTF-8 and valid JSON */
};

/* What a Content-Type says of a payload. */
enum rt_media {
    RT_MEDIA_GUESS,     /* nothing, or what curl says of everything */
    RT_MEDIA_TEXT,      /* text/... */
    RT_MEDIA_JSON,      /* application/json, ...+json */
    RT_MEDIA_BINARY,    /* anything else */
    RT_MEDIA_NDJSON,    /* application/x-ndjson: an event per line */
    RT_MEDIA_MALFORMED, /* not a media type */
};

/*
 * Classifies the value of a Content-Type (RFC 9110, section 8.3.1), without
 * regard to case. The empty value and `application/x-www-form-urlencoded`,
 * which is curl's default, say nothing. Text in a charset other than UTF-8 or
 * its subset US-ASCII is binary: a text frame must be UTF-8 (RFC 6455, section
 * 5.6), and payloads are delivered as they came, never converted. Other
 * parameters mean nothing here, but must be well formed.
 */
enum rt_media rt_media_type_classify(struct rt_bytes value);

/*
 * Checks one event's payload against what the Content-Type promised and says
 * what it is. A guess is text if it is valid UTF-8, and binary otherwise; a
 * line of NDJSON is JSON. 0, or RT_EINVAL for text that is not UTF-8, JSON that
 * does not parse, and a malformed media type.
 */
RT_MUST_USE int rt_media_content(enum rt_media media,
                                 struct rt_bytes payload,
                                 enum rt_content *content);

#endif
