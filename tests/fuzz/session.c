/*
 * The client's session, with a broker that may say anything at any time. An
 * input is a byte with what the user does, and a script: what the broker sends,
 * and between that
 *
 *     p, P, l  the user publishes: a small event, a large one, one too large
 *     s        the transport sends a few bytes, though it holds back
 *     h, r     the transport holds the output back, and sends again
 *     d, x     the connection is lost, or cannot be made
 *     t        the time passes up to the deadline
 *
 * Every event has exactly one outcome, in the order of the calls; no event is
 * skipped without a gap, nothing is told after the end, and memory stays within
 * what the options say.
 */
#include <string.h>

#include "base/error.h"
#include "clients/c/session.h"
#include "tests/fuzz/fuzz.h"

#define IN_FLIGHT_EVENTS 8
#define IN_FLIGHT_BYTES  4096
#define EVENT_BYTES      4096
#define LARGE_BYTES      1500
#define SPARE_BYTES      ((size_t)256 * 1024) /* as the header says */
#define PART_BYTES       7
#define PUBLISHED_MAX    256 /* by outcomes, for one input */

/* RFC 6455, section 1.3. */
#define NONCE "the sample nonce"

/* Bits of the first byte. */
enum {
    IS_SUBSCRIBER = 1,
    PUBLISHES_IN_OUTCOMES = 2,
    GETS_SINGLE_BYTES = 4,
    DESTROYS_IN_CALLBACKS = 128,
};

struct user {
    struct ringtail_session *session; /* NULL: destroyed */
    uint64_t now_ms;
    uint8_t habits;
    bool is_holding;
    bool is_fresh; /* connected, and nothing sent */
    bool is_closed;
    uint64_t taken;    /* events, whose tags count from 1 */
    uint64_t outcomes; /* in the order of the calls */
    uint64_t events;
    uint64_t gaps;
    bool has_cursor;
    struct ringtail_cursor cursor; /* of the last event or gap */
};

static int draw(void *memory, size_t len)
{
    memset(memory, 'r', len);
    if (len == RT_WS_NONCE_BYTES) {
        memcpy(memory, NONCE, len);
    }
    return 0;
}

/* --- the user --- */

static const char payload[IN_FLIGHT_BYTES];

static void publish(struct user *user, size_t len)
{
    struct ringtail_new_event event = {
        .topic = len % 2 == 0 ? "news" : "chat",
        .payload = payload,
        .len = len,
        .tag = (void *)(uintptr_t)(user->taken + 1)};
    if (user->session == NULL) {
        return;
    }
    int err = ringtail_session_publish(user->session, &event);
    user->taken += err == 0;
    RT_CHECK(err == 0 || err == RINGTAIL_EFULL || err == RINGTAIL_ETOOLARGE ||
             err == RT_EINVAL);
    RT_CHECK(ringtail_session_pending(user->session) ==
             user->taken - user->outcomes);
}

/* Every callback: none comes after the end. */
static void note(struct user *user)
{
    RT_CHECK(user->session != NULL && !user->is_closed);
    if ((user->habits & DESTROYS_IN_CALLBACKS) != 0) {
        ringtail_session_destroy(user->session);
        user->session = NULL;
    }
}

static void on_open(void *context)
{
    note(context);
}

static void check_failure(const struct ringtail_failure *failure)
{
    for (const char *at = failure->detail; *at != '\0'; at++) {
        RT_CHECK((uint8_t)*at >= ' ' && *at != '\x7f');
    }
}

static void on_lost(void *context, const struct ringtail_failure *failure)
{
    check_failure(failure);
    RT_CHECK(failure->retry_ms <= (uint64_t)RT_SESSION_RETRY_AFTER_MAX * 1000);
    note(context);
}

static void on_closed(void *context, const struct ringtail_failure *failure)
{
    struct user *user = context;
    check_failure(failure);
    note(user);
    user->is_closed = true;
}

