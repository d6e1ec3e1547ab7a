/* Where sessions come from, and the memory they keep when they are given back.
 */
#include "base/error.h"
#include "broker/net/http_session.h"

static size_t session_bytes(const struct rt_http_session *session)
{
    return sizeof(*session) + session->answers.capacity +
           session->on_disk.owed.records.capacity + session->held.capacity +
           session->resumed.capacity + session->body.capacity +
           session->notes.capacity;
}

static void session_free(struct rt_http_session *session,
                         struct rt_server *server)
{
    struct rt_heap *heap = &server->heap;
    server->body_bytes -= session->body.capacity;
    rt_buffer_finish(&session->answers, heap);
    rt_owed_answers_finish(&session->on_disk.owed, heap);
    rt_buffer_finish(&session->held, heap);
    rt_buffer_finish(&session->resumed, heap);
    rt_buffer_finish(&session->body, heap);
    rt_buffer_finish(&session->notes, heap);
    rt_heap_free(heap, session, sizeof(*session));
}

static struct rt_http_session *take_spare(struct rt_server *server)
{
    struct rt_http_session *session = RT_LIST_FIRST(
        &server->spare_sessions, struct rt_http_session, answering);
    rt_list_remove(&session->answering);
    server->spare_session_bytes -= session_bytes(session);
    if (--server->spare_session_count < server->spare_session_min) {
        server->spare_session_min = server->spare_session_count;
    }
    return session;
}

static void keep_spare(struct rt_server *server,
                       struct rt_http_session *session,
                       size_t bytes)
{
    session->answers.len = 0;
    if (RT_UNLIKELY(session->on_disk.owed.count > 0)) {
        rt_owed_answers_cut(&session->on_disk.owed, 0);
    }
    session->held.len = 0;
    session->body.len = 0;
    rt_list_prepend(&server->spare_sessions, &session->answering);
    server->spare_session_bytes += bytes;
    server->spare_session_count++;
}

/* The host has said what it thinks of the head that was held back. */
static void go_on(struct rt_asker *asker)
{
    rt_http_session_continue(
        RT_CONTAINER(asker, struct rt_http_session, asker));
}

/* What holds for all who will have it. */
static struct rt_http_session *create(struct rt_server *server)
{
    struct rt_http_session *session =
        rt_heap_zalloc(&server->heap, sizeof(*session));
    if (session != NULL) {
        rt_asker_init(&session->asker, go_on);
        rt_list_init(&session->answering);
        rt_list_init(&session->waiting);
        rt_disk_answers_init(&session->on_disk);
    }
    return session;
}

struct rt_http_session *rt_http_session_take(struct rt_connection *connection)
{
    struct rt_server *server = rt_connection_server(connection);
    struct rt_http_session *session = rt_list_is_empty(&server->spare_sessions)
                                          ? create(server)
                                          : take_spare(server);
    if (session == NULL) {
        return NULL;
    }
    session->connection = connection;
    session->scanned = 0;
    session->phase = RT_HTTP_PHASE_HEAD;
    session->is_paused = false;
    session->head_len =
        session->head_roles == connection->roles ? session->head_len : 0;
    rt_asker_settle(&session->asker);
    session->poll = NULL;
    return session;
}

void rt_http_session_release(struct rt_http_session *session)
{
    if (session == NULL) {
        return;
    }
    struct rt_server *server = rt_http_session_server(session);
    rt_http_session_unlink(session);
    if (RT_UNLIKELY(session->notes.capacity > 0)) {
        rt_buffer_finish(&session->notes, &server->heap);
    }
    size_t bytes = session_bytes(session);
    if (server->spare_session_bytes + bytes > RT_SESSIONS_SPARE_BYTES) {
        session_free(session, server);
    } else {
        keep_spare(server, session, bytes);
    }
}

static void free_spares(struct rt_server *server, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        session_free(take_spare(server), server);
    }
}

void rt_http_sessions_trim(struct rt_server *server)
{
    free_spares(server, (server->spare_session_min + 1) / 2);
    server->spare_session_min = server->spare_session_count;
}

void rt_http_sessions_finish(struct rt_server *server)
{
    free_spares(server, server->spare_session_count);
}

/* Whether bodies may have so much more. They leave the reserve alone, for it is
 * for answers, 507 among them; and there is room for one event at least, and
 * for small ones, which mostly come in pieces because a turn's input was
 * divided. */
static bool has_body_room(const struct rt_http_session *session, size_t len)
{
    const struct rt_server *server = rt_http_session_server(session);
    uint64_t max = server->heap.limit / RT_BODIES_PART;
    uint64_t least = server->options.event_bytes_max;
    return !rt_heap_is_low(&server->heap, len) &&
           (session->body.len + len <= RT_BODY_SMALL_MAX ||
            server->body_bytes + len <= (max > least ? max : least));
}

void rt_http_session_drop_body(struct rt_http_session *session)
{
    struct rt_server *server = rt_http_session_server(session);
    if (session->body.len == 0) {
        server->body_bytes -= session->body.capacity;
        rt_buffer_finish(&session->body, &server->heap);
    }
}

int rt_http_session_append_body(struct rt_http_session *session,
                                struct rt_bytes piece)
{
    struct rt_server *server = rt_http_session_server(session);
    size_t before = session->body.capacity;
    if (!has_body_room(session, piece.len)) {
        return RT_ENOMEM;
    }
    int err = rt_buffer_append(&session->body, &server->heap, piece);
    server->body_bytes += session->body.capacity - before;
    return err;
}
