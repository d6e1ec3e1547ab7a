/* GET /subscribe/{topic}, or several: the handshake of a WebSocket, or a
 * stream. */
#include <string.h>

#include "base/error.h"
#include "broker/core/stream.h"
#include "broker/net/authorize.h"
#include "broker/net/dialog.h"
#include "broker/net/event_stream.h"
#include "broker/net/notify.h"
#include "broker/net/route.h"
#include "broker/net/subscribe_query.h"
#include "broker/net/websocket.h"
#include "protocol/accept.h"
#include "protocol/ws_handshake.h"

#define UPGRADE_LINES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION_LINE  "Sec-WebSocket-Version: 13\r\n"

/* Nobody between the broker and its client may keep a stream, hold it back or
 * change it (RFC 9111, section 5.2.2; the others are nginx's and RFC 10036's
 * words for not holding back). */
#define STREAM_LINES                               \
    "Transfer-Encoding: chunked\r\n"               \
    "X-Content-Type-Options: nosniff\r\n"          \
    "Cache-Control: no-store, no-transform\r\n"    \
    "X-Accel-Buffering: no\r\nIncremental: ?1\r\n" \
    "Vary: Accept\r\n"

#define SUBPROTOCOL "ringtail.v1.json"

#define HEADERS_MAX 512

/* What a request asks for. */
struct wanted {
    struct rt_selector selector; /* points into the memory */
    char memory[RT_SELECTOR_BYTES_MAX];
    struct rt_subscribe_query query;
};

/* --- which form --- */

/* Whoever has begun a handshake wants no stream, however wrong it is. */
static bool wants_websocket(const struct rt_http_request *request)
{
    return request->asks_upgrade ||
           request->fields[RT_HTTP_SEC_WEBSOCKET_KEY].data != NULL ||
           request->fields[RT_HTTP_SEC_WEBSOCKET_VERSION].data != NULL;
}

static bool offers_dialog(struct rt_bytes offers)
{
    while (offers.data != NULL) {
        struct rt_bytes offer = rt_bytes_trim(rt_bytes_split(&offers, ','));
        if (rt_bytes_equal(offer, RT_BYTES(SUBPROTOCOL))) {
            return true;
        }
    }
    return false;
}

/* What the client offers: the formats' subprotocols. Raw has none. */
static int choose_format(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         enum rt_format *format)
{
    struct rt_bytes offers = request->fields[RT_HTTP_SEC_WEBSOCKET_PROTOCOL];
    bool is_dialog = offers_dialog(offers);
    *format = is_dialog ? RT_FORMAT_JSON : RT_FORMAT_RAW;
    if (is_dialog || offers.data == NULL) {
        return 0;
    }
    rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST,
                    RT_BYTES("Sec-WebSocket-Protocol"),
                    "offer " SUBPROTOCOL ", or none");
    return RT_EINVAL;
}

