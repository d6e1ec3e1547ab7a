/* Requests with an Idempotency-Key: they are done once. */
#include "base/error.h"
#include "broker/core/publication.h"
#include "broker/core/saved_key.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"

static bool has_key(const struct rt_idempotency_request *request)
{
    return request->key.len > 0;
}

struct rt_idempotency_request
rt_produce_request(const struct rt_http_session *session,
                   struct rt_bytes topic,
                   struct rt_bytes body)
{
    const struct rt_exchange *exchange = &session->exchange;
    struct rt_idempotency_request request = {
        .topic = topic, .key = {exchange->key, exchange->key_len}};
    if (has_key(&request)) {
        request.body = rt_digest_of(body);
    }
    return request;
}

int rt_produce_recall(struct rt_http_session *session,
                      const struct rt_idempotency_request *request,
                      const struct rt_receipt **receipts)
{
    const struct rt_core *core = &rt_http_session_server(session)->core;
    if (!has_key(request)) {
        return 0;
    }
    int known = rt_idempotency_find(&core->idempotency, request, receipts);
    if (known < 0) {
        rt_route_refuse(session, RT_PROBLEM_IDEMPOTENCY_MISMATCH,
                        RT_BYTES("Idempotency-Key"),
                        "with this key another body was published");
    }
    return known;
}

int rt_produce_commit(struct rt_publication *publication,
                      const struct rt_idempotency_request *request,
                      struct rt_receipt *receipts)
{
    struct rt_core *core = publication->core;
    struct rt_idempotency_entry *entry = NULL;
    if (has_key(request)) {
        entry = rt_key_remember(core, request, publication->part_count);
        if (entry == NULL) {
            return RT_ENOMEM;
        }
    }
    rt_publication_commit(publication, receipts);
    if (entry != NULL) {
        rt_key_settle(core, request, entry, receipts, publication->part_count);
    }
    return 0;
}
