#include "bench/floor_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct floor_connection *floor_connections;
int floor_poller;

void floor_die(const char *what)
{
    perror(what);
    exit(1);
}

void floor_prepare_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        floor_die("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    floor_connections =
        floor_allocate((size_t)limit.rlim_cur, sizeof(*floor_connections));
}

void floor_watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(floor_poller, operation, fd, &event) != 0) {
        floor_die("epoll_ctl");
    }
}

void floor_send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            len -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            (void)poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

void floor_close(int fd)
{
    struct floor_connection *connection = &floor_connections[fd];
    if (connection->topic != NULL && connection->publisher == NULL &&
        connection->log_at == 0) {
        int last = floor_topic_leave(connection->topic, connection->index);
        floor_connections[last].index = connection->index;
    }
    free(connection->publisher);
    *connection = (struct floor_connection){0};
    (void)close(fd);
}

bool floor_receive(int fd, char *into, size_t size, size_t *len)
{
    ssize_t got = recv(fd, into, size, MSG_DONTWAIT);
    if (got > 0) {
        *len = (size_t)got;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        *len = 0;
        return true;
    }
    floor_close(fd);
    return false;
}
