#include "broker/net/http_session.h"

#include "base/error.h"
#include "broker/net/event_stream.h"
#include "broker/net/http_input.h"
#include "broker/net/poll.h"
#include "broker/net/websocket.h"

struct rt_server *rt_http_session_server(const struct rt_http_session *session)
{
    return rt_connection_server(session->connection);
}

void rt_http_session_unlink(struct rt_http_session *session)
{
    if (session != NULL) {
        rt_list_remove(&session->answering);
        rt_list_remove(&session->waiting);
        rt_asker_detach(&session->asker);
        rt_poll_drop(session);
        rt_disk_answers_drop(session);
    }
}

/* --- output --- */

/* But for answers that wait for the disk. */
static bool is_idle(const struct rt_http_session *session)
{
    return session->phase == RT_HTTP_PHASE_HEAD && session->held.len == 0 &&
           session->answers.len == 0 && !session->is_paused &&
           !rt_asker_is_waiting(&session->asker) && session->poll == NULL;
}

static void settle(struct rt_http_session *session)
{
    struct rt_connection *connection = session->connection;
    struct rt_server *server = rt_http_session_server(session);
    if (rt_disk_answers_are_held(session)) {
        return; /* when they are written */
    }
    bool is_done = is_idle(session);
    if (RT_UNLIKELY(session->phase == RT_HTTP_PHASE_OVER ||
                    (is_done && server->state != RT_SERVER_RUNNING))) {
        rt_connection_linger(connection);
    } else if (is_done) {
        connection->http = NULL;
        rt_connection_set_timer(connection, server->options.idle_ticks);
        rt_http_session_release(session);
    }
}

/* Who does not read keeps no memory for more. */
static void forget_answers(struct rt_http_session *session)
{
    if (session->answers.len == 0) {
        rt_buffer_finish(&session->answers,
                         &rt_http_session_server(session)->heap);
    }
}

/* Writes what is collected: 0, or an error after which the connection is
 * closed. */
static int write_collected(struct rt_http_session *session)
{
    struct rt_bytes answers = {session->answers.data, session->answers.len};
    int err = rt_connection_write(session->connection, answers);
    if (err == 0) {
        session->answers.len = 0;
    }
    return err;
}

/* The same of what has waited for the disk, piece by piece. For who does not
 * read it stays in the little room it takes. */
static int write_owed(struct rt_http_session *session)
{
    struct rt_connection *connection = session->connection;
    for (int i = 0; i < RT_ANSWERS_ROUNDS_MAX; i++) {
        if (rt_connection_is_blocked(connection) ||
            !rt_disk_answers_are_due(session)) {
            return 0;
        }
        if (rt_disk_answers_leave(session) < 0) {
            rt_connection_close(connection);
            return RT_ENOMEM;
        }
        int err = write_collected(session);
        if (err < 0) {
            return err;
        }
    }
    rt_http_session_flush_soon(session);
    return 0;
}

static void await_peer(struct rt_http_session *session)
{
    forget_answers(session);
    rt_connection_pause(session->connection);
    session->is_paused = true;
    rt_connection_await_drain(session->connection);
}

static void write_answers(struct rt_http_session *session)
{
    rt_list_remove(&session->answering);
    int err = write_collected(session);
    if (err == 0 && RT_UNLIKELY(rt_disk_answers_are_held(session))) {
        err = write_owed(session);
    }
    if (err == 0 && rt_connection_is_blocked(session->connection)) {
        await_peer(session);
    }
}

/* --- input --- */

static bool may_go_on(const struct rt_http_session *session)
{
    return session->connection->state == RT_CONNECTION_HTTP &&
           rt_list_is_empty(&session->waiting) &&
           rt_asker_is_free(&session->asker) && session->poll == NULL &&
           (!rt_disk_answers_are_held(session) ||
            (session->phase != RT_HTTP_PHASE_BEHIND &&
             !rt_disk_answers_are_full(session))) &&
           session->answers.len <= RT_ANSWERS_MAX &&
           !rt_connection_is_blocked(session->connection);
}

/* While a request waits for an event, to see the peer leave. */
static bool may_listen(const struct rt_http_session *session)
{
    return session->poll != NULL && session->held.len <= RT_HELD_POLLING_MAX;
}

/* Keeps what has been read but may not be looked at yet, and nothing else: who
 * waits may do so for long, and there may be many. */
