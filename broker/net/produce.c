/* POST /produce/{topic}: one event, the body byte for byte. */
#include <string.h>

#include "base/error.h"
#include "broker/net/authorize.h"
#include "broker/net/route.h"
#include "protocol/event_type.h"
#include "protocol/receipt.h"

/* Headers that ask for a promise this version cannot give. To ignore them
 * would be to break it silently. */
static const struct {
    enum rt_http_field field;
    struct rt_bytes name;
} refused_fields[] = {
    {RT_HTTP_IDEMPOTENCY_KEY, {"Idempotency-Key", 15}},
    {RT_HTTP_IF_MATCH, {"If-Match", 8}},
};

static int check_fields(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    for (size_t i = 0; i < RT_ARRAY_LENGTH(refused_fields); i++) {
        if (request->fields[refused_fields[i].field].data != NULL) {
            rt_route_refuse(session, RT_PROBLEM_NOT_IMPLEMENTED,
                            refused_fields[i].name,
                            "this header field has no meaning yet");
            return RT_EINVAL;
        }
    }
    if (request->fields[RT_HTTP_CONTENT_ENCODING].data != NULL) {
        rt_route_refuse(session, RT_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        RT_BYTES("Content-Encoding"),
                        "payloads are taken as they are, not compressed");
        return RT_EINVAL;
    }
    return 0;
}

static int check_query(struct rt_http_session *session, struct rt_bytes query)
{
    struct rt_bytes name;
    struct rt_bytes value;
    while (rt_query_next(&query, &name, &value)) {
        if (!rt_bytes_equal(name, RT_BYTES("ack"))) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name,
                            "the only parameter is ack");
            return RT_EINVAL;
        }
        if (rt_bytes_equal(value, RT_BYTES("disk")) ||
            rt_bytes_equal(value, RT_BYTES("quorum"))) {
            rt_route_refuse(session, RT_PROBLEM_ACK_UNSUPPORTED, value,
                            "this node keeps events in memory: ack=memory");
            return RT_EINVAL;
        }
        if (!rt_bytes_equal(value, RT_BYTES("memory"))) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("ack"),
                            "it is memory, disk or quorum");
            return RT_EINVAL;
        }
    }
    return 0;
}

/* The head is gone when the event is whole, so its type is kept. */
static int take_type(struct rt_http_session *session, struct rt_bytes type)
{
    struct rt_exchange *exchange = &session->exchange;
    const char *reason;
    exchange->type_len = 0;
    if (type.data == NULL) {
        return 0;
    }
    if (rt_event_type_check(type, &reason) < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER,
                        RT_BYTES("Ringtail-Type"), reason);
        return RT_EINVAL;
    }
    memcpy(exchange->type, type.data, type.len);
    exchange->type_len = (uint8_t)type.len;
    return 0;
}

static int check_media(struct rt_http_session *session,
                       struct rt_bytes content_type)
{
    session->exchange.media = rt_media_type_classify(content_type);
    switch (session->exchange.media) {
    case RT_MEDIA_MALFORMED:
        rt_route_refuse(session, RT_PROBLEM_BAD_REQUEST,
                        RT_BYTES("Content-Type"), "that is not a media type");
        return RT_EINVAL;
    case RT_MEDIA_NDJSON:
        rt_route_refuse(session, RT_PROBLEM_NOT_IMPLEMENTED, content_type,
                        "batches have no meaning yet: send events one by one");
        return RT_EINVAL;
    default:
        return 0;
    }
}

static int check_length(struct rt_http_session *session,
                        const struct rt_http_request *request)
{
    uint64_t max =
        rt_connection_server(session->connection)->options.event_bytes_max;
    if (!request->is_chunked && !request->has_content_length) {
        rt_route_refuse(session, RT_PROBLEM_LENGTH_REQUIRED,
                        RT_BYTES("Content-Length"), "0 is a length, too");
        return RT_EINVAL;
    }
    if (request->content_length > max) {
        struct rt_refusal refusal = {.problem = RT_PROBLEM_PAYLOAD_TOO_LARGE,
                                     .limit = max};
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
        return RT_EINVAL;
    }
    return 0;
}

