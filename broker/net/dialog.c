#include "broker/net/dialog.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/http_session.h"
#include "broker/net/websocket.h"

static struct rt_server *server_of(const struct rt_dialog *dialog)
{
    return rt_connection_server(dialog->connection);
}

/* --- lifetime --- */

static void go_on(struct rt_asker *asker);

static struct rt_dialog *dialog_create(struct rt_connection *connection)
{
    struct rt_heap *heap = &rt_connection_server(connection)->heap;
    struct rt_dialog *dialog = rt_heap_zalloc(heap, sizeof(*dialog));
    if (dialog != NULL) {
        dialog->connection = connection;
        dialog->is_at_boundary = true;
        rt_list_init(&dialog->waiting);
        rt_list_init(&dialog->subscribers);
        rt_dialog_receipts_init(&dialog->receipts);
        rt_asker_init(&dialog->asker, go_on);
    }
    return dialog;
}

struct rt_dialog *rt_dialog_obtain(struct rt_connection *connection)
{
    if (connection->dialog == NULL) {
        connection->dialog = dialog_create(connection);
    }
    return connection->dialog;
}

static void free_subscribers(struct rt_dialog *dialog)
{
    while (!rt_list_is_empty(&dialog->subscribers)) {
        struct rt_dialog_subscriber *each = RT_LIST_FIRST(
            &dialog->subscribers, struct rt_dialog_subscriber, link);
        rt_list_remove(&each->link);
        rt_heap_free(&server_of(dialog)->heap, each->own, sizeof(*each->own));
        rt_heap_free(&server_of(dialog)->heap, each, sizeof(*each));
    }
}

void rt_dialog_destroy(struct rt_dialog *dialog)
{
    if (dialog == NULL) {
        return;
    }
    struct rt_heap *heap = &server_of(dialog)->heap;
    server_of(dialog)->body_bytes -= dialog->begun_bytes;
    free_subscribers(dialog);
    rt_ws_receiver_destroy(dialog->receiver);
    rt_dialog_receipts_finish(&dialog->receipts, heap);
    rt_buffer_finish(&dialog->answers, heap);
    rt_buffer_finish(&dialog->held, heap);
    rt_buffer_finish(&dialog->message, heap);
    rt_buffer_finish(&dialog->scratch, heap);
    if (dialog->credentials != NULL) {
        rt_heap_free(heap, dialog->credentials, dialog->credentials->size);
    }
    rt_heap_free(heap, dialog, sizeof(*dialog));
}

void rt_dialog_leave(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (dialog == NULL) {
        return;
    }
    rt_dialog_flush(dialog);
    rt_dialog_receipts_drop(&dialog->receipts);
    rt_list_remove(&dialog->waiting);
    rt_asker_detach(&dialog->asker);
    RT_LIST_EACH (node, &dialog->subscribers) {
        rt_subscriber_detach(
            &RT_CONTAINER(node, struct rt_dialog_subscriber, link)->subscriber);
    }
}

/* --- credentials --- */

static struct rt_bytes copy(struct rt_writer *writer, struct rt_bytes text)
{
    struct rt_bytes kept = {writer->at, text.len};
    if (text.data == NULL) {
        return text;
    }
    rt_write_bytes(writer, text);
    return kept;
}

int rt_dialog_keep_credentials(struct rt_connection *connection,
                               const struct rt_http_request *request,
                               const struct rt_target *target)
{
    struct rt_bytes query =
        target->has_query ? target->query : (struct rt_bytes){NULL, 0};
    struct rt_bytes authorization = request->fields[RT_HTTP_AUTHORIZATION];
    struct rt_bytes cookie = request->fields[RT_HTTP_COOKIE];
    struct rt_bytes origin = request->fields[RT_HTTP_ORIGIN];
    size_t len = query.len + authorization.len + cookie.len + origin.len;
    size_t size = sizeof(struct rt_credentials) + len;
    struct rt_dialog *dialog = rt_dialog_obtain(connection);
    struct rt_credentials *kept =
        dialog == NULL ? NULL : rt_heap_alloc(&server_of(dialog)->heap, size);
    struct rt_writer writer;
    if (kept == NULL) {
        return RT_ENOMEM;
    }
    rt_writer_init(&writer, kept->bytes, len);
    *kept = (struct rt_credentials){.size = size};
    kept->query = copy(&writer, query);
    kept->authorization = copy(&writer, authorization);
    kept->cookie = copy(&writer, cookie);
    kept->origin = copy(&writer, origin);
    dialog->credentials = kept;
    return 0;
}

