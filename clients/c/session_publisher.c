/*
 * The publisher's part of a session: requests go into the output one behind
 * the other, and their answers come back in the same order.
 */
#include <string.h>

#include "base/error.h"
#include "clients/c/session.h"

#define NO_CONTENT_TYPE ""

int rt_session_publisher_init(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    size_t size = sizeof(*publisher->requests) *
                  (size_t)session->options.in_flight_events;
    publisher->requests = rt_heap_alloc(&session->heap, size);
    return publisher->requests == NULL ? RT_ENOMEM : 0;
}

void rt_session_publisher_finish(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    size_t size = sizeof(*publisher->requests) *
                  (size_t)session->options.in_flight_events;
    rt_heap_free(&session->heap, publisher->requests, size);
    publisher->requests = NULL;
}

uint64_t ringtail_session_pending(const struct ringtail_session *session)
{
    return session->publisher.count;
}

/* --- requests --- */

static bool is_content_type(struct rt_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.len > 0 && text.len <= RT_SESSION_CONTENT_TYPE_MAX;
}

/* All of a request's head but the length and what is behind it. */
static void write_head(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    struct rt_writer writer;
    rt_writer_init(&writer, publisher->head, sizeof(publisher->head));
    RT_WRITE(&writer, "POST /produce/");
    rt_write_bytes(&writer, rt_bytes_of(publisher->topic));
    RT_WRITE(&writer, " HTTP/1.1\r\nHost: ");
    rt_write_bytes(&writer, rt_bytes_of(session->url.authority));
    RT_WRITE(&writer, "\r\nPrefer: return=minimal\r\n");
    if (publisher->content_type[0] != '\0') {
        RT_WRITE(&writer, "Content-Type: ");
        rt_write_bytes(&writer, rt_bytes_of(publisher->content_type));
        RT_WRITE(&writer, "\r\n");
    }
    RT_WRITE(&writer, "Content-Length: ");
    RT_CHECK(!writer.overflowed);
    publisher->head_len = rt_writer_bytes(&writer).len;
}

static int make_head(struct ringtail_session *session,
                     const char *topic,
                     const char *content_type)
{
    struct rt_session_publisher *publisher = &session->publisher;
    const char *reason;
    struct rt_bytes topic_text = rt_bytes_of(topic);
    struct rt_bytes type_text = rt_bytes_of(content_type);
    if (rt_topic_check(topic_text, &reason) < 0) {
        return RINGTAIL_ETOPIC;
    }
    if (content_type[0] != '\0' && !is_content_type(type_text)) {
        return RINGTAIL_ETYPE;
    }
    memcpy(publisher->topic, topic, topic_text.len + 1);
    memcpy(publisher->content_type, content_type, type_text.len + 1);
    write_head(session);
    return 0;
}

/* Makes the head anew if it is not the last one's. */
static int find_head(struct ringtail_session *session,
                     const struct ringtail_new_event *event)
{
    const struct rt_session_publisher *publisher = &session->publisher;
    const char *content_type = event->content_type;
    if (event->topic == NULL) {
        return RINGTAIL_ETOPIC;
    }
    if (content_type == NULL) {
        content_type = NO_CONTENT_TYPE;
    } else if (content_type[0] == '\0') {
        return RINGTAIL_ETYPE;
    }
    bool is_same = publisher->head_len > 0 &&
                   strcmp(event->topic, publisher->topic) == 0 &&
                   strcmp(content_type, publisher->content_type) == 0;
    return is_same ? 0 : make_head(session, event->topic, content_type);
}

static int check_room(struct ringtail_session *session, uint64_t size)
{
    struct rt_session_publisher *publisher = &session->publisher;
    const struct ringtail_session_options *options = &session->options;
    uint64_t in_flight = publisher->taken_bytes - publisher->answered_bytes;
    if (size > options->in_flight_bytes) {
        return RINGTAIL_ETOOLARGE;
    }
    if (publisher->count >= options->in_flight_events ||
        size > options->in_flight_bytes - in_flight) {
        publisher->is_starved = true;
        return RINGTAIL_EFULL;
    }
    return 0;
}

