/*
 * Requests, as the parser alone sees them. An input is a byte that says how the
 * rest is cut, and requests with chunked bodies. Where a head ends, what is in
 * it and what a body holds may not depend on the cuts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "protocol/http_parser.h"
#include "tests/fuzz/fuzz.h"

/* --- heads --- */

/* The head's length, told when it has come `step` bytes at a time. */
static ssize_t find_head(struct rt_bytes bytes, size_t step)
{
    size_t scanned = 0;
    ssize_t len = 0;
    struct rt_bytes come = {bytes.data, 0};
    while (len == 0 && come.len < bytes.len) {
        size_t rest = bytes.len - come.len;
        come.len += rest < step ? rest : step;
        len = rt_http_head_length(come, &scanned);
        RT_CHECK(scanned <= come.len);
    }
    return len;
}

static bool is_inside(struct rt_bytes part, struct rt_bytes whole)
{
    return part.data == NULL ||
           (part.data >= whole.data &&
            part.data + part.len <= whole.data + whole.len);
}

static void check_request(struct rt_bytes head,
                          const struct rt_http_request *request)
{
    RT_CHECK(request->target.len > 0 && is_inside(request->target, head));
    for (size_t i = 0; i < RT_HTTP_FIELD_COUNT; i++) {
        RT_CHECK(is_inside(request->fields[i], head));
    }
    RT_CHECK(!(request->has_content_length && request->is_chunked));
    RT_CHECK(request->has_content_length || request->content_length == 0);
    RT_CHECK(!request->asks_upgrade ||
             (request->method == RT_HTTP_GET && !request->is_http10));
    RT_CHECK(request->is_http10 || request->fields[RT_HTTP_HOST].data != NULL);
}

/* --- chunked bodies --- */

#define DATA_MAX ((size_t)64 * 1024)

struct body {
    struct rt_http_parser parser;
    int result;
    size_t consumed;
    size_t len;
    char data[DATA_MAX];
};

static int on_data(void *context, struct rt_bytes data)
{
    struct body *body = context;
    if (data.len > sizeof(body->data) - body->len) {
        return RT_ENOMEM;
    }
    memcpy(body->data + body->len, data.data, data.len);
    body->len += data.len;
    return 0;
}

/* Each piece in a block of its own, so that a read beyond its end is seen. */
static void take_piece(struct body *body, struct rt_bytes bytes)
{
    char *piece = malloc(bytes.len);
    size_t consumed = 0;
    RT_CHECK(piece != NULL);
    memcpy(piece, bytes.data, bytes.len);
    body->result = rt_http_parse_chunked(&body->parser,
                                         (struct rt_bytes){piece, bytes.len},
                                         on_data, body, &consumed);
    free(piece);
    RT_CHECK(body->result != 1 || consumed <= bytes.len);
    body->consumed += body->result == 1 ? consumed : bytes.len;
}

static void take_body(struct body *body,
                      struct rt_bytes head,
                      struct rt_bytes bytes,
                      size_t step)
{
    struct rt_http_request request;
    struct rt_refusal refusal;
    int err = rt_http_parse_head(&body->parser, head, &request, &refusal);
    RT_CHECK(err == 0 && request.is_chunked);
    body->result = 0;
    body->consumed = 0;
    body->len = 0;
    while (bytes.len > 0 && body->result == 0) {
        size_t len = bytes.len < step ? bytes.len : step;
        take_piece(body, (struct rt_bytes){bytes.data, len});
        bytes.data += len;
        bytes.len -= len;
    }
}

/* The length of the body, or 0 if it has no end here. */
static size_t try_body(struct rt_bytes head, struct rt_bytes bytes, size_t step)
{
    static struct body whole;
    static struct body pieces;
    take_body(&whole, head, bytes, SIZE_MAX);
    take_body(&pieces, head, bytes, step);
    RT_CHECK(whole.result == pieces.result);
    RT_CHECK(whole.result < 0 ||
             (whole.len == pieces.len && whole.consumed == pieces.consumed));
    size_t len = whole.len < pieces.len ? whole.len : pieces.len;
    RT_CHECK(memcmp(whole.data, pieces.data, len) == 0);
    return whole.result == 1 ? whole.consumed : 0;
}

/* --- requests --- */

/* Takes a request off the bytes; returns whether another may follow. */
static bool try_request(struct rt_bytes *bytes, size_t step)
{
    struct rt_http_parser parser = {0};
    struct rt_http_request request;
    struct rt_refusal refusal = {.problem = RT_PROBLEM_COUNT};
    ssize_t len = find_head(*bytes, SIZE_MAX);
    RT_CHECK(len == find_head(*bytes, step));
    if (len <= 2) {
        return false;
    }
    struct rt_bytes head = {bytes->data, (size_t)len};
    bytes->data += len;
    bytes->len -= (size_t)len;
    if (rt_http_parse_head(&parser, head, &request, &refusal) < 0) {
        RT_CHECK(refusal.problem < RT_PROBLEM_COUNT);
        return false;
    }
    check_request(head, &request);
    uint64_t body_len = request.content_length;
    if (request.is_chunked) {
        body_len = try_body(head, *bytes, step);
    }
    if (body_len > bytes->len || (request.is_chunked && body_len == 0)) {
        return false;
    }
    bytes->data += body_len;
    bytes->len -= (size_t)body_len;
    return bytes->len > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    size_t step = 1 + fuzz_take_byte(&input) % 16;
    struct rt_bytes bytes = fuzz_take(&input, SIZE_MAX);
    while (bytes.len > 0 && try_request(&bytes, step)) {
    }
    return 0;
}