static int check_handshake(struct rt_http_session *session,
                           const struct rt_http_request *request)
{
    struct rt_bytes upgrade = RT_BYTES(UPGRADE_LINES VERSION_LINE);
    struct rt_refusal refusal = {
        .problem = RT_PROBLEM_UPGRADE_REQUIRED,
        .detail = "connect with a WebSocket client, over HTTP/1.1"};
    if (!request->asks_upgrade || request->is_http10) {
        rt_http_refuse(session, &refusal, upgrade);
        return RT_EINVAL;
    }
    if (rt_ws_handshake_check(request, &refusal) < 0) {
        rt_http_refuse(session, &refusal,
                       refusal.problem == RT_PROBLEM_UPGRADE_REQUIRED
                           ? upgrade
                           : (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

static int check_stream(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    if (request->is_http10) {
        rt_route_refuse(session, RT_PROBLEM_HTTP_VERSION, (struct rt_bytes){0},
                        "HTTP/1.0 has no chunks, of which a stream is made");
        return RT_EINVAL;
    }
    return 0;
}

/* --- the answer --- */

static void write_cursor_line(struct rt_writer *headers,
                              const struct rt_start *start)
{
    RT_WRITE(headers, "Ringtail-Cursor: ");
    if (start->is_node) {
        rt_node_cursor_write(headers, start->position);
    } else {
        rt_cursor_write(headers, start->position);
    }
    RT_WRITE(headers, "\r\n");
}

/* `start` is NULL without a topic. */
static void answer_upgrade(struct rt_http_session *session,
                           struct rt_bytes key,
                           enum rt_format format,
                           const struct rt_start *start)
{
    char memory[HEADERS_MAX];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    RT_WRITE(&headers, UPGRADE_LINES "Sec-WebSocket-Accept: ");
    rt_ws_accept_write(&headers, key);
    RT_WRITE(&headers, "\r\n");
    if (format == RT_FORMAT_JSON) {
        RT_WRITE(&headers, "Sec-WebSocket-Protocol: " SUBPROTOCOL "\r\n");
    }
    if (start != NULL) {
        write_cursor_line(&headers, start);
    }
    session->exchange.persistence = RT_HTTP_KEEP;
    rt_http_answer(
        session, (struct rt_http_answer){.status = 101,
                                         .headers = rt_writer_bytes(&headers)});
}

/* No request is answered behind a stream. */
static void answer_stream(struct rt_http_session *session,
                          enum rt_format format,
                          const struct rt_start *start)
{
    char memory[HEADERS_MAX];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    rt_write_bytes(&headers,
                   format == RT_FORMAT_SSE
                       ? RT_BYTES("Content-Type: text/event-stream\r\n")
                       : RT_BYTES("Content-Type: application/x-ndjson\r\n"));
    RT_WRITE(&headers, STREAM_LINES);
    write_cursor_line(&headers, start);
    session->exchange.persistence = RT_HTTP_CLOSE;
    rt_http_answer(
        session, (struct rt_http_answer){.status = 200,
                                         .headers = rt_writer_bytes(&headers)});
}

/* --- refusals of a dialog --- */

/* Browsers show a page nothing of a handshake that is refused. Who offers the
 * subprotocol has words for it: the handshake succeeds, and the problem and a
 * close frame are all that comes. */
static void refuse_dialog(struct rt_http_session *session,
                          const struct rt_refusal *refusal)
{
    struct rt_connection *connection = session->connection;
    struct rt_exchange *exchange = &session->exchange;
    exchange->refuse = NULL;
    answer_upgrade(session, (struct rt_bytes){exchange->key, exchange->key_len},
                   RT_FORMAT_JSON, NULL);
    if (!rt_http_session_upgrade(session, RT_FORMAT_JSON)) {
        return;
    }
    rt_notify_error(connection, refusal);
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_websocket_refuse(connection, refusal);
    }
}

/* Has refusals told so, if the handshake itself is right. */
static void prepare_refusal(struct rt_http_session *session,
                            const struct rt_http_request *request)
{
    struct rt_exchange *exchange = &session->exchange;
    struct rt_bytes key = request->fields[RT_HTTP_SEC_WEBSOCKET_KEY];
    struct rt_bytes offers = request->fields[RT_HTTP_SEC_WEBSOCKET_PROTOCOL];
    struct rt_refusal refusal;
    if (request->asks_upgrade && !request->is_http10 && offers_dialog(offers) &&
        rt_ws_handshake_check(request, &refusal) == 0) {
        memcpy(exchange->key, key.data, key.len);
        exchange->key_len = (uint8_t)key.len;
        exchange->refuse = refuse_dialog;
    }
}

/* --- the subscription --- */

/* Attaches the connection's subscriber to what the path names: 0, RT_EGAP, or
 * RT_ENOMEM with the request refused. */
static int attach(struct rt_http_session *session,
                  const struct wanted *wanted,
                  struct rt_start *start)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_subscriber *subscriber = &session->connection->subscriber;
    const struct rt_subscribe_query *query = &wanted->query;
    subscriber->gap = (uint8_t)query->gap;
    subscriber->is_durable = query->visible == RT_ACK_DISK;
    int result =
        rt_core_subscribe_to(&server->core, &wanted->selector, query->format,
                             &query->since, subscriber, start);
    if (result == RT_ENOMEM) {
        rt_http_refuse_for_memory(session);
    }
    return result;
}

/* A host that wants to be asked is shown with each operation what it has been
 * shown with the handshake. */
static void keep_credentials(struct rt_connection *connection,
                             const struct rt_http_request *request,
                             const struct rt_target *target)
{
    struct rt_server *server = rt_connection_server(connection);
    if (server->options.authorize != NULL &&
        rt_dialog_keep_credentials(connection, request, target) < 0) {
        rt_connection_close(connection);
    }
}

/* The handshake is right: subscribe, then say so, then become a WebSocket. A
 * gap at the start is told with a close frame, for browsers show no more of a
 * handshake that is refused than that it failed. */
static void begin_websocket(struct rt_http_session *session,
                            const struct rt_http_request *request,
                            const struct rt_target *target,
                            const struct wanted *wanted)
{
    struct rt_connection *connection = session->connection;
    enum rt_format format = wanted->query.format;
    struct rt_start start;
    int result = attach(session, wanted, &start);
    if (result == RT_ENOMEM) {
        return;
    }
    answer_upgrade(session, request->fields[RT_HTTP_SEC_WEBSOCKET_KEY], format,
                   &start);
    if (!rt_http_session_upgrade(session, format)) {
        return;
    }
    if (format == RT_FORMAT_JSON) {
        rt_notify_start(connection, &wanted->selector, &start);
        keep_credentials(connection, request, target);
    }
    if (result == RT_EGAP && connection->state == RT_CONNECTION_WEBSOCKET) {
        struct rt_resume resume = rt_resume_after(&start.gap);
        rt_websocket_close_with(connection, start.gap.reason, &resume);
    }
}

/* Whoever has all events of a topic that is closed need not come back, which
 * browsers would for ever, but not after a 204 (the HTML standard, section
 * 9.2.3). */
static bool is_over(const struct rt_subscriber *subscriber,
                    enum rt_format format,
                    const struct rt_start *start)
{
    return format == RT_FORMAT_SSE && !start->is_behind && !start->is_gap &&
           rt_stream_is_closed(subscriber->stream);
}

static void answer_over(struct rt_http_session *session)
{
    rt_subscriber_detach(&session->connection->subscriber);
    rt_http_answer(
        session,
        (struct rt_http_answer){
            .status = 204, .headers = RT_BYTES("Cache-Control: no-store\r\n")});
}

/* A gap is no error, for browsers never come back after one. */
static void begin_stream(struct rt_http_session *session,
                         const struct wanted *wanted)
{
    struct rt_connection *connection = session->connection;
    enum rt_format format = wanted->query.format;
    struct rt_start start;
    int result = attach(session, wanted, &start);
    if (result == RT_ENOMEM) {
        return;
    }
    if (is_over(&connection->subscriber, format, &start)) {
        answer_over(session);
        return;
    }
    answer_stream(session, format, &start);
    if (rt_http_session_stream(session, format)) {
        rt_notify_start(connection, &wanted->selector, &start);
        if (result == RT_EGAP) {
            rt_event_stream_end(connection);
        }
    }
}

static int check_running(struct rt_http_session *session)
{
    if (rt_connection_server(session->connection)->state == RT_SERVER_RUNNING) {
        return 0;
    }
    rt_route_refuse(session, RT_PROBLEM_DRAINING, (struct rt_bytes){0},
                    "subscribe again when it is back");
    return RT_EINVAL;
}

/* Which format, and whether the request has the form for it. */
static int check_form(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      enum rt_format *format)
{
    if (wants_websocket(request)) {
        int err = check_handshake(session, request);
        return err < 0 ? err : choose_format(session, request, format);
    }
    *format = rt_accept_format(request->fields[RT_HTTP_ACCEPT]);
    return check_stream(session, request);
}

static int check_visible(struct rt_http_session *session,
                         const struct wanted *wanted)
{
    struct rt_refusal refusal;
    int err = rt_subscribe_check_visible(rt_http_session_server(session),
                                         wanted->query.visible, &refusal);
    if (err < 0) {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
    }
    return err;
}

/* Whether what is wanted can be said in the format, and means something. */
static int check_wanted(struct rt_http_session *session, struct wanted *wanted)
{
    struct rt_subscribe_query *query = &wanted->query;
    struct rt_bytes name;
    const char *expected = NULL;
    if (query->format == RT_FORMAT_RAW &&
        !rt_selector_is_topic(&wanted->selector)) {
        rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST,
                        RT_BYTES("Sec-WebSocket-Protocol"),
                        "raw frames do not say of which topic they are: offer "
                        "the subprotocol " SUBPROTOCOL);
        return RT_EINVAL;
    }
    rt_subscribe_query_fit(query, &wanted->selector);
    name = query->since_name;
    if (rt_subscribe_check(&wanted->selector, &query->since, query->gap, &name,
                           &expected) < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name, expected);
        return RT_EINVAL;
    }
    return check_visible(session, wanted);
}

