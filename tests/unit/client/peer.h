/*
 * The other side of a session: a broker, a transport and a user that tests
 * play by hand. What the session tells its user becomes a line of a log.
 */
#ifndef TESTS_UNIT_CLIENT_PEER_H
#define TESTS_UNIT_CLIENT_PEER_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "clients/c/session.h"
#include "protocol/ws_frame.h"
#include "tests/support/test.h"

#define PEER_LOG_MAX    8192
#define PEER_OUTPUT_MAX ((size_t)64 * 1024)

/* RFC 6455, section 1.3. */
#define PEER_NONCE "the sample nonce"
#define PEER_SWITCHES                                        \
    "HTTP/1.1 101 Switching Protocols\r\n"                   \
    "Upgrade: websocket\r\n"                                 \
    "Connection: Upgrade\r\n"                                \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" \
    "Ringtail-Cursor: "

struct peer {
    struct test_heap heap;
    struct ringtail_session *session;
    uint64_t now_ms;
    size_t log_len;
    char log[PEER_LOG_MAX];
    char output[PEER_OUTPUT_MAX];
    size_t events;
    bool stays_silent;          /* about events */
    const char *destroys_after; /* a word of the log; NULL: nothing does */
};

/* What the session draws, but for a key's nonce. */
static uint8_t peer_random_byte;

static inline int peer_random(void *memory, size_t len)
{
    memset(memory, peer_random_byte, len);
    if (len == RT_WS_NONCE_BYTES) {
        memcpy(memory, PEER_NONCE, len);
    }
    return 0;
}

__attribute__((format(printf, 2, 3))) static inline void
peer_note(struct peer *peer, const char *format, ...)
{
    va_list values;
    size_t room = sizeof(peer->log) - peer->log_len;
    va_start(values, format);
    int len = vsnprintf(peer->log + peer->log_len, room, format, values);
    va_end(values);
    EXPECT(len >= 0 && (size_t)len < room);
    const char *line = peer->log + peer->log_len;
    peer->log_len += (size_t)len;
    if (peer->destroys_after != NULL &&
        strncmp(line, peer->destroys_after, strlen(peer->destroys_after)) ==
            0) {
        ringtail_session_destroy(peer->session);
        peer->session = NULL;
    }
}

/* What was told since the last call. */
static inline void peer_expect(struct peer *peer, const char *log)
{
    struct rt_bytes actual = {peer->log, peer->log_len};
    EXPECT_TEXT(actual, log);
    peer->log_len = 0;
}

/* --- the user --- */

static inline void peer_on_open(void *context)
{
    peer_note(context, "open\n");
}

static inline void peer_note_failure(struct peer *peer,
                                     const char *word,
                                     const struct ringtail_failure *failure)
{
    peer_note(peer, "%s %d %u '%s' %" PRIu64 "\n", word, failure->error,
              failure->status, failure->detail, failure->retry_ms);
}

static inline void peer_on_lost(void *context,
                                const struct ringtail_failure *failure)
{
    peer_note_failure(context, "lost", failure);
}

static inline void peer_on_closed(void *context,
                                  const struct ringtail_failure *failure)
{
    peer_note_failure(context, "closed", failure);
}

