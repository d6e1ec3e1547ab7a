/*
 * The floor: the least a single-threaded server can do to take POSTs and fan
 * them out. It parses the first request of a publisher and believes that all
 * later ones look the same; it keeps no log and enforces no limit. What it
 * spends is the kernel's price, and the broker is measured against it.
 *
 * It drops nothing: while a peer's socket is full, the floor waits for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/wire.h"

#define FLOOR_TOPICS  8
#define FLOOR_NAME    64
#define FLOOR_BACKLOG 4096
#define FLOOR_EVENTS  256
#define FLOOR_HEAD    1024 /* bytes of the longest head it looks at */
#define FLOOR_REQUEST 64   /* bytes of the shortest request it believes in */
#define FLOOR_ANSWERS (WIRE_PUBLISHER_READ / FLOOR_REQUEST)
#define FLOOR_ANSWER  4096 /* bytes of the longest answer */

struct topic {
    char name[FLOOR_NAME];
    int *subscribers;
    size_t subscriber_count;
};

struct publisher {
    size_t head_len;
    size_t payload_len;
    size_t held; /* bytes of an unfinished request */
    char bytes[WIRE_PUBLISHER_READ];
};

/* One per descriptor. Neither topic nor publisher: not heard from yet. */
struct connection {
    struct topic *topic;
    struct publisher *publisher;
    size_t index; /* of a subscriber in its topic */
};

static struct topic topics[FLOOR_TOPICS];
static struct connection *connections;
static int connections_max;
static int poller;
static char *answers;
static size_t answer_len;
static char batch[WIRE_PUBLISHER_READ];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        die("calloc");
    }
    return memory;
}

/* Sends it all. A failed peer is left to the poller, which reports it. */
static void send_all(int fd, const char *data, size_t len)
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

/* The topic of that name, made when it is new; NULL when the table is full. */
static struct topic *topic_of(const char *name, size_t len)
{
    for (size_t i = 0; i < FLOOR_TOPICS && len < FLOOR_NAME; i++) {
        struct topic *topic = &topics[i];
        if (topic->subscribers == NULL) {
            memcpy(topic->name, name, len);
            topic->subscribers = allocate((size_t)connections_max, sizeof(int));
        }
        if (strlen(topic->name) == len && memcmp(topic->name, name, len) == 0) {
            return topic;
        }
    }
    return NULL;
}

/* Frames `count` requests back to back into the batch; returns its length. */
static size_t frame(const struct publisher *publisher, size_t count)
{
    size_t len = publisher->payload_len;
    const char *payload = publisher->bytes + publisher->head_len;
    char *at = batch;
    for (size_t i = 0; i < count; i++) {
        *at++ = (char)0x81;
        if (len < 126) {
            *at++ = (char)len;
        } else {
            *at++ = 126;
            *at++ = (char)(len >> 8);
            *at++ = (char)len;
        }
        memcpy(at, payload, len);
        at += len;
        payload += publisher->head_len + len;
    }
    return (size_t)(at - batch);
}

static void fan_out(const struct topic *topic,
                    const struct publisher *publisher,
                    size_t count)
{
    if (topic->subscriber_count == 0) {
        return;
    }
    size_t len = frame(publisher, count);
    for (size_t i = 0; i < topic->subscriber_count; i++) {
        send_all(topic->subscribers[i], batch, len);
    }
}

static void close_connection(int fd)
{
    struct connection *connection = &connections[fd];
    struct topic *topic = connection->topic;
    if (topic != NULL && connection->publisher == NULL) {
        int last = topic->subscribers[--topic->subscriber_count];
        topic->subscribers[connection->index] = last;
        connections[last].index = connection->index;
    }
    free(connection->publisher);
    *connection = (struct connection){0};
    (void)close(fd);
}

/* Reads what fits; false when the connection is gone and was closed. */
static bool receive(int fd, char *into, size_t size, size_t *len)
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
    close_connection(fd);
    return false;
}

static void serve_publisher(int fd)
{
    struct connection *connection = &connections[fd];
    struct publisher *publisher = connection->publisher;
    size_t got;
    if (!receive(fd, publisher->bytes + publisher->held,
                 sizeof(publisher->bytes) - publisher->held, &got)) {
        return;
    }
    size_t request_len = publisher->head_len + publisher->payload_len;
    size_t filled = publisher->held + got;
    size_t count = filled / request_len;
    publisher->held = filled % request_len;
    if (count > 0) {
        send_all(fd, answers, count * answer_len);
        fan_out(connection->topic, publisher, count);
        memmove(publisher->bytes, publisher->bytes + count * request_len,
                publisher->held);
    }
}

