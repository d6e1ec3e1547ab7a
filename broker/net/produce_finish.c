/* POST /produce/{topic}: one event, the body byte for byte. */
#include "base/error.h"
#include "broker/net/produce.h"
#include "broker/net/route.h"

struct rt_event rt_produce_event(const struct rt_http_session *session,
                                 struct rt_bytes payload)
{
    const struct rt_exchange *exchange = &session->exchange;
    return (struct rt_event){.topic = {exchange->topic, exchange->topic_len},
                             .payload = payload,
                             .type = {exchange->type, exchange->type_len}};
}

int rt_produce_check_content(struct rt_http_session *session,
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

void rt_produce_finish(struct rt_http_session *session, struct rt_bytes payload)
{
    struct rt_core *core = &rt_http_session_server(session)->core;
    struct rt_event event = rt_produce_event(session, payload);
    struct rt_receipt receipt;
    if (rt_produce_check_content(session, &event) < 0 ||
        (session->exchange.condition.kind != RT_IF_MATCH_NOTHING &&
         rt_produce_check_condition(session, event.topic) < 0)) {
        return;
    }
    int err = rt_core_publish(core, &event, &receipt);
    if (err < 0) {
        rt_produce_refuse(session, event.topic, err);
    } else {
        rt_produce_answer(session, event.topic, &receipt);
    }
}