static inline void peer_on_event(void *context,
                                 const struct ringtail_client_event *event)
{
    struct peer *peer = context;
    char cursor[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(event->cursor, cursor);
    peer->events++;
    if (!peer->stays_silent) {
        peer_note(peer, "%s %.*s %s\n", event->is_text ? "text" : "binary",
                  (int)event->len, event->payload, cursor);
    }
}

static inline void peer_on_gap(void *context, const struct ringtail_gap *gap)
{
    char cursor[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(gap->cursor, cursor);
    peer_note(context, "gap %s %d %" PRIu64 " %s\n", gap->reason,
              gap->has_missed, gap->missed, cursor);
}

static inline void peer_on_outcome(void *context,
                                   const struct ringtail_outcome *outcome)
{
    char cursor[RINGTAIL_CURSOR_BYTES];
    ringtail_cursor_format(outcome->cursor, cursor);
    peer_note(context, "%s: %d %u '%s' %" PRIu64 " %s\n",
              (const char *)outcome->tag, outcome->error, outcome->status,
              outcome->detail, outcome->retry_after_s,
              outcome->error == 0 ? cursor : "-");
}

static inline void peer_on_room(void *context)
{
    peer_note(context, "room\n");
}

static inline struct ringtail_session_options
peer_options(struct peer *peer, enum ringtail_session_kind kind)
{
    struct ringtail_session_options options;
    ringtail_session_options_init(&options, kind);
    options.topic = kind == RINGTAIL_SESSION_SUBSCRIBER ? "news" : NULL;
    options.context = peer;
    options.handlers = (struct ringtail_session_handlers){
        .on_open = peer_on_open,
        .on_lost = peer_on_lost,
        .on_closed = peer_on_closed,
        .on_event = peer_on_event,
        .on_gap = peer_on_gap,
        .on_outcome = peer_on_outcome,
        .on_room = peer_on_room,
    };
    return options;
}

/* --- the transport --- */

static inline int peer_create(struct peer *peer,
                              const struct ringtail_session_options *options)
{
    int err = rt_session_create(&peer->heap.heap, options, &peer->session);
    if (err == 0) {
        peer->session->random = peer_random;
    }
    return err;
}

static inline void peer_begin(struct peer *peer,
                              const struct ringtail_session_options *options)
{
    peer_random_byte = 0;
    peer->now_ms = 1000;
    test_heap_init(&peer->heap, SIZE_MAX);
    EXPECT_INT(peer_create(peer, options), 0);
}

static inline void peer_begin_kind(struct peer *peer,
                                   enum ringtail_session_kind kind)
{
    memset(peer, 0, sizeof(*peer));
    struct ringtail_session_options options = peer_options(peer, kind);
    peer_begin(peer, &options);
}

static inline void peer_expect_state(struct peer *peer,
                                     enum ringtail_session_state state)
{
    EXPECT_INT(ringtail_session_state(peer->session), state);
}

/* Lets the time pass to the session's deadline. */
static inline void peer_wait(struct peer *peer)
{
    uint64_t due_ms = ringtail_session_deadline_ms(peer->session);
    EXPECT(due_ms != UINT64_MAX);
    peer->now_ms = due_ms > peer->now_ms ? due_ms : peer->now_ms;
    ringtail_session_elapsed(peer->session, peer->now_ms);
}

static inline void peer_connect(struct peer *peer)
{
    peer_wait(peer);
    EXPECT_INT(ringtail_session_wanted(peer->session), RINGTAIL_WANT_CONNECT);
    ringtail_session_connected(peer->session, peer->now_ms);
}

/* Everything that the session sends, at most `len` bytes of it. */
static inline struct rt_bytes peer_take_part(struct peer *peer, size_t len)
{
    size_t taken = 0;
    while (taken < len) {
        const char *bytes;
        size_t piece = ringtail_session_output(peer->session, &bytes);
        piece = piece < len - taken ? piece : len - taken;
        if (piece == 0) {
            break;
        }
        memcpy(peer->output + taken, bytes, piece);
        ringtail_session_sent(peer->session, piece);
        taken += piece;
    }
    return (struct rt_bytes){peer->output, taken};
}

static inline struct rt_bytes peer_take(struct peer *peer)
{
    return peer_take_part(peer, PEER_OUTPUT_MAX);
}

static inline void peer_feed(struct peer *peer, struct rt_bytes bytes)
{
    ringtail_session_received(peer->session, bytes.data, bytes.len,
                              peer->now_ms);
}

static inline void peer_feed_text(struct peer *peer, const char *text)
{
    peer_feed(peer, rt_bytes_of(text));
}

static inline void
peer_feed_close(struct peer *peer, uint16_t code, const char *reason)
{
    struct rt_control_frame frame;
    rt_close_frame_init(&frame, code, rt_bytes_of(reason));
    peer_feed(peer, (struct rt_bytes){(const char *)frame.bytes, frame.len});
}

static inline void peer_disconnect(struct peer *peer, int error)
{
    ringtail_session_disconnected(peer->session, error, peer->now_ms);
}

/* The session wants the connection closed. */
static inline void peer_let_go(struct peer *peer)
{
    EXPECT_INT(ringtail_session_wanted(peer->session),
               RINGTAIL_WANT_DISCONNECT);
    peer_disconnect(peer, 0);
}

static inline void peer_end(struct peer *peer)
{
    ringtail_session_destroy(peer->session);
    peer->session = NULL;
}

#endif