void rt_produce_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target)
{
    const struct rt_bytes *fields = request->fields;
    if (rt_route_topic(session, target->path) == 0 &&
        check_query(session, target->query) == 0 &&
        check_fields(session, request) == 0 &&
        take_type(session, fields[RT_HTTP_RINGTAIL_TYPE]) == 0 &&
        check_media(session, fields[RT_HTTP_CONTENT_TYPE]) == 0 &&
        check_length(session, request) == 0) {
        int result = rt_authorize(session, RINGTAIL_PRODUCE, request, target);
        (void)result; /* the payload is handled unless this was answered */
    }
}

/* Only what publishes is remembered, so it is about the topic alone. What needs
 * more than a look, a query say, is no topic as it stands. */
bool rt_produce_begin_alike(struct rt_http_session *session,
                            struct rt_bytes target)
{
    struct rt_bytes path = RT_BYTES("/produce/");
    struct rt_exchange *exchange = &session->exchange;
    const char *reason;
    if (target.len <= path.len ||
        memcmp(target.data, path.data, path.len) != 0) {
        return false;
    }
    struct rt_bytes topic = {target.data + path.len, target.len - path.len};
    if (rt_topic_check(topic, &reason) < 0) {
        return false;
    }
    memcpy(exchange->topic, topic.data, topic.len);
    exchange->topic_len = (uint8_t)topic.len;
    return true;
}

/* The plainest case, and the most frequent. */
static bool is_plain(const struct rt_exchange *exchange)
{
    return exchange->persistence == RT_HTTP_KEEP &&
           !exchange->prefers_minimal && !exchange->is_head;
}

static void answer_otherwise(struct rt_http_session *session,
                             struct rt_bytes topic,
                             const struct rt_receipt *receipt)
{
    char header_memory[RT_CURSOR_BYTES_MAX + 64];
    char body_memory[RT_RECEIPT_BYTES_MAX];
    struct rt_writer headers;
    struct rt_writer body;
    rt_writer_init(&headers, header_memory, sizeof(header_memory));
    rt_writer_init(&body, body_memory, sizeof(body_memory));
    RT_WRITE(&headers, "Ringtail-Cursor: ");
    rt_cursor_write(&headers, receipt->cursor);
    RT_WRITE(&headers, "\r\n");
    struct rt_http_answer answer = {.status = 200};
    if (session->exchange.prefers_minimal) {
        RT_WRITE(&headers, "Preference-Applied: return=minimal\r\n");
        answer.status = 204;
    } else {
        rt_receipt_write(&body, topic, receipt->cursor, receipt->wall_ms);
        answer.content_type = "application/json";
    }
    RT_CHECK(!headers.overflowed && !body.overflowed);
    answer.headers = rt_writer_bytes(&headers);
    answer.body = rt_writer_bytes(&body);
    rt_http_answer(session, answer);
}

static void answer(struct rt_http_session *session,
                   struct rt_bytes topic,
                   const struct rt_receipt *receipt)
{
    struct rt_server *server = rt_connection_server(session->connection);
    if (!is_plain(&session->exchange)) {
        answer_otherwise(session, topic, receipt);
        return;
    }
    rt_http_answer_written(
        session, 200,
        rt_receipt_answer_write(&session->receipt, topic, receipt->cursor,
                                receipt->wall_ms, rt_server_date(server)));
}

void rt_produce_finish(struct rt_http_session *session, struct rt_bytes payload)
{
    struct rt_server *server = rt_connection_server(session->connection);
    struct rt_exchange *exchange = &session->exchange;
    struct rt_event event = {.topic = {exchange->topic, exchange->topic_len},
                             .payload = payload,
                             .type = {exchange->type, exchange->type_len}};
    struct rt_receipt receipt;
    if (rt_media_content(exchange->media, payload, &event.content) < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PAYLOAD,
                        RT_BYTES("Content-Type"),
                        exchange->media == RT_MEDIA_JSON
                            ? "the payload is not JSON in UTF-8"
                            : "the payload is not UTF-8");
        return;
    }
    if (rt_core_publish(&server->core, &event, &receipt) < 0) {
        rt_http_refuse_for_memory(session);
        return;
    }
    answer(session, event.topic, &receipt);
    if (receipt.is_congested) {
        rt_http_session_wait(session);
    }
}
