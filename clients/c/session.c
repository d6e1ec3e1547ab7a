#include "clients/c/session.h"

#include <sys/types.h>

#include "base/error.h"
#include "protocol/http_parser.h"
#include "protocol/problem_read.h"

#define NEVER UINT64_MAX

static bool is_publisher(const struct ringtail_session *session)
{
    return session->options.kind == RINGTAIL_SESSION_PUBLISHER;
}

/* --- what it says of itself --- */

enum ringtail_session_state
ringtail_session_state(const struct ringtail_session *session)
{
    return session->state;
}

const struct ringtail_url *
rt_session_url(const struct ringtail_session *session)
{
    return &session->url;
}

enum ringtail_session_wanted
ringtail_session_wanted(const struct ringtail_session *session)
{
    switch (session->state) {
    case RINGTAIL_SESSION_CONNECTING:
        return RINGTAIL_WANT_CONNECT;
    case RINGTAIL_SESSION_LEAVING:
        return RINGTAIL_WANT_DISCONNECT;
    default:
        return RINGTAIL_WANT_NOTHING;
    }
}

/* A publisher waits for something only while answers are due. */
static bool is_silence_bad(const struct ringtail_session *session)
{
    return !is_publisher(session) || session->publisher.count > 0;
}

uint64_t ringtail_session_deadline_ms(const struct ringtail_session *session)
{
    if (session->state == RINGTAIL_SESSION_IDLE ||
        session->state == RINGTAIL_SESSION_CLOSED) {
        return NEVER;
    }
    if (session->state != RINGTAIL_SESSION_OPEN) {
        return session->due_ms;
    }
    if (!is_silence_bad(session)) {
        return NEVER;
    }
    /* At once, to learn the time from which answers are due. */
    return session->is_listening
               ? session->heard_ms + session->options.silence_ms
               : 0;
}

void ringtail_cursor_format(struct ringtail_cursor cursor,
                            char text[RINGTAIL_CURSOR_BYTES])
{
    struct rt_writer writer;
    _Static_assert(RINGTAIL_CURSOR_BYTES > RT_CURSOR_BYTES_MAX,
                   "a cursor and a NUL");
    rt_writer_init(&writer, text, RT_CURSOR_BYTES_MAX);
    rt_cursor_write(&writer, (struct rt_cursor){cursor.epoch, cursor.offset});
    *writer.at = '\0';
}

/* --- bytes to send --- */

size_t ringtail_session_output(struct ringtail_session *session,
                               const char **bytes)
{
    /* Of a broker that has been left a publisher would not learn what became
     * of its events; a subscriber says goodbye. */
    bool is_leaving = session->state == RINGTAIL_SESSION_LEAVING &&
                      session->options.kind == RINGTAIL_SESSION_SUBSCRIBER;
    bool may_send = session->state == RINGTAIL_SESSION_OPENING ||
                    session->state == RINGTAIL_SESSION_OPEN || is_leaving;
    if (!may_send) {
        return 0;
    }
    if (session->sending_at == session->sending.len) {
        struct rt_buffer spare = session->sending;
        spare.len = 0;
        session->sending = session->filling;
        session->filling = spare;
        session->sending_at = 0;
    }
    size_t len = session->sending.len - session->sending_at;
    *bytes = len > 0 ? session->sending.data + session->sending_at : NULL;
    return len < RT_SESSION_OUTPUT_MAX ? len : RT_SESSION_OUTPUT_MAX;
}

void ringtail_session_sent(struct ringtail_session *session, size_t len)
{
    RT_CHECK(len <= session->sending.len - session->sending_at);
    session->sending_at += len;
    session->publisher.sent_bytes += len;
}

void rt_session_send(struct ringtail_session *session, struct rt_bytes bytes)
{
    if (rt_buffer_append(&session->filling, &session->heap, bytes) < 0) {
        rt_session_leave(session, RT_ENOMEM);
    }
}

/* --- leaving, and coming back --- */

void rt_session_say_goodbye(struct ringtail_session *session)
{
    if (session->state == RINGTAIL_SESSION_OPEN && !is_publisher(session)) {
        rt_session_subscriber_end(session);
    }
}

void rt_session_set_detail(struct ringtail_session *session,
                           struct rt_bytes text)
{
    struct rt_writer writer;
    rt_writer_init(&writer, session->detail, RT_SESSION_DETAIL_MAX);
    rt_write_shown(&writer, text);
    *writer.at = '\0';
}

void rt_session_explain(struct ringtail_session *session,
                        const struct rt_http_response *response,
                        struct rt_bytes body)
{
    struct rt_writer writer;
    struct rt_bytes type = response->fields[RT_RESPONSE_CONTENT_TYPE];
    rt_writer_init(&writer, session->detail, RT_SESSION_DETAIL_MAX);
    if (type.data != NULL &&
        rt_bytes_equal_nocase(type, RT_BYTES("application/problem+json"))) {
        rt_problem_explain(&writer, body);
    }
    *writer.at = '\0';
}