/* --- answers --- */

void rt_dialog_answer(struct rt_dialog *dialog, const struct rt_notice *notice)
{
    struct rt_writer writer;
    char *memory = rt_buffer_reserve(&dialog->answers, &server_of(dialog)->heap,
                                     RT_NOTICE_BYTES_MAX);
    if (memory == NULL) {
        rt_connection_close(dialog->connection);
        return;
    }
    rt_writer_init(&writer, memory, RT_NOTICE_BYTES_MAX);
    rt_notice_write(&writer, RT_FORMAT_JSON, notice);
    RT_CHECK(!writer.overflowed);
    dialog->answers.len += rt_writer_bytes(&writer).len;
}

static void shrink(struct rt_dialog *dialog, struct rt_buffer *buffer)
{
    buffer->len = 0;
    if (buffer->capacity > RT_DIALOG_KEPT_BYTES) {
        rt_buffer_finish(buffer, &server_of(dialog)->heap);
    }
}

void rt_dialog_flush(struct rt_dialog *dialog)
{
    struct rt_bytes bytes = {dialog->answers.data, dialog->answers.len};
    if (dialog->connection->state == RT_CONNECTION_WEBSOCKET &&
        rt_connection_write(dialog->connection, bytes) == 0) {
        shrink(dialog, &dialog->answers);
    }
}

/* --- input --- */

static bool is_idle(const struct rt_dialog *dialog)
{
    return dialog->state == RT_DIALOG_OPEN && !dialog->is_paused &&
           dialog->is_at_boundary && dialog->subscriber_count == 0 &&
           dialog->credentials == NULL &&
           rt_dialog_receipts_are_none(&dialog->receipts);
}

/* Nothing of it is left, and nobody has spoken since the last heartbeat: what
 * comes then is mostly a pong, and there is no use for a dialog. */
static void rest(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (is_idle(dialog) && !dialog->has_spoken) {
        connection->dialog = NULL;
        rt_dialog_destroy(dialog);
    }
}

bool rt_dialog_may_go_on(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (connection->state == RT_CONNECTION_CLOSING) {
        return true; /* a close frame is waited for */
    }
    if (dialog->answers.len > RT_ANSWERS_MAX) {
        rt_dialog_flush(dialog);
    }
    return connection->state == RT_CONNECTION_WEBSOCKET &&
           dialog->state == RT_DIALOG_OPEN &&
           !rt_dialog_receipts_are_full(&dialog->receipts) &&
           !rt_connection_is_blocked(connection);
}

void rt_dialog_hold_input(struct rt_connection *connection,
                          struct rt_bytes bytes)
{
    struct rt_dialog *dialog = connection->dialog;
    struct rt_heap *heap = &server_of(dialog)->heap;
    size_t kept = heap->limit / RT_HELD_KEEP_PART;
    if (rt_heap_is_low(heap, bytes.len + kept) ||
        rt_buffer_append(&dialog->held, heap, bytes) < 0) {
        rt_connection_close(connection);
    }
}

static void pause_with(struct rt_connection *connection, struct rt_bytes left)
{
    connection->dialog->is_paused = true;
    rt_connection_pause(connection);
    if (rt_connection_is_blocked(connection)) {
        rt_connection_await_drain(connection);
    }
    rt_dialog_hold_input(connection, left);
}

/* Behind a large message neither the receiver, which has put it together, nor
 * what its texts took is kept. */
static void forget_large(struct rt_dialog *dialog)
{
    if (dialog->scratch.capacity > RT_DIALOG_KEPT_BYTES &&
        dialog->is_at_boundary) {
        rt_ws_receiver_destroy(dialog->receiver);
        dialog->receiver = NULL;
    }
    shrink(dialog, &dialog->scratch);
}

/* Messages that are not whole count with the bodies that are not, and as those
 * they may have a part of the memory; small ones do not. */
static void count_begun(struct rt_dialog *dialog)
{
    struct rt_server *server = server_of(dialog);
    size_t before = dialog->begun_bytes;
    dialog->begun_bytes = dialog->receiver == NULL
                              ? 0
                              : rt_ws_receiver_begun_bytes(dialog->receiver);
    server->body_bytes += dialog->begun_bytes - before;
}