static void pause_with(struct rt_http_session *session, struct rt_bytes rest)
{
    struct rt_heap *heap = &rt_http_session_server(session)->heap;
    size_t kept = heap->limit / RT_HELD_KEEP_PART;
    session->is_paused = true;
    rt_http_session_drop_body(session);
    if (rt_heap_is_low(heap, rest.len + kept) ||
        rt_buffer_append(&session->held, heap, rest) < 0) {
        rt_connection_close(session->connection);
    } else if (!may_listen(session)) {
        rt_connection_pause(session->connection);
    }
}

/* The connection is a WebSocket or a stream now. The session goes last, for the
 * bytes that came behind the handshake may be in its memory. */
static void end_upgrade(struct rt_http_session *session, struct rt_bytes rest)
{
    struct rt_connection *connection = session->connection;
    if (rest.len > 0 && (connection->state == RT_CONNECTION_WEBSOCKET ||
                         connection->state == RT_CONNECTION_CLOSING)) {
        rt_websocket_input(connection, rest);
    }
    rt_http_session_release(session);
}

/* Whether another request may be looked at; else it is, in the next turn. */
static bool take_request(struct rt_http_session *session)
{
    struct rt_server *server = rt_http_session_server(session);
    if (session->phase != RT_HTTP_PHASE_HEAD ||
        rt_input_share_take_request(&server->input_share, &session->requests)) {
        return true;
    }
    rt_list_append(&server->postponed, &session->waiting);
    rt_server_wake(server);
    return false;
}

static void run(struct rt_http_session *session, struct rt_bytes bytes)
{
    struct rt_connection *connection = session->connection;
    while ((bytes.len > 0 || session->phase == RT_HTTP_PHASE_HELD) &&
           connection->state == RT_CONNECTION_HTTP) {
        if (session->answers.len > RT_ANSWERS_MAX) {
            write_answers(session);
            rt_http_session_flush_soon(
                session); /* whatever follows, it is settled then */
        }
        if (!may_go_on(session) || !take_request(session)) {
            break;
        }
        rt_http_input_step(session, &bytes);
    }
    if (session->phase == RT_HTTP_PHASE_UPGRADED) {
        end_upgrade(session, bytes);
    } else if (connection->state == RT_CONNECTION_HTTP && !may_go_on(session)) {
        pause_with(session, bytes);
    }
}

void rt_http_session_input(struct rt_connection *connection,
                           struct rt_bytes bytes)
{
    if (connection->http == NULL) {
        connection->http = rt_http_session_take(connection);
    }
    if (connection->http == NULL) {
        rt_connection_close(connection);
        return;
    }
    struct rt_http_session *session = connection->http;
    run(session, bytes);
    if (connection->state == RT_CONNECTION_HTTP && is_idle(session) &&
        rt_list_is_empty(&session->answering)) {
        settle(session); /* all there was is an empty line */
    }
}

void rt_http_session_continue(struct rt_http_session *session)
{
    struct rt_connection *connection = session->connection;
    struct rt_server *server = rt_http_session_server(session);
    if (!session->is_paused || !may_go_on(session)) {
        return;
    }
    /* The two change places, for what is held back again goes into `held`. */
    struct rt_buffer input = session->held;
    session->held = session->resumed;
    session->held.len = 0;
    session->resumed = input;
    session->is_paused = false;
    rt_connection_set_timer(connection, session->phase == RT_HTTP_PHASE_HEAD
                                            ? server->options.head_ticks
                                            : server->options.body_ticks);
    rt_connection_resume(connection);
    run(session, (struct rt_bytes){input.data, input.len});
    if (connection->state == RT_CONNECTION_HTTP && session->is_paused) {
        rt_buffer_finish(&session->resumed, &server->heap);
    }
    if (connection->state == RT_CONNECTION_HTTP &&
        rt_list_is_empty(&session->answering)) {
        settle(session); /* else when its answers are written */
    }
}

void rt_http_session_flush(struct rt_http_session *session)
{
    struct rt_connection *connection = session->connection;
    write_answers(session);
    if (connection->state != RT_CONNECTION_HTTP ||
        rt_connection_is_blocked(connection)) {
        return;
    }
    if (session->is_paused) {
        rt_http_session_continue(session);
    } else {
        settle(session);
    }
}

void rt_http_session_drained(struct rt_connection *connection)
{
    struct rt_http_session *session = connection->http;
    if (session == NULL) {
        /* A write that was done at once blocked nobody, so the session may have
         * been given back before libuv reports it. */
        return;
    }
    if (rt_asker_is_waiting(&session->asker)) {
        /* Now it is the host alone that is waited for. */
        rt_connection_set_timer(
            connection, rt_http_session_server(session)->options.head_ticks);
    } else if (session->poll != NULL) {
        rt_poll_set_timer(session);
    }
    if (may_listen(session)) {
        rt_connection_resume(connection);
    }
    if (rt_disk_answers_are_due(session)) {
        rt_http_session_flush_soon(session); /* then it goes on */
    } else {
        rt_http_session_continue(session);
    }
}

