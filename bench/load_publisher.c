#include "bench/load_publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load_connection.h"
#include "bench/load_payload.h"
#include "bench/load_report.h"
#include "bench/wire.h"

static size_t
format_head(char *head, size_t size, const char *topic, size_t payload_len)
{
    return (size_t)snprintf(head, size,
                            WIRE_PRODUCE "%s HTTP/1.1\r\n"
                                         "Host: 127.0.0.1\r\n"
                                         "Content-Type: text/plain\r\n"
                                         "Content-Length: %zu\r\n"
                                         "\r\n",
                            topic, payload_len);
}

void load_publisher_init(struct load_publisher *publisher,
                         struct load_topic *topic,
                         uint32_t depth,
                         size_t payload_len)
{
    char head[256];
    size_t head_len = format_head(head, sizeof(head), topic->name, payload_len);
    *publisher = (struct load_publisher){
        .topic = topic,
        .depth = depth,
        .payload_at = head_len,
        .request_len = head_len + payload_len,
    };
    publisher->requests = load_allocate(depth, publisher->request_len);
    for (uint32_t i = 0; i < depth; i++) {
        char *request = publisher->requests + i * publisher->request_len;
        memcpy(request, head, head_len);
        memset(request + head_len, '.', payload_len);
    }
}

void load_publisher_open(struct load_publisher *publisher,
                         int fd,
                         int poller,
                         uint64_t tag)
{
    publisher->fd = fd;
    publisher->poller = poller;
    publisher->tag = tag;
    load_watch(poller, fd, tag);
}

uint32_t load_publisher_room(const struct load_publisher *publisher)
{
    if (publisher->unsent_from < publisher->unsent_to) {
        return 0;
    }
    return publisher->depth - (uint32_t)(publisher->sent - publisher->answered);
}

static void
number(struct load_publisher *publisher, char *payload, uint64_t intended_us)
{
    load_number_write(payload + LOAD_PAYLOAD_SEQUENCE, publisher->sent++);
    load_number_write(payload + LOAD_PAYLOAD_PUBLISHER, publisher->number);
    load_number_write(payload + LOAD_PAYLOAD_INTENDED, intended_us);
}

/* Sends what the socket takes of what is unsent. */
static void push(struct load_publisher *publisher)
{
    ssize_t sent =
        send(publisher->fd, publisher->requests + publisher->unsent_from,
             publisher->unsent_to - publisher->unsent_from,
             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        load_fail_errno("a publisher could not send");
    }
    publisher->unsent_from += sent > 0 ? (size_t)sent : 0;
}

void load_publisher_send(struct load_publisher *publisher,
                         uint32_t count,
                         uint64_t intended_us)
{
    char *payload = publisher->requests + publisher->payload_at;
    for (uint32_t i = 0; i < count; i++) {
        number(publisher, payload, intended_us);
        payload += publisher->request_len;
    }
    publisher->topic->published += count;
    publisher->unsent_from = 0;
    publisher->unsent_to = count * publisher->request_len;
    push(publisher);
    if (publisher->unsent_from < publisher->unsent_to) {
        load_watch_writes(publisher->poller, publisher->fd, publisher->tag, 1);
    }
}

void load_publisher_flush(struct load_publisher *publisher)
{
    if (publisher->unsent_from == publisher->unsent_to) {
        return;
    }
    push(publisher);
    if (publisher->unsent_from == publisher->unsent_to) {
        load_watch_writes(publisher->poller, publisher->fd, publisher->tag, 0);
    }
}

/* The value of Content-Length within a head that ends at `end`. */
static size_t content_length(const char *head, const char *end)
{
    static const char field[] = "\r\nContent-Length:";
    size_t field_len = sizeof(field) - 1;
    const char *at = head;
    while ((at = memchr(at, '\r', (size_t)(end - at))) != NULL) {
        if (strncasecmp(at, field, field_len) == 0) {
            return strtoul(at + field_len, NULL, 10);
        }
        at++;
    }
    load_fail("an answer without Content-Length");
}

/* Checks a head and returns its length, 0 while it is unfinished. */
static size_t
take_head(struct load_publisher *publisher, const char *data, size_t len)
{
    static const char ok[] = "HTTP/1.1 200 ";
    const char *end = memmem(data, len, WIRE_HEAD_END, strlen(WIRE_HEAD_END));
    if (end == NULL) {
        return 0;
    }
    if (strncmp(data, ok, sizeof(ok) - 1) != 0) {
        load_fail("a POST was refused: %.*s", (int)(end - data), data);
    }
    publisher->body_left = content_length(data, end);
    return (size_t)(end - data) + strlen(WIRE_HEAD_END);
}

static size_t skip_body(struct load_publisher *publisher, size_t len)
{
    size_t skipped = len < publisher->body_left ? len : publisher->body_left;
    publisher->body_left -= skipped;
    return skipped;
}

/* Returns how many bytes belong to whole heads and to bodies. */
static size_t
take_answers(struct load_publisher *publisher, const char *data, size_t len)
{
    size_t at = skip_body(publisher, len);
    while (publisher->body_left == 0 && at < len) {
        size_t head_len = take_head(publisher, data + at, len - at);
        if (head_len == 0) {
            break;
        }
        publisher->answered++;
        at += head_len;
        at += skip_body(publisher, len - at);
    }
    return at;
}

static void hold(struct load_publisher *publisher, const char *data, size_t len)
{
    if (len > sizeof(publisher->head)) {
        load_fail("the head of an answer is longer than %zu bytes",
                  sizeof(publisher->head));
    }
    memcpy(publisher->head, data, len);
    publisher->held = len;
}

bool load_publisher_read(struct load_publisher *publisher)
{
    /* One byte stays 0 for the functions that read text. */
    static char buffer[LOAD_ANSWER_HEAD_MAX + WIRE_ANSWER_READ + 1];
    size_t held = publisher->held;
    memcpy(buffer, publisher->head, held);
    ssize_t got =
        recv(publisher->fd, buffer + held, WIRE_ANSWER_READ, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got <= 0) {
        load_fail("a publisher was disconnected: %s",
                  got == 0 ? "end of file" : strerror(errno));
    }
    publisher->answer_bytes += (uint64_t)got;
    size_t len = held + (size_t)got;
    buffer[len] = '\0';
    size_t taken = take_answers(publisher, buffer, len);
    hold(publisher, buffer + taken, len - taken);
    if (publisher->answered > publisher->sent) {
        load_fail("more answers than requests");
    }
    return true;
}

bool load_publisher_is_quiet(const struct load_publisher *publisher)
{
    return publisher->sent == publisher->answered && publisher->body_left == 0;
}
