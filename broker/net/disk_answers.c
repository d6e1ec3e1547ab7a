#include "broker/net/disk_answers.h"

#include "base/error.h"
#include "broker/core/journal.h"
#include "broker/net/http_session.h"
#include "broker/net/server.h"

/* --- whoever waits --- */

void rt_disk_waiter_init(struct rt_disk_waiter *waiter, rt_disk_done_fn done)
{
    rt_list_init(&waiter->link);
    waiter->done = done;
}

/* What was taken before the disk was full is written, if there is room. */
static int error_of(const struct rt_journal *journal)
{
    switch (journal->state) {
    case RT_JOURNAL_FULL:
        return journal->is_refused ? RT_ENOSPC : 0;
    case RT_JOURNAL_FAILED:
        return RT_EFAILED;
    case RT_JOURNAL_WORKING:
        break;
    }
    return 0;
}

int rt_disk_check(const struct rt_server *server, uint64_t ticket)
{
    const struct rt_journal *journal = server->core.journal;
    if (journal == NULL || ticket <= journal->done) {
        return 0;
    }
    int err = error_of(journal);
    return err < 0 ? err : RT_EAGAIN;
}

int rt_disk_check_ack(const struct rt_server *server,
                      enum rt_ack ack,
                      struct rt_refusal *refusal)
{
    bool has_disk = server->core.journal != NULL;
    if (ack <= (has_disk ? RT_ACK_DISK : RT_ACK_MEMORY)) {
        return 0;
    }
    refusal->problem = RT_PROBLEM_ACK_UNSUPPORTED;
    refusal->detail = has_disk ? "this node is alone: ack=disk"
                               : "this node keeps events in memory: ack=memory";
    return RT_EINVAL;
}

enum rt_problem rt_disk_problem(int err)
{
    return err == RT_ENOSPC ? RT_PROBLEM_STORAGE_FULL
                            : RT_PROBLEM_STORAGE_FAILED;
}

void rt_disk_wait(struct rt_server *server, struct rt_disk_waiter *waiter)
{
    if (rt_list_is_empty(&waiter->link)) {
        rt_list_append(&server->disk_waiters, &waiter->link);
    }
}

void rt_disk_answers_release(struct rt_server *server)
{
    const struct rt_journal *journal = server->core.journal;
    struct rt_list waiters;
    rt_list_init(&waiters);
    rt_list_move(&waiters, &server->disk_waiters);
    while (!rt_list_is_empty(&waiters)) {
        struct rt_disk_waiter *waiter =
            RT_LIST_FIRST(&waiters, struct rt_disk_waiter, link);
        rt_list_remove(&waiter->link);
        waiter->done(waiter, journal->done, error_of(journal));
    }
    rt_server_wake(server);
}

/* --- a session's answers --- */

static struct rt_http_session *session_of(struct rt_disk_waiter *waiter)
{
    struct rt_disk_answers *answers =
        RT_CONTAINER(waiter, struct rt_disk_answers, waiter);
    return RT_CONTAINER(answers, struct rt_http_session, on_disk);
}

/* What was pipelined behind a batch that failed may be on disk or not. */
static void fail(struct rt_http_session *session, int err)
{
    struct rt_refusal refusal = {
        .problem = rt_disk_problem(err),
        .detail = "whether this, and what was sent behind it, will be on disk "
                  "is not known"};
    rt_owed_answers_cut(&session->on_disk.owed, session->on_disk.holds[0].at);
    rt_http_session_unlink(session);
    rt_http_refuse_and_end(session, &refusal);
}

static void drop_hold(struct rt_disk_answers *on_disk, uint32_t number)
{
    for (uint32_t i = number + 1; i < on_disk->count; i++) {
        on_disk->holds[i - 1] = on_disk->holds[i];
    }
    on_disk->count--;
}

static void on_done(struct rt_disk_waiter *waiter, uint64_t done, int err)
{
    struct rt_http_session *session = session_of(waiter);
    struct rt_disk_answers *on_disk = &session->on_disk;
    while (on_disk->count > 0 && on_disk->holds[0].ticket <= done) {
        drop_hold(on_disk, 0);
    }
    if (on_disk->count > 0 && err < 0) {
        fail(session, err);
        return;
    }
    if (on_disk->count > 0) {
        rt_disk_wait(rt_http_session_server(session), waiter);
    }
    rt_http_session_flush_soon(session);
}

void rt_disk_answers_init(struct rt_disk_answers *answers)
{
    rt_disk_waiter_init(&answers->waiter, on_done);
}

/* A batch may have grown since: what is in one is one hold. */
static void join_holds(struct rt_disk_answers *on_disk,
                       const struct rt_journal *journal)
{
    uint32_t i = 0;
    while (i < on_disk->count) {
        struct rt_disk_hold *hold = &on_disk->holds[i];
        hold->ticket = rt_journal_batch_of(journal, hold->ticket);
        if (i > 0 && hold[-1].ticket == hold->ticket) {
            drop_hold(on_disk, i);
        } else {
            i++;
        }
    }
}

static void add_hold(struct rt_http_session *session, uint64_t ticket)
{
    struct rt_disk_answers *on_disk = &session->on_disk;
    join_holds(on_disk, rt_http_session_server(session)->core.journal);
    RT_CHECK(on_disk->count < RT_DISK_HOLDS_MAX);
    on_disk->holds[on_disk->count++] = (struct rt_disk_hold){
        .ticket = ticket, .at = rt_owed_answers_part(&on_disk->owed)};
}

int rt_disk_answers_hold(struct rt_http_session *session, uint64_t ticket)
{
    struct rt_server *server = rt_http_session_server(session);
    struct rt_disk_answers *on_disk = &session->on_disk;
    int err = rt_disk_check(server, ticket);
    if (err != RT_EAGAIN) {
        return err;
    }
    if (on_disk->count == 0 ||
        on_disk->holds[on_disk->count - 1].ticket < ticket) {
        add_hold(session, ticket);
        rt_disk_wait(server, &on_disk->waiter);
    }
    return 0;
}

bool rt_disk_answers_are_held(const struct rt_http_session *session)
{
    return (session->on_disk.count | session->on_disk.owed.count) > 0;
}

bool rt_disk_answers_are_full(const struct rt_http_session *session)
{
    return rt_owed_answers_are_full(&session->on_disk.owed);
}

/* How much of the records waits for no batch. */
static size_t due(const struct rt_disk_answers *on_disk)
{
    return on_disk->count > 0 ? on_disk->holds[0].at
                              : on_disk->owed.records.len;
}

bool rt_disk_answers_are_due(const struct rt_http_session *session)
{
    return due(&session->on_disk) > 0;
}

int rt_disk_answers_leave(struct rt_http_session *session)
{
    struct rt_disk_answers *on_disk = &session->on_disk;
    struct rt_server *server = rt_http_session_server(session);
    struct rt_owed_exit exit = {.heap = &server->heap,
                                .answers = &session->answers,
                                .answers_max = RT_ANSWERS_MAX,
                                .receipt = &session->receipt,
                                .date = rt_server_date(server)};
    size_t left = 0;
    int err = rt_owed_answers_leave(&on_disk->owed, due(on_disk), &exit, &left);
    for (uint32_t i = 0; i < on_disk->count; i++) {
        on_disk->holds[i].at -= left;
    }
    return err;
}

void rt_disk_answers_drop(struct rt_http_session *session)
{
    if (RT_UNLIKELY(session->on_disk.count > 0)) {
        session->on_disk.count = 0;
        rt_list_remove(&session->on_disk.waiter.link);
    }
}