static bool is_begun_too_much(const struct rt_dialog *dialog)
{
    const struct rt_server *server = server_of(dialog);
    uint64_t max = server->heap.limit / RT_BODIES_PART;
    uint64_t least = server->options.event_bytes_max + RT_MESSAGE_EXTRA_BYTES;
    return dialog->begun_bytes > RT_BODY_SMALL_MAX &&
           (rt_heap_is_low(&server->heap, 0) ||
            server->body_bytes > (max > least ? max : least));
}

void rt_dialog_end_input(struct rt_connection *connection, struct rt_bytes left)
{
    struct rt_dialog *dialog = connection->dialog;
    rt_dialog_flush(dialog);
    forget_large(dialog);
    count_begun(dialog);
    if (connection->state == RT_CONNECTION_WEBSOCKET &&
        is_begun_too_much(dialog)) {
        rt_websocket_fail(connection, RT_CLOSE_OVERLOAD);
    }
    if (connection->state != RT_CONNECTION_WEBSOCKET) {
        return;
    }
    if (rt_dialog_may_go_on(connection)) {
        rest(connection);
    } else {
        pause_with(connection, left);
    }
}

void rt_dialog_continue(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (dialog == NULL || !dialog->is_paused ||
        !rt_dialog_may_go_on(connection)) {
        return;
    }
    struct rt_heap *heap = &server_of(dialog)->heap;
    struct rt_buffer input = dialog->held;
    dialog->held = (struct rt_buffer){0};
    dialog->is_paused = false;
    rt_connection_resume(connection);
    rt_websocket_input(connection, (struct rt_bytes){input.data, input.len});
    rt_buffer_finish(&input, heap);
}

/* --- the host's verdict --- */

int rt_dialog_hold_message(struct rt_dialog *dialog, struct rt_bytes message)
{
    dialog->state = RT_DIALOG_ASKING;
    return rt_buffer_append(&dialog->message, &server_of(dialog)->heap,
                            message);
}

/* The operation is handled anew, and finds the verdict. */
static void go_on(struct rt_asker *asker)
{
    struct rt_dialog *dialog = RT_CONTAINER(asker, struct rt_dialog, asker);
    struct rt_connection *connection = dialog->connection;
    struct rt_heap *heap = &server_of(dialog)->heap;
    struct rt_buffer message = dialog->message;
    dialog->message = (struct rt_buffer){0};
    dialog->state = RT_DIALOG_OPEN;
    rt_dialog_message(connection, RT_OPCODE_TEXT,
                      (struct rt_bytes){message.data, message.len});
    rt_buffer_finish(&message, heap);
    rt_dialog_flush(dialog);
    if (connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_websocket_renew_timer(connection);
        rt_dialog_continue(connection);
    }
}

/* --- congestion --- */

void rt_dialog_wait(struct rt_dialog *dialog, struct rt_bytes topic)
{
    dialog->state = RT_DIALOG_WAITING;
    dialog->topic_len = (uint8_t)topic.len;
    memcpy(dialog->topic, topic.data, topic.len);
    rt_list_append(&server_of(dialog)->dialogs, &dialog->waiting);
}

void rt_dialogs_continue(struct rt_server *server)
{
    struct rt_list waiting;
    rt_list_init(&waiting);
    rt_list_move(&waiting, &server->dialogs);
    while (!rt_list_is_empty(&waiting)) {
        struct rt_dialog *dialog =
            RT_LIST_FIRST(&waiting, struct rt_dialog, waiting);
        struct rt_bytes topic = {dialog->topic, dialog->topic_len};
        rt_list_remove(&dialog->waiting);
        if (rt_core_is_congested(&server->core, topic)) {
            rt_list_append(&server->dialogs, &dialog->waiting);
        } else {
            dialog->state = RT_DIALOG_OPEN;
            rt_dialog_continue(dialog->connection);
        }
    }
}

/* --- time --- */

bool rt_dialog_timeout(struct rt_connection *connection)
{
    struct rt_dialog *dialog = connection->dialog;
    if (dialog == NULL) {
        return true;
    }
    if (rt_asker_is_waiting(&dialog->asker)) {
        rt_asker_give_up(&dialog->asker);
        return false;
    }
    if (dialog->is_paused && !rt_connection_is_blocked(connection)) {
        rt_websocket_renew_timer(connection); /* a pong may wait to be read */
        return false;
    }
    dialog->has_spoken = false;
    rest(connection);
    return true;
}
