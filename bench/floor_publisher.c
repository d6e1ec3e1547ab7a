#include "bench/floor_publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MIN 64 /* bytes of the shortest request it believes in */
#define ANSWERS     (WIRE_PUBLISHER_READ / REQUEST_MIN)
#define ANSWER_MAX  4096

static char *answers;
static size_t answer_len;
static char batch[WIRE_PUBLISHER_READ];

/* Writes an answer of the given length, or of its head when that is longer. */
static size_t format_answer(char *at, size_t len)
{
    static const char format[] = "HTTP/1.1 200 OK\r\n"
                                 "Content-Type: application/json\r\n"
                                 "Content-Length: %5zu\r\n"
                                 "\r\n";
    size_t head_len = (size_t)snprintf(at, ANSWER_MAX, format, (size_t)0);
    size_t body_len = len > head_len ? len - head_len : 0;
    (void)snprintf(at, ANSWER_MAX, format, body_len);
    memset(at + head_len, ' ', body_len);
    return head_len + body_len;
}

void floor_prepare_answers(size_t len)
{
    char answer[ANSWER_MAX];
    answer_len = format_answer(answer, len < ANSWER_MAX ? len : ANSWER_MAX);
    answers = floor_allocate(ANSWERS, answer_len);
    for (size_t i = 0; i < ANSWERS; i++) {
        memcpy(answers + i * answer_len, answer, answer_len);
    }
}

/* Frames `count` requests back to back into the batch; returns its length. */
static size_t
frame(const struct floor_publisher *publisher, size_t first, size_t count)
{
    size_t len = publisher->payload_len;
    size_t request_len = publisher->head_len + len;
    const char *payload =
        publisher->bytes + first * request_len + publisher->head_len;
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
        payload += request_len;
    }
    return (size_t)(at - batch);
}

static void fan_out(const struct floor_topic *topic,
                    const struct floor_publisher *publisher,
                    size_t first,
                    size_t count)
{
    if (topic->subscriber_count == 0 && topic->log == NULL) {
        return;
    }
    size_t len = frame(publisher, first, count);
    if (topic->log != NULL) {
        floor_log_append(topic->log, batch, len, len / count);
    }
    for (size_t i = 0; i < topic->subscriber_count; i++) {
        floor_send_all(topic->subscribers[i], batch, len);
    }
}

/* Each request may be for another topic. */
static void fan_out_each(const struct floor_publisher *publisher, size_t count)
{
    size_t request_len = publisher->head_len + publisher->payload_len;
    const char *digits = publisher->bytes + publisher->digits_at;
    for (size_t i = 0; i < count; i++) {
        fan_out(floor_topic_numbered(digits), publisher, i, 1);
        digits += request_len;
    }
}

/* Answers first, so that the publisher can go on meanwhile. */
static void serve_requests(int fd, size_t count)
{
    const struct floor_connection *connection = &floor_connections[fd];
    floor_send_all(fd, answers, count * answer_len);
    if (connection->publisher->digits_at > 0) {
        fan_out_each(connection->publisher, count);
    } else {
        fan_out(connection->topic, connection->publisher, 0, count);
    }
}

void floor_serve_publisher(int fd)
{
    struct floor_publisher *publisher = floor_connections[fd].publisher;
    size_t got;
    if (!floor_receive(fd, publisher->bytes + publisher->held,
                       sizeof(publisher->bytes) - publisher->held, &got)) {
        return;
    }
    size_t request_len = publisher->head_len + publisher->payload_len;
    size_t filled = publisher->held + got;
    size_t count = filled / request_len;
    publisher->held = filled % request_len;
    if (count > 0) {
        serve_requests(fd, count);
        memmove(publisher->bytes, publisher->bytes + count * request_len,
                publisher->held);
    }
}

/* Where the number of the topic is in the head of a POST; 0: it has none. */
static size_t digits_in(const char *head)
{
    const char *name = head + strlen(WIRE_PRODUCE);
    size_t len = strcspn(name, " ");
    return floor_has_number(name, len)
               ? strlen(WIRE_PRODUCE) + len - FLOOR_DIGITS
               : 0;
}

void floor_publish_from(int fd, struct floor_topic *topic, const char *head)
{
    static const char field[] = "Content-Length: ";
    const char *length = strstr(head, field);
    struct floor_publisher *publisher = floor_allocate(1, sizeof(*publisher));
    publisher->head_len = strlen(head);
    publisher->payload_len =
        length == NULL ? 0 : strtoul(length + strlen(field), NULL, 10);
    publisher->digits_at = digits_in(head);
    floor_connections[fd].topic = topic;
    floor_connections[fd].publisher = publisher;
    size_t request_len = publisher->head_len + publisher->payload_len;
    if (request_len < REQUEST_MIN || request_len > WIRE_PUBLISHER_READ ||
        publisher->payload_len > UINT16_MAX) {
        floor_close(fd);
    }
}
