/*
 * The protocol of nats-server, over TCP and in WebSocket frames. Publishers are
 * verbose, so that each event is answered; subscribers are not.
 */
#include <string.h>
#include <sys/socket.h>

#include "bench/load_protocol.h"
#include "bench/load_report.h"
#include "bench/load_websocket.h"

#define PONG "PONG\r\n"

static const char publisher_words[] =
    "CONNECT {\"verbose\":true,\"pedantic\":false}\r\nPING\r\n";
static const char subscriber_words[] =
    "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";

static size_t len_of(const char *words)
{
    return strlen(words);
}

/* The server's INFO comes by itself, before the answer that is awaited. */
static void introduce(struct load_dialog *dialog, uint32_t number)
{
    (void)number;
    struct load_step *step = load_dialog_step(dialog, PONG, len_of(PONG));
    load_step_print(step, "%s", publisher_words);
}

static void subscribe(struct load_dialog *dialog, const char *topic)
{
    struct load_step *step = load_dialog_step(dialog, PONG, len_of(PONG));
    load_step_print(step, "%sSUB %s 1\r\nPING\r\n", subscriber_words, topic);
}

/* The step's words become the payload of a frame, after an upgrade. */
static void frame_last(struct load_dialog *dialog)
{
    struct load_step plain = dialog->steps[--dialog->count];
    load_upgrade(dialog, "/", NULL);
    load_step_frame(load_dialog_step(dialog, plain.ends, plain.ends_len),
                    plain.bytes, plain.len);
}

static void introduce_framed(struct load_dialog *dialog, uint32_t number)
{
    introduce(dialog, number);
    frame_last(dialog);
}

static void subscribe_framed(struct load_dialog *dialog, const char *topic)
{
    subscribe(dialog, topic);
    frame_last(dialog);
}

static void end_with_line(struct load_wrapping *wrapping)
{
    wrapping->tail_len = 2;
    memcpy(wrapping->tail, "\r\n", 2);
}

static void wrap_published(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    load_wrapping_print(wrapping, "PUB %s %zu\r\n", topic, payload_len);
    end_with_line(wrapping);
}

static void wrap_framed(struct load_wrapping *wrapping,
                        const char *topic,
                        size_t payload_len)
{
    struct load_wrapping plain = {0};
    char head[LOAD_FRAME_HEAD_MAX];
    wrap_published(&plain, topic, payload_len);
    size_t len = plain.head_len + payload_len + plain.tail_len;
    load_wrapping_add(wrapping, head,
                      load_masked_head(head, LOAD_FRAME_BINARY, len));
    wrap_published(wrapping, topic, payload_len);
}

static void wrap_delivered(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    load_wrapping_print(wrapping, "MSG %s 1 %zu\r\n", topic, payload_len);
    end_with_line(wrapping);
}

static bool begins_with(const char *data, const char *words)
{
    return strncmp(data, words, strlen(words)) == 0;
}

static size_t
take_answer(struct load_answers *answers, const char *data, size_t len)
{
    size_t line_len = load_line_len(data, len);
    if (line_len == 0) {
        return 0;
    }
    if (begins_with(data, "+OK")) {
        answers->count++;
    } else if (begins_with(data, "PING")) {
        answers->is_pinged = true;
    } else if (!begins_with(data, "INFO")) {
        load_fail("a PUB was refused: %.*s", (int)line_len, data);
    }
    return line_len;
}

static size_t take_line(const struct load_protocol *protocol,
                        int fd,
                        const char *data,
                        size_t len)
{
    size_t line_len = load_line_len(data, len);
    if (line_len == 0 || begins_with(data, "INFO")) {
        return line_len;
    }
    if (!begins_with(data, "PING")) {
        load_fail("not an event: %.*s", (int)line_len, data);
    }
    (void)send(fd, protocol->pong, protocol->pong_len,
               MSG_DONTWAIT | MSG_NOSIGNAL);
    return line_len;
}

static size_t take_other(int fd, const char *data, size_t len)
{
    return take_line(&load_nats, fd, data, len);
}

static size_t take_other_framed(int fd, const char *data, size_t len)
{
    return take_line(&load_nats_websocket, fd, data, len);
}

const struct load_protocol load_nats = {
    .name = "nats",
    .introduce = introduce,
    .subscribe = subscribe,
    .wrap_published = wrap_published,
    .wrap_delivered = wrap_delivered,
    .take_answer = take_answer,
    .take_other = take_other,
    .pong = PONG,
    .pong_len = sizeof(PONG) - 1,
};

const struct load_protocol load_nats_websocket = {
    .name = "nats-websocket",
    .is_framed = true,
    .introduce = introduce_framed,
    .subscribe = subscribe_framed,
    .wrap_published = wrap_framed,
    .wrap_delivered = wrap_delivered,
    .take_answer = take_answer,
    .take_other = take_other_framed,
    .pong = "\x82\x86\0\0\0\0" PONG,
    .pong_len = 6 + sizeof(PONG) - 1,
};
