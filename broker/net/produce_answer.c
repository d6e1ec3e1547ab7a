/* What publishers are answered. */
#include "base/error.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"
#include "broker/net/topic_resource.h"
#include "protocol/receipt.h"

/* --- how far the events have come --- */

static enum rt_ack highest(enum rt_ack a, enum rt_ack b)
{
    return a > b ? a : b;
}

/* What the publisher asked for goes before what the topics have. */
static enum rt_ack find_ack(const struct rt_http_session *session,
                            const struct rt_receipt *receipts,
                            uint32_t count)
{
    enum rt_ack ack = session->exchange.ack;
    for (uint32_t i = 0; i < count && session->exchange.ack == RT_ACK_UNSAID;
         i++) {
        ack = highest(ack, receipts[i].ack);
    }
    return ack;
}

int rt_produce_settle(struct rt_http_session *session,
                      struct rt_receipt *receipts,
                      uint32_t count)
{
    if (rt_http_session_server(session)->core.journal == NULL || count == 0) {
        return 0;
    }
    enum rt_ack ack = find_ack(session, receipts, count);
    int err = 0;
    for (uint32_t i = 0; i < count; i++) {
        receipts[i].ack = ack;
        if (err == 0 && ack == RT_ACK_DISK) {
            err = rt_disk_answers_hold(session, receipts[i].ticket);
        }
    }
    if (err < 0) {
        rt_produce_refuse(session, (struct rt_bytes){0}, err);
        return RT_EINVAL;
    }
    return 0;
}

/* --- answers --- */

/* The plainest cases, and the most frequent. */
static bool is_plain(const struct rt_exchange *exchange,
                     const struct rt_receipt *receipt)
{
    return exchange->persistence == RT_HTTP_KEEP && !exchange->is_head &&
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
    if (session->exchange.prefers_minimal) {
        rt_ack_write(&headers, receipt->ack);
    } else {
        rt_receipt_write(&body, topic, receipt);
        RT_WRITE(&body, "\n");
    }
    RT_CHECK(!headers.overflowed && !body.overflowed);
    rt_produce_answer_with(session, rt_writer_bytes(&body),
                           rt_writer_bytes(&headers), is_replayed);
}

void rt_produce_answer(struct rt_http_session *session,
                       struct rt_bytes topic,
                       struct rt_receipt *receipt)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    if (RT_UNLIKELY(core->journal != NULL) &&
        rt_produce_settle(session, receipt, 1) < 0) {
        return;
    }
    if (!is_plain(&session->exchange, receipt)) {
        answer_in_full(session, topic, receipt, false);
    } else {
        rt_http_answer_receipt(session, topic, receipt);
    }
    if (receipt->is_congested) {
        rt_http_session_wait(session);
    }
}

void rt_produce_answer_again(struct rt_http_session *session,
                             struct rt_bytes topic,
                             struct rt_receipt *receipt)
{
    if (rt_produce_settle(session, receipt, 1) == 0) {
        answer_in_full(session, topic, receipt, true);
    }
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

struct rt_refusal rt_publish_refusal(struct rt_bytes topic, int err)
{
    switch (err) {
    case RT_ECLOSED:
        return (struct rt_refusal){.problem = RT_PROBLEM_TOPIC_CLOSED,
                                   .subject = topic,
                                   .detail =
                                       "whoever runs the broker has closed it"};
    case RT_EDAMAGED:
        return (struct rt_refusal){
            .problem = RT_PROBLEM_TOPIC_DAMAGED,
            .subject = topic,
            .detail = "it takes no events until its log has been repaired"};
    case RT_EFAILED:
        return (struct rt_refusal){
            .problem = RT_PROBLEM_STORAGE_FAILED,
            .detail = "no events are taken until the broker is started anew"};
    case RT_ENOSPC:
        return (struct rt_refusal){
            .problem = RT_PROBLEM_STORAGE_FULL,
            .detail = "events are taken again when there is room"};
    case RT_EAGAIN:
        return (struct rt_refusal){.problem = RT_PROBLEM_OVERLOADED,
                                   .detail = "the disk is behind"};
    default:
        return (struct rt_refusal){.problem = RT_PROBLEM_INSUFFICIENT_STORAGE};
    }
}

void rt_produce_refuse(struct rt_http_session *session,
                       struct rt_bytes topic,
                       int err)
{
    struct rt_refusal refusal = rt_publish_refusal(topic, err);
    if (err == RT_ENOMEM) {
        rt_http_refuse_for_memory(session);
    } else {
        rt_http_refuse(session, &refusal, (struct rt_bytes){0});
    }
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
