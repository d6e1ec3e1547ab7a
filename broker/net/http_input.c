#include "broker/net/http_input.h"

#include <string.h>

#include "base/error.h"

/* An unfinished head is put together in pieces of this size. */
#define HEAD_PIECE ((size_t)512)

static const struct rt_application *
application_of(const struct rt_http_session *session)
{
    return rt_http_session_server(session)->options.application;
}

static void refuse_framing(struct rt_http_session *session,
                           enum rt_problem problem,
                           const char *detail,
                           uint64_t limit)
{
    struct rt_refusal refusal = {
        .problem = problem, .detail = detail, .limit = limit};
    rt_http_refuse_and_end(session, &refusal);
}

/* --- the end of a request, and what follows --- */

static void end_request(struct rt_http_session *session)
{
    session->body.len = 0;
    if (session->notes.capacity > 0) {
        rt_buffer_finish(&session->notes,
                         &rt_http_session_server(session)->heap);
    }
    session->connection->has_empty_line = false;
    session->phase = session->exchange.persistence == RT_HTTP_CLOSE
                         ? RT_HTTP_PHASE_OVER
                         : RT_HTTP_PHASE_HEAD;
}

/* The host is asked about what the body says: it is handled anew when there is
 * a verdict. */
static void hold_body(struct rt_http_session *session, struct rt_bytes payload)
{
    if (session->body.len == 0 &&
        rt_http_session_append_body(session, payload) < 0) {
        rt_asker_detach(&session->asker);
        refuse_framing(session, RT_PROBLEM_INSUFFICIENT_STORAGE, NULL, 0);
        return;
    }
    session->phase = RT_HTTP_PHASE_HELD;
}

static void finish_request(struct rt_http_session *session,
                           struct rt_bytes payload)
{
    struct rt_exchange *exchange = &session->exchange;
    if (!exchange->is_answered) {
        if (rt_http_session_server(session)->state != RT_SERVER_RUNNING) {
            exchange->persistence = RT_HTTP_CLOSE; /* stopped meanwhile */
        }
        application_of(session)->finish(session, payload);
    }
    if (rt_asker_is_waiting(&session->asker)) {
        hold_body(session, payload);
        return;
    }
    end_request(session);
}

/* --- bodies --- */

static void take_body(struct rt_http_session *session, struct rt_bytes *bytes)
{
    bool is_rest = bytes->len >= session->body_missing;
    size_t len = is_rest ? (size_t)session->body_missing : bytes->len;
    struct rt_bytes piece = {bytes->data, len};
    bytes->data += len;
    bytes->len -= len;
    session->body_missing -= len;
    if (is_rest && session->body.len == 0) {
        finish_request(session, piece); /* straight from the read buffer */
        return;
    }
    if (!session->exchange.is_answered &&
        rt_http_session_append_body(session, piece) < 0) {
        refuse_framing(session, RT_PROBLEM_INSUFFICIENT_STORAGE, NULL, 0);
        return;
    }
    if (is_rest) {
        finish_request(
            session, (struct rt_bytes){session->body.data, session->body.len});
    }
}

static int on_chunk(void *context, struct rt_bytes data)
{
    struct rt_http_session *session = context;
    if (session->parser.body_bytes > session->exchange.body_bytes_max) {
        return RT_ERANGE;
    }
    return session->exchange.is_answered
               ? 0
               : rt_http_session_append_body(session, data);
}

static void refuse_chunked(struct rt_http_session *session, int err)
{
    if (session->exchange.is_answered) {
        rt_http_session_give_up(session);
    } else if (err == RT_ERANGE) {
        refuse_framing(session, RT_PROBLEM_PAYLOAD_TOO_LARGE, NULL,
                       session->exchange.body_bytes_max);
    } else if (err == RT_ENOMEM) {
        refuse_framing(session, RT_PROBLEM_INSUFFICIENT_STORAGE, NULL, 0);
    } else {
        refuse_framing(session, RT_PROBLEM_BAD_REQUEST,
                       "the body is not in chunks as it should be", 0);
    }
}

