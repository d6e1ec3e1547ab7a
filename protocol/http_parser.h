/*
 * HTTP/1.1 requests, strictly (RFC 9112), on llhttp. A head is parsed once it
 * is whole and contiguous: until then only its lines are looked at. What could
 * be read in two ways is refused, for that is how requests are smuggled.
 *
 * llhttp 8.1 is lenient in places, whatever its settings; what it lets pass is
 * caught here: line ends that are not CRLF, folded lines, empty field names,
 * anything but HTTP/1.0 and HTTP/1.1 in the request line, Transfer-Encoding
 * other than `chunked`, a Host that is missing, repeated or malformed, and a
 * trailer that would say anew what the head has said.
 */
#ifndef PROTOCOL_HTTP_PARSER_H
#define PROTOCOL_HTTP_PARSER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/check.h"
#include "protocol/http_line.h"
#include "protocol/http_request.h"
#include "protocol/problem.h"

/* Of a head, beside what is in http_line.h. */
#define RT_HTTP_FIELDS_MAX 100

/*
 * A chunked body may be padded with chunk headers, extensions and trailers:
 * at most this many bytes, and this many for each byte of the body.
 */
#define RT_HTTP_FRAMING_MAX      ((size_t)16 * 1024)
#define RT_HTTP_FRAMING_PER_BYTE 8

/*
 * Looks for the end of a head in what has arrived of it. `*scanned` says how
 * much of it earlier calls have gone through (0 at first) and is moved on.
 * Returns the head's length with the empty line; 0 when more must arrive;
 * RT_EINVAL for a line that no head may have. A length of 2 is an empty line
 * before the request.
 */
RT_MUST_USE ssize_t rt_http_head_length(struct rt_bytes bytes, size_t *scanned);

struct rt_http_parse;

/* Memory of a parser: llhttp's state, and what a body has cost. */
struct rt_http_parser {
    uint64_t llhttp[16]; /* an llhttp_t, checked to fit where it is known */
    struct rt_http_parse *parse; /* while a call is under way */
    uint64_t framing_bytes;
    uint64_t body_bytes;
    uint8_t last_byte; /* of a chunked body's framing: CR or not */
    uint8_t trailer_len;
    char trailer[24]; /* a trailer's name as far as it is there; more than any
                         name that matters */
};

/*
 * Parses a whole head. On success `request` points into it and the parser is
 * ready for a chunked body, if there is one. 0, or RT_EINVAL with the refusal,
 * after which the connection must be closed.
 */
RT_MUST_USE int rt_http_parse_head(struct rt_http_parser *parser,
                                   struct rt_bytes head,
                                   struct rt_http_request *request,
                                   struct rt_refusal *refusal);

/* What a piece of a chunked body holds. */
typedef int (*rt_http_data_fn)(void *context, struct rt_bytes data);

/*
 * Parses the next bytes of a chunked body and calls `on_data` for each run of
 * data, which may end the parse with a negative error. Returns 1 when the body
 * ends (`*consumed` bytes belong to it), 0 when more must arrive, RT_EINVAL for
 * bytes that are no chunked body, or what on_data returned.
 */
RT_MUST_USE int rt_http_parse_chunked(struct rt_http_parser *parser,
                                      struct rt_bytes bytes,
                                      rt_http_data_fn on_data,
                                      void *context,
                                      size_t *consumed);

#endif