uint64_t rt_session_retry_after_s(const struct rt_http_response *response)
{
    uint64_t seconds = 0;
    struct rt_bytes text = response->fields[RT_RESPONSE_RETRY_AFTER];
    return rt_bytes_to_u64(text, &seconds) < 0 ? 0 : seconds;
}

void rt_session_refuse(struct ringtail_session *session,
                       int error,
                       unsigned status,
                       bool is_final)
{
    if (session->state == RINGTAIL_SESSION_LEAVING ||
        session->state == RINGTAIL_SESSION_CLOSED) {
        return;
    }
    session->state = RINGTAIL_SESSION_LEAVING;
    session->due_ms = NEVER;
    session->error = error;
    session->status = status;
    session->is_final = is_final;
}

void rt_session_leave(struct ringtail_session *session, int error)
{
    session->detail[0] = '\0';
    rt_session_refuse(session, error, 0, false);
}

void rt_session_open(struct ringtail_session *session)
{
    session->state = RINGTAIL_SESSION_OPEN;
    session->opened_ms = session->now_ms;
    session->heard_ms = session->now_ms;
    session->is_listening = is_silence_bad(session);
    if (session->options.handlers.on_open != NULL) {
        session->options.handlers.on_open(session->options.context);
    }
}

/* Behind a gap it goes on at once; but not from one gap to the next, whatever
 * comes between them. */
static bool may_hurry(const struct ringtail_session *session)
{
    return session->subscriber.has_gap && !session->subscriber.had_gap &&
           session->backoff.failures == 0;
}

static uint64_t next_wait_ms(struct ringtail_session *session)
{
    uint64_t random = 0;
    bool is_urgent = may_hurry(session);
    if (session->random(&random, sizeof(random)) < 0) {
        random = session->now_ms; /* better than nothing, for jitter */
    }
    uint64_t wait_ms = rt_backoff_next_ms(&session->backoff, random);
    uint64_t asked_s = session->retry_after_s;
    asked_s = asked_s < RT_SESSION_RETRY_AFTER_MAX ? asked_s
                                                   : RT_SESSION_RETRY_AFTER_MAX;
    wait_ms = wait_ms > asked_s * 1000 ? wait_ms : asked_s * 1000;
    return is_urgent ? 0 : wait_ms;
}

static void tell(struct ringtail_session *session, uint64_t retry_ms)
{
    const struct ringtail_session_handlers *handlers =
        &session->options.handlers;
    struct ringtail_failure failure = {.error = session->error,
                                       .status = session->status,
                                       .detail = session->detail,
                                       .retry_ms = retry_ms};
    bool is_over = session->state == RINGTAIL_SESSION_CLOSED;
    void (*handler)(void *, const struct ringtail_failure *) =
        is_over ? handlers->on_closed : handlers->on_lost;
    if (handler != NULL) {
        handler(session->options.context, &failure);
    }
}

/* Forgets the connection, but not what was published and not sent. */
static void reset_connection(struct ringtail_session *session)
{
    bool was_steady =
        session->opened_ms > 0 &&
        session->now_ms - session->opened_ms >= RINGTAIL_CLIENT_STEADY_MS;
    if (session->is_proven || was_steady) {
        session->backoff.failures = 0;
    }
    session->input.len = 0;
    session->is_proven = false;
    session->is_listening = false;
    session->opened_ms = 0;
}

/* After the callbacks about requests, which may have published more. */
static void settle(struct ringtail_session *session)
{
    bool is_over = session->is_final;
    uint64_t wait_ms = is_over ? 0 : next_wait_ms(session);
    bool is_idle = is_publisher(session) && session->publisher.count == 0;
    session->due_ms = session->now_ms + wait_ms;
    session->state = is_over   ? RINGTAIL_SESSION_CLOSED
                     : is_idle ? RINGTAIL_SESSION_IDLE
                               : RINGTAIL_SESSION_WAITING;
    bool is_told = session->subscriber.has_gap; /* by on_gap */
    session->subscriber.had_gap = is_told;
    session->subscriber.has_gap = false;
    if (!is_told) {
        tell(session, wait_ms);
    }
}

static void lose(struct ringtail_session *session, int error)
{
    bool was_left = session->state == RINGTAIL_SESSION_LEAVING;
    if (!was_left) {
        rt_session_leave(session, error < 0 ? error : RINGTAIL_ELEFT);
    }
    reset_connection(session);
    if (is_publisher(session)) {
        rt_session_publisher_lost(session);
    } else {
        rt_session_subscriber_lost(session);
    }
    if (!session->is_destroyed) {
        settle(session);
        session->retry_after_s = 0;
        rt_session_publisher_offer(session);
    }
}

/* --- answers --- */

static ssize_t take_body(struct rt_bytes bytes,
                         size_t head_len,
                         const struct rt_http_response *response,
                         struct rt_bytes *body)
{
    *body = (struct rt_bytes){NULL, 0};
    if (!response->has_end ||
        response->body_bytes > RT_SESSION_ANSWER_BODY_MAX) {
        return (ssize_t)head_len;
    }
    size_t body_len = (size_t)response->body_bytes;
    if (bytes.len - head_len < body_len) {
        return 0;
    }
    *body = (struct rt_bytes){bytes.data + head_len, body_len};
    return (ssize_t)(head_len + body_len);
}

