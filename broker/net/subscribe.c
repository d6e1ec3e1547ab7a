/* GET /subscribe/{topic}: the handshake of a raw subscription. */
#include "base/error.h"
#include "broker/net/authorize.h"
#include "broker/net/route.h"
#include "broker/net/websocket.h"
#include "protocol/since.h"
#include "protocol/ws_handshake.h"

#define UPGRADE_LINES "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION_LINE  "Sec-WebSocket-Version: 13\r\n"

#define VALUE_MAX 64 /* of a parameter, decoded: longer than any valid one */

struct parameters {
    struct rt_since since;
    enum rt_gap_policy gap;
};

static int parse_gap(struct rt_bytes value, enum rt_gap_policy *gap)
{
    if (rt_bytes_equal(value, RT_BYTES("close"))) {
        *gap = RT_GAP_CLOSE;
        return 0;
    }
    if (rt_bytes_equal(value, RT_BYTES("skip"))) {
        *gap = RT_GAP_SKIP;
        return 0;
    }
    return RT_EINVAL;
}

/* Takes one parameter; on failure says what it should be. */
static int take_parameter(struct rt_http_session *session,
                          struct rt_bytes name,
                          struct rt_bytes encoded,
                          struct parameters *parameters,
                          const char **expected)
{
    char memory[VALUE_MAX];
    struct rt_bytes value;
    uint64_t wall_ms = rt_connection_server(session->connection)->core.wall_ms;
    int err = rt_percent_decode(encoded, memory, sizeof(memory), &value);
    if (rt_bytes_equal(name, RT_BYTES("since"))) {
        *expected = "it is now, earliest, a cursor, an RFC 3339 time, a "
                    "duration such as 10m, or -N";
        return err < 0 ? err
                       : rt_since_parse(value, wall_ms, &parameters->since);
    }
    if (rt_bytes_equal(name, RT_BYTES("gap"))) {
        *expected = "it is close or skip";
        return err < 0 ? err : parse_gap(value, &parameters->gap);
    }
    *expected = "the parameters are since and gap";
    return RT_EINVAL;
}

static int parse_query(struct rt_http_session *session,
                       struct rt_bytes query,
                       struct parameters *parameters)
{
    struct rt_bytes name;
    struct rt_bytes value;
    const char *expected = NULL;
    *parameters = (struct parameters){.since = {.kind = RT_SINCE_NOW},
                                      .gap = RT_GAP_CLOSE};
    while (rt_query_next(&query, &name, &value)) {
        if (take_parameter(session, name, value, parameters, &expected) < 0) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name, expected);
            return RT_EINVAL;
        }
    }
    return 0;
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
    if (request->fields[RT_HTTP_SEC_WEBSOCKET_PROTOCOL].data != NULL) {
        rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST,
                        RT_BYTES("Sec-WebSocket-Protocol"),
                        "there is no subprotocol yet: offer none");
        return RT_EINVAL;
    }
    return 0;
}

static void answer_upgrade(struct rt_http_session *session,
                           const struct rt_http_request *request,
                           struct rt_cursor cursor)
{
    char memory[256];
    struct rt_writer headers;
    rt_writer_init(&headers, memory, sizeof(memory));
    RT_WRITE(&headers, UPGRADE_LINES "Sec-WebSocket-Accept: ");
    rt_ws_accept_write(&headers, request->fields[RT_HTTP_SEC_WEBSOCKET_KEY]);
    RT_WRITE(&headers, "\r\nRingtail-Cursor: ");
    rt_cursor_write(&headers, cursor);
    RT_WRITE(&headers, "\r\n");
    session->exchange.persistence = RT_HTTP_KEEP;
    rt_http_answer(
        session, (struct rt_http_answer){.status = 101,
                                         .headers = rt_writer_bytes(&headers)});
}

/* The handshake is right: subscribe, then say so, then become a WebSocket. A
 * gap at the start is told with a close frame, for browsers show no more of a
 * handshake that is refused than that it failed. */
static void subscribe(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct parameters *parameters)
{
    struct rt_connection *connection = session->connection;
    struct rt_server *server = rt_connection_server(connection);
    struct rt_subscriber *subscriber = &connection->subscriber;
    struct rt_exchange *exchange = &session->exchange;
    struct rt_bytes topic = {exchange->topic, exchange->topic_len};
    struct rt_start start;
    subscriber->gap = (uint8_t)parameters->gap;
    int result = rt_core_subscribe(&server->core, topic, RT_FORMAT_RAW,
                                   &parameters->since, subscriber, &start);
    if (result == RT_ENOMEM) {
        rt_http_refuse_for_memory(session);
        return;
    }
    answer_upgrade(session, request, start.cursor);
    if (rt_http_session_upgrade(session) && result == RT_EGAP) {
        struct rt_resume resume = rt_resume_after(&start.gap);
        rt_websocket_close_with(connection, start.gap.reason, &resume);
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

void rt_subscribe_begin(struct rt_http_session *session,
                        const struct rt_http_request *request,
                        const struct rt_target *target)
{
    struct parameters parameters;
    if (check_running(session) == 0 &&
        rt_route_topic(session, target->path) == 0 &&
        parse_query(session, target->query, &parameters) == 0 &&
        check_handshake(session, request) == 0 &&
        rt_authorize(session, RINGTAIL_SUBSCRIBE, request, target) == 0 &&
        check_running(session) == 0) { /* who was asked may have stopped it */
        subscribe(session, request, &parameters);
    }
}
