/*
 * The subscriber's part of a session: a WebSocket handshake, then a frame for
 * every event. Offsets are dense, so counting frames gives each its cursor.
 */
#include <string.h>

#include "base/error.h"
#include "clients/c/session.h"
#include "protocol/utf8.h"
#include "protocol/ws_client.h"

#define CLOSE_NORMAL   1000
#define CLOSE_GAP      4410
#define CLOSE_NO_CODE  1005
#define CLOSE_PROTOCOL 1002
#define CLOSE_BAD_TEXT 1007
#define CLOSE_TOO_BIG  1009

/* The request's target and its fields, with `since` percent-encoded. */
#define REQUEST_MAX 1536

/* --- create and destroy --- */

int rt_session_subscriber_init(struct ringtail_session *session,
                               const struct ringtail_session_options *options)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    struct rt_bytes topic =
        rt_bytes_of(options->topic == NULL ? "" : options->topic);
    struct rt_bytes since =
        rt_bytes_of(options->since == NULL ? "now" : options->since);
    const char *reason;
    if (rt_topic_check(topic, &reason) < 0) {
        return RINGTAIL_ETOPIC;
    }
    if (since.len > RT_SESSION_SINCE_MAX) {
        return RINGTAIL_EVALUE;
    }
    memcpy(subscriber->topic, topic.data, topic.len);
    memcpy(subscriber->since, since.data, since.len);
    return 0;
}

void rt_session_subscriber_finish(struct ringtail_session *session)
{
    rt_buffer_finish(&session->subscriber.message, &session->heap);
}

bool ringtail_session_cursor(const struct ringtail_session *session,
                             struct ringtail_cursor *cursor)
{
    if (session->subscriber.has_cursor) {
        *cursor = session->subscriber.cursor;
    }
    return session->subscriber.has_cursor;
}

/* --- the handshake --- */

/* RFC 3986, section 2.1: everything but the unreserved. */
static void write_encoded(struct rt_writer *writer, struct rt_bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.data[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
                        c == '_' || c == '~';
        char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
        rt_write_bytes(writer, is_plain ? (struct rt_bytes){text.data + i, 1}
                                        : (struct rt_bytes){encoded, 3});
    }
}

static void write_since(const struct rt_session_subscriber *subscriber,
                        struct rt_writer *writer)
{
    struct rt_cursor cursor = {subscriber->cursor.epoch,
                               subscriber->cursor.offset};
    if (subscriber->has_cursor) {
        rt_cursor_write(writer, cursor);
    } else {
        write_encoded(writer, rt_bytes_of(subscriber->since));
    }
}

static int make_key(struct ringtail_session *session)
{
    uint8_t nonce[RT_WS_NONCE_BYTES];
    struct rt_writer writer;
    int err = session->random(nonce, sizeof(nonce));
    if (err == 0) {
        rt_writer_init(&writer, session->subscriber.key, RT_WS_KEY_BYTES);
        rt_ws_key_write(&writer, nonce);
    }
    return err;
}