static void on_event(void *context, const struct ringtail_client_event *event)
{
    struct user *user = context;
    RT_CHECK(event->len <= EVENT_BYTES);
    RT_CHECK(!user->has_cursor ||
             (event->cursor.epoch == user->cursor.epoch &&
              event->cursor.offset == user->cursor.offset + 1));
    user->events++;
    user->has_cursor = true;
    user->cursor = event->cursor;
    note(user);
}

static void on_gap(void *context, const struct ringtail_gap *gap)
{
    struct user *user = context;
    RT_CHECK(gap->has_missed || gap->missed == 0);
    user->gaps++;
    user->has_cursor = true;
    user->cursor = gap->cursor;
    note(user);
}

static void on_outcome(void *context, const struct ringtail_outcome *outcome)
{
    struct user *user = context;
    RT_CHECK((uintptr_t)outcome->tag == ++user->outcomes);
    RT_CHECK(user->outcomes <= user->taken);
    note(user);
    if ((user->habits & PUBLISHES_IN_OUTCOMES) != 0 &&
        user->taken < PUBLISHED_MAX) {
        publish(user, 1);
    }
}

static void on_room(void *context)
{
    struct user *user = context;
    RT_CHECK(ringtail_session_pending(user->session) <= IN_FLIGHT_EVENTS / 2);
    note(user);
}

static void create(struct user *user, const struct rt_heap *heap)
{
    bool is_subscriber = (user->habits & IS_SUBSCRIBER) != 0;
    struct ringtail_session_options options;
    ringtail_session_options_init(&options, is_subscriber
                                                ? RINGTAIL_SESSION_SUBSCRIBER
                                                : RINGTAIL_SESSION_PUBLISHER);
    options.topic = is_subscriber ? "news" : NULL;
    options.in_flight_events = IN_FLIGHT_EVENTS;
    options.in_flight_bytes = IN_FLIGHT_BYTES;
    options.event_bytes = EVENT_BYTES;
    options.context = user;
    options.handlers = (struct ringtail_session_handlers){
        .on_open = on_open,
        .on_lost = on_lost,
        .on_closed = on_closed,
        .on_event = on_event,
        .on_gap = on_gap,
        .on_outcome = on_outcome,
        .on_room = on_room,
    };
    RT_CHECK(rt_session_create(heap, &options, &user->session) == 0);
    user->session->random = draw;
}

/* --- the transport --- */

/* A connection begins with a request, never with the rest of one. */
static void check_beginning(const struct user *user, struct rt_bytes output)
{
    struct rt_bytes request = (user->habits & IS_SUBSCRIBER) != 0
                                  ? RT_BYTES("GET /subscribe/")
                                  : RT_BYTES("POST /produce/");
    RT_CHECK(rt_bytes_starts_with(output, request));
}

static void send_output(struct user *user, size_t len_max)
{
    const char *bytes;
    size_t len = ringtail_session_output(user->session, &bytes);
    if (user->is_fresh && len > 0) {
        check_beginning(user, (struct rt_bytes){bytes, len});
        user->is_fresh = false;
    }
    while (len > 0) {
        len = len < len_max ? len : len_max;
        ringtail_session_sent(user->session, len);
        len = len_max == SIZE_MAX
                  ? ringtail_session_output(user->session, &bytes)
                  : 0;
    }
}

static void check(const struct user *user)
{
    const struct ringtail_session *session = user->session;
    bool is_subscriber = (user->habits & IS_SUBSCRIBER) != 0;
    size_t limit = is_subscriber ? 4 * EVENT_BYTES
                                 : 4 * IN_FLIGHT_BYTES + 32 * IN_FLIGHT_EVENTS;
    RT_CHECK(session->heap.used <= limit + SPARE_BYTES + sizeof(*session));
    RT_CHECK(ringtail_session_pending(session) == user->taken - user->outcomes);
    RT_CHECK(user->is_closed ==
             (ringtail_session_state(session) == RINGTAIL_SESSION_CLOSED));
}