static void serve_subscriber(int fd)
{
    char ignored[512];
    size_t len;
    (void)receive(fd, ignored, sizeof(ignored), &len);
}

static void upgrade(int fd, struct topic *topic, size_t head_len)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                 "Upgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: " WIRE_ACCEPT "\r\n"
                                 "\r\n";
    char ignored[FLOOR_HEAD];
    (void)recv(fd, ignored, head_len, MSG_DONTWAIT);
    connections[fd].topic = topic;
    connections[fd].index = topic->subscriber_count;
    topic->subscribers[topic->subscriber_count++] = fd;
    send_all(fd, answer, sizeof(answer) - 1);
}

/* Learns the shape of a publisher's requests from the head of the first. */
static void publish_from(int fd, struct topic *topic, const char *head)
{
    static const char field[] = "Content-Length: ";
    const char *length = strstr(head, field);
    struct publisher *publisher = allocate(1, sizeof(*publisher));
    publisher->head_len = strlen(head);
    publisher->payload_len =
        length == NULL ? 0 : strtoul(length + strlen(field), NULL, 10);
    connections[fd].topic = topic;
    connections[fd].publisher = publisher;
    size_t request_len = publisher->head_len + publisher->payload_len;
    if (request_len < FLOOR_REQUEST || request_len > WIRE_PUBLISHER_READ ||
        publisher->payload_len > UINT16_MAX) {
        close_connection(fd);
    }
}

/* What follows `prefix` in the head, up to the space, names the topic. */
static struct topic *topic_in(const char *head, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    if (strncmp(head, prefix, prefix_len) != 0) {
        return NULL;
    }
    const char *name = head + prefix_len;
    return topic_of(name, strcspn(name, " "));
}

/* The first bytes of a connection say what it is; they are only looked at. */
static void meet(int fd)
{
    char head[FLOOR_HEAD];
    ssize_t got = recv(fd, head, sizeof(head) - 1, MSG_PEEK | MSG_DONTWAIT);
    head[got > 0 ? got : 0] = '\0';
    char *end = strstr(head, WIRE_HEAD_END);
    if (end == NULL) {
        close_connection(fd);
        return;
    }
    end[strlen(WIRE_HEAD_END)] = '\0';
    struct topic *topic = topic_in(head, WIRE_SUBSCRIBE);
    if (topic != NULL) {
        upgrade(fd, topic, strlen(head));
    } else if ((topic = topic_in(head, WIRE_PRODUCE)) != NULL) {
        publish_from(fd, topic, head);
    } else {
        close_connection(fd);
    }
}

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        watch(fd);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        die("accept4");
    }
}

static void serve(int fd)
{
    if (connections[fd].publisher != NULL) {
        serve_publisher(fd);
    } else if (connections[fd].topic != NULL) {
        serve_subscriber(fd);
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
        listen(fd, FLOOR_BACKLOG) != 0) {
        die("listen");
    }
    return fd;
}

static void prepare_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        die("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    connections_max = (int)limit.rlim_cur;
    connections = allocate((size_t)connections_max, sizeof(*connections));
}

/* Writes an answer of the given length, or of its head when that is longer. */
static size_t format_answer(char *at, size_t len)
{
    static const char format[] = "HTTP/1.1 200 OK\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Content-Length: %5zu\r\n"
                                 "\r\n";
    size_t head_len = (size_t)snprintf(at, FLOOR_ANSWER, format, (size_t)0);
    size_t body_len = len > head_len ? len - head_len : 0;
    (void)snprintf(at, FLOOR_ANSWER, format, body_len);
    memset(at + head_len, ' ', body_len);
    return head_len + body_len;
}

/* As many answers as one read can ask for. */
static void prepare_answers(size_t len)
{
    char answer[FLOOR_ANSWER];
    answer_len = format_answer(answer, len < FLOOR_ANSWER ? len : FLOOR_ANSWER);
    answers = allocate(FLOOR_ANSWERS, answer_len);
    for (size_t i = 0; i < FLOOR_ANSWERS; i++) {
        memcpy(answers + i * answer_len, answer, answer_len);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: floor PORT ANSWER_BYTES\n");
        return 2;
    }
    prepare_connections();
    prepare_answers(strtoul(argv[2], NULL, 10));
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    watch(listener);
    for (;;) {
        struct epoll_event events[FLOOR_EVENTS];
        int count = epoll_wait(poller, events, FLOOR_EVENTS, -1);
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
