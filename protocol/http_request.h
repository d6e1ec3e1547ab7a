/*
 * An HTTP request's head as values. All byte strings point into the head that
 * was parsed and are valid as long as it.
 */
#ifndef PROTOCOL_HTTP_REQUEST_H
#define PROTOCOL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum rt_http_method {
    RT_HTTP_GET,
    RT_HTTP_HEAD,
    RT_HTTP_POST,
    RT_HTTP_PUT,
    RT_HTTP_DELETE,
    RT_HTTP_OPTIONS,
    RT_HTTP_TRACE,
    RT_HTTP_OTHER, /* a method that no resource here has */
};

/*
 * The header fields that mean something to the broker. A field that is no list
 * may stand once in a request (RFC 9110, section 5.3).
 */
#define RT_HTTP_FIELD_MAP(X)                                  \
    X(ACCEPT, "Accept", true)                                 \
    X(AUTHORIZATION, "Authorization", false)                  \
    X(CONNECTION, "Connection", true)                         \
    X(CONTENT_ENCODING, "Content-Encoding", true)             \
    X(CONTENT_LENGTH, "Content-Length", false)                \
    X(CONTENT_TYPE, "Content-Type", false)                    \
    X(COOKIE, "Cookie", false)                                \
    X(EXPECT, "Expect", false)                                \
    X(HOST, "Host", false)                                    \
    X(IDEMPOTENCY_KEY, "Idempotency-Key", false)              \
    X(IF_NONE_MATCH, "If-None-Match", true)                   \
    X(IF_MATCH, "If-Match", false)                            \
    X(LAST_EVENT_ID, "Last-Event-ID", false)                  \
    X(ORIGIN, "Origin", false)                                \
    X(PREFER, "Prefer", true)                                 \
    X(RINGTAIL_TYPE, "Ringtail-Type", false)                  \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key", false)          \
    X(SEC_WEBSOCKET_PROTOCOL, "Sec-WebSocket-Protocol", true) \
    X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version", false)  \
    X(TRANSFER_ENCODING, "Transfer-Encoding", false)          \
    X(UPGRADE, "Upgrade", true)

enum rt_http_field {
#define X(name, text, is_list) RT_HTTP_##name,
    RT_HTTP_FIELD_MAP(X)
#undef X
        RT_HTTP_FIELD_COUNT
};

struct rt_http_request {
    enum rt_http_method method;
    struct rt_bytes target;
    /* The first value of each field, trimmed; data NULL: absent. */
    struct rt_bytes fields[RT_HTTP_FIELD_COUNT];
    uint64_t content_length;
    bool has_content_length;
    bool is_chunked;
    bool keep_alive;       /* the connection may go on after the answer */
    bool is_http10;        /* and then has to be told so */
    bool expects_continue; /* waits for a 100 before it sends the body */
    bool asks_upgrade;     /* a GET on HTTP/1.1 that would be a WebSocket */
    bool prefers_minimal;  /* `Prefer: return=minimal` */
};

#endif