static int append_request(struct ringtail_session *session,
                          struct rt_bytes length,
                          struct rt_bytes payload)
{
    const struct rt_session_publisher *publisher = &session->publisher;
    size_t size = publisher->head_len + length.len + payload.len;
    struct rt_writer writer;
    char *at = rt_buffer_reserve(&session->filling, &session->heap, size);
    if (at == NULL) {
        return RT_ENOMEM;
    }
    rt_writer_init(&writer, at, size);
    rt_write_bytes(&writer,
                   (struct rt_bytes){publisher->head, publisher->head_len});
    rt_write_bytes(&writer, length);
    rt_write_bytes(&writer, payload);
    session->filling.len += size;
    return 0;
}

static void
note_request(struct ringtail_session *session, uint64_t size, void *tag)
{
    struct rt_session_publisher *publisher = &session->publisher;
    size_t capacity = (size_t)session->options.in_flight_events;
    size_t index = publisher->first + publisher->count;
    index = index < capacity ? index : index - capacity;
    publisher->taken_bytes += size;
    publisher->requests[index] =
        (struct rt_request){.tag = tag, .end = publisher->taken_bytes};
    publisher->count++;
    if (session->state == RINGTAIL_SESSION_IDLE) {
        session->state = RINGTAIL_SESSION_WAITING;
    }
}

/* The request with the head that was made; `length` is what ends its head. */
static int take_request(struct ringtail_session *session,
                        const struct ringtail_new_event *event,
                        struct rt_bytes length)
{
    uint64_t head_bytes = session->publisher.head_len + length.len;
    struct rt_bytes payload = {event->payload, event->len};
    uint64_t size = event->len > UINT64_MAX - head_bytes
                        ? UINT64_MAX
                        : head_bytes + event->len;
    int err = check_room(session, size);
    err = err == 0 ? append_request(session, length, payload) : err;
    if (err == 0) {
        note_request(session, size, event->tag);
    }
    return err;
}

int ringtail_session_publish(struct ringtail_session *session,
                             const struct ringtail_new_event *event)
{
    char memory[RT_U64_DIGITS + 4];
    struct rt_writer writer;
    if (session->options.kind != RINGTAIL_SESSION_PUBLISHER) {
        return RT_EINVAL;
    }
    int err = find_head(session, event);
    if (err < 0) {
        return err;
    }
    rt_writer_init(&writer, memory, sizeof(memory));
    rt_write_u64(&writer, event->len);
    RT_WRITE(&writer, "\r\n\r\n");
    return take_request(session, event, rt_writer_bytes(&writer));
}

/* --- outcomes --- */

/* Ends the oldest request. The callback may publish more. */
static void end_request(struct ringtail_session *session,
                        struct ringtail_outcome *outcome)
{
    struct rt_session_publisher *publisher = &session->publisher;
    const struct rt_request *request = &publisher->requests[publisher->first];
    size_t next = publisher->first + 1;
    outcome->tag = request->tag;
    publisher->answered_bytes = request->end;
    publisher->first = next < session->options.in_flight_events ? next : 0;
    publisher->count--;
    if (session->options.handlers.on_outcome != NULL) {
        session->options.handlers.on_outcome(session->options.context, outcome);
    }
}

/* Some of the oldest request was sent. */
static bool is_answer_due(const struct rt_session_publisher *publisher)
{
    return publisher->count > 0 &&
           publisher->answered_bytes < publisher->sent_bytes;
}

