/*
 * POST /produce/{topic}: the events of a batch, which are appended all together
 * or not at all; and an event with a key, which must be remembered before it
 * counts.
 */
#include "base/error.h"
#include "broker/core/publication.h"
#include "broker/net/produce.h"
#include "protocol/batch.h"

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
        rt_produce_refuse_batch(session, &fault);
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

static int publish(struct rt_http_session *session,
                   const struct rt_event *event,
                   const struct rt_idempotency_request *request,
                   struct rt_receipt *receipt)
{
    struct rt_publication publication;
    rt_publication_init(&publication, &rt_http_session_server(session)->core);
    int err = add_events(session, &publication, *event);
    if (err == 0) {
        err = rt_produce_commit(&publication, request, receipt);
    }
    if (err < 0) {
        rt_publication_abandon(&publication);
    }
    return err;
}

/* An event that came alone is none of a batch, though it was one of one. */
static struct rt_receipt shown(const struct rt_http_session *session,
                               const struct rt_receipt *receipt)
{
    struct rt_receipt copy = *receipt;
    copy.count = is_batch(session) ? copy.count : 0;
    return copy;
}

/* A repetition is answered whatever has become of the topic since: the first
 * request met its condition. */
void rt_produce_finish_together(struct rt_http_session *session,
                                struct rt_bytes body)
{
    struct rt_event event = rt_produce_event(session, body);
    const struct rt_receipt *first;
    struct rt_receipt receipt;
    if (check_events(session, &event) < 0) {
        return;
    }
    struct rt_idempotency_request request =
        rt_produce_request(session, event.topic, body);
    int known = rt_produce_recall(session, &request, &first);
    if (known == 1) {
        receipt = shown(session, first);
        rt_produce_answer_again(session, event.topic, &receipt);
    }
    if (known != 0 || rt_produce_check_condition(session, event.topic) < 0) {
        return;
    }
    int err = publish(session, &event, &request, &receipt);
    if (err < 0) {
        rt_produce_refuse(session, event.topic, err);
        return;
    }
    receipt = shown(session, &receipt);
    rt_produce_answer(session, event.topic, &receipt);
}