static void take_chunked(struct rt_http_session *session,
                         struct rt_bytes *bytes)
{
    size_t consumed = 0;
    int result = rt_http_parse_chunked(&session->parser, *bytes, on_chunk,
                                       session, &consumed);
    if (result < 0) {
        refuse_chunked(session, result);
        return;
    }
    bytes->data += consumed;
    bytes->len -= consumed;
    if (result == 1) {
        finish_request(
            session, (struct rt_bytes){session->body.data, session->body.len});
    }
}

static void begin_body(struct rt_http_session *session,
                       const struct rt_http_request *request,
                       size_t available)
{
    struct rt_server *server = rt_http_session_server(session);
    session->body_missing = request->content_length;
    session->phase =
        request->is_chunked ? RT_HTTP_PHASE_CHUNKED : RT_HTTP_PHASE_BODY;
    if (session->exchange.is_answered && session->exchange.closes_if_refused) {
        session->phase = RT_HTTP_PHASE_OVER;
        return;
    }
    if (!request->is_chunked && available >= session->body_missing) {
        return;
    }
    rt_connection_set_timer(session->connection, server->options.body_ticks);
    if (request->expects_continue && available == 0) {
        rt_http_continue(session);
    }
}

/* --- heads --- */

void rt_http_input_limit(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         uint64_t bytes_max)
{
    struct rt_exchange *exchange = &session->exchange;
    exchange->body_bytes_max = bytes_max;
    exchange->closes_if_refused = request->expects_continue ||
                                  request->asks_upgrade ||
                                  request->content_length > bytes_max;
}

static void begin_exchange(struct rt_http_session *session,
                           const struct rt_http_request *request)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_exchange *exchange = &session->exchange;
    bool goes_on = request->keep_alive && server->state == RT_SERVER_RUNNING;
    exchange->persistence = !goes_on             ? RT_HTTP_CLOSE
                            : request->is_http10 ? RT_HTTP_KEEP_HTTP10
                                                 : RT_HTTP_KEEP;
    exchange->is_head = request->method == RT_HTTP_HEAD;
    exchange->prefers_minimal = request->prefers_minimal;
    exchange->is_answered = false;
    exchange->may_come_again = false;
    exchange->refuse = NULL;
    exchange->finish = NULL;
    rt_http_input_limit(session, request, server->options.event_bytes_max);
}

/* --- heads that come again --- */

/*
 * Remembers a head that published: with the same bytes again the request is the
 * same, so what was found out about it holds; but for what the host says, who
 * may change its mind. Only the plainest kind, whose exchange is not changed by
 * being answered.
 */
static void remember_head(struct rt_http_session *session,
                          struct rt_bytes head,
                          const struct rt_http_request *request)
{
    const struct rt_exchange *exchange = &session->exchange;
    if (exchange->is_answered || exchange->closes_if_refused ||
        !exchange->may_come_again || exchange->persistence != RT_HTTP_KEEP ||
        !request->has_content_length || head.len > sizeof(session->head) ||
        rt_http_session_server(session)->options.authorize != NULL) {
        return;
    }
    const char *end = memchr(head.data, '\n', head.len);
    memcpy(session->head, head.data, head.len);
    session->head_line = (uint16_t)(end + 1 - head.data);
    session->head_len = (uint16_t)head.len;
    session->head_roles = session->connection->roles;
    session->content_length = request->content_length;
}

static bool begins_with(struct rt_bytes bytes, const char *start, size_t len)
{
    return bytes.len >= len && memcmp(bytes.data, start, len) == 0;
}

#define METHOD  "POST "
#define VERSION " HTTP/1.1\r\n"

/* What is between the method and the version of a first line, if those are
 * POST and HTTP/1.1; else empty. */
static struct rt_bytes target_of(struct rt_bytes line)
{
    size_t around = strlen(METHOD) + strlen(VERSION);
    size_t rest = line.len - strlen(VERSION);
    if (line.len <= around || !begins_with(line, METHOD, strlen(METHOD)) ||
        memcmp(line.data + rest, VERSION, strlen(VERSION)) != 0) {
        return (struct rt_bytes){NULL, 0};
    }
    return (struct rt_bytes){line.data + strlen(METHOD), line.len - around};
}

