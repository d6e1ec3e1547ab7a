#include "bench/load_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bench/load_report.h"

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

static int bound_socket(int type, uint32_t number)
{
    struct sockaddr_in from = loopback(number / CONNECT_PER_ADDRESS, 0);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        load_fail_errno("socket");
    }
    prepare(fd);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        load_fail_errno("bind");
    }
    return fd;
}

static void connect_to(int fd, uint16_t port)
{
    struct sockaddr_in to = loopback(0, port);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
        errno != EINPROGRESS) {
        load_fail_errno("connect");
    }
}

int load_connect(uint16_t port, uint32_t number)
{
    int fd = bound_socket(SOCK_STREAM, number);
    connect_to(fd, port);
    return fd;
}

int load_connect_begin(uint16_t port, uint32_t number)
{
    int fd = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, number);
    connect_to(fd, port);
    return fd;
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
