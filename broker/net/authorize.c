#include "broker/net/authorize.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/error.h"
#include "broker/net/route.h"

#define CHALLENGE "WWW-Authenticate: Bearer realm=\"ringtail\""

/* What the host is shown comes out of the head; each text has its NUL. */
#define TEXTS_BYTES_MAX (RT_HTTP_HEAD_MAX + 8)

#define PEER_BYTES_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/* A question. It outlives its session when the peer leaves before the host has
 * answered. */
struct ringtail_authorization {
    struct rt_list link; /* in server->unanswered, while it waits */
    struct rt_server *server;
    struct rt_http_session *session; /* NULL: the peer has left */
    enum rt_verdict verdict;         /* given while the host is being asked */
    bool is_asking;
};

size_t rt_authorize_size(void)
{
    return sizeof(struct ringtail_authorization);
}

/* --- what the host is shown --- */

static const char *add_text(struct rt_writer *texts, struct rt_bytes text)
{
    const char *at = texts->at;
    if (text.data == NULL) {
        return NULL;
    }
    rt_write_bytes(texts, text);
    rt_write_bytes(texts, (struct rt_bytes){"", 1});
    return at;
}

static void write_address(struct rt_writer *writer,
                          const struct sockaddr_storage *name)
{
    char text[INET6_ADDRSTRLEN];
    bool is_ipv6 = name->ss_family == AF_INET6;
    const struct sockaddr_in *in = (const struct sockaddr_in *)name;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;
    const void *address =
        is_ipv6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr;
    uint16_t port = is_ipv6 ? in6->sin6_port : in->sin_port;
    RT_CHECK(inet_ntop(name->ss_family, address, text, sizeof(text)) != NULL);
    rt_write_bytes(writer, rt_bytes_of(is_ipv6 ? "[" : ""));
    rt_write_bytes(writer, rt_bytes_of(text));
    rt_write_bytes(writer, rt_bytes_of(is_ipv6 ? "]:" : ":"));
    rt_write_u64(writer, ntohs(port));
}

/* No text for a peer that has left already. */
static struct rt_bytes find_peer(const struct rt_connection *connection,
                                 char memory[PEER_BYTES_MAX])
{
    struct sockaddr_storage name = {0};
    struct rt_writer writer;
    int len = sizeof(name);
    if (connection->is_unix) {
        return RT_BYTES("unix");
    }
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&name, &len) <
        0) {
        return (struct rt_bytes){NULL, 0};
    }
    rt_writer_init(&writer, memory, PEER_BYTES_MAX);
    write_address(&writer, &name);
    return rt_writer_bytes(&writer);
}

/* --- asking --- */

/* Whatever is no known verdict is none in favour. */
static enum rt_verdict to_verdict(enum ringtail_verdict verdict)
{
    switch (verdict) {
    case RINGTAIL_ALLOW:
        return RT_VERDICT_ALLOWED;
    case RINGTAIL_UNAUTHORIZED:
        return RT_VERDICT_UNAUTHORIZED;
    default:
        return RT_VERDICT_FORBIDDEN;
    }
}

static enum ringtail_verdict call_host(struct rt_http_session *session,
                                       enum ringtail_action action,
                                       const struct rt_http_request *request,
                                       const struct rt_target *target,
                                       struct ringtail_authorization *question)
{
    char memory[TEXTS_BYTES_MAX];
    char peer_memory[PEER_BYTES_MAX];
    struct rt_writer texts;
    const struct rt_exchange *exchange = &session->exchange;
    const struct rt_server_options *options = &question->server->options;
    struct rt_bytes topic = {exchange->topic, exchange->topic_len};
    struct rt_bytes query = {target->has_query ? target->query.data : NULL,
                             target->query.len};
    rt_writer_init(&texts, memory, sizeof(memory));
    struct ringtail_request shown = {
        .action = action,
        .topic = add_text(&texts, topic),
        .query = add_text(&texts, query),
        .authorization =
            add_text(&texts, request->fields[RT_HTTP_AUTHORIZATION]),
        .cookie = add_text(&texts, request->fields[RT_HTTP_COOKIE]),
        .origin = add_text(&texts, request->fields[RT_HTTP_ORIGIN]),
        .peer = add_text(&texts, find_peer(session->connection, peer_memory))};
    RT_CHECK(!texts.overflowed);
    return options->authorize(options->authorize_context, &shown, question);
}

static void hold_back(struct rt_http_session *session,
                      struct ringtail_authorization *question)
{
    struct rt_server *server = question->server;
    rt_list_append(&server->unanswered, &question->link);
    rt_connection_set_timer(session->connection, server->options.head_ticks);
}