/* The same head but for the target: then it is the one that is remembered. */
static bool is_alike(struct rt_http_session *session, struct rt_bytes bytes)
{
    const struct rt_application *application = application_of(session);
    size_t line_max =
        sizeof(session->head) < bytes.len ? sizeof(session->head) : bytes.len;
    const char *end = memchr(bytes.data, '\n', line_max);
    if (end == NULL || application->begin_alike == NULL) {
        return false;
    }
    size_t line = (size_t)(end + 1 - bytes.data);
    size_t tail = session->head_len - session->head_line;
    struct rt_bytes rest = {end + 1, bytes.len - line};
    struct rt_bytes target = target_of((struct rt_bytes){bytes.data, line});
    if (line + tail > sizeof(session->head) || target.len == 0 ||
        !begins_with(rest, session->head + session->head_line, tail) ||
        !application->begin_alike(session, target)) {
        return false;
    }
    memcpy(session->head, bytes.data, line + tail);
    session->head_line = (uint16_t)line;
    session->head_len = (uint16_t)(line + tail);
    return true;
}

static bool is_remembered(struct rt_http_session *session,
                          struct rt_bytes bytes)
{
    if (session->head_len == 0 ||
        rt_http_session_server(session)->state != RT_SERVER_RUNNING) {
        return false;
    }
    return begins_with(bytes, session->head, session->head_len) ||
           is_alike(session, bytes);
}

static void run_remembered(struct rt_http_session *session,
                           struct rt_bytes *bytes)
{
    struct rt_http_request request = {
        .has_content_length = true, .content_length = session->content_length};
    bytes->data += session->head_len;
    bytes->len -= session->head_len;
    session->exchange.is_answered = false;
    if (request.content_length > 0) {
        begin_body(session, &request, bytes->len);
    } else {
        finish_request(session, (struct rt_bytes){NULL, 0});
    }
}

/* --- whole heads --- */

/* The host is asked about a head, or it has to wait for answers. */
static bool comes_anew(const struct rt_http_session *session)
{
    return rt_asker_is_waiting(&session->asker) ||
           session->phase == RT_HTTP_PHASE_BEHIND;
}

static void run_head(struct rt_http_session *session,
                     struct rt_bytes head,
                     size_t available)
{
    struct rt_connection *connection = session->connection;
    struct rt_http_request request;
    struct rt_refusal refusal;
    session->head_len = 0; /* its exchange is about to be overwritten */
    if (rt_http_parse_head(&session->parser, head, &request, &refusal) < 0) {
        rt_http_refuse_and_end(session, &refusal);
        return;
    }
    begin_exchange(session, &request);
    application_of(session)->begin(session, &request);
    rt_asker_settle(&session->asker); /* it was for this head */
    if (connection->state != RT_CONNECTION_HTTP || comes_anew(session)) {
        return; /* upgraded or lost, or to be handled anew */
    }
    remember_head(session, head, &request);
    if (request.is_chunked || request.content_length > 0) {
        begin_body(session, &request, available);
    } else {
        finish_request(session, (struct rt_bytes){NULL, 0});
    }
}

static void refuse_long(struct rt_http_session *session, struct rt_bytes head)
{
    struct rt_refusal refusal;
    rt_http_refuse_long(head, &refusal);
    rt_http_refuse_and_end(session, &refusal);
}

/* A head of `len` bytes has been found at the beginning of `bytes`. */
static void found_head(struct rt_http_session *session,
                       struct rt_bytes head,
                       size_t available)
{
    bool is_empty_line = head.len == 2;
    if (is_empty_line && !session->connection->has_empty_line) {
        session->connection->has_empty_line = true; /* RFC 9112, section 2.2 */
        return;
    }
    if (is_empty_line) {
        refuse_framing(session, RT_PROBLEM_BAD_REQUEST,
                       "there is one empty line too many before the request",
                       0);
        return;
    }
    if (head.len > RT_HTTP_HEAD_MAX) {
        refuse_long(session, head);
        return;
    }
    run_head(session, head, available);
}

