#include "bench/attack_peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load_report.h"

/* Source addresses from 127.0.1.0 on, taken in turns: a connection that ended
 * keeps its port for a minute. */
#define ADDRESSES     200
#define FIRST_ADDRESS (INADDR_LOOPBACK + 255)

/* A peer's own queue is memory of this machine, where both ends are; by itself
 * it grows to megabytes, and when all of TCP's memory is used the kernel makes
 * everybody wait. */
#define SEND_BYTES (64 * 1024)

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(host)};
}

static void
watch(struct attack *attack, const struct attack_peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = peer->number};
    if (epoll_ctl(attack->poller, EPOLL_CTL_MOD, peer->fd, &event) != 0) {
        load_fail_errno("epoll_ctl");
    }
}

static void set_linger(int fd, int on)
{
    struct linger reset = {.l_onoff = on, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static int make_socket(uint64_t cycle)
{
    int on = 1;
    int send_bytes = SEND_BYTES;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        load_fail_errno("socket");
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes,
                     sizeof(send_bytes));
    struct sockaddr_in from =
        address(FIRST_ADDRESS + (uint32_t)(cycle % ADDRESSES), 0);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        load_fail_errno("bind");
    }
    set_linger(fd, 1);
    return fd;
}

static void give_back(struct attack *attack, struct attack_peer *peer)
{
    (void)close(peer->fd);
    peer->state = ATTACK_CLOSED;
    attack->closed[attack->closed_count++] = peer->number;
}

void attack_peer_open(struct attack *attack, struct attack_peer *peer)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, attack->options.port);
    *peer = (struct attack_peer){.number = peer->number,
                                 .cycle = attack->begun++,
                                 .state = ATTACK_CONNECTING};
    peer->fd = make_socket(peer->cycle);
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = peer->number};
    if (connect(peer->fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
        errno != EINPROGRESS) {
        attack->counters.unreachable++;
        give_back(attack, peer);
    } else if (epoll_ctl(attack->poller, EPOLL_CTL_ADD, peer->fd, &event) !=
               0) {
        load_fail_errno("epoll_ctl");
    }
}

void attack_peer_wait(struct attack *attack, struct attack_peer *peer)
{
    peer->state = ATTACK_OPEN;
    watch(attack, peer, EPOLLIN);
}

void attack_peer_reset(struct attack *attack, struct attack_peer *peer)
{
    give_back(attack, peer);
}

void attack_peer_leave(struct attack *attack, struct attack_peer *peer)
{
    set_linger(peer->fd, 0);
    (void)shutdown(peer->fd, SHUT_WR);
    peer->state = ATTACK_LEAVING;
    watch(attack, peer, EPOLLIN);
}

void attack_peer_flood(struct attack *attack, struct attack_peer *peer)
{
    peer->state = ATTACK_FLOODING;
    watch(attack, peer, EPOLLIN | EPOLLOUT);
}

void attack_peer_pour(struct attack *attack, struct attack_peer *peer)
{
    peer->state = ATTACK_FLOODING;
    watch(attack, peer, EPOLLOUT | EPOLLRDHUP);
}

void attack_peer_stall(struct attack *attack, struct attack_peer *peer)
{
    watch(attack, peer, EPOLLRDHUP);
}

static void lose(struct attack *attack, struct attack_peer *peer)
{
    attack->counters.ended += peer->state != ATTACK_LEAVING ? 1 : 0;
    if (attack->kind->counts_requests) {
        attack->counters.requests -= peer->unanswered; /* others follow */
    }
    give_back(attack, peer);
}

size_t attack_peer_send(struct attack *attack,
                        struct attack_peer *peer,
                        const char *data,
                        size_t len)
{
    ssize_t sent = send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) {
        lose(attack, peer);
    }
    if (sent <= 0) {
        return 0;
    }
    attack->counters.bytes_sent += (uint64_t)sent;
    return (size_t)sent;
}

/* A status line begins with this; its next byte is the class. */
static const char status_line[] = "HTTP/1.1 ";

/* Returns whether an answer begins with this byte's status. */
static bool match(struct attack *attack, struct attack_peer *peer, char byte)
{
    if (peer->matched == sizeof(status_line) - 1) {
        unsigned class = (unsigned)(byte - '0') % ATTACK_STATUS_CLASSES;
        attack->counters.answers[class]++;
        peer->answer = (uint8_t) class;
        peer->matched = 0;
        return true;
    }
    bool goes_on = byte == status_line[peer->matched];
    peer->matched = goes_on ? peer->matched + 1 : byte == status_line[0];
    return false;
}

static void note_answer(struct attack *attack, struct attack_peer *peer)
{
    if (peer->unanswered > 0) {
        peer->unanswered--;
    }
    if (attack->kind->answered != NULL) {
        attack->kind->answered(attack, peer);
    }
}

/* The kind may close the connection: the rest is of no interest then. */
static void take(struct attack *attack,
                 struct attack_peer *peer,
                 const char *data,
                 size_t len)
{
    const char *end = data + len;
    while (data < end && peer->state != ATTACK_CLOSED) {
        if (peer->matched == 0) {
            data = memchr(data, status_line[0], (size_t)(end - data));
            if (data == NULL) {
                return;
            }
        }
        if (match(attack, peer, *data++)) {
            note_answer(attack, peer);
        }
    }
}

void attack_peer_read(struct attack *attack, struct attack_peer *peer)
{
    static char buffer[64 * 1024];
    ssize_t got = recv(peer->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got > 0) {
        attack->counters.bytes_received += (uint64_t)got;
        take(attack, peer, buffer, (size_t)got);
    } else if (got == 0 || errno != EAGAIN) {
        lose(attack, peer);
    }
}
