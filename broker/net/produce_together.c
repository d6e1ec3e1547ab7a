/*
 * POST /produce/{topic}: the events of a batch, which are appended all together
 * or not at all; and an event with a key, which must be remembered before it
 * counts.
 */
#include "base/error.h"
#include "broker/core/publication.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"
#include "protocol/batch.h"

/* --- events --- */

static void refuse_batch(struct rt_http_session *session,
                         const struct rt_batch_fault *fault)
{
    struct rt_refusal refusal = fault->refusal;
    refusal.has_index = true;
    refusal.index = fault->index;
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

static bool is_batch(const struct rt_http_session *session)
{
    return session->exchange.media == RT_MEDIA_NDJSON;
}

/* All of it is checked before any of it is touched. */
static int check_events(struct rt_http_session *session, struct rt_event *event)
{
    const struct rt_server *server = rt_http_session_server(session);
    struct rt_batch_fault fault;
    uint32_t count = 0;
    if (!is_batch(session)) {
        return rt_produce_check_content(session, event);
    }
    if (rt_batch_check(event->payload, server->options.event_bytes_max, &count,
                       &fault) < 0) {
        refuse_batch(session, &fault);
        return RT_EINVAL;
    }
    event->content = RT_CONTENT_JSON;
    return 0;
}

static int add_events(const struct rt_http_session *session,
                      struct rt_publication *publication,
                      struct rt_event event)
{
    struct rt_bytes rest = event.payload;
    int err = 0;
    if (!is_batch(session)) {
        return rt_publication_add(publication, &event);
    }
    while (err == 0 && rt_batch_next(&rest, &event.payload)) {
        err = rt_publication_add(publication, &event);
    }
    return err;
}

/* --- keys --- */

static bool has_key(const struct rt_idempotency_request *request)
{
    return request->key.len > 0;
}

static struct rt_idempotency_request
request_of(const struct rt_http_session *session, const struct rt_event *event)
{
    const struct rt_exchange *exchange = &session->exchange;
    struct rt_idempotency_request request = {
        .topic = event->topic, .key = {exchange->key, exchange->key_len}};
    if (has_key(&request)) {
        request.body = rt_digest_of(event->payload);
    }
    return request;
}

/* Whether the request was done before, or its key used for another: then it is
 * answered. A repetition is, whatever has become of the topic since: the first
 * request met its condition. */
static bool is_known(struct rt_http_session *session,
                     const struct rt_idempotency_request *request)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_receipt first;
    if (!has_key(request)) {
        return false;
    }
    switch (rt_idempotency_find(&core->idempotency, request, &first)) {
    case 0:
        return false;
    case 1:
        rt_produce_answer_again(session, request->topic, &first);
        return true;
    default:
        rt_route_refuse(session, RT_PROBLEM_IDEMPOTENCY_MISMATCH,
                        RT_BYTES("Idempotency-Key"),
                        "with this key another body was published");
        return true;
    }
}

/* --- all together --- */

/* What cannot be remembered is not done: it might be done again. */
static int commit(struct rt_http_session *session,
                  struct rt_publication *publication,
                  const struct rt_idempotency_request *request,
                  struct rt_receipt *receipt)
{
    struct rt_core *core = publication->core;
    struct rt_idempotency_entry *entry = NULL;
    if (has_key(request)) {
        entry =
            rt_idempotency_remember(&core->idempotency, request, core->now_ms);
        if (entry == NULL) {
            return RT_ENOMEM;
        }
    }
    rt_publication_commit(publication, receipt);
    receipt->count = is_batch(session) ? receipt->count : 0;
    if (entry != NULL) {
        rt_idempotency_settle(entry, receipt);
    }
    return 0;
}

static int publish(struct rt_http_session *session,
                   const struct rt_event *event,
                   const struct rt_idempotency_request *request,
                   struct rt_receipt *receipt)
{
    struct rt_publication publication;
    rt_publication_init(&publication, &rt_http_session_server(session)->core);
    int err = add_events(session, &publication, *event);
    if (err == 0) {
        err = commit(session, &publication, request, receipt);
    }
    if (err < 0) {
        rt_publication_abandon(&publication);
    }
    return err;
}

void rt_produce_finish_together(struct rt_http_session *session,
                                struct rt_bytes body)
{
    struct rt_event event = rt_produce_event(session, body);
    struct rt_receipt receipt;
    if (check_events(session, &event) < 0) {
        return;
    }
    struct rt_idempotency_request request = request_of(session, &event);
    if (is_known(session, &request) ||
        rt_produce_check_condition(session, event.topic) < 0) {
        return;
    }
    int err = publish(session, &event, &request, &receipt);
    if (err < 0) {
        rt_produce_refuse(session, event.topic, err);
    } else {
        rt_produce_answer(session, event.topic, &receipt);
    }
}
