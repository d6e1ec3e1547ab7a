/* `sub` and `unsub`: begin and end subscriptions. */
#include "base/error.h"
#include "broker/net/dialog_task.h"
#include "broker/net/notify.h"
#include "broker/net/subscribe_query.h"

/* The member that says what a subscription is to. */
static struct rt_bytes selector_name(const struct rt_task *task)
{
    return task->operation->has_topics ? RT_BYTES("topics") : RT_BYTES("topic");
}

/* With where a subscription is. */
static struct rt_notice ok_at(const struct rt_task *task,
                              const struct rt_notice_place *place,
                              struct rt_cursor position)
{
    struct rt_notice ok = rt_task_ok(task);
    ok.topic = place->topic;
    ok.has_cursor = true;
    ok.cursor = position;
    ok.has_resume = place->topic.len == 0;
    ok.resume = position;
    return ok;
}

/* What is asked for, whatever the order and the repetitions. */
static int read_selector(struct rt_task *task)
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
        rt_task_refuse(task, &refusal);
        return RT_EINVAL;
    }
    return 0;
}

/* --- sub --- */

struct wanted {
    struct rt_since since;
    enum rt_gap_policy gap;
};

static int check_visible(const struct rt_task *task)
{
    struct rt_refusal refusal;
    int err = rt_subscribe_check_visible(task->server, task->operation->visible,
                                         &refusal);
    if (err < 0) {
        rt_task_refuse(task, &refusal);
    }
    return err;
}

static int read_wanted(const struct rt_task *task, struct wanted *wanted)
{
    const struct rt_operation *operation = task->operation;
    const char *expected = NULL;
    struct rt_bytes name;
    *wanted = (struct wanted){.since = {.kind = RT_SINCE_NOW},
                              .gap = rt_gap_policy_default(RT_FORMAT_JSON)};
    if (operation->since.len > 0 &&
        rt_since_parse(operation->since, task->server->core.wall_ms,
                       &wanted->since) < 0) {
        return rt_task_refuse_with(task, RT_PROBLEM_BAD_PARAMETER,
                                   RT_BYTES("since"), rt_since_expected);
    }
    if (operation->gap.len > 0 &&
        rt_gap_policy_parse(operation->gap, RT_FORMAT_JSON, &wanted->gap,
                            &expected) < 0) {
        return rt_task_refuse_with(task, RT_PROBLEM_BAD_PARAMETER,
                                   RT_BYTES("gap"), expected);
    }
    name = RT_BYTES("since");
    if (rt_subscribe_check(&task->selector, &wanted->since, wanted->gap, &name,
                           &expected) < 0) {
        return rt_task_refuse_with(task, RT_PROBLEM_BAD_PARAMETER, name,
                                   expected);
    }
    return check_visible(task);
}

/* The host is asked about each topic and pattern. */
static int authorize_all(struct rt_task *task)
{
    struct rt_asker *asker = &task->dialog->asker;
    int err = 0;
    while (err == 0 && asker->allowed < task->selector.count) {
        task->topic = task->selector.patterns[asker->allowed];
        err = rt_task_authorize(task, RINGTAIL_SUBSCRIBE);
        if (err == 0) {
            rt_asker_next(asker);
        }
    }
    return err;
}

static struct rt_subscriber *take_subscriber(const struct rt_task *task)
{
    struct rt_subscriber *subscriber = NULL;
    if (rt_dialog_find(task->dialog, &task->selector) != NULL) {
        (void)rt_task_refuse_with(task, RT_PROBLEM_BAD_PARAMETER,
                                  selector_name(task),
                                  "this connection subscribes to it already");
        return NULL;
    }
    if (rt_dialog_is_full(task->dialog, task->operation->echo)) {
        struct rt_refusal refusal = {
            .problem = RT_PROBLEM_BAD_PARAMETER,
            .subject = selector_name(task),
            .detail = "this connection has as many subscriptions as it may",
            .limit = RT_CONNECTION_SUBSCRIPTIONS_MAX};
        rt_task_refuse(task, &refusal);
        return NULL;
    }
    subscriber = rt_dialog_free_subscriber(task->dialog, task->operation->echo);
    if (subscriber == NULL) {
        rt_task_refuse_for_memory(task);
    }
    return subscriber;
}

/* What leads to the events is told before any of them can be written. */
static void answer_sub(const struct rt_task *task,
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
static void refuse_gap(const struct rt_task *task, const struct rt_start *start)
{
    struct rt_notice_place place = rt_notice_place(&task->selector, start);
    struct rt_notice notice = rt_gap_notice(&place, &start->gap);
    rt_dialog_answer(task->dialog, &notice);
    (void)rt_task_refuse_with(task, RT_PROBLEM_BAD_PARAMETER, RT_BYTES("since"),
                              "events behind it are gone, and gap is close");
}

void rt_task_sub(struct rt_task *task)
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
    subscriber->is_durable = task->operation->visible == RT_ACK_DISK;
    int result =
        rt_core_subscribe_to(&task->server->core, &task->selector,
                             RT_FORMAT_JSON, &wanted.since, subscriber, &start);
    if (result == 0) {
        answer_sub(task, subscriber, &start);
    } else if (result == RT_EGAP) {
        refuse_gap(task, &start);
    } else {
        rt_task_refuse_for_memory(task);
    }
}

/* --- unsub --- */

void rt_task_unsub(struct rt_task *task)
{
    if (read_selector(task) < 0) {
        return;
    }
    struct rt_subscriber *subscriber =
        rt_dialog_find(task->dialog, &task->selector);
    if (subscriber == NULL) {
        (void)rt_task_refuse_with(task, RT_PROBLEM_NOT_FOUND,
                                  selector_name(task),
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
