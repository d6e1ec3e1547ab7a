/* The operations of a dialog, each answered by `ok` or `error`. */
#include "base/error.h"
#include "broker/core/saved_key.h"
#include "broker/core/topic.h"
#include "broker/net/authorize.h"
#include "broker/net/dialog.h"
#include "broker/net/notify.h"
#include "broker/net/subscribe_query.h"
#include "broker/net/websocket.h"
#include "protocol/operation.h"

/* An operation that is being handled. */
struct task {
    struct rt_dialog *dialog;
    struct rt_server *server;
    const struct rt_operation *operation;
    struct rt_bytes topic;       /* PUB: where to; else the one in question */
    struct rt_selector selector; /* SUB, UNSUB */
    struct rt_bytes message;     /* all of it, to hold it back */
};

/* --- answers --- */

static void refuse(const struct task *task, const struct rt_refusal *refusal)
{
    struct rt_notice notice = {
        .kind = RT_NOTICE_ERROR, .id = task->operation->id, .refusal = refusal};
    rt_dialog_answer(task->dialog, &notice);
}

static int refuse_with(const struct task *task,
                       enum rt_problem problem,
                       struct rt_bytes subject,
                       const char *detail)
{
    struct rt_refusal refusal = {
        .problem = problem, .subject = subject, .detail = detail};
    refuse(task, &refusal);
    return RT_EINVAL;
}

static void refuse_for_memory(const struct task *task)
{
    (void)refuse_with(task, RT_PROBLEM_INSUFFICIENT_STORAGE,
                      (struct rt_bytes){0}, NULL);
}

static struct rt_notice ok_to(const struct task *task)
{
    return (struct rt_notice){.kind = RT_NOTICE_OK, .id = task->operation->id};
}

/* With where a subscription is. */
static struct rt_notice ok_at(const struct task *task,
                              const struct rt_notice_place *place,
                              struct rt_cursor position)
{
    struct rt_notice ok = ok_to(task);
    ok.topic = place->topic;
    ok.has_cursor = true;
    ok.cursor = position;
    ok.has_resume = place->topic.len == 0;
    ok.resume = position;
    return ok;
}

/* The member that says what a subscription is to. */
static struct rt_bytes selector_name(const struct task *task)
{
    return task->operation->has_topics ? RT_BYTES("topics") : RT_BYTES("topic");
}

/* --- the host --- */

