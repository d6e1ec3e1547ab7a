/* Subscriptions of the host's, in its own process. */
#include "base/error.h"
#include "broker/core/local.h"
#include "broker/core/topic.h"
#include "broker/facade.h"
#include "protocol/topic.h"

struct ringtail_subscription {
    struct ringtail_broker *broker;
    struct rt_list link; /* in broker->subscriptions */
    struct rt_local local;
    ringtail_event_cb callback;
    void *context;
};

static void on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery)
{
    struct ringtail_subscription *subscription =
        RT_CONTAINER(local, struct ringtail_subscription, local);
    static const enum ringtail_event_kind kinds[] = {
        [RT_DELIVERY_EVENT] = RINGTAIL_EVENT,
        [RT_DELIVERY_GAP] = RINGTAIL_GAP,
        [RT_DELIVERY_END] = RINGTAIL_CLOSED,
    };
    bool has_reason = delivery->kind != RT_DELIVERY_EVENT;
    struct ringtail_event event = {
        .kind = kinds[delivery->kind],
        .content = (enum ringtail_content)delivery->content,
        .topic = local->topic->name,
        .payload = delivery->payload.data,
        .len = delivery->payload.len,
        .offset = delivery->offset,
        .ts = delivery->wall_ms,
        .missed = delivery->missed,
        .reason = has_reason ? rt_close_slug(delivery->reason) : NULL};
    subscription->callback(subscription->context, &event);
}

_Static_assert((int)RINGTAIL_CONTENT_BINARY == (int)RT_CONTENT_BINARY &&
                   (int)RINGTAIL_CONTENT_TEXT == (int)RT_CONTENT_TEXT &&
                   (int)RINGTAIL_CONTENT_JSON == (int)RT_CONTENT_JSON,
               "the core's kinds of payload are the interface's");

static int parse_start(const struct rt_core *core,
                       const char *text,
                       struct rt_since *since)
{
    *since = (struct rt_since){.kind = RT_SINCE_NOW};
    if (text == NULL) {
        return 0;
    }
    int err = rt_since_parse(rt_bytes_of(text), core->wall_ms, since);
    return err < 0 ? RINGTAIL_ESINCE : 0;
}

int rt_facade_check_start(struct ringtail_broker *broker,
                          const char *topic,
                          const char *since_text,
                          struct rt_since *since)
{
    const char *reason = NULL;
    if (broker->server.state != RT_SERVER_RUNNING) {
        return RINGTAIL_ESTOPPED;
    }
    if (rt_topic_check(rt_bytes_of(topic), &reason) < 0) {
        return RINGTAIL_ETOPIC;
    }
    rt_server_update_time(&broker->server);
    return parse_start(&broker->server.core, since_text, since);
}

static int create(struct ringtail_broker *broker,
                  struct rt_bytes topic,
                  const struct rt_since *since,
                  struct ringtail_subscription **out)
{
    struct rt_server *server = &broker->server;
    struct ringtail_subscription *subscription =
        rt_heap_zalloc(&server->heap, sizeof(*subscription));
    if (subscription == NULL) {
        return UV_ENOMEM;
    }
    int err = rt_core_subscribe_local(&server->core, topic, since, on_delivery,
                                      &subscription->local);
    if (err < 0) {
        rt_heap_free(&server->heap, subscription, sizeof(*subscription));
        return err;
    }
    subscription->broker = broker;
    rt_list_append(&broker->subscriptions, &subscription->link);
    rt_server_wake(server);
    *out = subscription;
    return 0;
}

int ringtail_subscribe(struct ringtail_broker *broker,
                       const char *topic,
                       const char *since_text,
                       ringtail_event_cb callback,
                       void *context,
                       struct ringtail_subscription **subscription)
{
    struct rt_since since;
    RT_DCHECK(rt_server_is_on_thread(&broker->server));
    int err = rt_facade_check_start(broker, topic, since_text, &since);
    if (err == 0) {
        err = create(broker, rt_bytes_of(topic), &since, subscription);
    }
    if (err == 0) {
        (*subscription)->callback = callback;
        (*subscription)->context = context;
    }
    return err;
}

void ringtail_subscription_pause(struct ringtail_subscription *subscription)
{
    RT_DCHECK(rt_server_is_on_thread(&subscription->broker->server));
    if (subscription->local.state != RT_LOCAL_DETACHED) {
        rt_local_pause(&subscription->local);
    }
}

void ringtail_subscription_resume(struct ringtail_subscription *subscription)
{
    RT_DCHECK(rt_server_is_on_thread(&subscription->broker->server));
    if (subscription->local.state != RT_LOCAL_DETACHED) {
        rt_local_resume(&subscription->local);
        rt_server_wake(&subscription->broker->server);
    }
}

void ringtail_subscription_cursor(
    const struct ringtail_subscription *subscription,
    char cursor[RINGTAIL_CURSOR_BYTES])
{
    RT_DCHECK(rt_server_is_on_thread(&subscription->broker->server));
    rt_facade_write_cursor(rt_local_cursor(&subscription->local), cursor);
}

void ringtail_unsubscribe(struct ringtail_subscription *subscription)
{
    if (subscription == NULL) {
        return;
    }
    struct rt_heap *heap = &subscription->broker->server.heap;
    RT_DCHECK(rt_server_is_on_thread(&subscription->broker->server));
    rt_local_detach(&subscription->local);
    rt_list_remove(&subscription->link);
    rt_heap_free(heap, subscription, sizeof(*subscription));
}

/* --- the end --- */

void rt_facade_serve_subscriptions(struct ringtail_broker *broker)
{
    while (rt_core_deliver(&broker->server.core)) {
    }
}

static void tell_closed(struct ringtail_subscription *subscription)
{
    if (subscription->local.state == RT_LOCAL_ENDED) {
        return; /* that was the last call */
    }
    struct ringtail_event event = {.kind = RINGTAIL_CLOSED,
                                   .topic = subscription->local.topic->name,
                                   .reason = rt_close_slug(RT_CLOSE_LEAVING)};
    subscription->callback(subscription->context, &event);
}

void rt_facade_close_subscriptions(struct ringtail_broker *broker)
{
    struct rt_list told;
    rt_facade_serve_subscriptions(broker);
    rt_list_init(&told);
    while (!rt_list_is_empty(&broker->subscriptions)) {
        struct ringtail_subscription *subscription = RT_LIST_FIRST(
            &broker->subscriptions, struct ringtail_subscription, link);
        rt_list_remove(&subscription->link);
        rt_list_append(&told, &subscription->link);
        tell_closed(subscription);
    }
    rt_list_move(&broker->subscriptions, &told);
}

void rt_facade_free_subscriptions(struct ringtail_broker *broker)
{
    while (!rt_list_is_empty(&broker->subscriptions)) {
        ringtail_unsubscribe(RT_LIST_FIRST(&broker->subscriptions,
                                           struct ringtail_subscription, link));
    }
}
