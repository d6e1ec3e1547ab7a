/*
 * An HTTP/1.1 answer's head as values, for clients. It is read as strictly as
 * requests are: what could be taken in two ways is refused, for the answers to
 * pipelined requests are told apart by their lengths alone.
 */
#ifndef PROTOCOL_HTTP_RESPONSE_H
#define PROTOCOL_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"

/* The header fields that mean something to a client. Connection is a list and
 * may be repeated; the others may stand once. */
#define RT_RESPONSE_FIELD_MAP(X)                            \
    X(CONNECTION, "Connection")                             \
    X(CONTENT_LENGTH, "Content-Length")                     \
    X(CONTENT_TYPE, "Content-Type")                         \
    X(RETRY_AFTER, "Retry-After")                           \
    X(RINGTAIL_CURSOR, "Ringtail-Cursor")                   \
    X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")         \
    X(SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions") \
    X(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol")     \
    X(TRANSFER_ENCODING, "Transfer-Encoding")               \
    X(UPGRADE, "Upgrade")

enum rt_response_field {
#define X(name, text) RT_RESPONSE_##name,
    RT_RESPONSE_FIELD_MAP(X)
#undef X
        RT_RESPONSE_FIELD_COUNT
};

/* All byte strings point into the head. */
struct rt_http_response {
    uint16_t status; /* 100 .. 999 */
    /* The first value of each field, trimmed; data NULL: absent. */
    struct rt_bytes fields[RT_RESPONSE_FIELD_COUNT];
    uint64_t body_bytes; /* after the head, if has_end */
    bool has_end;        /* the end of the body is known */
    bool keep_alive;     /* the connection may go on after the answer */
    bool says_upgrade;   /* the Connection field does */
};

/*
 * Reads a whole head, with the empty line, as rt_http_head_length delimits it:
 * 0, or RT_EINVAL for what is no HTTP/1.x answer. A body that is chunked or
 * goes on until the connection is closed has no known end.
 */
RT_MUST_USE int rt_http_response_parse(struct rt_bytes head,
                                       struct rt_http_response *response);

#endif
