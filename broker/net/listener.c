#include "broker/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "broker/net/address.h"
#include "broker/net/connection.h"
#include "broker/net/write.h"
#include "ringtail/ringtail.h"

/* In a turn: whoever connects as fast as it can would keep libuv accepting. */
#define ACCEPTED_MAX 64

struct listener {
    struct rt_list link; /* in server->listeners */
    struct rt_server *server;
    unsigned roles;
    bool is_unix;
    bool is_pending;   /* a connection waits to be accepted */
    bool is_refusing;  /* `refused` is in use */
    uint32_t accepted; /* in this turn */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    union { /* a connection that is told there is no room */
        uv_handle_t refused;
        uv_stream_t refused_stream;
        uv_tcp_t refused_tcp;
        uv_pipe_t refused_pipe;
    };
};

#define NO_ROOM_BODY                                     \
    "{\"type\":\"urn:ringtail:problem:overloaded\","     \
    "\"title\":\"The broker has too many connections\"," \
    "\"status\":503,\"retry_after\":1}\n"

_Static_assert(sizeof(NO_ROOM_BODY) - 1 == 118, "the length below says so");

static const char no_room[] = "HTTP/1.1 503 Service Unavailable\r\n"
                              "Content-Type: application/problem+json\r\n"
                              "Content-Length: 118\r\n"
                              "Retry-After: 1\r\n"
                              "Connection: close\r\n"
                              "\r\n" NO_ROOM_BODY;

/* --- accepting --- */

static void accept_pending(struct listener *listener);

static void listener_release(struct listener *listener)
{
    struct rt_server *server = listener->server;
    rt_heap_free(&server->heap, listener, sizeof(*listener));
    rt_server_note_closed(server);
}

static void on_refused_closed(uv_handle_t *handle)
{
    struct listener *listener = RT_CONTAINER(handle, struct listener, refused);
    listener->is_refusing = false;
    if (rt_list_is_empty(&listener->link)) {
        listener_release(listener); /* closed meanwhile */
    } else {
        accept_pending(listener);
    }
}

/* Takes the connection off the queue only to say that there is no room. */
static void refuse(struct listener *listener)
{
    uv_loop_t *loop = listener->server->loop;
    struct rt_bytes answer = {no_room, sizeof(no_room) - 1};
    if (listener->is_unix) {
        (void)uv_pipe_init(loop, &listener->refused_pipe, 0);
    } else {
        (void)uv_tcp_init(loop, &listener->refused_tcp);
    }
    listener->is_refusing = true;
    if (uv_accept(&listener->stream, &listener->refused_stream) == 0) {
        listener->server->connections_refused++;
        ssize_t taken = rt_write_now(&listener->refused_stream, &answer, 1);
        (void)taken; /* it is closed in any case */
    }
    uv_close(&listener->refused, on_refused_closed);
}

static bool has_room(const struct rt_server *server)
{
    return server->connection_count < server->options.connections_max;
}

static void accept_pending(struct listener *listener)
{
    struct rt_server *server = listener->server;
    if (!listener->is_pending || listener->is_refusing ||
        listener->accepted >= ACCEPTED_MAX) {
        return; /* it goes on after the refusal, or after the turn */
    }
    listener->is_pending = false;
    listener->accepted++;
    int err = has_room(server)
                  ? rt_connection_accept(server, &listener->stream,
                                         listener->is_unix, listener->roles)
                  : RT_ENOMEM;
    if (err == RT_ENOMEM) {
        refuse(listener);
    }
    /* Any other error: the connection was gone before it was accepted. */
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = RT_CONTAINER(stream, struct listener, stream);
    if (status < 0) {
        /* Out of descriptors, say: libuv goes on listening. */
        listener->server->accept_failures++;
        listener->server->accept_error = status;
        return;
    }
    listener->is_pending = true;
    accept_pending(listener);
}

/* --- opening --- */

/* A socket file that nobody listens on is a leftover, and would be in the
 * way; one that somebody listens on is an error, as a port in use is. */
static void remove_stale(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat status;
    size_t len = rt_bytes_of(path).len;
    if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    memcpy(name.sun_path, path, len);
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 &&
        errno == ECONNREFUSED) {
        (void)unlink(path);
    }
    (void)close(fd);
}

/*
 * A socket that was inherited, bound or listening already. What may be wrong
 * with it comes out before libuv has it, which would close it.
 */
