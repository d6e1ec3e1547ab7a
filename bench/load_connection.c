#include "bench/load_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bench/load_report.h"
#include "bench/wire.h"

#define CONNECT_PER_ADDRESS 10000
#define CONNECT_TIMEOUT_S   10

static struct sockaddr_in loopback(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + host),
    };
}

static void option(int fd, int level, int name, const void *value, size_t len)
{
    if (setsockopt(fd, level, name, value, (socklen_t)len) != 0) {
        load_fail_errno("setsockopt");
    }
}

/* Closing resets: no port of a run is left waiting when the next one begins. */
static void prepare(int fd)
{
    int on = 1;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
    option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    option(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    option(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    option(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    option(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

int load_connect(uint16_t port, uint32_t number)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        load_fail_errno("socket");
    }
    prepare(fd);
    struct sockaddr_in from = loopback(number / CONNECT_PER_ADDRESS, 0);
    struct sockaddr_in to = loopback(0, port);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        load_fail_errno("bind");
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        load_fail_errno("connect");
    }
    return fd;
}

/* Reads until the head is whole. Nothing is published yet, so nothing follows
 * it. */
static void receive_head(int fd, char *head, size_t size)
{
    size_t len = 0;
    do {
        ssize_t got = recv(fd, head + len, size - 1 - len, 0);
        if (got <= 0) {
            load_fail("no answer to an upgrade: %s",
                      got == 0 ? "closed" : strerror(errno));
        }
        len += (size_t)got;
        head[len] = '\0';
    } while (strstr(head, WIRE_HEAD_END) == NULL);
}

void load_upgrade(int fd, const char *topic)
{
    char head[2048];
    int len = snprintf(head, sizeof(head),
                       WIRE_SUBSCRIBE "%s HTTP/1.1\r\n"
                                      "Host: 127.0.0.1\r\n"
                                      "Upgrade: websocket\r\n"
                                      "Connection: Upgrade\r\n"
                                      "Sec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Key: " WIRE_KEY "\r\n"
                                      "\r\n",
                       topic);
    if (send(fd, head, (size_t)len, MSG_NOSIGNAL) != len) {
        load_fail_errno("upgrade");
    }
    receive_head(fd, head, sizeof(head));
    const char *end = strstr(head, WIRE_HEAD_END);
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0 ||
        strstr(head, WIRE_ACCEPT) == NULL) {
        load_fail("an upgrade was refused: %.60s", head);
    }
    if (end[strlen(WIRE_HEAD_END)] != '\0') {
        load_fail("bytes after the 101 though nothing was published");
    }
}

static void control(int poller, int operation, int fd, struct epoll_event event)
{
    if (epoll_ctl(poller, operation, fd, &event) != 0) {
        load_fail_errno("epoll_ctl");
    }
}

void load_watch(int poller, int fd, uint64_t tag)
{
    control(poller, EPOLL_CTL_ADD, fd,
            (struct epoll_event){.events = EPOLLIN, .data.u64 = tag});
}

void load_watch_writes(int poller, int fd, uint64_t tag, int on)
{
    uint32_t events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
    control(poller, EPOLL_CTL_MOD, fd,
            (struct epoll_event){.events = events, .data.u64 = tag});
}
