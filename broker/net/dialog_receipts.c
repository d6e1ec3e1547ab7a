#include "broker/net/dialog_receipts.h"

#include <string.h>

#include "base/error.h"
#include "broker/net/dialog.h"
#include "broker/net/http_session.h"

/* --- answers --- */

static void answer_ok(struct rt_dialog *dialog,
                      const struct rt_dialog_receipt *told)
{
    struct rt_notice ok = {.kind = RT_NOTICE_OK,
                           .id = told->id,
                           .topic = told->topic,
                           .has_cursor = true,
                           .has_offset = true,
                           .cursor = told->receipt.cursor,
                           .wall_ms = told->receipt.wall_ms,
                           .ack = told->receipt.ack};
    if (told->is_replayed) {
        ok.detail = RT_BYTES("replayed");
    }
    rt_dialog_answer(dialog, &ok);
}

static void answer_error(struct rt_dialog *dialog,
                         const struct rt_dialog_receipt *told,
                         int err)
{
    struct rt_refusal refusal = {
        .problem = rt_disk_problem(err),
        .subject = told->topic,
        .detail = "whether the event will be on disk is not known"};
    struct rt_notice error = {
        .kind = RT_NOTICE_ERROR, .id = told->id, .refusal = &refusal};
    rt_dialog_answer(dialog, &error);
}

static void
answer(struct rt_dialog *dialog, const struct rt_dialog_receipt *told, int err)
{
    if (err < 0) {
        answer_error(dialog, told, err);
    } else {
        answer_ok(dialog, told);
    }
}

/* --- later --- */

static size_t size_of(const struct rt_dialog_receipt *told)
{
    return sizeof(*told) + told->id.len + told->topic.len;
}

static void owe(struct rt_dialog *dialog, const struct rt_dialog_receipt *told)
{
    struct rt_server *server = rt_connection_server(dialog->connection);
    struct rt_buffer *owed = &dialog->receipts.owed;
    struct rt_writer writer;
    char *memory = rt_buffer_reserve(owed, &server->heap, size_of(told));
    if (memory == NULL) {
        rt_connection_close(dialog->connection);
        return;
    }
    rt_writer_init(&writer, memory, size_of(told));
    rt_write_bytes(&writer,
                   (struct rt_bytes){(const char *)told, sizeof(*told)});
    rt_write_bytes(&writer, told->id);
    rt_write_bytes(&writer, told->topic);
    owed->len += size_of(told);
    rt_disk_wait(server, &dialog->receipts.waiter);
}

static struct rt_dialog_receipt read_at(const char *at)
{
    struct rt_dialog_receipt told;
    memcpy(&told, at, sizeof(told));
    told.id.data = at + sizeof(told);
    told.topic.data = told.id.data + told.id.len;
    return told;
}

/* Returns the bytes of those that are not owed any more. */
static size_t answer_done(struct rt_dialog *dialog, uint64_t done, int err)
{
    const struct rt_buffer *owed = &dialog->receipts.owed;
    size_t at = 0;
    while (at < owed->len) {
        struct rt_dialog_receipt told = read_at(owed->data + at);
        bool is_done = told.receipt.ticket <= done;
        if (!is_done && err == 0) {
            break;
        }
        answer(dialog, &told, is_done ? 0 : err);
        at += size_of(&told);
    }
    return at;
}

static void on_done(struct rt_disk_waiter *waiter, uint64_t done, int err)
{
    struct rt_dialog_receipts *receipts =
        RT_CONTAINER(waiter, struct rt_dialog_receipts, waiter);
    struct rt_dialog *dialog =
        RT_CONTAINER(receipts, struct rt_dialog, receipts);
    struct rt_server *server = rt_connection_server(dialog->connection);
    rt_buffer_consume(&receipts->owed, answer_done(dialog, done, err));
    if (receipts->owed.len > 0) {
        rt_disk_wait(server, waiter);
    } else if (receipts->owed.capacity > RT_DIALOG_KEPT_BYTES) {
        rt_buffer_finish(&receipts->owed, &server->heap);
    }
    rt_dialog_flush(dialog);
    rt_dialog_continue(dialog->connection);
}

void rt_dialog_tell(struct rt_dialog *dialog,
                    const struct rt_dialog_receipt *told)
{
    const struct rt_server *server = rt_connection_server(dialog->connection);
    int err = told->receipt.ack == RT_ACK_DISK
                  ? rt_disk_check(server, told->receipt.ticket)
                  : 0;
    if (err == RT_EAGAIN) {
        owe(dialog, told);
    } else {
        answer(dialog, told, err);
    }
}

/* --- lifetime --- */

void rt_dialog_receipts_init(struct rt_dialog_receipts *receipts)
{
    rt_disk_waiter_init(&receipts->waiter, on_done);
}

void rt_dialog_receipts_finish(struct rt_dialog_receipts *receipts,
                               struct rt_heap *heap)
{
    RT_CHECK(rt_list_is_empty(&receipts->waiter.link));
    rt_buffer_finish(&receipts->owed, heap);
}

void rt_dialog_receipts_drop(struct rt_dialog_receipts *receipts)
{
    rt_list_remove(&receipts->waiter.link);
    receipts->owed.len = 0;
}

bool rt_dialog_receipts_are_none(const struct rt_dialog_receipts *receipts)
{
    return receipts->owed.len == 0;
}

bool rt_dialog_receipts_are_full(const struct rt_dialog_receipts *receipts)
{
    return receipts->owed.len > RT_ANSWERS_MAX;
}
