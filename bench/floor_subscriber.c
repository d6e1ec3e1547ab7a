#include "bench/floor_subscriber.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REPLAY_MAX (128 * 1024)

void floor_serve_subscriber(int fd)
{
    char ignored[512];
    size_t len;
    (void)floor_receive(fd, ignored, sizeof(ignored), &len);
}

static void go_live(int fd)
{
    struct floor_connection *connection = &floor_connections[fd];
    connection->log_at = 0;
    connection->index = floor_topic_join(connection->topic, fd);
}

/* Sends a part of the log, so that the others have their turn. */
static ssize_t replay_some(struct floor_connection *connection, int fd)
{
    size_t len;
    const char *bytes =
        floor_log_at(connection->topic->log, connection->log_at, &len);
    ssize_t sent = send(fd, bytes, len < REPLAY_MAX ? len : REPLAY_MAX,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    connection->log_at += sent > 0 ? (uint64_t)sent : 0;
    return sent;
}

void floor_go_on_replaying(int fd)
{
    struct floor_connection *connection = &floor_connections[fd];
    const struct floor_log *log = connection->topic->log;
    if (connection->log_at < log->first ||
        (replay_some(connection, fd) < 0 && errno != EAGAIN)) {
        floor_close(fd);
    } else if (connection->log_at == log->end) {
        floor_watch(EPOLL_CTL_MOD, fd, EPOLLIN);
        go_live(fd);
    }
}

/* What the kernel takes long before it can send it is cold when it is sent. */
static void bound_unsent(int fd)
{
    int bytes = REPLAY_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof(bytes));
}

/* The first part leaves at once, before the log can pass it. */
static void replay(int fd)
{
    bound_unsent(fd);
    struct floor_topic *topic = floor_connections[fd].topic;
    floor_topic_keep_log(topic);
    floor_connections[fd].log_at = topic->log->first;
    (void)replay_some(&floor_connections[fd], fd);
    floor_watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
}

void floor_upgrade(int fd, struct floor_topic *topic, const char *head)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                 "Upgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: " WIRE_ACCEPT "\r\n"
                                 "\r\n";
    char ignored[FLOOR_HEAD];
    (void)recv(fd, ignored, strlen(head), MSG_DONTWAIT);
    floor_connections[fd].topic = topic;
    floor_send_all(fd, answer, sizeof(answer) - 1);
    if (strstr(head, WIRE_EARLIEST " ") != NULL) {
        replay(fd);
    } else {
        go_live(fd);
    }
}