static void write_handshake(const struct ringtail_session *session,
                            struct rt_writer *writer)
{
    const struct rt_session_subscriber *subscriber = &session->subscriber;
    RT_WRITE(writer, "GET /subscribe/");
    rt_write_bytes(writer, rt_bytes_of(subscriber->topic));
    RT_WRITE(writer, "?since=");
    write_since(subscriber, writer);
    RT_WRITE(writer, " HTTP/1.1\r\nHost: ");
    rt_write_bytes(writer, rt_bytes_of(session->url.authority));
    RT_WRITE(writer, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    rt_write_bytes(writer,
                   (struct rt_bytes){subscriber->key, sizeof(subscriber->key)});
    RT_WRITE(writer, "\r\n\r\n");
}

void rt_session_subscriber_begin(struct ringtail_session *session)
{
    char memory[REQUEST_MAX];
    struct rt_writer writer;
    int err = make_key(session);
    if (err < 0) {
        rt_session_leave(session, err);
        return;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    write_handshake(session, &writer);
    RT_CHECK(!writer.overflowed);
    rt_session_send(session, rt_writer_bytes(&writer));
}

/* RFC 6455, section 4.1: what makes a 101 the answer to this handshake. */
static bool is_accepted(const struct rt_session_subscriber *subscriber,
                        const struct rt_http_response *response)
{
    char memory[RT_WS_ACCEPT_BYTES];
    struct rt_writer writer;
    struct rt_bytes key = {subscriber->key, sizeof(subscriber->key)};
    const struct rt_bytes *fields = response->fields;
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_ws_accept_write(&writer, key);
    return response->says_upgrade &&
           rt_bytes_equal_nocase(fields[RT_RESPONSE_UPGRADE],
                                 RT_BYTES("websocket")) &&
           rt_bytes_equal(fields[RT_RESPONSE_SEC_WEBSOCKET_ACCEPT],
                          rt_writer_bytes(&writer)) &&
           fields[RT_RESPONSE_SEC_WEBSOCKET_EXTENSIONS].data == NULL &&
           fields[RT_RESPONSE_SEC_WEBSOCKET_PROTOCOL].data == NULL;
}

static void accept_handshake(struct ringtail_session *session,
                             const struct rt_http_response *response)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    struct rt_bytes text = response->fields[RT_RESPONSE_RINGTAIL_CURSOR];
    struct rt_cursor cursor;
    if (!is_accepted(subscriber, response) || text.data == NULL ||
        rt_cursor_parse(text, &cursor) < 0) {
        rt_session_leave(session, RINGTAIL_EPROTOCOL);
        return;
    }
    subscriber->announced =
        (struct ringtail_cursor){cursor.epoch, cursor.offset};
    subscriber->is_announced = true;
    if (!subscriber->has_cursor) {
        subscriber->cursor = subscriber->announced;
        subscriber->has_cursor = true;
    }
    rt_session_open(session);
}

/* Whether the same handshake may be accepted later. */
static bool may_pass(unsigned status)
{
    return status == 408 || status == 425 || status == 429 ||
           (status >= 500 && status != 501 && status != 505);
}

static size_t take_handshake(struct ringtail_session *session,
                             struct rt_bytes bytes)
{
    struct rt_http_response response;
    struct rt_bytes body;
    ssize_t used = rt_session_take_answer(bytes, &response, &body);
    if (used < 0) {
        rt_session_leave(session, RINGTAIL_EPROTOCOL);
        return 0;
    }
    if (used > 0 && response.status == 101) {
        accept_handshake(session, &response);
    } else if (used > 0 && response.status >= 200) {
        rt_session_explain(session, &response, body);
        session->retry_after_s = rt_session_retry_after_s(&response);
        rt_session_refuse(session, RINGTAIL_EREFUSED, response.status,
                          !may_pass(response.status));
    }
    return (size_t)used;
}

/* --- frames to the broker --- */

static void send_control(struct ringtail_session *session,
                         const struct rt_control_frame *frame)
{
    uint8_t mask[RT_FRAME_MASK_BYTES];
    struct rt_masked_frame masked;
    int err = session->random(mask, sizeof(mask));
    if (err < 0) {
        rt_session_leave(session, err);
        return;
    }
    rt_masked_frame_init(&masked, frame, mask);
    rt_session_send(session,
                    (struct rt_bytes){(const char *)masked.bytes, masked.len});
}

static void send_close(struct ringtail_session *session, uint16_t code)
{
    struct rt_control_frame frame;
    if (code == CLOSE_NO_CODE) {
        rt_control_frame_init(&frame, RT_OPCODE_CLOSE, RT_BYTES(""));
    } else {
        rt_close_frame_init(&frame, code, RT_BYTES(""));
    }
    send_control(session, &frame);
}

/* Pongs that the broker does not take are not heaped up. */
static void send_pong(struct ringtail_session *session, struct rt_bytes payload)
{
    struct rt_control_frame frame;
    if (session->filling.len < RT_SESSION_PONGS_MAX) {
        rt_control_frame_init(&frame, RT_OPCODE_PONG, payload);
        send_control(session, &frame);
    }
}

static void fail(struct ringtail_session *session, uint16_t code)
{
    bool is_final = code == CLOSE_TOO_BIG;
    send_close(session, code);
    session->detail[0] = '\0';
    rt_session_refuse(session,
                      is_final ? RINGTAIL_ETOOLARGE : RINGTAIL_EPROTOCOL, 0,
                      is_final);
}

/* --- events --- */

static void tell_gap(struct ringtail_session *session,
                     const struct ringtail_gap *gap)
{
    session->subscriber.cursor = gap->cursor;
    if (session->options.handlers.on_gap != NULL) {
        session->options.handlers.on_gap(session->options.context, gap);
    }
}

static bool is_same(struct ringtail_cursor a, struct ringtail_cursor b)
{
    return a.epoch == b.epoch && a.offset == b.offset;
}

/* The first event: is it the one after ours? A broker says so itself, by
 * closing; but nothing may be lost without a word. */
static void check_announced(struct ringtail_session *session)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    struct ringtail_gap gap = {.reason = "skipped",
                               .cursor = subscriber->announced};
    bool is_gap = !is_same(subscriber->announced, subscriber->cursor);
    subscriber->is_announced = false;
    if (is_gap) {
        tell_gap(session, &gap);
    }
}