static int take_receipt(struct ringtail_session *session,
                        const struct rt_http_response *response)
{
    struct rt_cursor cursor;
    struct rt_bytes text = response->fields[RT_RESPONSE_RINGTAIL_CURSOR];
    if (text.data == NULL || rt_cursor_parse(text, &cursor) < 0) {
        return RINGTAIL_EPROTOCOL;
    }
    struct ringtail_outcome outcome = {
        .status = response->status,
        .detail = "",
        .cursor = {cursor.epoch, cursor.offset},
    };
    end_request(session, &outcome);
    return 0;
}

static void take_refusal(struct ringtail_session *session,
                         const struct rt_http_response *response,
                         struct rt_bytes body)
{
    rt_session_explain(session, response, body);
    struct ringtail_outcome outcome = {
        .error = RINGTAIL_EREFUSED,
        .status = response->status,
        .detail = session->detail,
        .retry_after_s = rt_session_retry_after_s(response),
    };
    end_request(session, &outcome);
}

/* Nothing was asked, as when the broker has no room for the connection. */
static void take_unasked(struct ringtail_session *session,
                         const struct rt_http_response *response,
                         struct rt_bytes body)
{
    rt_session_explain(session, response, body);
    session->retry_after_s = rt_session_retry_after_s(response);
    rt_session_refuse(session, RINGTAIL_EREFUSED, response->status, false);
}

/* 0, or RINGTAIL_EPROTOCOL for what is no outcome. */
static int take_outcome(struct ringtail_session *session,
                        const struct rt_http_response *response,
                        struct rt_bytes body)
{
    if (response->status < 200) {
        return RINGTAIL_EPROTOCOL;
    }
    if (response->status < 300) {
        return take_receipt(session, response);
    }
    take_refusal(session, response, body);
    return 0;
}

static void take_answer(struct ringtail_session *session,
                        const struct rt_http_response *response,
                        struct rt_bytes body)
{
    bool is_whole = response->has_end && body.len == response->body_bytes;
    if (response->status == 100) {
        return;
    }
    if (!is_answer_due(&session->publisher)) {
        take_unasked(session, response, body);
        return;
    }
    int err = take_outcome(session, response, body);
    session->is_proven = session->is_proven || err == 0;
    if (err < 0 || !is_whole) {
        rt_session_leave(session, RINGTAIL_EPROTOCOL);
    } else if (!response->keep_alive) {
        rt_session_leave(session, RINGTAIL_ELEFT);
    }
}

size_t rt_session_publisher_take(struct ringtail_session *session,
                                 struct rt_bytes bytes)
{
    struct rt_http_response response;
    struct rt_bytes body;
    ssize_t used = rt_session_take_answer(bytes, &response, &body);
    if (used < 0) {
        rt_session_leave(session, RINGTAIL_EPROTOCOL);
        return 0;
    }
    if (used > 0) {
        take_answer(session, &response, body);
    }
    return (size_t)used;
}

/* Drops the rest of a request that was sent in part: requests are whole in
 * one buffer. */
static void drop_partial(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    if (publisher->answered_bytes > publisher->sent_bytes) {
        uint64_t rest = publisher->answered_bytes - publisher->sent_bytes;
        session->sending_at += (size_t)rest;
        publisher->sent_bytes = publisher->answered_bytes;
    }
    RT_CHECK(session->sending_at <= session->sending.len);
}

void rt_session_publisher_lost(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    while (is_answer_due(publisher)) {
        struct ringtail_outcome outcome = {.error = RINGTAIL_EUNKNOWN,
                                           .detail = ""};
        end_request(session, &outcome);
    }
    drop_partial(session);
}

void rt_session_publisher_offer(struct ringtail_session *session)
{
    struct rt_session_publisher *publisher = &session->publisher;
    const struct ringtail_session_options *options = &session->options;
    uint64_t in_flight = publisher->taken_bytes - publisher->answered_bytes;
    if (publisher->is_starved &&
        publisher->count <= options->in_flight_events / 2 &&
        in_flight <= options->in_flight_bytes / 2) {
        publisher->is_starved = false;
        if (options->handlers.on_room != NULL) {
            options->handlers.on_room(options->context);
        }
    }
}
