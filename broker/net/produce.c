/* POST /produce/{topic}: what its head says. */
#include <string.h>

#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/net/authorize.h"
#include "broker/net/http_input.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"
#include "protocol/event_type.h"

static int check_coding(struct rt_http_session *session, struct rt_bytes coding)
{
    if (coding.data != NULL) {
        rt_route_refuse(session, RT_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        RT_BYTES("Content-Encoding"),
                        "payloads are taken as they are, not compressed");
        return RT_EINVAL;
    }
    return 0;
}

static int take_ack(struct rt_http_session *session, struct rt_bytes encoded)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_BAD_PARAMETER,
                                 .subject = RT_BYTES("ack"),
                                 .detail = rt_ack_expected};
    enum rt_ack *ack = &session->exchange.ack;
    char memory[RT_ACK_BYTES_MAX];
    struct rt_bytes value;
    if (rt_percent_decode(encoded, memory, sizeof(memory), &value) == 0 &&
        rt_ack_parse(value, ack) == 0 &&
        rt_disk_check_ack(rt_http_session_server(session), *ack, &refusal) ==
            0) {
        return 0;
    }
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
    return RT_EINVAL;
}

static int take_query(struct rt_http_session *session, struct rt_bytes query)
{
    struct rt_bytes name;
    struct rt_bytes value;
    session->exchange.ack = RT_ACK_UNSAID;
    while (rt_query_next(&query, &name, &value)) {
        if (!rt_bytes_equal(name, RT_BYTES("ack"))) {
            rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, name,
                            "the only parameter is ack");
            return RT_EINVAL;
        }
        if (take_ack(session, value) < 0) {
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

static int take_condition(struct rt_http_session *session,
                          const struct rt_http_request *request)
{
    static const struct rt_unwanted_field other = {
        RT_HTTP_IF_NONE_MATCH,
        {"If-None-Match", 13},
        "the condition of a publisher is If-Match"};
    struct rt_if_match *condition = &session->exchange.condition;
    struct rt_bytes value = request->fields[RT_HTTP_IF_MATCH];
    const char *reason;
    condition->kind = RT_IF_MATCH_NOTHING;
    if (value.data != NULL &&
        rt_if_match_parse(value, condition, &reason) < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("If-Match"),
                        reason);
        return RT_EINVAL;
    }
    return rt_route_check_fields(session, request, &other, 1);
}

static int take_key(struct rt_http_session *session, struct rt_bytes value)
{
    struct rt_exchange *exchange = &session->exchange;
    char memory[RT_IDEMPOTENCY_KEY_BYTES_MAX];
    struct rt_bytes key;
    const char *reason;
    exchange->key_len = 0;
    if (value.data == NULL) {
        return 0;
    }
    if (rt_idempotency_key_parse(value, memory, &key, &reason) < 0) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER,
                        RT_BYTES("Idempotency-Key"), reason);
        return RT_EINVAL;
    }
    memcpy(exchange->key, key.data, key.len);
    exchange->key_len = (uint8_t)key.len;
    return 0;
}

static int take_media(struct rt_http_session *session,
                      struct rt_bytes content_type)
{
    session->exchange.media = rt_media_type_classify(content_type);
    if (session->exchange.media == RT_MEDIA_MALFORMED) {
        rt_route_refuse(session, RT_PROBLEM_BAD_PARAMETER,
                        RT_BYTES("Content-Type"), "that is not a media type");
        return RT_EINVAL;
    }
    return 0;
}

int rt_produce_check_length(struct rt_http_session *session,
                            const struct rt_http_request *request)
{
    const struct rt_server_options *options =
        &rt_http_session_server(session)->options;
    bool is_batch = session->exchange.media == RT_MEDIA_NDJSON;
    uint64_t max =
        is_batch ? options->batch_bytes_max : options->event_bytes_max;
    rt_http_input_limit(session, request, max);
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

/* What is more than an event that may be appended at once. */
static bool needs_publication(const struct rt_exchange *exchange)
{
    return exchange->media == RT_MEDIA_NDJSON || exchange->key_len > 0;
}

int rt_produce_take_head(struct rt_http_session *session,
                         const struct rt_http_request *request,
                         const struct rt_target *target)
{
    const struct rt_bytes *fields = request->fields;
    return take_query(session, target->query) == 0 &&
                   check_coding(session, fields[RT_HTTP_CONTENT_ENCODING]) ==
                       0 &&
                   take_key(session, fields[RT_HTTP_IDEMPOTENCY_KEY]) == 0 &&
                   take_media(session, fields[RT_HTTP_CONTENT_TYPE]) == 0
               ? 0
               : RT_EINVAL;
}

void rt_produce_await_disk(struct rt_http_session *session)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    if (RT_UNLIKELY(rt_journal_is_behind(core->journal)) &&
        !session->exchange.is_answered) {
        rt_http_session_wait(session);
    }
}

void rt_produce_begin(struct rt_http_session *session,
                      const struct rt_http_request *request,
                      const struct rt_target *target)
{
    const struct rt_bytes *fields = request->fields;
    if (rt_route_topic(session, target->path) == 0 &&
        rt_produce_take_head(session, request, target) == 0 &&
        take_type(session, fields[RT_HTTP_RINGTAIL_TYPE]) == 0 &&
        take_condition(session, request) == 0 &&
        rt_produce_check_length(session, request) == 0) {
        session->exchange.may_come_again = true;
        session->exchange.finish = needs_publication(&session->exchange)
                                       ? rt_produce_finish_together
                                       : rt_produce_finish;
        int result = rt_authorize(session, RINGTAIL_PRODUCE, request, target);
        (void)result; /* the payload is handled unless this was answered */
        rt_produce_await_disk(session);
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
    exchange->ack = RT_ACK_UNSAID;
    return true;
}
