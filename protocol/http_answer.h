/* HTTP answers, written in one go into memory that the caller has. */
#ifndef PROTOCOL_HTTP_ANSWER_H
#define PROTOCOL_HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/writer.h"

/* What a head takes at most beside the answer's own `headers`. */
#define RT_HTTP_ANSWER_HEAD_MAX 320

/* The statuses that the broker gives, with their reason phrases. */
#define RT_HTTP_STATUS_MAP(X)                 \
    X(100, "Continue")                        \
    X(101, "Switching Protocols")             \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(204, "No Content")                      \
    X(304, "Not Modified")                    \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(410, "Gone")                            \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(417, "Expectation Failed")              \
    X(422, "Unprocessable Content")           \
    X(426, "Upgrade Required")                \
    X(431, "Request Header Fields Too Large") \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(503, "Service Unavailable")             \
    X(505, "HTTP Version Not Supported")      \
    X(507, "Insufficient Storage")

/* Whether the connection goes on after the answer, and who must be told. */
enum rt_http_persistence {
    RT_HTTP_KEEP,        /* HTTP/1.1: nothing to say */
    RT_HTTP_KEEP_HTTP10, /* `Connection: keep-alive` */
    RT_HTTP_CLOSE,       /* `Connection: close` */
};

struct rt_http_answer {
    uint16_t status;
    const char *content_type; /* NULL: no body at all */
    struct rt_bytes headers;  /* more header lines, each with its CRLF */
    struct rt_bytes body;
    enum rt_http_persistence persistence;
    bool is_head; /* the answer to HEAD: as for GET, but without the body */
};

/* The most bytes that the answer takes. */
size_t rt_http_answer_size(const struct rt_http_answer *answer);

/* Writes the answer. `date` is the time in the form of RFC 9110, 5.6.7. */
void rt_http_answer_write(struct rt_writer *writer,
                          const struct rt_http_answer *answer,
                          struct rt_bytes date);

#endif