static bool check_head_part(struct rt_http_session *session,
                            struct rt_bytes part,
                            ssize_t length)
{
    if (length < 0 || !rt_http_may_begin(part)) {
        refuse_framing(session, RT_PROBLEM_BAD_REQUEST,
                       "the head is not in lines that end in CRLF", 0);
        return false;
    }
    if (length == 0 && part.len >= RT_HTTP_HEAD_MAX) {
        refuse_long(session, part);
        return false;
    }
    return true;
}

/* The usual case: the head begins in this read, and mostly ends in it. */
static void take_fresh_head(struct rt_http_session *session,
                            struct rt_bytes *bytes)
{
    struct rt_server *server = rt_http_session_server(session);
    size_t scanned = 0;
    if (is_remembered(session, *bytes)) {
        run_remembered(session, bytes);
        return;
    }
    ssize_t length = rt_http_head_length(*bytes, &scanned);
    if (!check_head_part(session, *bytes, length)) {
        return;
    }
    if (length > 0) {
        struct rt_bytes head = {bytes->data, (size_t)length};
        bytes->data += length;
        bytes->len -= (size_t)length;
        found_head(session, head, bytes->len);
        if (comes_anew(session)) {
            bytes->data = head.data;
            bytes->len += head.len;
        }
        return;
    }
    if (rt_buffer_append(&session->held, &server->heap, *bytes) < 0) {
        rt_connection_close(session->connection);
        return;
    }
    session->scanned = scanned;
    bytes->len = 0;
    rt_connection_set_timer(session->connection, server->options.head_ticks);
}

/* A head that began in an earlier read goes on. */
static void take_held_head(struct rt_http_session *session,
                           struct rt_bytes *bytes)
{
    struct rt_connection *connection = session->connection;
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    struct rt_buffer *held = &session->held;
    size_t len = bytes->len < HEAD_PIECE ? bytes->len : HEAD_PIECE;
    if (rt_buffer_append(held, heap, (struct rt_bytes){bytes->data, len}) < 0) {
        rt_connection_close(connection);
        return;
    }
    bytes->data += len;
    bytes->len -= len;
    struct rt_bytes part = {held->data, held->len};
    ssize_t length = rt_http_head_length(part, &session->scanned);
    if (!check_head_part(session, part, length) || length == 0) {
        return;
    }
    size_t surplus = held->len - (size_t)length; /* all of it from this piece */
    bytes->data -= surplus;
    bytes->len += surplus;
    session->scanned = 0;
    /* The head stays in `held` while it is handled, but counts as taken. */
    held->len = 0;
    found_head(session, (struct rt_bytes){part.data, (size_t)length},
               bytes->len);
    if (comes_anew(session)) {
        held->len = (size_t)length;
    }
}

static void take_head(struct rt_http_session *session, struct rt_bytes *bytes)
{
    if (session->held.len == 0) {
        take_fresh_head(session, bytes);
    } else {
        take_held_head(session, bytes);
    }
}

void rt_http_input_step(struct rt_http_session *session, struct rt_bytes *bytes)
{
    switch (session->phase) {
    case RT_HTTP_PHASE_BEHIND: /* its head is taken anew */
    case RT_HTTP_PHASE_HEAD:
        session->phase = RT_HTTP_PHASE_HEAD;
        take_head(session, bytes);
        break;
    case RT_HTTP_PHASE_BODY:
        take_body(session, bytes);
        break;
    case RT_HTTP_PHASE_CHUNKED:
        take_chunked(session, bytes);
        break;
    case RT_HTTP_PHASE_HELD:
        finish_request(
            session, (struct rt_bytes){session->body.data, session->body.len});
        break;
    case RT_HTTP_PHASE_OVER:
    case RT_HTTP_PHASE_UPGRADED:
        bytes->len = 0;
        break;
    }
}