static void
tell_event(struct ringtail_session *session, bool is_text, struct rt_bytes data)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    subscriber->cursor.offset++;
    struct ringtail_client_event event = {.payload = data.data,
                                          .len = data.len,
                                          .is_text = is_text,
                                          .cursor = subscriber->cursor};
    if (session->options.handlers.on_event != NULL) {
        session->options.handlers.on_event(session->options.context, &event);
    }
}

static void
deliver(struct ringtail_session *session, uint8_t opcode, struct rt_bytes data)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    bool is_text = opcode == RT_OPCODE_TEXT;
    if (is_text && !rt_utf8_is_valid(data)) {
        fail(session, CLOSE_BAD_TEXT); /* RFC 6455, section 8.1 */
        return;
    }
    if (subscriber->is_announced) {
        check_announced(session);
    }
    if (subscriber->cursor.offset == UINT64_MAX) {
        fail(session, CLOSE_PROTOCOL); /* no log is that long */
        return;
    }
    session->is_proven = true;
    tell_event(session, is_text, data);
}

static void take_fragment(struct ringtail_session *session,
                          const struct rt_ws_header *header,
                          struct rt_bytes payload)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    struct rt_buffer *message = &subscriber->message;
    if (rt_buffer_append(message, &session->heap, payload) < 0) {
        rt_session_leave(session, RT_ENOMEM);
        return;
    }
    if (header->opcode != RT_OPCODE_CONTINUATION) {
        subscriber->opcode = header->opcode;
    }
    if (header->is_final) {
        uint8_t opcode = subscriber->opcode;
        subscriber->opcode = 0;
        deliver(session, opcode,
                (struct rt_bytes){message->data, message->len});
        message->len = 0;
    }
}

static void take_data(struct ringtail_session *session,
                      const struct rt_ws_header *header,
                      struct rt_bytes payload)
{
    bool is_inside = session->subscriber.opcode != 0;
    bool continues = header->opcode == RT_OPCODE_CONTINUATION;
    if (is_inside != continues) {
        fail(session, CLOSE_PROTOCOL); /* RFC 6455, section 5.4 */
    } else if (header->is_final && !continues) {
        deliver(session, header->opcode, payload);
    } else {
        take_fragment(session, header, payload);
    }
}

/* --- the broker's close --- */

/* The value of `key=` in `slug; key=value; key=value`; data NULL: none. */
static struct rt_bytes find_value(struct rt_bytes reason, struct rt_bytes key)
{
    while (reason.data != NULL) {
        struct rt_bytes part = rt_bytes_trim(rt_bytes_split(&reason, ';'));
        struct rt_bytes value = part;
        struct rt_bytes name = rt_bytes_split(&value, '=');
        if (value.data != NULL && rt_bytes_equal(name, key)) {
            return value;
        }
    }
    return (struct rt_bytes){NULL, 0};
}