static int take_descriptor(struct listener *listener, int fd)
{
    if (listen(fd, RT_LISTEN_BACKLOG) < 0) {
        return -errno;
    }
    int err = listener->is_unix ? uv_pipe_open(&listener->pipe, fd)
                                : uv_tcp_open(&listener->tcp, fd);
    if (err == 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return err;
}

static int bind_listener(struct listener *listener,
                         const struct rt_address *address)
{
    if (address->fd >= 0) {
        return take_descriptor(listener, address->fd);
    }
    if (address->is_unix) {
        remove_stale(address->path);
        return uv_pipe_bind(&listener->pipe, address->path);
    }
    unsigned flags =
        address->storage.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    return uv_tcp_bind(&listener->tcp,
                       (const struct sockaddr *)&address->storage, flags);
}

static void note_port(struct listener *listener)
{
    struct sockaddr_storage name = {0};
    int len = sizeof(name);
    if (listener->is_unix ||
        uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&name, &len) <
            0) {
        return;
    }
    uint16_t port = name.ss_family == AF_INET6
                        ? ((struct sockaddr_in6 *)&name)->sin6_port
                        : ((struct sockaddr_in *)&name)->sin_port;
    listener->server->port = ntohs(port);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = RT_CONTAINER(handle, struct listener, handle);
    rt_list_remove(&listener->link);
    if (!listener->is_refusing) {
        listener_release(listener);
    }
}

static struct listener *
listener_create(struct rt_server *server, bool is_unix, unsigned roles)
{
    struct listener *listener =
        rt_heap_zalloc(&server->heap, sizeof(*listener));
    if (listener == NULL) {
        return NULL;
    }
    listener->server = server;
    listener->is_unix = is_unix;
    listener->roles = roles;
    rt_list_append(&server->listeners, &listener->link);
    if (is_unix) {
        (void)uv_pipe_init(server->loop, &listener->pipe, 0);
    } else {
        (void)uv_tcp_init(server->loop, &listener->tcp);
    }
    rt_server_add_handle(server, &listener->handle);
    return listener;
}

static unsigned default_roles(const struct rt_address *address)
{
    return address->is_local ? RINGTAIL_ROLE_PUBLIC | RINGTAIL_ROLE_ADMIN
                             : RINGTAIL_ROLE_PUBLIC;
}

/* Metrics are not asked about, so an authorizer does not guard them. */
static bool is_guarded(const struct rt_server *server, unsigned roles)
{
    bool is_asked = server->options.authorize != NULL;
    return server->options.is_insecure ||
           (is_asked && (roles & RINGTAIL_ROLE_ADMIN) == 0);
}

int rt_listener_open(struct rt_server *server, const char *text, unsigned roles)
{
    struct rt_address address;
    if (rt_address_parse(text, &address) < 0) {
        return RINGTAIL_EADDRESS;
    }
    if (address.fd >= 0 && rt_address_of_socket(address.fd, &address) < 0) {
        return RINGTAIL_EDESCRIPTOR;
    }
    if (!address.is_local && !is_guarded(server, roles)) {
        return RINGTAIL_EINSECURE;
    }
    struct listener *listener = listener_create(
        server, address.is_unix, roles != 0 ? roles : default_roles(&address));
    if (listener == NULL) {
        return RT_ENOMEM;
    }
    int err = bind_listener(listener, &address);
    if (err == 0) {
        rt_connection_tune(&listener->handle);
        err = uv_listen(&listener->stream, RT_LISTEN_BACKLOG, on_connection);
    }
    if (err < 0) {
        uv_close(&listener->handle, on_listener_closed);
        return err;
    }
    note_port(listener);
    return 0;
}

void rt_listeners_visit(struct rt_server *server,
                        void (*visit)(uv_handle_t *handle))
{
    RT_LIST_EACH (node, &server->listeners) {
        visit(&RT_CONTAINER(node, struct listener, link)->handle);
    }
}

void rt_listeners_continue(struct rt_server *server)
{
    RT_LIST_EACH (node, &server->listeners) {
        struct listener *listener = RT_CONTAINER(node, struct listener, link);
        listener->accepted = 0;
        if (!uv_is_closing(&listener->handle)) {
            accept_pending(listener);
        }
    }
}

void rt_listeners_close(struct rt_server *server)
{
    RT_LIST_EACH (node, &server->listeners) {
        struct listener *listener = RT_CONTAINER(node, struct listener, link);
        if (!uv_is_closing(&listener->handle)) {
            uv_close(&listener->handle, on_listener_closed);
        }
    }
}