ssize_t rt_session_take_answer(struct rt_bytes bytes,
                               struct rt_http_response *response,
                               struct rt_bytes *body)
{
    size_t scanned = 0;
    ssize_t head_len = rt_http_head_length(bytes, &scanned);
    if (head_len <= 0) {
        bool is_long = head_len == 0 && bytes.len > RT_HTTP_HEAD_MAX;
        return is_long ? RT_EINVAL : head_len;
    }
    struct rt_bytes head = {bytes.data, (size_t)head_len};
    if (rt_http_response_parse(head, response) < 0) {
        return RT_EINVAL;
    }
    return take_body(bytes, head.len, response, body);
}

/* --- inputs --- */

static void begin_input(struct ringtail_session *session, uint64_t now_ms)
{
    RT_CHECK(!session->is_inside);
    session->is_inside = true;
    session->now_ms = now_ms;
}

static void end_input(struct ringtail_session *session)
{
    session->is_inside = false;
    if (session->is_destroyed) {
        rt_session_free(session);
    }
}

void ringtail_session_connected(struct ringtail_session *session,
                                uint64_t now_ms)
{
    begin_input(session, now_ms);
    if (session->state == RINGTAIL_SESSION_CONNECTING) {
        if (is_publisher(session)) {
            rt_session_open(session);
        } else {
            session->state = RINGTAIL_SESSION_OPENING;
            rt_session_subscriber_begin(session);
        }
    }
    end_input(session);
}

static size_t take(struct ringtail_session *session, struct rt_bytes bytes)
{
    return is_publisher(session) ? rt_session_publisher_take(session, bytes)
                                 : rt_session_subscriber_take(session, bytes);
}

/* Takes whatever is whole; returns how much that was. */
static size_t take_all(struct ringtail_session *session, struct rt_bytes bytes)
{
    size_t used = 0;
    while (used < bytes.len && (session->state == RINGTAIL_SESSION_OPENING ||
                                session->state == RINGTAIL_SESSION_OPEN)) {
        struct rt_bytes rest = {bytes.data + used, bytes.len - used};
        size_t len = take(session, rest);
        if (len == 0) {
            break;
        }
        used += len;
    }
    return used;
}

static void keep(struct ringtail_session *session, struct rt_bytes rest)
{
    if (rt_buffer_append(&session->input, &session->heap, rest) < 0) {
        rt_session_leave(session, RT_ENOMEM);
    }
}

static void receive(struct ringtail_session *session, struct rt_bytes bytes)
{
    struct rt_buffer *input = &session->input;
    if (input->len == 0) {
        size_t used = take_all(session, bytes);
        keep(session, (struct rt_bytes){bytes.data + used, bytes.len - used});
        return;
    }
    keep(session, bytes);
    size_t used = take_all(session, (struct rt_bytes){input->data, input->len});
    rt_buffer_consume(input, used);
    if (input->len == 0 && input->capacity > RT_SESSION_SPARE_MAX) {
        rt_buffer_finish(input, &session->heap);
    }
}

void ringtail_session_received(struct ringtail_session *session,
                               const char *bytes,
                               size_t len,
                               uint64_t now_ms)
{
    begin_input(session, now_ms);
    session->heard_ms = now_ms;
    if (session->state == RINGTAIL_SESSION_OPENING ||
        session->state == RINGTAIL_SESSION_OPEN) {
        receive(session, (struct rt_bytes){bytes, len});
    }
    session->is_listening = session->is_listening && is_silence_bad(session);
    rt_session_publisher_offer(session);
    end_input(session);
}

void ringtail_session_disconnected(struct ringtail_session *session,
                                   int error,
                                   uint64_t now_ms)
{
    begin_input(session, now_ms);
    if (session->state == RINGTAIL_SESSION_CONNECTING ||
        session->state == RINGTAIL_SESSION_OPENING ||
        session->state == RINGTAIL_SESSION_OPEN ||
        session->state == RINGTAIL_SESSION_LEAVING) {
        lose(session, error);
    }
    end_input(session);
}

static void time_out(struct ringtail_session *session)
{
    if (session->state == RINGTAIL_SESSION_WAITING) {
        session->state = RINGTAIL_SESSION_CONNECTING;
        session->due_ms = session->now_ms + session->options.connect_ms;
    } else if (session->state == RINGTAIL_SESSION_OPEN &&
               !session->is_listening) {
        session->is_listening = true;
        session->heard_ms = session->now_ms;
    } else if (session->state != RINGTAIL_SESSION_IDLE) {
        rt_session_leave(session, -ETIMEDOUT);
    }
}

void ringtail_session_elapsed(struct ringtail_session *session, uint64_t now_ms)
{
    begin_input(session, now_ms);
    if (now_ms >= ringtail_session_deadline_ms(session)) {
        time_out(session);
    }
    end_input(session);
}
