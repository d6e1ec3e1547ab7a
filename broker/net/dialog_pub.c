/* `pub`: publishes an event, under a key if it has one. */
#include "base/error.h"
#include "broker/core/saved_key.h"
#include "broker/core/topic.h"
#include "broker/net/dialog_task.h"
#include "broker/net/produce.h"
#include "protocol/operation.h"

/* --- whether it may be done --- */

static int check_pub(const struct rt_task *task)
{
    const struct rt_operation *operation = task->operation;
    uint64_t max = task->server->options.event_bytes_max;
    if (operation->payload.len > max) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_PAYLOAD_TOO_LARGE,
            .subject = operation->content == RT_CONTENT_BINARY
                           ? RT_BYTES("data_base64")
                           : RT_BYTES("data"),
            .detail = "it is larger than an event may be",
            .limit = max};
        rt_task_refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

static int check_ack(const struct rt_task *task)
{
    struct rt_refusal refusal = {.subject = RT_BYTES("ack")};
    int err = rt_disk_check_ack(task->server, task->operation->ack, &refusal);
    if (err < 0) {
        rt_task_refuse(task, &refusal);
    }
    return err;
}

/* It would come back though it must not. */
static int check_own_room(const struct rt_task *task)
{
    if (!rt_dialog_has_own_room(task->dialog, task->topic)) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_OVERLOADED,
            .subject = task->topic,
            .detail = "read what this connection subscribes to first",
            .limit = RT_OWN_RUNS_MAX};
        rt_task_refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

/* --- doing it --- */

/* What the publisher asked for goes before what the topic has. */
static void answer_pub(const struct rt_task *task,
                       const struct rt_receipt *receipt,
                       bool is_replayed)
{
    const struct rt_operation *operation = task->operation;
    struct rt_dialog_receipt told = {.id = operation->id,
                                     .topic = task->topic,
                                     .receipt = *receipt,
                                     .is_replayed = is_replayed};
    if (receipt->ack != RT_ACK_UNSAID && operation->ack != RT_ACK_UNSAID) {
        told.receipt.ack = operation->ack;
    }
    rt_dialog_tell(task->dialog, &told);
}

/* 0, unless it was done before, and is answered as it was then; or the key was
 * that of something else. */
static int recall(const struct rt_task *task,
                  const struct rt_idempotency_request *request)
{
    const struct rt_receipt *receipt = NULL;
    if (request->key.len == 0) {
        return 0;
    }
    int known =
        rt_idempotency_find(&task->server->core.idempotency, request, &receipt);
    if (known < 0) {
        return rt_task_refuse_with(
            task, RT_PROBLEM_IDEMPOTENCY_MISMATCH, RT_BYTES("idempotency_key"),
            "with this key another payload was published");
    }
    if (known > 0) {
        answer_pub(task, receipt, true);
    }
    return known;
}

/* With a key it is remembered first: what could not be is better not done. */
static int append(const struct rt_task *task,
                  const struct rt_idempotency_request *request,
                  struct rt_receipt *receipt)
{
    const struct rt_operation *operation = task->operation;
    struct rt_core *core = &task->server->core;
    struct rt_event event = {.topic = task->topic,
                             .payload = operation->payload,
                             .type = operation->type,
                             .content = operation->content};
    if (request->key.len == 0) {
        return rt_core_publish(core, &event, receipt);
    }
    struct rt_idempotency_entry *entry = rt_key_remember(core, request, 1);
    if (entry == NULL) {
        return RT_ENOMEM;
    }
    int err = rt_core_publish(core, &event, receipt);
    if (err < 0) {
        rt_idempotency_forget(&core->idempotency, entry);
    } else {
        rt_key_settle(core, request, entry, receipt, 1);
    }
    return err;
}

static struct rt_idempotency_request request_of(const struct rt_task *task)
{
    const struct rt_operation *operation = task->operation;
    struct rt_idempotency_request request = {.topic = task->topic,
                                             .key = operation->idempotency_key};
    if (request.key.len > 0) {
        request.body = rt_digest_of(operation->payload);
    }
    return request;
}

void rt_task_pub(struct rt_task *task)
{
    struct rt_idempotency_request request = request_of(task);
    struct rt_receipt receipt;
    if (check_pub(task) < 0 || check_ack(task) < 0 ||
        rt_task_authorize(task, RINGTAIL_PRODUCE) < 0 ||
        recall(task, &request) != 0 || check_own_room(task) < 0) {
        return;
    }
    int err = append(task, &request, &receipt);
    if (err < 0) {
        struct rt_refusal refusal = rt_publish_refusal(task->topic, err);
        rt_task_refuse(task, &refusal);
        return;
    }
    rt_dialog_note_own(task->dialog);
    answer_pub(task, &receipt, false);
    if (receipt.is_congested &&
        task->dialog->connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_dialog_wait(task->dialog, task->topic);
    }
}
