/* What publishers are answered. */
#include "base/error.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"
#include "broker/net/topic_resource.h"
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

void rt_produce_answer_with(struct rt_http_session *session,
                            struct rt_bytes body,
                            struct rt_bytes headers,
                            bool is_replayed)
{
    char memory[HEADERS_MAX];
    struct rt_writer writer;
    struct rt_http_answer answer = {.status = 200, .body = body};
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_bytes(&writer, headers);
    if (is_replayed) {
        RT_WRITE(&writer, "Idempotent-Replayed: true\r\n");
    }
    if (session->exchange.prefers_minimal) {
        RT_WRITE(&writer, "Preference-Applied: return=minimal\r\n");
        answer.status = 204;
    } else {
        answer.content_type = "application/json";
    }
    RT_CHECK(!writer.overflowed);
    answer.headers = rt_writer_bytes(&writer);
    rt_http_answer(session, answer);
}

static void answer_in_full(struct rt_http_session *session,
                           struct rt_bytes topic,
                           const struct rt_receipt *receipt,
                           bool is_replayed)
{
    char header_memory[HEADERS_MAX];
    char body_memory[RT_RECEIPT_BYTES_MAX + 1];
    struct rt_writer headers;
    struct rt_writer body;
    rt_writer_init(&headers, header_memory, sizeof(header_memory));
    rt_writer_init(&body, body_memory, sizeof(body_memory));
    RT_WRITE(&headers, "Ringtail-Cursor: ");
    rt_cursor_write(&headers, receipt->cursor);
    RT_WRITE(&headers, "\r\n");
    if (!session->exchange.prefers_minimal) {
        rt_receipt_write(&body, topic, receipt);
        RT_WRITE(&body, "\n");
    }
    RT_CHECK(!headers.overflowed && !body.overflowed);
    rt_produce_answer_with(session, rt_writer_bytes(&body),
                           rt_writer_bytes(&headers), is_replayed);
}

void rt_produce_answer(struct rt_http_session *session,
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

void rt_produce_answer_again(struct rt_http_session *session,
                             struct rt_bytes topic,
                             const struct rt_receipt *receipt)
{
    answer_in_full(session, topic, receipt, true);
}

/* --- refusals --- */

void rt_produce_refuse_batch(struct rt_http_session *session,
                             const struct rt_batch_fault *fault)
{
    struct rt_refusal refusal = fault->refusal;
    refusal.has_index = true;
    refusal.index = fault->index;
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

void rt_produce_refuse(struct rt_http_session *session,
                       struct rt_bytes topic,
                       int err)
{
    if (err == RT_ECLOSED) {
        rt_route_refuse(session, RT_PROBLEM_TOPIC_CLOSED, topic,
                        "whoever runs the broker has closed it");
        return;
    }
    rt_http_refuse_for_memory(session);
}

/* The last event of the topic is another one than the publisher thinks. */
static void refuse_condition(struct rt_http_session *session,
                             const struct rt_topic *topic)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_PRECONDITION_FAILED,
                                 .subject = RT_BYTES("If-Match"),
                                 .detail = "the topic does not exist"};
    if (topic != NULL) {
        rt_refusal_add_cursors(&refusal, topic);
        refusal.detail = "the last event of the topic is another one";
    }
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

int rt_produce_check_condition(struct rt_http_session *session,
                               struct rt_bytes name)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    const struct rt_topic *topic = rt_topic_find(core, name);
    struct rt_cursor latest;
    if (topic != NULL) {
        latest = rt_topic_latest(topic);
    }
    if (!rt_if_match_holds(&session->exchange.condition,
                           topic != NULL ? &latest : NULL)) {
        refuse_condition(session, topic);
        return RT_EINVAL;
    }
    return 0;
}
