/*
 * Answers to publishers who want to know of their events only when these are on
 * disk. A session's answers leave in order, so one that waits holds up those
 * behind it:
 *
 *     answers  [ memory | memory | disk | memory | disk | disk | ... ]
 *                                ^ waits for batch 7    ^ for batch 8
 *
 * Requests are still taken meanwhile, and their answers kept in little room: so
 * those that are pipelined share a batch. When a batch fails what was
 * held is dropped, and the last answer of the connection says so: nobody is
 * told that an event is on disk which is not.
 */
#ifndef BROKER_NET_DISK_ANSWERS_H
#define BROKER_NET_DISK_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "broker/core/journal.h"
#include "broker/net/owed_answers.h"
#include "protocol/ack.h"
#include "protocol/problem.h"

/* So many batches are not on disk: the one that is written, the next one, and
 * what is collected. */
#define RT_DISK_HOLDS_MAX RT_JOURNAL_BATCHES

struct rt_http_session;
struct rt_server;

/* --- whoever waits for batches --- */

struct rt_disk_waiter;

/* All batches up to `done` are on disk. `err` is 0, or why no other will be for
 * now: RT_ENOSPC or RT_EFAILED. Who has to wait on does so anew. */
typedef void (*rt_disk_done_fn)(struct rt_disk_waiter *waiter,
                                uint64_t done,
                                int err);

struct rt_disk_waiter {
    struct rt_list link; /* in server->disk_waiters, while it waits */
    rt_disk_done_fn done;
};

void rt_disk_waiter_init(struct rt_disk_waiter *waiter, rt_disk_done_fn done);

/* What becomes of a ticket: 0, it is on disk; RT_EAGAIN, it will be; RT_ENOSPC
 * or RT_EFAILED, it will not, or not soon. */
RT_MUST_USE int rt_disk_check(const struct rt_server *server, uint64_t ticket);

/* Whether the node can give an acknowledgement: 0, or RT_EINVAL and the refusal
 * but for its subject. */
RT_MUST_USE int rt_disk_check_ack(const struct rt_server *server,
                                  enum rt_ack ack,
                                  struct rt_refusal *refusal);

/* What whoever waited in vain is told: RT_ENOSPC or RT_EFAILED. */
enum rt_problem rt_disk_problem(int err);

/* Calls the waiter at the next release. May be repeated. */
void rt_disk_wait(struct rt_server *server, struct rt_disk_waiter *waiter);

/* A batch is done, or the disk is full, or has failed: tells whoever waits. To
 * be called after each rt_journal_done and rt_journal_set_full. */
void rt_disk_answers_release(struct rt_server *server);

/* --- a session's answers --- */

struct rt_disk_hold {
    uint64_t ticket;
    size_t at; /* in `owed`: from here on they wait for it */
};

struct rt_disk_answers {
    struct rt_disk_waiter waiter;
    struct rt_disk_hold
        holds[RT_DISK_HOLDS_MAX]; /* in order, also of tickets */
    uint32_t count;
    struct rt_owed_answers owed; /* behind session->answers */
};

/* All zeroes, but for this, is a session of which nothing is held. */
void rt_disk_answers_init(struct rt_disk_answers *answers);

/* The answers that come now wait for a ticket: 0; RT_ENOSPC or RT_EFAILED if
 * that would be in vain. */
RT_MUST_USE int rt_disk_answers_hold(struct rt_http_session *session,
                                     uint64_t ticket);

/* Whether answers have to wait, for the disk or for others before them; and
 * whether there are as many as there may be. */
bool rt_disk_answers_are_held(const struct rt_http_session *session);
bool rt_disk_answers_are_full(const struct rt_http_session *session);

/* Whether some of those wait for nothing but to leave. They go into
 * session->answers, a piece of RT_ANSWERS_MAX bytes: 0 or RT_ENOMEM. */
bool rt_disk_answers_are_due(const struct rt_http_session *session);
RT_MUST_USE int rt_disk_answers_leave(struct rt_http_session *session);

/* The session waits for no batch any more. */
void rt_disk_answers_drop(struct rt_http_session *session);

#endif