static void pass_time(struct user *user)
{
    uint64_t due_ms = ringtail_session_deadline_ms(user->session);
    if (due_ms != UINT64_MAX) {
        user->now_ms = due_ms > user->now_ms ? due_ms : user->now_ms;
    }
    ringtail_session_elapsed(user->session, user->now_ms);
}

/* Does what the session wants but for connecting, which waits for a script
 * that goes on. */
static void serve(struct user *user)
{
    if (user->session != NULL && !user->is_holding) {
        send_output(user, SIZE_MAX);
    }
    if (user->session != NULL &&
        ringtail_session_wanted(user->session) == RINGTAIL_WANT_DISCONNECT) {
        ringtail_session_disconnected(user->session, 0, user->now_ms);
    }
    if (user->session != NULL &&
        ringtail_session_state(user->session) == RINGTAIL_SESSION_WAITING) {
        pass_time(user);
    }
}

static void connect(struct user *user)
{
    if (user->session != NULL &&
        ringtail_session_wanted(user->session) == RINGTAIL_WANT_CONNECT) {
        user->is_fresh = true;
        ringtail_session_connected(user->session, user->now_ms);
    }
    if (user->session != NULL && !user->is_holding) {
        send_output(user, SIZE_MAX);
    }
}

/* --- the script --- */

static void do_deed(struct user *user, char deed)
{
    switch (deed) {
    case 'p':
        publish(user, 5);
        break;
    case 'P':
        publish(user, LARGE_BYTES);
        break;
    case 'l':
        publish(user, IN_FLIGHT_BYTES);
        break;
    case 's':
        send_output(user, PART_BYTES);
        break;
    case 'h':
    case 'r':
        user->is_holding = deed == 'h';
        break;
    case 'd':
    case 'x':
        ringtail_session_disconnected(user->session, -ECONNREFUSED,
                                      user->now_ms);
        break;
    case 't':
        pass_time(user);
        break;
    default:
        break; /* a cut */
    }
}

/* Whether the broker goes on somewhere else than where the session was. */
static bool is_gap_due(const struct user *user)
{
    const struct rt_session_subscriber *subscriber = &user->session->subscriber;
    return subscriber->is_announced &&
           (subscriber->announced.epoch != subscriber->cursor.epoch ||
            subscriber->announced.offset != subscriber->cursor.offset);
}

static void receive(struct user *user, struct rt_bytes bytes)
{
    uint64_t events = user->events;
    uint64_t gaps = user->gaps;
    bool is_due = is_gap_due(user);
    ringtail_session_received(user->session, bytes.data, bytes.len,
                              ++user->now_ms);
    RT_CHECK(!is_due || user->events == events || user->gaps > gaps ||
             user->session == NULL);
}

static void receive_all(struct user *user, struct rt_bytes bytes)
{
    size_t step = (user->habits & GETS_SINGLE_BYTES) != 0 ? 1 : bytes.len;
    for (size_t i = 0; i < bytes.len && user->session != NULL; i += step) {
        receive(user, (struct rt_bytes){bytes.data + i, step});
    }
}

static void run_step(struct user *user, struct rt_bytes bytes, char deed)
{
    if (bytes.len > 0 || deed == 's') {
        connect(user);
    }
    receive_all(user, bytes);
    if (user->session != NULL) {
        do_deed(user, deed);
    }
    serve(user);
    if (user->session != NULL) {
        check(user);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct user user = {.now_ms = 1000, .habits = fuzz_take_byte(&input)};
    struct rt_heap heap;
    rt_heap_init(&heap, SIZE_MAX);
    create(&user, &heap);
    serve(&user);
    while (input.len > 0 && user.session != NULL) {
        struct rt_bytes bytes;
        char deed = fuzz_take_step(&input, &bytes);
        run_step(&user, bytes, deed);
    }
    ringtail_session_destroy(user.session);
    return 0;
}
