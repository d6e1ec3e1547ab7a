/*
 * The floor: the least a single-threaded server can do to take POSTs and fan
 * them out. It parses the first request of a publisher and believes that all
 * later ones look the same; it keeps no log unless one is asked for, and
 * enforces no limit. What it spends is the kernel's price, and the broker is
 * measured against it.
 *
 * It drops nothing: while a peer's socket is full, the floor waits for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/floor_publisher.h"
#include "bench/floor_subscriber.h"

#define BACKLOG 4096
#define EVENTS  256

/* What follows `prefix` in the head, up to a space or a query, names the topic.
 */
static struct floor_topic *topic_in(const char *head, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    if (strncmp(head, prefix, prefix_len) != 0) {
        return NULL;
    }
    const char *name = head + prefix_len;
    return floor_topic_of(name, strcspn(name, " ?"));
}

/* The first bytes of a connection say what it is; they are only looked at. */
static void meet(int fd)
{
    char head[FLOOR_HEAD];
    ssize_t got = recv(fd, head, sizeof(head) - 1, MSG_PEEK | MSG_DONTWAIT);
    head[got > 0 ? got : 0] = '\0';
    char *end = strstr(head, WIRE_HEAD_END);
    if (end == NULL) {
        floor_close(fd);
        return;
    }
    end[strlen(WIRE_HEAD_END)] = '\0';
    struct floor_topic *topic = topic_in(head, WIRE_SUBSCRIBE);
    if (topic != NULL) {
        floor_upgrade(fd, topic, head);
    } else if ((topic = topic_in(head, WIRE_PRODUCE)) != NULL) {
        floor_publish_from(fd, topic, head);
    } else {
        floor_close(fd);
    }
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        floor_watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        floor_die("accept4");
    }
}

static void serve(int fd)
{
    if (floor_connections[fd].log_at != 0) {
        floor_go_on_replaying(fd);
    } else if (floor_connections[fd].publisher != NULL) {
        floor_serve_publisher(fd);
    } else if (floor_connections[fd].topic != NULL) {
        floor_serve_subscriber(fd);
    } else {
        meet(fd);
    }
}

static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, BACKLOG) != 0) {
        floor_die("listen");
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: floor PORT ANSWER_BYTES\n");
        return 2;
    }
    floor_prepare_connections();
    floor_prepare_answers(strtoul(argv[2], NULL, 10));
    floor_poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    floor_watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(floor_poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
            } else {
                serve(fd);
            }
        }
    }
}
