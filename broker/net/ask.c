#include "broker/net/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/error.h"
#include "broker/net/connection.h"
#include "broker/net/server.h"
#include "protocol/http_parser.h"
#include "protocol/topic.h"

/* What the host is shown comes out of a head and a topic; each text has its
 * NUL. */
#define TEXTS_BYTES_MAX (RT_HTTP_HEAD_MAX + RT_TOPIC_BYTES_MAX + 8)

#define PEER_BYTES_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/* A question. It outlives who asked it when the peer leaves before the host has
 * answered. */
struct ringtail_authorization {
    struct rt_list link; /* in server->unanswered, while it waits */
    struct rt_server *server;
    struct rt_asker *asker;  /* NULL: the peer has left */
    enum rt_verdict verdict; /* given while the host is being asked */
    bool is_asking;
};

size_t rt_ask_size(void)
{
    return sizeof(struct ringtail_authorization);
}

void rt_asker_init(struct rt_asker *asker,
                   void (*go_on)(struct rt_asker *asker))
{
    *asker = (struct rt_asker){.go_on = go_on};
    rt_list_init(&asker->authorized);
}

void rt_asker_next(struct rt_asker *asker)
{
    asker->verdict = RT_VERDICT_NONE;
    asker->allowed++;
}

void rt_asker_settle(struct rt_asker *asker)
{
    asker->verdict = RT_VERDICT_NONE;
    if (asker->question == NULL) {
        asker->allowed = 0;
    }
}

bool rt_asker_is_waiting(const struct rt_asker *asker)
{
    return asker->question != NULL;
}

bool rt_asker_is_free(const struct rt_asker *asker)
{
    return asker->question == NULL && rt_list_is_empty(&asker->authorized);
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

static enum ringtail_verdict call_host(const struct rt_connection *connection,
                                       const struct rt_asked *asked,
                                       struct ringtail_authorization *question)
{
    char memory[TEXTS_BYTES_MAX];
    char peer_memory[PEER_BYTES_MAX];
    struct rt_writer texts;
    const struct rt_server_options *options = &question->server->options;
    rt_writer_init(&texts, memory, sizeof(memory));
    struct ringtail_request shown = {
        .action = asked->action,
        .topic = add_text(&texts, asked->topic),
        .query = add_text(&texts, asked->query),
        .authorization = add_text(&texts, asked->authorization),
        .cookie = add_text(&texts, asked->cookie),
        .origin = add_text(&texts, asked->origin),
        .peer = add_text(&texts, find_peer(connection, peer_memory))};
    RT_CHECK(!texts.overflowed);
    return options->authorize(options->authorize_context, &shown, question);
}

static void hold_back(struct rt_connection *connection,
                      struct ringtail_authorization *question)
{
    struct rt_server *server = question->server;
    rt_list_append(&server->unanswered, &question->link);
    rt_connection_set_timer(connection, server->options.head_ticks);
}

int rt_ask(struct rt_asker *asker,
           struct rt_connection *connection,
           const struct rt_asked *asked,
           enum rt_verdict *verdict)
{
    struct rt_server *server = rt_connection_server(connection);
    if (asker->verdict != RT_VERDICT_NONE) {
        *verdict = asker->verdict;
        return 0;
    }
    struct ringtail_authorization *question =
        rt_pool_take(&server->authorizations);
    if (question == NULL) {
        return RT_ENOMEM;
    }
    *question = (struct ringtail_authorization){
        .server = server, .asker = asker, .is_asking = true};
    asker->question = question;
    enum ringtail_verdict said = call_host(connection, asked, question);
    question->is_asking = false;
    if (said == RINGTAIL_LATER && question->verdict == RT_VERDICT_NONE) {
        hold_back(connection, question);
        *verdict = RT_VERDICT_NONE;
        return 0;
    }
    *verdict = said == RINGTAIL_LATER ? question->verdict : to_verdict(said);
    asker->question = NULL;
    rt_pool_give(&server->authorizations, question);
    return 0;
}

/* --- answers that come later --- */

/* Who asked goes on in the next check, for this may be any time of a turn. */
static void settle(struct rt_asker *asker,
                   struct rt_server *server,
                   enum rt_verdict verdict)
{
    asker->question = NULL;
    asker->verdict = verdict;
    rt_list_append(&server->authorized, &asker->authorized);
    rt_server_wake(server);
}

void ringtail_authorize(struct ringtail_authorization *question,
                        enum ringtail_verdict verdict)
{
    struct rt_server *server = question->server;
    RT_DCHECK(rt_server_is_on_thread(server));
    if (question->is_asking) {
        question->verdict = to_verdict(verdict);
        return;
    }
    if (question->asker != NULL) {
        settle(question->asker, server, to_verdict(verdict));
    }
    rt_list_remove(&question->link);
    rt_pool_give(&server->authorizations, question);
}

void rt_asker_detach(struct rt_asker *asker)
{
    if (!rt_list_is_empty(&asker->authorized)) {
        rt_list_remove(&asker->authorized);
    }
    if (asker->question != NULL) {
        asker->question->asker = NULL;
        asker->question = NULL;
    }
}

void rt_asker_give_up(struct rt_asker *asker)
{
    struct rt_server *server = asker->question->server;
    rt_asker_detach(asker);
    settle(asker, server, RT_VERDICT_LATE);
}

void rt_ask_continue(struct rt_server *server)
{
    struct rt_list authorized;
    if (rt_list_is_empty(&server->authorized)) {
        return;
    }
    rt_server_update_time(server);
    rt_list_init(&authorized);
    rt_list_move(&authorized, &server->authorized);
    while (!rt_list_is_empty(&authorized)) {
        struct rt_asker *asker =
            RT_LIST_FIRST(&authorized, struct rt_asker, authorized);
        rt_list_remove(&asker->authorized);
        asker->go_on(asker);
    }
}

void rt_ask_finish(struct rt_server *server)
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