/* The host is asked about each topic and pattern. */
static int authorize_all(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         const struct rt_target *target,
                         const struct rt_selector *selector)
{
    struct rt_asker *asker = &session->asker;
    int err = 0;
    while (err == 0 && asker->allowed < selector->count) {
        rt_route_set_topic(session, selector->patterns[asker->allowed]);
        err = rt_authorize(session, RINGTAIL_SUBSCRIBE, request, target);
        if (err == 0) {
            rt_asker_next(asker);
        }
    }
    return err;
}

void rt_subscribe_begin(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target)
{
    struct wanted wanted;
    enum rt_format format;
    if (rt_http_session_defer(session)) {
        return;
    }
    prepare_refusal(session, request);
    if (check_running(session) < 0 ||
        rt_route_selector(session, target->path, wanted.memory,
                          &wanted.selector) < 0 ||
        check_form(session, request, &format) < 0 ||
        rt_subscribe_query_parse(session, request, target->query, format,
                                 &wanted.query) < 0 ||
        check_wanted(session, &wanted) < 0 ||
        authorize_all(session, request, target, &wanted.selector) < 0 ||
        check_running(session) < 0) { /* who was asked may have stopped it */
        return;
    }
    if (wants_websocket(request)) {
        begin_websocket(session, request, target, &wanted);
    } else {
        begin_stream(session, &wanted);
    }
}

