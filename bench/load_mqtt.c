/*
 * MQTT 3.1.1, over TCP and in WebSocket frames. Publishers use QoS 1, so that
 * each event is answered; subscribers use QoS 0. No keep-alive is agreed on.
 */
#include <string.h>

#include "bench/load_protocol.h"
#include "bench/load_report.h"
#include "bench/load_websocket.h"

#define CONNECT       "\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0"
#define CONNACK       "\x20\x02\0\0"
#define SUBSCRIBE     0x82
#define SUBACK        "\x90\x03\0\x01\0"
#define PUBLISH       0x30
#define PUBLISH_QOS_1 0x32
#define PUBACK        0x40
#define PUBACK_LEN    4
#define NUMBER_MAX    4 /* bytes of a packet's length */

static const char connect_packet[] = CONNECT;
static const char connack[] = CONNACK;
static const char suback[] = SUBACK;

/* What comes before the topic in a packet of so many bytes: section 2.2.3. */
static size_t format_start(char *at, unsigned kind, size_t left)
{
    size_t len = 0;
    at[len++] = (char)kind;
    do {
        at[len++] = (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        left >>= 7;
    } while (left > 0);
    return len;
}

static void introduce(struct load_dialog *dialog, uint32_t number)
{
    (void)number;
    struct load_step *step =
        load_dialog_step(dialog, connack, sizeof(connack) - 1);
    load_step_add(step, connect_packet, sizeof(connect_packet) - 1);
}

/* An identifier, then the topic, then the QoS. */
static size_t format_subscribe(char *at, const char *topic)
{
    size_t topic_len = strlen(topic);
    size_t len = format_start(at, SUBSCRIBE, 2 + 2 + topic_len + 1);
    at[len++] = 0;
    at[len++] = 1;
    at[len++] = (char)(topic_len >> 8);
    at[len++] = (char)topic_len;
    memcpy(at + len, topic, topic_len);
    at[len + topic_len] = 0;
    return len + topic_len + 1;
}

static void subscribe(struct load_dialog *dialog, const char *topic)
{
    char packet[LOAD_HEAD_MAX];
    introduce(dialog, 0);
    struct load_step *step =
        load_dialog_step(dialog, suback, sizeof(suback) - 1);
    load_step_add(step, packet, format_subscribe(packet, topic));
}

static void introduce_framed(struct load_dialog *dialog, uint32_t number)
{
    (void)number;
    load_upgrade(dialog, "/", "mqtt");
    load_step_frame(load_dialog_step(dialog, connack, sizeof(connack) - 1),
                    connect_packet, sizeof(connect_packet) - 1);
}

static void subscribe_framed(struct load_dialog *dialog, const char *topic)
{
    char packet[LOAD_HEAD_MAX];
    introduce_framed(dialog, 0);
    struct load_step *step =
        load_dialog_step(dialog, suback, sizeof(suback) - 1);
    load_step_frame(step, packet, format_subscribe(packet, topic));
}

static void add_topic(struct load_wrapping *wrapping, const char *topic)
{
    size_t len = strlen(topic);
    char width[2] = {(char)(len >> 8), (char)len};
    load_wrapping_add(wrapping, width, sizeof(width));
    load_wrapping_add(wrapping, topic, len);
}

static void start(struct load_wrapping *wrapping, unsigned kind, size_t left)
{
    char bytes[1 + NUMBER_MAX];
    load_wrapping_add(wrapping, bytes, format_start(bytes, kind, left));
}

static void wrap_published(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    size_t left = 2 + strlen(topic) + 2 + payload_len;
    start(wrapping, PUBLISH_QOS_1, left);
    add_topic(wrapping, topic);
    wrapping->identifier_at = wrapping->head_len;
    load_wrapping_add(wrapping, "\0", 2);
}

static void wrap_framed(struct load_wrapping *wrapping,
                        const char *topic,
                        size_t payload_len)
{
    struct load_wrapping plain = {0};
    char head[LOAD_FRAME_HEAD_MAX];
    wrap_published(&plain, topic, payload_len);
    load_wrapping_add(wrapping, head,
                      load_masked_head(head, LOAD_FRAME_BINARY,
                                       plain.head_len + payload_len));
    wrap_published(wrapping, topic, payload_len);
}

static void wrap_delivered(struct load_wrapping *wrapping,
                           const char *topic,
                           size_t payload_len)
{
    start(wrapping, PUBLISH, 2 + strlen(topic) + payload_len);
    add_topic(wrapping, topic);
}

/* Identifiers are given in order, and answered in order. */
static size_t
take_answer(struct load_answers *answers, const char *data, size_t len)
{
    if (len < PUBACK_LEN) {
        return 0;
    }
    unsigned identifier =
        (unsigned char)data[2] * 256u + (unsigned char)data[3];
    if ((unsigned char)data[0] != PUBACK ||
        identifier != load_identifier(answers->count)) {
        load_fail("not the answer to a PUBLISH: %02x", (unsigned char)data[0]);
    }
    answers->count++;
    return PUBACK_LEN;
}

static size_t take_other(int fd, const char *data, size_t len)
{
    (void)fd;
    (void)len;
    load_fail("not an event: a packet %02x", (unsigned char)data[0]);
}

const struct load_protocol load_mqtt = {
    .name = "mqtt",
    .introduce = introduce,
    .subscribe = subscribe,
    .wrap_published = wrap_published,
    .wrap_delivered = wrap_delivered,
    .take_answer = take_answer,
    .take_other = take_other,
};

const struct load_protocol load_mqtt_websocket = {
    .name = "mqtt-websocket",
    .is_framed = true,
    .introduce = introduce_framed,
    .subscribe = subscribe_framed,
    .wrap_published = wrap_framed,
    .wrap_delivered = wrap_delivered,
    .take_answer = take_answer,
    .take_other = take_other,
};
