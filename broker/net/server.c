#include "broker/net/server.h"

#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "broker/core/fanout.h"
#include "broker/core/local.h"
#include "broker/net/ask.h"
#include "broker/net/committer.h"
#include "broker/net/connection.h"
#include "broker/net/dialog.h"
#include "broker/net/http_session.h"
#include "broker/net/listener.h"
#include "broker/net/poll.h"
#include "broker/net/sink.h"
#include "broker/net/write.h"

#define OWN_HANDLES 4

/* --- time --- */

/*
 * The broker's time follows the loop's, but never by more than a step at once:
 * a process that was suspended, or a host that blocked its loop, must not find
 * all its peers overdue. And after such a step nobody is judged before what
 * they sent meanwhile has been read: the timer waits for the next check.
 */
void rt_server_update_time(struct rt_server *server)
{
    uint64_t loop_ms = uv_now(server->loop);
    uint64_t passed = loop_ms - server->loop_ms;
    if (passed == 0) {
        return;
    }
    server->loop_ms = loop_ms;
    if (passed >= RT_TIME_STEP_MS) {
        passed = RT_TIME_STEP_MS;
        server->is_late = true;
    }
    rt_core_set_time(&server->core, server->core.now_ms + passed,
                     rt_clock_wall_ms());
}

static void renew_date(struct rt_server *server)
{
    struct rt_writer writer;
    uint64_t wall_ms = server->core.wall_ms;
    rt_writer_init(&writer, server->date, sizeof(server->date));
    rt_http_date_write(&writer, wall_ms);
    server->date_ms = wall_ms - wall_ms % 1000;
}

struct rt_bytes rt_server_date(struct rt_server *server)
{
    /* Of a time before that, the difference is large. */
    if (RT_UNLIKELY(server->core.wall_ms - server->date_ms >= 1000)) {
        renew_date(server);
    }
    return (struct rt_bytes){server->date, sizeof(server->date)};
}

/* --- the turn --- */

static bool has_work(const struct rt_server *server)
{
    return !rt_list_is_empty(&server->answering) ||
           !rt_list_is_empty(&server->authorized) ||
           !rt_list_is_empty(&server->woken) ||
           !rt_list_is_empty(&server->postponed) ||
           !rt_list_is_empty(&server->core.dirty) ||
           !rt_list_is_empty(&server->core.lagging) ||
           !rt_list_is_empty(&server->core.ready) ||
           rt_wheel_is_due(&server->wheel) ||
           (server->committer != NULL &&
            rt_committer_has_work(server->committer));
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it is there keeps the loop from waiting */
}

/* Not while the handles are being closed: what is left then is delivered when
 * they are. */
static void keep_awake(struct rt_server *server)
{
    if (server->state < RT_SERVER_CLOSING) {
        (void)uv_idle_start(&server->idle, on_idle);
    }
}

void rt_server_wake(struct rt_server *server)
{
    if (has_work(server)) {
        keep_awake(server);
    }
}

static void write_answers(struct rt_server *server)
{
    struct rt_list ready;
    rt_list_init(&ready);
    rt_list_move(&ready, &server->answering);
    while (!rt_list_is_empty(&ready)) {
        struct rt_http_session *session =
            RT_LIST_FIRST(&ready, struct rt_http_session, answering);
        rt_http_session_flush(session);
    }
}

/* Publishers whose topic has caught up may go on. */
static void continue_waiting(struct rt_server *server)
{
    struct rt_list waiting;
    if (rt_list_is_empty(&server->waiting)) {
        return;
    }
    rt_list_init(&waiting);
    rt_list_move(&waiting, &server->waiting);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_http_session *session =
            RT_LIST_FIRST(&waiting, struct rt_http_session, waiting);
        struct rt_bytes topic = {session->exchange.topic,
                                 session->exchange.topic_len};
        rt_list_remove(&session->waiting);
        if (rt_core_is_congested(&server->core, topic)) {
            rt_list_append(&server->waiting, &session->waiting);
        } else {
            rt_http_session_continue(session);
        }
    }
}

