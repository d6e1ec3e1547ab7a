/* The operations of a dialog, each answered by `ok` or `error`. */
#include "base/error.h"
#include "broker/net/authorize.h"
#include "broker/net/dialog_task.h"
#include "broker/net/websocket.h"
#include "protocol/operation.h"

/* --- answers --- */

void rt_task_refuse(const struct rt_task *task,
                    const struct rt_refusal *refusal)
{
    struct rt_notice notice = {
        .kind = RT_NOTICE_ERROR, .id = task->operation->id, .refusal = refusal};
    rt_dialog_answer(task->dialog, &notice);
}

int rt_task_refuse_with(const struct rt_task *task,
                        enum rt_problem problem,
                        struct rt_bytes subject,
                        const char *detail)
{
    struct rt_refusal refusal = {
        .problem = problem, .subject = subject, .detail = detail};
    rt_task_refuse(task, &refusal);
    return RT_EINVAL;
}

void rt_task_refuse_for_memory(const struct rt_task *task)
{
    (void)rt_task_refuse_with(task, RT_PROBLEM_INSUFFICIENT_STORAGE,
                              (struct rt_bytes){0}, NULL);
}

struct rt_notice rt_task_ok(const struct rt_task *task)
{
    return (struct rt_notice){.kind = RT_NOTICE_OK, .id = task->operation->id};
}

/* --- the host --- */

static struct rt_asked asked_of(const struct rt_task *task,
                                enum ringtail_action action)
{
    const struct rt_credentials *kept = task->dialog->credentials;
    struct rt_asked asked = {.action = action, .topic = task->topic};
    if (kept != NULL) {
        asked.query = kept->query;
        asked.authorization = kept->authorization;
        asked.cookie = kept->cookie;
        asked.origin = kept->origin;
    }
    return asked;
}

static int apply(const struct rt_task *task, enum rt_verdict verdict)
{
    struct rt_refusal refusal;
    if (verdict == RT_VERDICT_NONE) {
        if (rt_dialog_hold_message(task->dialog, task->message) < 0) {
            rt_websocket_close(task->dialog->connection, RT_CLOSE_OVERLOAD);
        }
        return RT_EAGAIN;
    }
    if (!rt_verdict_allows(verdict, task->topic, &refusal)) {
        rt_task_refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

int rt_task_authorize(const struct rt_task *task, enum ringtail_action action)
{
    enum rt_verdict verdict;
    struct rt_asked asked = asked_of(task, action);
    if (task->server->options.authorize == NULL) {
        return 0;
    }
    if (rt_ask(&task->dialog->asker, task->dialog->connection, &asked,
               &verdict) < 0) {
        rt_task_refuse_for_memory(task);
        return RT_ENOMEM;
    }
    int err = apply(task, verdict);
    bool is_open = task->dialog->connection->state == RT_CONNECTION_WEBSOCKET;
    return err == 0 && !is_open ? RT_EINVAL : err;
}

/* --- those of a few lines --- */

/* Nothing authenticates yet, and nothing asks who somebody is. */
static void run_auth(struct rt_task *task)
{
    struct rt_notice ok = rt_task_ok(task);
    ok.detail = RT_BYTES("not needed");
    rt_dialog_answer(task->dialog, &ok);
}

static void run_ping(struct rt_task *task)
{
    struct rt_notice ok = rt_task_ok(task);
    ok.wall_ms = task->server->core.wall_ms;
    rt_dialog_answer(task->dialog, &ok);
}

/* --- all of them --- */

static void run(struct rt_task *task)
{
    typedef void (*run_fn)(struct rt_task * task);
    static const run_fn kinds[RT_OPERATION_COUNT] = {
        [RT_OPERATION_SUB] = rt_task_sub, [RT_OPERATION_UNSUB] = rt_task_unsub,
        [RT_OPERATION_PUB] = rt_task_pub, [RT_OPERATION_AUTH] = run_auth,
        [RT_OPERATION_PING] = run_ping,
    };
    struct rt_operation operation = {0};
    struct rt_refusal refusal;
    struct rt_buffer *scratch = &task->dialog->scratch;
    char *memory = rt_buffer_reserve(scratch, &task->server->heap,
                                     task->message.len + 1); /* or be NULL */
    task->operation = &operation;
    if (memory == NULL) {
        rt_task_refuse_for_memory(task);
    } else if (rt_operation_parse(task->message, memory, &operation, &refusal) <
               0) {
        rt_task_refuse(task, &refusal);
    } else {
        task->topic = operation.topics[0];
        kinds[operation.kind](task);
    }
    rt_asker_settle(&task->dialog->asker); /* it was for this operation */
    task->operation = NULL;
}

void rt_dialog_message(struct rt_connection *connection,
                       uint8_t opcode,
                       struct rt_bytes payload)
{
    struct rt_task task = {.dialog = connection->dialog,
                           .server = rt_connection_server(connection),
                           .message = payload};
    if (opcode == RT_OPCODE_TEXT) {
        task.dialog->has_spoken = true;
        run(&task);
    } else {
        rt_websocket_fail(connection, RT_CLOSE_UNEXPECTED_DATA);
    }
}