/* The connection goes on without the session. */
static bool leave(struct rt_http_session *session,
                  enum rt_connection_state state,
                  enum rt_format format)
{
    struct rt_connection *connection = session->connection;
    if (connection->state != RT_CONNECTION_HTTP) {
        return false;
    }
    RT_CHECK(!rt_disk_answers_are_held(session));
    rt_list_remove(&session->answering);
    int err = rt_connection_write(
        connection,
        (struct rt_bytes){session->answers.data, session->answers.len});
    if (err < 0) {
        return false;
    }
    rt_connection_move(connection, state);
    session->phase = RT_HTTP_PHASE_UPGRADED;
    connection->http = NULL;
    connection->format = (uint8_t)format;
    return true;
}

bool rt_http_session_defer(struct rt_http_session *session)
{
    if (!rt_disk_answers_are_held(session)) {
        return false;
    }
    session->phase = RT_HTTP_PHASE_BEHIND;
    return true;
}

bool rt_http_session_upgrade(struct rt_http_session *session,
                             enum rt_format format)
{
    struct rt_connection *connection = session->connection;
    if (!leave(session, RT_CONNECTION_WEBSOCKET, format)) {
        return false;
    }
    rt_websocket_begin(connection);
    return true;
}

bool rt_http_session_stream(struct rt_http_session *session,
                            enum rt_format format)
{
    struct rt_connection *connection = session->connection;
    if (!leave(session, RT_CONNECTION_STREAMING, format)) {
        return false;
    }
    rt_event_stream_begin(connection);
    return true;
}

void rt_http_session_wait(struct rt_http_session *session)
{
    struct rt_server *server = rt_http_session_server(session);
    rt_list_remove(&session->waiting);
    rt_list_append(&server->waiting, &session->waiting);
}

/* --- ends --- */

/* The request under way is answered, but its body still comes in. */
static bool is_skipping(const struct rt_http_session *session)
{
    return session->exchange.is_answered &&
           (session->phase == RT_HTTP_PHASE_BODY ||
            session->phase == RT_HTTP_PHASE_CHUNKED);
}

/* And not for what the host has to say. */
static bool waits_for_disk(const struct rt_http_session *session)
{
    return session != NULL && rt_disk_answers_are_held(session) &&
           !rt_asker_is_waiting(&session->asker);
}

void rt_http_session_timeout(struct rt_connection *connection)
{
    struct rt_http_session *session = connection->http;
    if (session != NULL && rt_connection_is_blocked(connection) &&
        rt_connection_has_moved(connection)) {
        return;
    }
    if (session != NULL && session->poll != NULL &&
        !rt_connection_is_blocked(connection)) {
        rt_poll_tick(session);
        return;
    }
    if (waits_for_disk(session) && !rt_connection_is_blocked(connection)) {
        rt_connection_set_timer(
            connection, rt_http_session_server(session)->options.body_ticks);
        return;
    }
    if (session == NULL || rt_connection_is_blocked(connection) ||
        is_skipping(session) || session->phase == RT_HTTP_PHASE_OVER) {
        rt_connection_close(connection);
        return;
    }
    if (rt_asker_is_waiting(&session->asker)) {
        rt_asker_give_up(&session->asker);
        return;
    }
    if (session->is_paused) { /* it waits for us */
        rt_connection_set_timer(
            connection, rt_http_session_server(session)->options.body_ticks);
        return;
    }
    struct rt_refusal refusal = {.problem = RT_PROBLEM_REQUEST_TIMEOUT};
    rt_http_refuse_and_end(session, &refusal);
}

void rt_http_session_eof(struct rt_connection *connection)
{
    struct rt_http_session *session = connection->http;
    if (session == NULL ||
        (session->answers.len == 0 && !rt_disk_answers_are_held(session) &&
         !rt_connection_is_blocked(connection))) {
        rt_connection_close(connection);
        return;
    }
    if (session->poll != NULL) {
        rt_poll_end(session);
    }
    session->phase = RT_HTTP_PHASE_OVER;
    session->is_paused = true;
    rt_connection_pause(connection);
}

void rt_http_session_end(struct rt_connection *connection)
{
    struct rt_http_session *session = connection->http;
    if (session == NULL ||
        (is_idle(session) && !rt_disk_answers_are_held(session))) {
        rt_connection_close(connection);
    } else if (session->poll != NULL) {
        rt_poll_end(session);
    }
}