/* Sessions with more requests than the last turn had time for. */
static void continue_postponed(struct rt_server *server)
{
    struct rt_list postponed;
    if (rt_list_is_empty(&server->postponed)) {
        return;
    }
    rt_list_init(&postponed);
    rt_list_move(&postponed, &server->postponed);
    while (!rt_list_is_empty(&postponed)) {
        struct rt_http_session *session =
            RT_LIST_FIRST(&postponed, struct rt_http_session, waiting);
        rt_list_remove(&session->waiting);
        rt_http_session_continue(session);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct rt_server *server = prepare->data;
    rt_sigpipe_prepare(&server->sigpipe, server->queued_writes > 0);
}

/* Small fan-outs first, then the publishers, then the large ones: that is what
 * each of them waits for the least. The host's own subscriptions come last: how
 * long their callbacks take is not for us to say. */
static void on_check(uv_check_t *check)
{
    struct rt_server *server = check->data;
    server->is_late = false;
    rt_sigpipe_check(&server->sigpipe);
    rt_input_share_renew(&server->input_share);
    rt_listeners_continue(server);
    rt_wheel_run(&server->wheel, RT_TIMEOUTS_MAX, rt_connection_on_timer, NULL);
    rt_ask_continue(server);
    continue_postponed(server);
    rt_core_flush_small(&server->core);
    write_answers(server);
    if (server->committer != NULL) {
        rt_committer_continue(server->committer);
    }
    (void)rt_core_flush(&server->core);
    (void)rt_core_deliver(&server->core);
    rt_polls_answer(server);
    continue_waiting(server);
    rt_dialogs_continue(server);
    if (has_work(server)) {
        keep_awake(server);
    } else {
        (void)uv_idle_stop(&server->idle);
    }
}

/* --- the handles --- */

static void visit_own_handles(struct rt_server *server,
                              void (*visit)(uv_handle_t *handle))
{
    visit((uv_handle_t *)&server->prepare);
    visit((uv_handle_t *)&server->check);
    visit((uv_handle_t *)&server->idle);
    visit((uv_handle_t *)&server->timer);
}

static void visit_connection(struct rt_wheel_entry *entry, void *context)
{
    void (*const *visit)(uv_handle_t *) = context;
    (*visit)(&RT_CONTAINER(entry, struct rt_connection, timer)->handle);
}

static void visit_handles(struct rt_server *server,
                          void (*visit)(uv_handle_t *handle))
{
    visit_own_handles(server, visit);
    rt_committer_visit(server->committer, visit);
    rt_listeners_visit(server, visit);
    rt_wheel_visit(&server->wheel, visit_connection, &visit);
}

void rt_server_unref(struct rt_server *server)
{
    server->is_unref = true;
    visit_handles(server, uv_unref);
}

void rt_server_ref(struct rt_server *server)
{
    server->is_unref = false;
    visit_handles(server, uv_ref);
}

void rt_server_add_handle(struct rt_server *server, uv_handle_t *handle)
{
    handle->data = server;
    if (server->is_unref) {
        uv_unref(handle);
    }
}

/* --- the timer, and stopping --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct rt_server *server = handle->data;
    if (--server->own_handles == 0) {
        server->state = RT_SERVER_STOPPED;
        server->on_stopped(server->stopped_context);
    }
}

static void close_own_handle(uv_handle_t *handle)
{
    uv_close(handle, on_handle_closed);
}

/* When the last connection is gone, so may be the rest. */
static void close_if_done(struct rt_server *server)
{
    if (server->state != RT_SERVER_DRAINING || server->connection_count > 0 ||
        !rt_list_is_empty(&server->listeners)) {
        return;
    }
    server->state = RT_SERVER_CLOSING;
    visit_own_handles(server, close_own_handle);
}

void rt_server_note_closed(struct rt_server *server)
{
    close_if_done(server);
}

static void close_connection(struct rt_wheel_entry *entry, void *context)
{
    (void)context;
    rt_connection_close(RT_CONTAINER(entry, struct rt_connection, timer));
}

static void drop_read_buffer(struct rt_server *server)
{
    rt_heap_free(&server->heap, server->read_buffer, RT_READ_BYTES);
    server->read_buffer = NULL;
}

char *rt_server_read_buffer(struct rt_server *server)
{
    if (server->read_buffer == NULL) {
        server->read_buffer = rt_heap_alloc(&server->heap, RT_READ_BYTES);
    }
    return server->read_buffer;
}

/* After a long time without reading, once: the host may take long in every
 * turn. */
static bool should_wait(struct rt_server *server)
{
    server->has_waited = server->is_late && !server->has_waited;
    return server->has_waited;
}

static void on_timer(uv_timer_t *timer)
{
    struct rt_server *server = timer->data;
    rt_server_update_time(server);
    if (should_wait(server)) {
        (void)uv_timer_start(timer, on_timer, 1, RT_TICK_MS);
        return;
    }
    rt_wheel_advance(&server->wheel,
                     (uint32_t)(server->core.now_ms / RT_TICK_MS));
    rt_core_tick(&server->core);
    rt_committer_tick(server->committer);
    rt_http_sessions_trim(server);
    rt_pool_trim(&server->authorizations);
    rt_pool_trim(&server->polls);
    rt_pool_trim(&server->writes);
    rt_server_report(server);
    if (server->connection_count == 0) {
        drop_read_buffer(server);
    }
    if (server->state == RT_SERVER_DRAINING) {
        if (server->core.now_ms >= server->drain_end_ms) {
            rt_wheel_visit(&server->wheel, close_connection, NULL);
        }
        close_if_done(server);
    }
    rt_server_wake(server);
}

/* From here on the ticks are such that one comes when the time is over. */
static void begin_drain(struct rt_server *server, uint64_t drain_ms)
{
    uint64_t now_ms = server->core.now_ms;
    bool is_endless = drain_ms > UINT64_MAX - now_ms;
    server->drain_end_ms = is_endless ? UINT64_MAX : now_ms + drain_ms;
    (void)uv_timer_start(&server->timer, on_timer, drain_ms % RT_TICK_MS,
                         RT_TICK_MS);
}

void rt_server_stop(struct rt_server *server,
                    uint64_t drain_ms,
                    void (*done)(void *context),
                    void *context)
{
    RT_CHECK(server->state == RT_SERVER_RUNNING);
    server->state = RT_SERVER_DRAINING;
    server->on_stopped = done;
    server->stopped_context = context;
    rt_server_update_time(server);
    begin_drain(server, drain_ms);
    rt_listeners_close(server);
    rt_wheel_visit(&server->wheel, rt_connection_on_stop, NULL);
    close_if_done(server);
    rt_server_wake(server);
}

/* --- lifetime --- */

static uint32_t random_epoch(void)
{
    uint32_t epoch = 0;
    /* Up to 256 bytes it neither blocks nor is interrupted once seeded. */
    RT_CHECK(getrandom(&epoch, sizeof(epoch), 0) == sizeof(epoch));
    return epoch;
}

static void start_handles(struct rt_server *server)
{
    (void)uv_prepare_init(server->loop, &server->prepare);
    (void)uv_check_init(server->loop, &server->check);
    (void)uv_idle_init(server->loop, &server->idle);
    (void)uv_timer_init(server->loop, &server->timer);
    server->own_handles = OWN_HANDLES;
    server->prepare.data = server;
    server->check.data = server;
    server->idle.data = server;
    server->timer.data = server;
    (void)uv_prepare_start(&server->prepare, on_prepare);
    (void)uv_check_start(&server->check, on_check);
    (void)uv_timer_start(&server->timer, on_timer, RT_TICK_MS, RT_TICK_MS);
}

static void init_lists(struct rt_server *server)
{
    rt_wheel_init(&server->wheel);
    rt_list_init(&server->listeners);
    rt_list_init(&server->answering);
    rt_list_init(&server->waiting);
    rt_list_init(&server->dialogs);
    rt_list_init(&server->authorized);
    rt_list_init(&server->postponed);
    rt_list_init(&server->unanswered);
    rt_list_init(&server->disk_waiters);
    rt_list_init(&server->woken);
    rt_pool_init(&server->polls, &server->heap, sizeof(struct rt_poll),
                 RT_POLLS_SPARE);
    rt_pool_init(&server->authorizations, &server->heap, rt_ask_size(),
                 RT_QUESTIONS_SPARE);
    rt_list_init(&server->spare_sessions);
    rt_pool_init(&server->writes, &server->heap, rt_write_size(),
                 RT_WRITES_SPARE);
}

void rt_server_init(struct rt_server *server,
                    uv_loop_t *loop,
                    const struct rt_server_options *options)
{
    *server = (struct rt_server){
        .loop = loop,
        .thread = uv_thread_self(),
        .options = *options,
        .state = RT_SERVER_STOPPED,
        .report = {.log = options->log, .context = options->log_context}};
    rt_heap_init_over(&server->heap, options->memory_max, options->resize,
                      options->resize_context);
    size_t share = options->memory_max / RT_RESERVE_PART;
    server->heap.reserve = share < RT_RESERVE_MAX ? share : RT_RESERVE_MAX;
    struct rt_core_options core_options = {
        .retention = options->retention,
        .idempotency = options->idempotency,
        .ack = options->ack,
        .stall_timeout_ms = options->stall_timeout_ms,
        .sink = &rt_connection_sink,
        .random = random_epoch,
    };
    rt_core_init(&server->core, &server->heap, &core_options);
    rt_input_share_renew(&server->input_share);
    init_lists(server);
}

bool rt_server_is_on_thread(const struct rt_server *server)
{
    uv_thread_t self = uv_thread_self();
    return uv_thread_equal(&self, &server->thread) != 0;
}

void rt_server_start(struct rt_server *server)
{
    RT_CHECK(server->state == RT_SERVER_STOPPED);
    server->state = RT_SERVER_RUNNING;
    server->loop_ms = uv_now(server->loop);
    rt_sigpipe_init(&server->sigpipe);
    rt_core_set_time(&server->core, 0, rt_clock_wall_ms());
    start_handles(server);
    rt_committer_start(server->committer);
}

void rt_server_finish(struct rt_server *server)
{
    RT_CHECK(server->state == RT_SERVER_STOPPED);
    RT_CHECK(server->queued_writes == 0 && !server->sigpipe.is_held);
    rt_http_sessions_finish(server);
    rt_ask_finish(server);
    rt_pool_finish(&server->polls);
    rt_pool_finish(&server->writes);
    rt_committer_destroy(server->committer);
    rt_core_finish(&server->core);
    drop_read_buffer(server);
    RT_CHECK(server->heap.used == 0);
}