/* Without a topic there is nothing that a stream, or a raw subscription, could
 * ever get; and no parameter means anything. */
static int check_empty(struct rt_http_session *session,
                       const struct rt_target *target,
                       enum rt_format format)
{
    struct rt_bytes query = target->query;
    struct rt_bytes name;
    struct rt_bytes value;
    if (format != RT_FORMAT_JSON) {
        rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST, (struct rt_bytes){0},
                        "without a topic it is a WebSocket of the "
                        "subprotocol " SUBPROTOCOL);
        return RT_EINVAL;
    }
    if (rt_query_next(&query, &name, &value)) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name,
                        "without a topic there are no parameters");
        return RT_EINVAL;
    }
    return 0;
}

void rt_subscribe_begin_empty(struct rt_http_session *session,
                              const struct rt_http_request *request,
                              const struct rt_target *target)
{
    enum rt_format format;
    if (rt_http_session_defer(session)) {
        return;
    }
    prepare_refusal(session, request);
    if (check_running(session) < 0 ||
        check_form(session, request, &format) < 0 ||
        check_empty(session, target, format) < 0) {
        return;
    }
    answer_upgrade(session, request->fields[RT_HTTP_SEC_WEBSOCKET_KEY], format,
                   NULL);
    if (rt_http_session_upgrade(session, format)) {
        rt_notify_open(session->connection);
        keep_credentials(session->connection, request, target);
    }
}
