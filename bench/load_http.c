/*
 * The protocols that publish with a POST and deliver an event in a WebSocket
 * frame of its own: ringtail's, which the floor speaks too, and that of nchan.
 */
#include "bench/load_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/load_report.h"
#include "bench/load_websocket.h"
#include "bench/wire.h"

#define TARGET_MAX 384

static void
subscribe_at(struct load_dialog *dialog, const char *path, const char *topic)
{
    char target[TARGET_MAX];
    (void)snprintf(target, sizeof(target), "%s%s", path, topic);
    load_upgrade(dialog, target, NULL);
}

static void subscribe_ringtail(struct load_dialog *dialog, const char *topic)
{
    subscribe_at(dialog, WIRE_SUBSCRIBE_PATH, topic);
}

static void subscribe_nchan(struct load_dialog *dialog, const char *topic)
{
    subscribe_at(dialog, "/sub/", topic);
}

static void wrap_post(struct load_wrapping *wrapping,
                      const char *path,
                      const char *topic,
                      size_t payload_len)
{
    load_wrapping_print(wrapping,
                        "POST %s%s HTTP/1.1\r\n"
                        "Host: 127.0.0.1\r\n"
                        "Content-Type: text/plain\r\n"
                        "Content-Length: %zu\r\n"
                        "\r\n",
                        path, topic, payload_len);
}

void load_http_wrap(struct load_wrapping *wrapping,
                    const char *topic,
                    size_t payload_len)
{
    wrap_post(wrapping, WIRE_PRODUCE_PATH, topic, payload_len);
}

static void wrap_acknowledged(struct load_wrapping *wrapping,
                              const char *query,
                              const char *topic,
                              size_t payload_len)
{
    char target[TARGET_MAX];
    (void)snprintf(target, sizeof(target), "%s%s", topic, query);
    load_http_wrap(wrapping, target, payload_len);
}

static void wrap_memory(struct load_wrapping *wrapping,
                        const char *topic,
                        size_t payload_len)
{
    wrap_acknowledged(wrapping, "?ack=memory", topic, payload_len);
}

static void
wrap_disk(struct load_wrapping *wrapping, const char *topic, size_t payload_len)
{
    wrap_acknowledged(wrapping, "?ack=disk", topic, payload_len);
}

/* A payload is the body of a batch, without its first quote and its last. */
static void wrap_batch(struct load_wrapping *wrapping,
                       const char *topic,
                       size_t payload_len)
{
    load_wrapping_print(wrapping,
                        "POST " WIRE_PRODUCE_PATH "%s HTTP/1.1\r\n"
                        "Host: 127.0.0.1\r\n"
                        "Content-Type: application/x-ndjson\r\n"
                        "Content-Length: %zu\r\n"
                        "\r\n\"",
                        topic, payload_len + 2);
    wrapping->tail[wrapping->tail_len++] = '"';
}

/* Lines that are strings of LOAD_BATCH_LINE bytes. */
static void fill_batch(char *payload, size_t len)
{
    static const char between[] = {'"', '\n', '"'};
    memset(payload, '.', len);
    for (size_t at = LOAD_BATCH_LINE - 2; at + sizeof(between) < len;
         at += LOAD_BATCH_LINE + 1) {
        memcpy(payload + at, between, sizeof(between));
    }
}

static void wrap_nchan(struct load_wrapping *wrapping,
                       const char *topic,
                       size_t payload_len)
{
    wrap_post(wrapping, "/pub/", topic, payload_len);
}

static void wrap_frame(struct load_wrapping *wrapping,
                       const char *topic,
                       size_t payload_len)
{
    char head[LOAD_FRAME_HEAD_MAX];
    (void)topic;
    load_wrapping_add(wrapping, head,
                      load_frame_head(head, LOAD_FRAME_TEXT, payload_len));
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

/* The head of an answer that begins as `ok` does; its body is skipped. */
static size_t take_head(struct load_answers *answers,
                        const char *data,
                        size_t len,
                        const char *ok)
{
    const char *end = memmem(data, len, WIRE_HEAD_END, strlen(WIRE_HEAD_END));
    if (end == NULL) {
        return 0;
    }
    if (strncmp(data, ok, strlen(ok)) != 0) {
        load_fail("a POST was refused: %.*s", (int)(end - data), data);
    }
    answers->body_left = content_length(data, end);
    answers->count++;
    return (size_t)(end - data) + strlen(WIRE_HEAD_END);
}

size_t
load_http_take(struct load_answers *answers, const char *data, size_t len)
{
    return take_head(answers, data, len, "HTTP/1.1 200 ");
}

/* 201 when somebody is subscribed, else 202. */
static size_t
take_nchan(struct load_answers *answers, const char *data, size_t len)
{
    return take_head(answers, data, len, "HTTP/1.1 20");
}

const struct load_protocol load_ringtail = {
    .name = "ringtail",
    .subscribe = subscribe_ringtail,
    .wrap_published = load_http_wrap,
    .wrap_delivered = wrap_frame,
    .take_answer = load_http_take,
    .take_other = load_control_take,
};

const struct load_protocol load_ringtail_memory = {
    .name = "ringtail-memory",
    .subscribe = subscribe_ringtail,
    .wrap_published = wrap_memory,
    .wrap_delivered = wrap_frame,
    .take_answer = load_http_take,
    .take_other = load_control_take,
};

const struct load_protocol load_ringtail_disk = {
    .name = "ringtail-disk",
    .subscribe = subscribe_ringtail,
    .wrap_published = wrap_disk,
    .wrap_delivered = wrap_frame,
    .take_answer = load_http_take,
    .take_other = load_control_take,
};

const struct load_protocol load_ringtail_batch = {
    .name = "ringtail-batch",
    .subscribe = subscribe_ringtail,
    .wrap_published = wrap_batch,
    .fill = fill_batch,
    .wrap_delivered = wrap_frame,
    .take_answer = load_http_take,
    .take_other = load_control_take,
};

const struct load_protocol load_nchan = {
    .name = "nchan",
    .subscribe = subscribe_nchan,
    .wrap_published = wrap_nchan,
    .wrap_delivered = wrap_frame,
    .take_answer = take_nchan,
    .take_other = load_control_take,
};