static struct rt_asked asked_of(const struct task *task,
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

static int apply(const struct task *task, enum rt_verdict verdict)
{
    struct rt_refusal refusal;
    if (verdict == RT_VERDICT_NONE) {
        if (rt_dialog_hold_message(task->dialog, task->message) < 0) {
            rt_websocket_close(task->dialog->connection, RT_CLOSE_OVERLOAD);
        }
        return RT_EAGAIN;
    }
    if (!rt_verdict_allows(verdict, task->topic, &refusal)) {
        refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

/* 0 if the host allows it, or is not to be asked; else it is answered, or held
 * back. Whoever was asked may have stopped the broker. */
static int authorize(const struct task *task, enum ringtail_action action)
{
    enum rt_verdict verdict;
    struct rt_asked asked = asked_of(task, action);
    if (task->server->options.authorize == NULL) {
        return 0;
    }
    if (rt_ask(&task->dialog->asker, task->dialog->connection, &asked,
               &verdict) < 0) {
        refuse_for_memory(task);
        return RT_ENOMEM;
    }
    int err = apply(task, verdict);
    bool is_open = task->dialog->connection->state == RT_CONNECTION_WEBSOCKET;
    return err == 0 && !is_open ? RT_EINVAL : err;
}

/* --- sub --- */

struct wanted {
    struct rt_since since;
    enum rt_gap_policy gap;
};

/* What is asked for, whatever the order and the repetitions. */
static int read_selector(struct task *task)
{
    const struct rt_operation *operation = task->operation;
    task->selector.count = 0;
    for (uint32_t i = 0; i < operation->topic_count; i++) {
        rt_selector_add(&task->selector, operation->topics[i]);
    }
    if (rt_selector_size(&task->selector) > RT_SELECTOR_BYTES_MAX) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_BAD_TOPIC,
            .subject = RT_BYTES("topics"),
            .detail = "topics have at most 1024 bytes in all",
            .limit = RT_SELECTOR_BYTES_MAX};
        refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

static int read_wanted(const struct task *task, struct wanted *wanted)
{
    const struct rt_operation *operation = task->operation;
    const char *expected = NULL;
    struct rt_bytes name;
    *wanted = (struct wanted){.since = {.kind = RT_SINCE_NOW},
                              .gap = rt_gap_policy_default(RT_FORMAT_JSON)};
    if (operation->since.len > 0 &&
        rt_since_parse(operation->since, task->server->core.wall_ms,
                       &wanted->since) < 0) {
        return refuse_with(task, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("since"),
                           rt_since_expected);
    }
    if (operation->gap.len > 0 &&
        rt_gap_policy_parse(operation->gap, RT_FORMAT_JSON, &wanted->gap,
                            &expected) < 0) {
        return refuse_with(task, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("gap"),
                           expected);
    }
    name = RT_BYTES("since");
    if (rt_subscribe_check(&task->selector, &wanted->since, wanted->gap, &name,
                           &expected) < 0) {
        return refuse_with(task, RT_PROBLEM_BAD_PARAMETER, name, expected);
    }
    return 0;
}

/* The host is asked about each topic and pattern. */
static int authorize_all(struct task *task)
{
    struct rt_asker *asker = &task->dialog->asker;
    int err = 0;
    while (err == 0 && asker->allowed < task->selector.count) {
        task->topic = task->selector.patterns[asker->allowed];
        err = authorize(task, RINGTAIL_SUBSCRIBE);
        if (err == 0) {
            rt_asker_next(asker);
        }
    }
    return err;
}

static struct rt_subscriber *take_subscriber(const struct task *task)
{
    struct rt_subscriber *subscriber = NULL;
    if (rt_dialog_find(task->dialog, &task->selector) != NULL) {
        (void)refuse_with(task, RT_PROBLEM_BAD_PARAMETER, selector_name(task),
                          "this connection subscribes to it already");
        return NULL;
    }
    if (rt_dialog_is_full(task->dialog, task->operation->echo)) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_BAD_PARAMETER,
            .subject = selector_name(task),
            .detail = "this connection has as many subscriptions as it may",
            .limit = RT_CONNECTION_SUBSCRIPTIONS_MAX};
        refuse(task, &refusal);
        return NULL;
    }
    subscriber = rt_dialog_free_subscriber(task->dialog, task->operation->echo);
    if (subscriber == NULL) {
        refuse_for_memory(task);
    }
    return subscriber;
}

/* What leads to the events is told before any of them can be written. */
static void answer_sub(const struct task *task,
                       const struct rt_subscriber *subscriber,
                       const struct rt_start *start)
{
    struct rt_notice_place place = rt_notice_place(&task->selector, start);
    struct rt_notice ok = ok_at(task, &place, start->position);
    struct rt_notice closed;
    uint32_t next = 0;
    rt_dialog_answer(task->dialog, &ok);
    if (start->is_gap && subscriber->gap != RT_GAP_SKIP) {
        struct rt_notice gap = rt_gap_notice(&place, &start->gap);
        rt_dialog_answer(task->dialog, &gap);
    }
    while (rt_next_closed_notice(&task->server->core, &task->selector, start,
                                 &next, &closed)) {
        rt_dialog_answer(task->dialog, &closed);
    }
    if (!start->is_behind) {
        struct rt_notice caught_up = rt_caught_up_notice(&place);
        rt_dialog_answer(task->dialog, &caught_up);
    }
    rt_dialog_flush(task->dialog);
}

/* Its events are gone and it does not want the others: it is as if it had not
 * asked, but it knows of the gap. */
static void refuse_gap(const struct task *task, const struct rt_start *start)
{
    struct rt_notice_place place = rt_notice_place(&task->selector, start);
    struct rt_notice notice = rt_gap_notice(&place, &start->gap);
    rt_dialog_answer(task->dialog, &notice);
    (void)refuse_with(task, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("since"),
                      "events behind it are gone, and gap is close");
}

static void run_sub(struct task *task)
{
    struct wanted wanted;
    struct rt_start start;
    if (read_selector(task) < 0 || read_wanted(task, &wanted) < 0 ||
        authorize_all(task) < 0) {
        return;
    }
    struct rt_subscriber *subscriber = take_subscriber(task);
    if (subscriber == NULL) {
        return;
    }
    subscriber->gap = (uint8_t)wanted.gap;
    int result =
        rt_core_subscribe_to(&task->server->core, &task->selector,
                             RT_FORMAT_JSON, &wanted.since, subscriber, &start);
    if (result == 0) {
        answer_sub(task, subscriber, &start);
    } else if (result == RT_EGAP) {
        refuse_gap(task, &start);
    } else {
        refuse_for_memory(task);
    }
}

/* --- the others --- */

static void run_unsub(struct task *task)
{
    if (read_selector(task) < 0) {
        return;
    }
    struct rt_subscriber *subscriber =
        rt_dialog_find(task->dialog, &task->selector);
    if (subscriber == NULL) {
        (void)refuse_with(task, RT_PROBLEM_NOT_FOUND, selector_name(task),
                          "this connection does not subscribe to it");
        return;
    }
    struct rt_notice_place place = {.cursor = rt_subscriber_cursor(subscriber)};
    if (rt_selector_is_topic(&task->selector)) {
        place.topic = task->selector.patterns[0];
    }
    struct rt_notice ok = ok_at(task, &place, place.cursor);
    rt_subscriber_detach(subscriber);
    rt_dialog_answer(task->dialog, &ok);
}

static int check_pub(const struct task *task)
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
        refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

/* It would come back though it must not. */
static int check_own_room(const struct task *task)
{
    if (!rt_dialog_has_own_room(task->dialog, task->topic)) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_OVERLOADED,
            .subject = task->topic,
            .detail = "read what this connection subscribes to first",
            .limit = RT_OWN_RUNS_MAX};
        refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

static void refuse_pub(const struct task *task, int err)
{
    if (err == RT_ECLOSED) {
        (void)refuse_with(task, RT_PROBLEM_TOPIC_CLOSED, task->topic,
                          "whoever runs the broker has closed it");
    } else {
        refuse_for_memory(task);
    }
}

static void answer_pub(const struct task *task,
                       const struct rt_receipt *receipt,
                       struct rt_bytes detail)
{
    struct rt_notice ok = ok_to(task);
    ok.topic = task->topic;
    ok.has_cursor = true;
    ok.has_offset = true;
    ok.cursor = receipt->cursor;
    ok.wall_ms = receipt->wall_ms;
    ok.detail = detail;
    rt_dialog_answer(task->dialog, &ok);
}

/* 0, unless it was done before, and is answered as it was then; or the key was
 * that of something else. */
static int recall(const struct task *task,
                  const struct rt_idempotency_request *request)
{
    const struct rt_receipt *receipt = NULL;
    if (request->key.len == 0) {
        return 0;
    }
    int known =
        rt_idempotency_find(&task->server->core.idempotency, request, &receipt);
    if (known < 0) {
        return refuse_with(task, RT_PROBLEM_IDEMPOTENCY_MISMATCH,
                           RT_BYTES("idempotency_key"),
                           "with this key another payload was published");
    }
    if (known > 0) {
        answer_pub(task, receipt, RT_BYTES("replayed"));
    }
    return known;
}

/* With a key it is remembered first: what could not be is better not done. */
static int append(const struct task *task,
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

static struct rt_idempotency_request request_of(const struct task *task)
{
    const struct rt_operation *operation = task->operation;
    struct rt_idempotency_request request = {.topic = task->topic,
                                             .key = operation->idempotency_key};
    if (request.key.len > 0) {
        request.body = rt_digest_of(operation->payload);
    }
    return request;
}

static void run_pub(struct task *task)
{
    struct rt_idempotency_request request = request_of(task);
    struct rt_receipt receipt;
    if (check_pub(task) < 0 || authorize(task, RINGTAIL_PRODUCE) < 0 ||
        recall(task, &request) != 0 || check_own_room(task) < 0) {
        return;
    }
    int err = append(task, &request, &receipt);
    if (err < 0) {
        refuse_pub(task, err);
        return;
    }
    rt_dialog_note_own(task->dialog);
    answer_pub(task, &receipt, (struct rt_bytes){0});
    if (receipt.is_congested &&
        task->dialog->connection->state == RT_CONNECTION_WEBSOCKET) {
        rt_dialog_wait(task->dialog, task->topic);
    }
}

/* Nothing authenticates yet, and nothing asks who somebody is. */
static void run_auth(struct task *task)
{
    struct rt_notice ok = ok_to(task);
    ok.detail = RT_BYTES("not needed");
    rt_dialog_answer(task->dialog, &ok);
}

static void run_ping(struct task *task)
{
    struct rt_notice ok = ok_to(task);
    ok.wall_ms = task->server->core.wall_ms;
    rt_dialog_answer(task->dialog, &ok);
}

/* --- all of them --- */

static void run(struct task *task)
{
    typedef void (*run_fn)(struct task * task);
    static const run_fn kinds[RT_OPERATION_COUNT] = {
        [RT_OPERATION_SUB] = run_sub,   [RT_OPERATION_UNSUB] = run_unsub,
        [RT_OPERATION_PUB] = run_pub,   [RT_OPERATION_AUTH] = run_auth,
        [RT_OPERATION_PING] = run_ping,
    };
    struct rt_operation operation = {0};
    struct rt_refusal refusal;
    struct rt_buffer *scratch = &task->dialog->scratch;
    char *memory = rt_buffer_reserve(scratch, &task->server->heap,
                                     task->message.len + 1); /* or be NULL */
    task->operation = &operation;
    if (memory == NULL) {
        refuse_for_memory(task);
    } else if (rt_operation_parse(task->message, memory, &operation, &refusal) <
               0) {
        refuse(task, &refusal);
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
    struct task task = {.dialog = connection->dialog,
                        .server = rt_connection_server(connection),
                        .message = payload};
    if (opcode == RT_OPCODE_TEXT) {
        task.dialog->has_spoken = true;
        run(&task);
    } else {
        rt_websocket_fail(connection, RT_CLOSE_UNEXPECTED_DATA);
    }
}
