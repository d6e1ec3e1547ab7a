/*
 * A task: an operation of a dialog while it is handled. It is read, done and
 * answered in one go, unless the host has yet to say whether it is allowed:
 * then its message is held back, and handled anew when that is known.
 *
 *     dialog_message.c   what all of them need, and which one it is
 *     dialog_sub.c       `sub` and `unsub`
 *     dialog_pub.c       `pub`
 */
#ifndef BROKER_NET_DIALOG_TASK_H
#define BROKER_NET_DIALOG_TASK_H

#include "broker/net/dialog.h"
#include "protocol/notice.h"
#include "protocol/operation.h"
#include "protocol/pattern.h"
#include "ringtail/ringtail.h"

struct rt_task {
    struct rt_dialog *dialog;
    struct rt_server *server;
    const struct rt_operation *operation;
    struct rt_bytes topic;       /* PUB: where to; else the one in question */
    struct rt_selector selector; /* SUB, UNSUB */
    struct rt_bytes message;     /* all of it, to hold it back */
};

/* --- answers --- */

void rt_task_refuse(const struct rt_task *task,
                    const struct rt_refusal *refusal);

/* RT_EINVAL, for those who return it. */
int rt_task_refuse_with(const struct rt_task *task,
                        enum rt_problem problem,
                        struct rt_bytes subject,
                        const char *detail);

void rt_task_refuse_for_memory(const struct rt_task *task);

/* An `ok` that says no more. */
struct rt_notice rt_task_ok(const struct rt_task *task);

/* --- the host --- */

/* Asks about the task's topic. 0 if the host allows it, or is not to be asked;
 * else it is answered, or held back. Whoever was asked may have stopped the
 * broker. */
RT_MUST_USE int rt_task_authorize(const struct rt_task *task,
                                  enum ringtail_action action);

/* --- what is done --- */

void rt_task_sub(struct rt_task *task);
void rt_task_unsub(struct rt_task *task);
void rt_task_pub(struct rt_task *task);

#endif