/* RT_VERDICT_NONE: the host answers later. */
static int ask(struct rt_http_session *session,
               enum ringtail_action action,
               const struct rt_http_request *request,
               const struct rt_target *target,
               enum rt_verdict *verdict)
{
    struct rt_server *server = rt_http_session_server(session);
    struct ringtail_authorization *question =
        rt_pool_take(&server->authorizations);
    if (question == NULL) {
        rt_http_refuse_for_memory(session);
        return RT_EINVAL;
    }
    *question = (struct ringtail_authorization){
        .server = server, .session = session, .is_asking = true};
    session->question = question;
    enum ringtail_verdict said =
        call_host(session, action, request, target, question);
    question->is_asking = false;
    if (said == RINGTAIL_LATER && question->verdict == RT_VERDICT_NONE) {
        hold_back(session, question);
        *verdict = RT_VERDICT_NONE;
        return 0;
    }
    *verdict = said == RINGTAIL_LATER ? question->verdict : to_verdict(said);
    session->question = NULL;
    rt_pool_give(&server->authorizations, question);
    return 0;
}

/* --- what becomes of the request --- */

/* RFC 6750, section 3: with no token, no reason is told. */
static void refuse_unknown(struct rt_http_session *session,
                           const struct rt_http_request *request)
{
    struct rt_bytes token = request->fields[RT_HTTP_AUTHORIZATION];
    struct rt_bytes scheme = {token.data, token.len < 7 ? token.len : 7};
    struct rt_refusal refusal = {.problem = RT_PROBLEM_UNAUTHORIZED};
    if (rt_bytes_equal_nocase(scheme, RT_BYTES("Bearer "))) {
        refusal.detail = "the token is not valid";
        rt_http_refuse(session, &refusal,
                       RT_BYTES(CHALLENGE ", error=\"invalid_token\"\r\n"));
    } else {
        rt_http_refuse(session, &refusal, RT_BYTES(CHALLENGE "\r\n"));
    }
}

static int apply(struct rt_http_session *session,
                 const struct rt_http_request *request,
                 enum rt_verdict verdict)
{
    struct rt_bytes topic = {session->exchange.topic,
                             session->exchange.topic_len};
    switch (verdict) {
    case RT_VERDICT_ALLOWED:
        return 0;
    case RT_VERDICT_NONE:
        return RT_EAGAIN;
    case RT_VERDICT_UNAUTHORIZED:
        refuse_unknown(session, request);
        break;
    case RT_VERDICT_FORBIDDEN:
        rt_route_refuse(session, RT_PROBLEM_FORBIDDEN, topic,
                        "this topic is not for you");
        break;
    case RT_VERDICT_LATE:
        rt_route_refuse(session, RT_PROBLEM_AUTHORIZATION_TIMEOUT, topic,
                        "whoever decides this has not answered");
        break;
    }
    return RT_EINVAL;
}

int rt_authorize(struct rt_http_session *session,
                 enum ringtail_action action,
                 const struct rt_http_request *request,
                 const struct rt_target *target)
{
    enum rt_verdict verdict = session->verdict;
    if (rt_http_session_server(session)->options.authorize == NULL) {
        return 0;
    }
    if (verdict == RT_VERDICT_NONE &&
        ask(session, action, request, target, &verdict) < 0) {
        return RT_EINVAL;
    }
    return apply(session, request, verdict);
}

/* --- answers that come later --- */

/* The session goes on in the next check, for this may be any time of a turn. */
static void settle(struct rt_http_session *session, enum rt_verdict verdict)
{
    struct rt_server *server = rt_http_session_server(session);
    session->verdict = verdict;
    rt_list_append(&server->authorized, &session->waiting);
    rt_server_wake(server);
}

void ringtail_authorize(struct ringtail_authorization *question,
                        enum ringtail_verdict verdict)
{
    struct rt_http_session *session = question->session;
    RT_DCHECK(rt_server_is_on_thread(question->server));
    if (question->is_asking) {
        question->verdict = to_verdict(verdict);
        return;
    }
    if (session != NULL) {
        session->question = NULL;
        settle(session, to_verdict(verdict));
    }
    rt_list_remove(&question->link);
    rt_pool_give(&question->server->authorizations, question);
}

void rt_authorize_detach(struct rt_http_session *session)
{
    if (session->question != NULL) {
        session->question->session = NULL;
        session->question = NULL;
    }
}

void rt_authorize_give_up(struct rt_http_session *session)
{
    rt_authorize_detach(session);
    settle(session, RT_VERDICT_LATE);
}

void rt_authorize_continue(struct rt_server *server)
{
    struct rt_list authorized;
    if (rt_list_is_empty(&server->authorized)) {
        return;
    }
    rt_server_update_time(server);
    rt_list_init(&authorized);
    rt_list_move(&authorized, &server->authorized);
    while (!rt_list_is_empty(&authorized)) {
        struct rt_http_session *session =
            RT_LIST_FIRST(&authorized, struct rt_http_session, waiting);
        rt_list_remove(&session->waiting);
        rt_http_session_continue(session);
    }
}

void rt_authorize_finish(struct rt_server *server)
{
    RT_CHECK(rt_list_is_empty(&server->authorized));
    while (!rt_list_is_empty(&server->unanswered)) {
        struct ringtail_authorization *question = RT_LIST_FIRST(
            &server->unanswered, struct ringtail_authorization, link);
        rt_list_remove(&question->link);
        rt_pool_give(&server->authorizations, question);
    }
    rt_pool_finish(&server->authorizations);
}
