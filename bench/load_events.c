/*
 * The protocols of ringtail in which an event tells more than its payload: JSON
 * in WebSocket frames, and server-sent events in the chunks of an answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load_http.h"
#include "bench/load_protocol.h"
#include "bench/load_report.h"
#include "bench/load_websocket.h"
#include "bench/wire.h"

#define TARGET_MAX     384
#define CHUNK_HEAD_MAX 10 /* 8 digits */
#define CHUNK_END_LEN  2

static bool begins_with(const struct load_span *span, const char *words)
{
    size_t len = strlen(words);
    return span->len >= len && memcmp(span->data, words, len) == 0;
}

/* --- JSON --- */

static void subscribe_json(struct load_dialog *dialog, const char *topic)
{
    char target[TARGET_MAX];
    (void)snprintf(target, sizeof(target), WIRE_SUBSCRIBE_PATH "%s", topic);
    load_upgrade(dialog, target, "ringtail.v1.json");
}

static void
wrap_json(struct load_wrapping *wrapping, const char *topic, size_t payload_len)
{
    (void)payload_len;
    load_wrapping_print(
        wrapping, "{\"op\":\"event\",\"topic\":\"%s\",\"cursor\":\"", topic);
    wrapping->varies_at = wrapping->head_len;
    load_wrapping_print(wrapping, ",\"data\":\"");
    memcpy(wrapping->tail, "\"}", 2);
    wrapping->tail_len = 2;
}

static size_t
unpack_frame(const char *data, size_t len, struct load_span *inside)
{
    uint64_t payload_len;
    size_t head_len = load_frame_head_take(data, len, &payload_len);
    if (head_len == 0 || len - head_len < payload_len) {
        return 0;
    }
    *inside = (struct load_span){data + head_len, payload_len};
    return head_len + payload_len;
}

/* The whole of a frame. */
static size_t take_notice(int fd, const char *data, size_t len)
{
    struct load_span inside = {data, 0};
    (void)unpack_frame(data, len, &inside);
    if ((unsigned char)data[0] != LOAD_FRAME_TEXT) {
        return load_control_take(fd, data, len);
    }
    if (!begins_with(&inside, "{\"op\":\"open\"") &&
        !begins_with(&inside, "{\"op\":\"caught_up\"")) {
        load_fail("not an event: %.*s", (int)inside.len, inside.data);
    }
    return len;
}

const struct load_protocol load_ringtail_json = {
    .name = "ringtail-json",
    .subscribe = subscribe_json,
    .wrap_published = load_http_wrap,
    .wrap_delivered = wrap_json,
    .unpack = unpack_frame,
    .take_answer = load_http_take,
    .take_other = take_notice,
};

/* --- server-sent events --- */

static void subscribe_sse(struct load_dialog *dialog, const char *topic)
{
    struct load_step *step =
        load_dialog_step(dialog, WIRE_HEAD_END, strlen(WIRE_HEAD_END));
    step->begins = "HTTP/1.1 200 ";
    step->holds = "text/event-stream";
    load_step_print(step,
                    WIRE_SUBSCRIBE "%s HTTP/1.1\r\n"
                                   "Host: 127.0.0.1\r\n"
                                   "Accept: text/event-stream\r\n"
                                   "\r\n",
                    topic);
}

static void
wrap_sse(struct load_wrapping *wrapping, const char *topic, size_t payload_len)
{
    (void)topic;
    (void)payload_len;
    load_wrapping_print(wrapping, "id: ");
    wrapping->varies_at = wrapping->head_len;
    load_wrapping_print(wrapping, "\ndata: ");
    memcpy(wrapping->tail, "\n\n", 2);
    wrapping->tail_len = 2;
}

static size_t
unpack_chunk(const char *data, size_t len, struct load_span *inside)
{
    size_t head_max = len < CHUNK_HEAD_MAX ? len : CHUNK_HEAD_MAX;
    size_t head_len = load_line_len(data, head_max);
    if (head_len == 0) {
        return 0;
    }
    size_t size = strtoul(data, NULL, 16);
    if (len - head_len < size + CHUNK_END_LEN) {
        return 0;
    }
    *inside = (struct load_span){data + head_len, size};
    return head_len + size + CHUNK_END_LEN;
}

/* The whole of a chunk. */
static size_t take_control(int fd, const char *data, size_t len)
{
    struct load_span inside = {data, 0};
    (void)fd;
    (void)unpack_chunk(data, len, &inside);
    if (!begins_with(&inside, "event: ringtail.open\n") &&
        !begins_with(&inside, "event: ringtail.caught_up\n") &&
        !begins_with(&inside, ":")) {
        load_fail("not an event: %.*s", (int)inside.len, inside.data);
    }
    return len;
}

const struct load_protocol load_ringtail_sse = {
    .name = "ringtail-sse",
    .subscribe = subscribe_sse,
    .wrap_published = load_http_wrap,
    .wrap_delivered = wrap_sse,
    .unpack = unpack_chunk,
    .take_answer = load_http_take,
    .take_other = take_control,
};
