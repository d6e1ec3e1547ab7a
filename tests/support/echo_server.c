/*
 * Sends back what it gets, for outside conformance suites: HTTP bodies of any
 * method at `/` but TRACE and CONNECT, and WebSocket messages of up to 16 MiB.
 * All below the three functions of its application is the broker's own code.
 *
 *     echo_server [ADDRESS]        127.0.0.1:9001 unless told otherwise
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "broker/net/http_session.h"
#include "broker/net/listener.h"
#include "broker/net/server.h"
#include "protocol/target.h"
#include "protocol/ws_frame.h"
#include "protocol/ws_handshake.h"

#define ECHO_BYTES_MAX ((uint64_t)16 * 1024 * 1024)
#define MEMORY_MAX     ((uint64_t)1024 * 1024 * 1024)
#define RING_BYTES     ((uint64_t)1024 * 1024)
#define CONNECTIONS    1000
#define TICKS          30
#define UPGRADE        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ALLOW          "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"

/* --- HTTP --- */

static void refuse(struct rt_http_session *session, enum rt_problem problem)
{
    struct rt_refusal refusal = {.problem = problem};
    rt_http_refuse(session, &refusal, (struct rt_bytes){0});
}

static void upgrade(struct rt_http_session *session,
                    const struct rt_http_request *request)
{
    char memory[256];
    struct rt_writer headers;
    struct rt_refusal refusal;
    if (rt_ws_handshake_check(request, &refusal) < 0) {
        rt_http_refuse(session, &refusal,
                       refusal.problem == RT_PROBLEM_UPGRADE_REQUIRED
                           ? RT_BYTES(UPGRADE "Sec-WebSocket-Version: 13\r\n")
                           : (struct rt_bytes){0});
        return;
    }
    rt_writer_init(&headers, memory, sizeof(memory));
    RT_WRITE(&headers, UPGRADE "Sec-WebSocket-Accept: ");
    rt_ws_accept_write(&headers, request->fields[RT_HTTP_SEC_WEBSOCKET_KEY]);
    RT_WRITE(&headers, "\r\n");
    session->exchange.persistence = RT_HTTP_KEEP;
    rt_http_answer(
        session, (struct rt_http_answer){.status = 101,
                                         .headers = rt_writer_bytes(&headers)});
    (void)!rt_http_session_upgrade(session, RT_FORMAT_RAW);
}

/* TRACE has no body to send back; a TRACE proper shows what was secret. */
static void refuse_trace(struct rt_http_session *session)
{
    struct rt_refusal refusal = {.problem = RT_PROBLEM_METHOD_NOT_ALLOWED};
    rt_http_refuse(session, &refusal, RT_BYTES(ALLOW));
}

static void begin_at_root(struct rt_http_session *session,
                          const struct rt_http_request *request)
{
    struct rt_server *server = rt_http_session_server(session);
    bool has_body = request->is_chunked || request->content_length > 0;
    if (request->method == RT_HTTP_TRACE) {
        refuse_trace(session);
    } else if (request->method == RT_HTTP_OPTIONS && !has_body) {
        rt_http_answer(session, (struct rt_http_answer){
                                    .status = 204, .headers = RT_BYTES(ALLOW)});
    } else if (request->asks_upgrade) {
        upgrade(session, request);
    } else if (request->content_length > server->options.event_bytes_max) {
        refuse(session, RT_PROBLEM_PAYLOAD_TOO_LARGE);
    }
}

/* RFC 9112, section 3.2.4: `*` is for OPTIONS alone. */
static bool is_asterisk(const struct rt_target *target)
{
    return rt_bytes_equal(target->path, RT_BYTES("*"));
}

static void echo_begin(struct rt_http_session *session,
                       const struct rt_http_request *request)
{
    struct rt_target target;
    session->exchange.may_come_again = true;
    if (rt_target_parse(request->target, &target) < 0 ||
        (is_asterisk(&target) && request->method != RT_HTTP_OPTIONS)) {
        refuse(session, RT_PROBLEM_BAD_REQUEST);
    } else if (is_asterisk(&target) ||
               rt_bytes_equal(target.path, RT_BYTES("/"))) {
        begin_at_root(session, request);
    } else {
        refuse(session, RT_PROBLEM_NOT_FOUND);
    }
}

static void echo_finish(struct rt_http_session *session,
                        struct rt_bytes payload)
{
    rt_http_answer(session, (struct rt_http_answer){
                                .status = 200,
                                .content_type = "application/octet-stream",
                                .body = payload});
}

/* --- WebSocket --- */

static void echo_message(struct rt_connection *connection,
                         uint8_t opcode,
                         struct rt_bytes payload)
{
    uint8_t memory[RT_FRAME_HEADER_MAX];
    size_t len = rt_frame_header(memory, (enum rt_opcode)opcode, payload.len);
    struct rt_bytes header = {(const char *)memory, len};
    if (rt_connection_write(connection, header) == 0) {
        (void)!rt_connection_write(connection, payload);
    }
}

static const struct rt_application echo = {
    .begin = echo_begin,
    .finish = echo_finish,
    .message = echo_message,
    .limits = {.message_bytes = ECHO_BYTES_MAX, .frame_count = UINT64_MAX},
};

/* --- the program --- */

static const struct rt_server_options options = {
    .application = &echo,
    .memory_max = MEMORY_MAX,
    .retention = {.bytes = RING_BYTES,
                  .events = UINT64_MAX,
                  .age_ms = UINT64_MAX},
    .stall_timeout_ms = TICKS * RT_TICK_MS,
    .event_bytes_max = ECHO_BYTES_MAX,
    .connections_max = CONNECTIONS,
    .stall_ticks = TICKS,
    .heartbeat_ticks = TICKS,
    .pong_ticks = TICKS,
    .head_ticks = TICKS,
    .body_ticks = TICKS,
    .idle_ticks = TICKS,
};

static void on_stopped(void *context)
{
    (void)context;
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    rt_server_stop(handle->data, 0, on_stopped, NULL);
    uv_close((uv_handle_t *)handle, NULL);
}

int main(int count, char **arguments)
{
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:9001";
    static struct rt_server server;
    uv_signal_t interrupt;
    uv_loop_t *loop = uv_default_loop();
    rt_server_init(&server, loop, &options);
    rt_server_start(&server);
    int err = rt_listener_open(&server, address, 0);
    if (err < 0) {
        (void)fprintf(stderr, "echo_server: %s: %s\n", address,
                      uv_strerror(err));
        return 1;
    }
    (void)printf("echo_server: listening on port %d\n", server.port);
    (void)fflush(stdout);
    (void)uv_signal_init(loop, &interrupt);
    interrupt.data = &server;
    (void)uv_signal_start(&interrupt, on_signal, SIGTERM);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    rt_server_finish(&server);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
