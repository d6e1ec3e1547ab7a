/* POST /produce/{topic}: one event, the body byte for byte. */
#include "base/error.h"
#include "broker/net/route.h"
#include "protocol/receipt.h"

/* --- answers --- */

/* The plainest case, and the most frequent. */
static bool is_plain(const struct rt_exchange *exchange,
                     const struct rt_receipt *receipt)
{
    return exchange->persistence == RT_HTTP_KEEP &&
           !exchange->prefers_minimal && !exchange->is_head &&
           receipt->count == 0;
}

#define HEADERS_MAX (RT_CURSOR_BYTES_MAX + 128)

/* Answers with a receipt, the first one again if it `is_replayed`. */
static void answer_in_full(struct rt_http_session *session,
                           struct rt_bytes topic,
                           const struct rt_receipt *receipt,
                           bool is_replayed)
{
    char header_memory[HEADERS_MAX];
    char body_memory[RT_RECEIPT_BYTES_MAX + 1];
    struct rt_writer headers;
    struct rt_writer body;
    struct rt_http_answer answer = {.status = 200};
    rt_writer_init(&headers, header_memory, sizeof(header_memory));
    rt_writer_init(&body, body_memory, sizeof(body_memory));
    RT_WRITE(&headers, "Ringtail-Cursor: ");
    rt_cursor_write(&headers, receipt->cursor);
    RT_WRITE(&headers, "\r\n");
    if (is_replayed) {
        RT_WRITE(&headers, "Idempotent-Replayed: true\r\n");
    }
    if (session->exchange.prefers_minimal) {
        RT_WRITE(&headers, "Preference-Applied: return=minimal\r\n");
        answer.status = 204;
    } else {
        rt_receipt_write(&body, topic, receipt);
        RT_WRITE(&body, "\n");
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
    struct rt_server *server = rt_http_session_server(session);
    if (!is_plain(&session->exchange, receipt)) {
        answer_in_full(session, topic, receipt, false);
    } else {
        rt_http_answer_written(
            session, 200,
            rt_receipt_answer_write(&session->receipt, topic, receipt->cursor,
                                    receipt->wall_ms, rt_server_date(server)));
    }
    if (receipt->is_congested) {
        rt_http_session_wait(session);
    }
}

/* --- conditions --- */

/* The last event of the topic is another one than the publisher thinks. */
static void refuse_condition(struct rt_http_session *session,
                             const struct rt_cursor *latest)
{
    char memory[RT_CURSOR_BYTES_MAX];
    struct rt_writer writer;
    rt_writer_init(&writer, memory, sizeof(memory));
    struct rt_refusal refusal = {.problem = RT_PROBLEM_PRECONDITION_FAILED,
                                 .subject = RT_BYTES("If-Match"),
                                 .detail = "the topic does not exist"};
    if (latest != NULL) {
        rt_cursor_write(&writer, *latest);
        refusal.latest = rt_writer_bytes(&writer);
        refusal.detail = "the last event of the topic is another one";
    }
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

static int check_condition(struct rt_http_session *session,
                           struct rt_bytes topic)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    const struct rt_if_match *condition = &session->exchange.condition;
    struct rt_cursor latest;
    if (condition->kind == RT_IF_MATCH_NOTHING) {
        return 0;
    }
    bool exists = rt_core_latest(core, topic, &latest);
    if (!rt_if_match_holds(condition, exists ? &latest : NULL)) {
        refuse_condition(session, exists ? &latest : NULL);
        return RT_EINVAL;
    }
    return 0;
}

/* --- one event --- */

static int check_content(struct rt_http_session *session,
                         struct rt_event *event)
{
    enum rt_media media = session->exchange.media;
    if (rt_media_content(media, event->payload, &event->content) < 0) {
        rt_route_refuse(
            session, RT_PROBLEM_BAD_PAYLOAD, RT_BYTES("Content-Type"),
            media == RT_MEDIA_JSON ? "the payload is not JSON in UTF-8"
                                   : "the payload is not UTF-8");
        return RT_EINVAL;
    }
    return 0;
}

static void
refuse(struct rt_http_session *session, struct rt_bytes topic, int err)
{
    if (err == RT_ECLOSED) {
        rt_route_refuse(session, RT_PROBLEM_TOPIC_CLOSED, topic,
                        "whoever runs the broker has closed it");
        return;
    }
    rt_http_refuse_for_memory(session);
}

static int append(struct rt_http_session *session,
                  const struct rt_event *event,
                  struct rt_receipt *receipt)
{
    struct rt_core *core = &rt_http_session_server(session)->core;
    int err = check_condition(session, event->topic);
    if (err < 0) {
        return err;
    }
    err = rt_core_publish(core, event, receipt);
    if (err < 0) {
        refuse(session, event->topic, err);
    }
    return err;
}

static void publish(struct rt_http_session *session,
                    const struct rt_event *event)
{
    struct rt_receipt receipt;
    if (append(session, event, &receipt) == 0) {
        answer(session, event->topic, &receipt);
    }
}

/* --- with a key --- */

static void refuse_key(struct rt_http_session *session)
{
    rt_route_refuse(session, RT_PROBLEM_IDEMPOTENCY_MISMATCH,
                    RT_BYTES("Idempotency-Key"),
                    "with this key another body was published to the topic");
}

/* What could not be remembered is not done: it might be done again. */
static void publish_first(struct rt_http_session *session,
                          const struct rt_event *event,
                          const struct rt_idempotency_request *request)
{
    struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_receipt receipt;
    struct rt_idempotency_entry *entry =
        rt_idempotency_remember(&core->idempotency, request, core->now_ms);
    if (entry == NULL) {
        rt_http_refuse_for_memory(session);
        return;
    }
    if (append(session, event, &receipt) < 0) {
        rt_idempotency_forget(&core->idempotency, entry);
        return;
    }
    rt_idempotency_settle(entry, &receipt);
    answer(session, event->topic, &receipt);
}

/* A repetition is answered whatever has become of the topic since: the first
 * request met its condition. */
static void publish_once(struct rt_http_session *session,
                         const struct rt_event *event)
{
    const struct rt_exchange *exchange = &session->exchange;
    struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_idempotency_request request = {
        .topic = event->topic,
        .key = {exchange->key, exchange->key_len},
        .body = rt_digest_of(event->payload)};
    struct rt_receipt first;
    switch (rt_idempotency_find(&core->idempotency, &request, &first)) {
    case 0:
        publish_first(session, event, &request);
        break;
    case 1:
        answer_in_full(session, event->topic, &first, true);
        break;
    default:
        refuse_key(session);
    }
}

void rt_produce_finish(struct rt_http_session *session, struct rt_bytes payload)
{
    struct rt_exchange *exchange = &session->exchange;
    struct rt_event event = {.topic = {exchange->topic, exchange->topic_len},
                             .payload = payload,
                             .type = {exchange->type, exchange->type_len}};
    if (check_content(session, &event) < 0) {
        return;
    }
    if (exchange->key_len > 0) {
        publish_once(session, &event);
    } else {
        publish(session, &event);
    }
}
