/* What a session answers: collected behind what it has answered before. */
#include <string.h>

#include "base/error.h"
#include "broker/net/http_session.h"

/* --- room --- */

static char *reserve(struct rt_http_session *session, size_t size)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    return rt_disk_answers_are_held(session)
               ? rt_owed_answers_reserve(&session->on_disk.owed, heap, size)
               : rt_buffer_reserve(&session->answers, heap, size);
}

static void add(struct rt_http_session *session, size_t len)
{
    if (rt_disk_answers_are_held(session)) {
        rt_owed_answers_add(&session->on_disk.owed, len);
    } else {
        session->answers.len += len;
    }
}

/* --- answers --- */

void rt_http_session_flush_soon(struct rt_http_session *session)
{
    if (rt_list_is_empty(&session->answering)) {
        rt_list_append(&rt_http_session_server(session)->answering,
                       &session->answering);
    }
}

static void note_answer(struct rt_http_session *session, uint16_t status)
{
    session->exchange.is_answered = true;
    rt_http_session_server(session)->answers[status / 100]++;
    rt_http_session_flush_soon(session);
}

void rt_http_answer(struct rt_http_session *session,
                    struct rt_http_answer answer)
{
    struct rt_server *server = rt_http_session_server(session);
    answer.persistence = session->exchange.persistence;
    answer.is_head = session->exchange.is_head;
    size_t size = rt_http_answer_size(&answer);
    char *memory = reserve(session, size);
    if (memory == NULL) {
        rt_connection_close(session->connection);
        return;
    }
    struct rt_writer writer;
    rt_writer_init(&writer, memory, size);
    rt_http_answer_write(&writer, &answer, rt_server_date(server));
    RT_CHECK(!writer.overflowed);
    add(session, rt_writer_bytes(&writer).len);
    note_answer(session, answer.status);
}

/* One that has to wait is written when it leaves. */
static int owe_receipt(struct rt_http_session *session,
                       struct rt_bytes topic,
                       const struct rt_receipt *receipt)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    enum rt_owed_kind kind =
        session->exchange.prefers_minimal ? RT_OWED_MINIMAL : RT_OWED_RECEIPT;
    return rt_owed_answers_add_receipt(&session->on_disk.owed, heap, kind,
                                       topic, receipt);
}

static int add_minimal(struct rt_http_session *session,
                       const struct rt_receipt *receipt)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_writer writer;
    size_t size = RT_MINIMAL_ANSWER_BYTES_MAX;
    char *memory = rt_buffer_reserve(&session->answers, &server->heap, size);
    if (memory == NULL) {
        return RT_ENOMEM;
    }
    rt_writer_init(&writer, memory, size);
    rt_minimal_answer_write(&writer, receipt, rt_server_date(server));
    session->answers.len += rt_writer_bytes(&writer).len;
    return 0;
}

static int add_receipt(struct rt_http_session *session,
                       struct rt_bytes topic,
                       const struct rt_receipt *receipt)
{
    struct rt_server *server = rt_http_session_server(session);
    if (RT_UNLIKELY(session->exchange.prefers_minimal)) {
        return add_minimal(session, receipt);
    }
    struct rt_bytes answer = rt_receipt_answer_write(
        &session->receipt, topic, receipt, rt_server_date(server));
    return rt_buffer_append(&session->answers, &server->heap, answer);
}

void rt_http_answer_receipt(struct rt_http_session *session,
                            struct rt_bytes topic,
                            const struct rt_receipt *receipt)
{
    int err = RT_UNLIKELY(rt_disk_answers_are_held(session))
                  ? owe_receipt(session, topic, receipt)
                  : add_receipt(session, topic, receipt);
    if (err < 0) {
        rt_connection_close(session->connection);
    } else if (RT_UNLIKELY(session->exchange.prefers_minimal)) {
        note_answer(session, 204);
    } else {
        note_answer(session, 200);
    }
}

void rt_http_continue(struct rt_http_session *session)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    size_t len = sizeof(interim) - 1;
    char *memory = reserve(session, len);
    if (memory == NULL) {
        rt_connection_close(session->connection);
        return;
    }
    memcpy(memory, interim, len);
    add(session, len);
    rt_http_session_flush_soon(session);
}

void rt_http_refuse(struct rt_http_session *session,
                    const struct rt_refusal *refusal,
                    struct rt_bytes headers)
{
    char memory[RT_PROBLEM_BYTES_MAX];
    struct rt_writer writer;
    if (session->exchange.refuse != NULL) {
        session->exchange.refuse(session, refusal);
        return;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_problem_write(&writer, refusal);
    RT_CHECK(!writer.overflowed);
    if (session->exchange.closes_if_refused) {
        session->exchange.persistence = RT_HTTP_CLOSE;
    }
    if (rt_problem_may_pass(refusal->problem)) {
        _Static_assert(RT_RETRY_AFTER_S == 1, "the line below says so");
        headers = RT_BYTES("Retry-After: 1\r\n");
    }
    rt_http_answer(session, (struct rt_http_answer){
                                .status = rt_problem_status(refusal->problem),
                                .content_type = "application/problem+json",
                                .headers = headers,
                                .body = rt_writer_bytes(&writer)});
}

void rt_http_refuse_for_memory(struct rt_http_session *session)
{
    struct rt_refusal refusal = {
        .problem = RT_PROBLEM_INSUFFICIENT_STORAGE,
        .detail = "raise --memory, or let events age sooner with --max-age"};
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

void rt_http_refuse_and_end(struct rt_http_session *session,
                            const struct rt_refusal *refusal)
{
    session->head_len = 0;
    session->exchange = (struct rt_exchange){.persistence = RT_HTTP_CLOSE};
    rt_http_refuse(session, refusal, (struct rt_bytes){0});
    session->phase = RT_HTTP_PHASE_OVER;
}

void rt_http_session_give_up(struct rt_http_session *session)
{
    session->phase = RT_HTTP_PHASE_OVER;
    rt_http_session_flush_soon(session);
}
