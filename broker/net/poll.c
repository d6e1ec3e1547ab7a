#include "broker/net/poll.h"

#include "base/error.h"
#include "broker/net/topic_resource.h"

static struct rt_server *server_of(const struct rt_poll *poll)
{
    return rt_http_session_server(poll->session);
}

static void detach(struct rt_poll *poll)
{
    if (poll->local.state != RT_LOCAL_DETACHED) {
        rt_local_detach(&poll->local);
        server_of(poll)->poll_count--;
    }
}

/* Whatever it is, the page has it. */
static void on_delivery(struct rt_local *local,
                        const struct rt_delivery *delivery)
{
    struct rt_poll *poll = RT_CONTAINER(local, struct rt_poll, local);
    (void)delivery;
    detach(poll);
    rt_list_append(&server_of(poll)->woken, &poll->woken);
}

int rt_poll_begin(struct rt_http_session *session,
                  const struct rt_page_query *query,
                  struct rt_cursor after,
                  uint64_t wait_ms)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_bytes topic = {session->exchange.topic,
                             session->exchange.topic_len};
    struct rt_since since = {.kind = RT_SINCE_CURSOR, .cursor = after};
    struct rt_poll *poll = rt_pool_take(&server->polls);
    if (poll == NULL) {
        return RT_ENOMEM;
    }
    *poll = (struct rt_poll){.session = session,
                             .query = *query,
                             .deadline_ms = server->core.now_ms + wait_ms};
    rt_list_init(&poll->woken);
    if (rt_core_subscribe_local(&server->core, topic, &since, on_delivery,
                                &poll->local) < 0) {
        rt_pool_give(&server->polls, poll);
        return RT_ENOMEM;
    }
    session->poll = poll;
    session->exchange.is_answered = true; /* later, but its body is skipped */
    server->poll_count++;
    rt_poll_set_timer(session);
    return 0;
}

void rt_poll_set_timer(struct rt_http_session *session)
{
    const struct rt_poll *poll = session->poll;
    uint64_t now_ms = server_of(poll)->core.now_ms;
    uint64_t left_ms =
        poll->deadline_ms > now_ms ? poll->deadline_ms - now_ms : 0;
    rt_connection_set_timer(session->connection,
                            (uint32_t)(left_ms / RT_TICK_MS) + 1);
}

void rt_poll_tick(struct rt_http_session *session)
{
    if (server_of(session->poll)->core.now_ms >= session->poll->deadline_ms) {
        rt_poll_end(session);
    } else {
        rt_poll_set_timer(session);
    }
}

void rt_poll_drop(struct rt_http_session *session)
{
    struct rt_poll *poll = session->poll;
    if (poll == NULL) {
        return;
    }
    struct rt_server *server = server_of(poll);
    session->poll = NULL;
    detach(poll);
    rt_list_remove(&poll->woken);
    rt_pool_give(&server->polls, poll);
}

void rt_poll_end(struct rt_http_session *session)
{
    struct rt_page_query query = session->poll->query;
    if (server_of(session->poll)->state != RT_SERVER_RUNNING) {
        session->exchange.persistence = RT_HTTP_CLOSE;
        session->phase = RT_HTTP_PHASE_OVER;
    }
    rt_poll_drop(session);
    rt_topic_events_answer(session, &query);
}

void rt_polls_answer(struct rt_server *server)
{
    for (int i = 0; i < RT_POLLS_TURN && !rt_list_is_empty(&server->woken);
         i++) {
        struct rt_poll *poll =
            RT_LIST_FIRST(&server->woken, struct rt_poll, woken);
        rt_poll_end(poll->session);
    }
}
