/* Connections that the host has accepted and upgraded itself. */
#include <sys/socket.h>

#include "base/error.h"
#include "broker/facade.h"
#include "broker/net/address.h"
#include "broker/net/connection.h"
#include "broker/net/websocket.h"
#include "protocol/ws_handshake.h"

int ringtail_websocket_accept(const char *key,
                              char accept[RINGTAIL_ACCEPT_BYTES])
{
    struct rt_writer writer;
    _Static_assert(RINGTAIL_ACCEPT_BYTES == RT_WS_ACCEPT_BYTES + 1,
                   "the value, and a NUL");
    if (!rt_ws_is_key(rt_bytes_of(key))) {
        return UV_EINVAL;
    }
    rt_writer_init(&writer, accept, RT_WS_ACCEPT_BYTES);
    rt_ws_accept_write(&writer, rt_bytes_of(key));
    accept[RT_WS_ACCEPT_BYTES] = '\0';
    return 0;
}

/* What the host may have to mend, before anything is begun. */
static int
check_socket(const struct rt_server *server, int fd, struct rt_address *address)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    if (rt_address_of_socket(fd, address) < 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &len) < 0) {
        return RINGTAIL_EDESCRIPTOR;
    }
    return server->connection_count < server->options.connections_max
               ? 0
               : RINGTAIL_ECONNECTIONS;
}

/* Subscribes first, which may fail, and takes the socket last. 0, RT_EGAP with
 * the socket taken, or an error. */
static int attach(struct rt_connection *connection,
                  int fd,
                  struct rt_bytes topic,
                  const struct rt_since *since,
                  struct rt_start *start)
{
    struct rt_subscriber *subscriber = &connection->subscriber;
    subscriber->gap = RT_GAP_CLOSE;
    int result =
        rt_core_subscribe(&rt_connection_server(connection)->core, topic,
                          RT_FORMAT_RAW, since, subscriber, start);
    if (result == RT_ENOMEM) {
        return result;
    }
    int err = rt_connection_open(connection, fd);
    if (err < 0) {
        rt_subscriber_detach(subscriber);
        return err;
    }
    return result;
}

static void begin(struct rt_connection *connection,
                  const struct rt_gap *gap,
                  struct rt_bytes received)
{
    rt_connection_move(connection, RT_CONNECTION_WEBSOCKET);
    rt_websocket_begin(connection);
    rt_connection_resume(connection);
    if (gap != NULL) {
        struct rt_resume resume = rt_resume_after(gap);
        rt_websocket_close_with(connection, gap->reason, &resume);
    }
    if (received.len > 0 && connection->state != RT_CONNECTION_CLOSED) {
        rt_websocket_input(connection, received);
    }
    rt_server_wake(rt_connection_server(connection));
}

int ringtail_broker_adopt(struct ringtail_broker *broker,
                          int fd,
                          const char *topic,
                          const char *since_text,
                          const void *received,
                          size_t len)
{
    struct rt_server *server = &broker->server;
    struct rt_address address;
    struct rt_since since;
    struct rt_start start;
    RT_DCHECK(rt_server_is_on_thread(server));
    int err = rt_facade_check_start(broker, topic, since_text, &since);
    err = err < 0 ? err : check_socket(server, fd, &address);
    if (err < 0) {
        return err;
    }
    struct rt_connection *connection =
        rt_connection_create(server, address.is_unix, 0);
    if (connection == NULL) {
        return UV_ENOMEM;
    }
    int result = attach(connection, fd, rt_bytes_of(topic), &since, &start);
    if (result < 0 && result != RT_EGAP) {
        rt_connection_discard(connection);
        return result;
    }
    begin(connection, result == RT_EGAP ? &start.gap : NULL,
          (struct rt_bytes){received, len});
    return 0;
}