static void take_gap(struct ringtail_session *session, struct rt_bytes reason)
{
    struct rt_cursor cursor;
    struct rt_bytes text = find_value(reason, RT_BYTES("cursor"));
    struct rt_bytes missed = find_value(reason, RT_BYTES("missed"));
    struct ringtail_gap gap = {.reason = session->detail};
    if (text.data == NULL || rt_cursor_parse(text, &cursor) < 0) {
        rt_session_leave(session, RINGTAIL_EPROTOCOL);
        return;
    }
    struct rt_bytes rest = reason;
    rt_session_set_detail(session, rt_bytes_split(&rest, ';'));
    gap.cursor = (struct ringtail_cursor){cursor.epoch, cursor.offset};
    gap.has_missed = rt_bytes_to_u64(missed, &gap.missed) == 0;
    session->subscriber.has_gap = true;
    rt_session_refuse(session, RINGTAIL_ELEFT, CLOSE_GAP, false);
    tell_gap(session, &gap);
}

static bool is_final_code(uint16_t code)
{
    return code == 1000 || code == 4400 || code == 4401 || code == 4403 ||
           code == 4404;
}

static void take_close(struct ringtail_session *session,
                       struct rt_bytes payload)
{
    uint16_t code = CLOSE_NO_CODE;
    struct rt_bytes reason = {NULL, 0};
    if (payload.len > 0) {
        code =
            payload.len > 1 ? rt_load_be16((const uint8_t *)payload.data) : 0;
        if (!rt_close_code_is_valid(code)) {
            fail(session, CLOSE_PROTOCOL);
            return;
        }
        reason = (struct rt_bytes){payload.data + 2, payload.len - 2};
    }
    send_close(session, code);
    if (code == CLOSE_GAP) {
        take_gap(session, reason);
        return;
    }
    rt_session_set_detail(session, reason);
    rt_session_refuse(session, RINGTAIL_ELEFT, code, is_final_code(code));
}

/* --- frames from the broker --- */

static void take_control(struct ringtail_session *session,
                         uint8_t opcode,
                         struct rt_bytes payload)
{
    if (opcode == RT_OPCODE_PING) {
        send_pong(session, payload);
    } else if (opcode == RT_OPCODE_CLOSE) {
        take_close(session, payload);
    }
}

static bool is_too_big(const struct ringtail_session *session,
                       const struct rt_ws_header *header)
{
    uint64_t limit = session->options.event_bytes;
    uint64_t have = session->subscriber.message.len;
    return !rt_opcode_is_control(header->opcode) &&
           header->payload_bytes > limit - (have < limit ? have : limit);
}

static size_t take_frame(struct ringtail_session *session,
                         struct rt_bytes bytes)
{
    struct rt_ws_header header;
    int has_header = rt_ws_header_parse(bytes, &header);
    if (has_header < 0) {
        fail(session, CLOSE_PROTOCOL);
        return 0;
    }
    if (has_header > 0 && is_too_big(session, &header)) {
        fail(session, CLOSE_TOO_BIG);
        return 0;
    }
    if (has_header == 0 ||
        header.payload_bytes > bytes.len - header.header_bytes) {
        return 0;
    }
    struct rt_bytes payload = {bytes.data + header.header_bytes,
                               (size_t)header.payload_bytes};
    if (rt_opcode_is_control(header.opcode)) {
        take_control(session, header.opcode, payload);
    } else {
        take_data(session, &header, payload);
    }
    return header.header_bytes + payload.len;
}

size_t rt_session_subscriber_take(struct ringtail_session *session,
                                  struct rt_bytes bytes)
{
    return session->state == RINGTAIL_SESSION_OPENING
               ? take_handshake(session, bytes)
               : take_frame(session, bytes);
}

void rt_session_subscriber_end(struct ringtail_session *session)
{
    send_close(session, CLOSE_NORMAL);
}

void rt_session_subscriber_lost(struct ringtail_session *session)
{
    struct rt_session_subscriber *subscriber = &session->subscriber;
    subscriber->message.len = 0;
    subscriber->opcode = 0;
    subscriber->is_announced = false;
    session->filling.len = 0;
    session->sending.len = 0;
    session->sending_at = 0;
}
